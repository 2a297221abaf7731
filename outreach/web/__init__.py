"""The web: public pages for companies, and the staff site for the team and the analysts."""
