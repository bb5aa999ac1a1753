"""Where evidence meets policy: the only place where a verdict is made."""
