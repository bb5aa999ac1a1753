"""Pure statistics and measurements of frames."""
