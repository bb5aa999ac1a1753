"""Measures a candidate on rows its training never saw, and writes the report people read."""
