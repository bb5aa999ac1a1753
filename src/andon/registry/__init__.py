"""Every version of everything, and what it was made from."""
