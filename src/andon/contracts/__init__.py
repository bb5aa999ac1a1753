"""Values that cross a handoff: declared shapes, no behaviour."""
