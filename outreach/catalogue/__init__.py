"""Enterprises (maatwerkbedrijven), the services they sell, and which of those a mail shows to whom."""
