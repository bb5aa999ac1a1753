"""Settings in, a running factory out."""
