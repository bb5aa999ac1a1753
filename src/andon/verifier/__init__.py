"""The verifier of evidence packs: one file that is handed on by itself and knows nothing of andon."""
