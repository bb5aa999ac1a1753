"""The stages of the line, in order; they meet only through artefacts."""
