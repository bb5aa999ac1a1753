"""Runs the line durably: what stands where, since when, and who it waits for."""
