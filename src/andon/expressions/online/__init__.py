"""The online store: what joins need of each key, packed once when rows are published and read at every question."""
