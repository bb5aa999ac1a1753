"""What somebody meant who misspelt a name."""

from collections.abc import Iterable
from difflib import get_close_matches

from andon.kernel.errors import UsageError


class UnknownNameError(UsageError, AttributeError):
    """There is no such column or method; also an `AttributeError`, so that `hasattr` and completion work."""


def unknown(name: str, owner: str, known: Iterable[str]) -> UnknownNameError:
    """The refusal of a name, with the nearest one there is."""
    names = sorted(known)
    near = get_close_matches(name, names, n=1, cutoff=0.6)
    return UnknownNameError(
        "api.unknown-name",
        f"{owner} has no {name!r}.",
        place=owner,
        found=name,
        fix=f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(names) or 'none'}.",
    )
