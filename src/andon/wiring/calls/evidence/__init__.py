"""The evidence pack: everything that was said about a release, in one file that can be checked without andon."""
