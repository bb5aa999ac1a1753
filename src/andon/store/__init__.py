"""Immutable bytes by digest, and the manifests that name them."""
