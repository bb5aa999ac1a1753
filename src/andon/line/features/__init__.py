"""Turns published datasets into the rows that a model is trained, tuned and judged on."""
