"""What all tests share."""

from hypothesis import settings

# Two busy cores are no measure of an example's time.
settings.register_profile("andon", deadline=None)
settings.load_profile("andon")
