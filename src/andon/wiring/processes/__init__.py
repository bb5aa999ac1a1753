"""The entry points of andon's processes."""
