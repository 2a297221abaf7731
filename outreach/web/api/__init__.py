"""What other programs call: each call is signed, and answered in JSON."""
