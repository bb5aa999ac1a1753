"""`andon feature audit`: what was served, held against what training computes."""

from pathlib import Path

from andon.kernel.errors import InputError
from andon.wiring.factory import open_factory
from andon.wiring.skew import Skew


def skew_of(folder: Path, model: str, target: str, last: int) -> Skew:
    """Compute the newest logged predictions again, by the plan for whole frames, and compare every bit.

    Args:
        folder: The factory's folder.
        model: The model's name; empty for all.
        target: The target's name; empty for all.
        last: How many predictions, the newest first.

    Raises:
        InputError: Nothing was predicted yet.
        IntegrityError: The log, a package or a dataset is not what was recorded.
    """
    with open_factory(folder) as opened:
        found = opened.skew(model, target, last)
    if not found.predictions:
        raise InputError(
            "look.no-predictions",
            "Nothing was predicted yet.",
            place=target or "every target",
            found=f"no predictions of {model or 'any model'}",
            fix="Serve a release and ask it: andon up",
        )
    return found
