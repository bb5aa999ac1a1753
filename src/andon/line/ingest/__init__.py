"""Raw rows in, judged batches out: every landed row ends as good, quarantined or duplicate."""
