"""Who said what, and whether they may: signed statements and the trust root."""
