"""Leads: a regular company got in contact with an enterprise, on what evidence, and what the enterprise says of it."""
