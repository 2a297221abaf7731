"""What people ask of us themselves: to be mailed, how often and about what, and what we hold about them."""
