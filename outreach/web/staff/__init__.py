"""What the team and the analysts reach behind a login; in Dutch, or in English by a switch."""
