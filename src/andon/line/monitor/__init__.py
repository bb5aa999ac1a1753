"""Live predictions held against what training saw and, once labels are there, against what came true."""
