"""Figures for the team itself. What is published, with its confidentiality rules, is another matter."""
