"""A release in, predictions out: which release answers, what it read, and a numbered log of what it said."""
