"""From a judged model to a release: everything one deployment is, bound in one manifest, and how its target stands."""
