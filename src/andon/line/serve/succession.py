"""Which routing table follows which: the new champion, and what it may be rolled back to."""

from collections.abc import Collection
from typing import Final

from andon.contracts.routing import Generation, Position, Slot
from andon.kernel.digest import Digest

KEPT: Final = 2
"""So many last-known-good releases stay loaded beside the champion."""


def first_table(factory: str, model_name: str, target: str, release: Digest) -> Generation:
    """The table of the first release of a model on a target; there is nothing to roll back to."""
    return Generation(1, target, factory, (Slot(model_name, release, "champion"),), 0, ())


def next_table(current: Generation, at: Position, release: Digest, revoked: Collection[Digest] = ()) -> Generation:
    """The table in which another release is the champion.

    What answers now becomes the first to fall back to, then what it could fall back to itself. A champion that was
    rolled back is not among them, nor is anything that was revoked.

    Args:
        current: The table in force.
        at: Where the cell points.
        release: The new champion.
        revoked: What must not be loaded any more.
    """
    order = (at.place, *(place for place in current.safer if place != at.place))
    left = [current.slots[place].release for place in order]
    kept = [one for one in left if one != release and one not in revoked][:KEPT]
    slots = (
        Slot(current.model_name, release, "champion"),
        *(Slot(current.model_name, one, "last-known-good") for one in kept),
    )
    return Generation(
        sequence=current.sequence + 1,
        target=current.target,
        factory=current.factory,
        slots=slots,
        champion=0,
        safer=tuple(range(1, len(slots))),
    )
