"""Newsletters that bring regular companies and maatwerkbedrijven together, and an honest record of what they led to."""

__version__ = "0.1.0"
