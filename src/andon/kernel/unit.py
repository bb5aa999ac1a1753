"""A unit of work: what is written in it becomes visible together, or not at all."""

from contextlib import AbstractContextManager
from typing import Protocol


class Unit(Protocol):
    """An open transaction, handed to every port method that writes."""

    @property
    def is_open(self) -> bool:
        """Whether writes are still taken."""
        ...


class Units(Protocol):
    """Where units come from."""

    def begin(self) -> AbstractContextManager[Unit]:
        """Open a unit: commits when the block ends, undoes everything when the block raises."""
        ...
