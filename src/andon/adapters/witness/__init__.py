"""Witnesses beyond this process: asked over HTTP, through a folder of theirs, or being one in a folder of our own."""
