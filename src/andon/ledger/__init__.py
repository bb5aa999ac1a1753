"""The append-only Merkle log of everything that was decided."""
