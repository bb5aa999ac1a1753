"""Contracts as files: in the Open Data Contract Standard, as Python, and guessed from a table."""
