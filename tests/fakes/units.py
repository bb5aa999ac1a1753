"""Units of work in memory: what was written is undone when the block raises."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from andon.kernel.errors import UsageError


class MemoryUnit:
    def __init__(self) -> None:
        self.is_open = True
        self.undo: list[Callable[[], object]] = []


class MemoryUnits:
    """Implements `andon.kernel.unit.Units`."""

    @contextmanager
    def begin(self) -> Iterator[MemoryUnit]:
        unit = MemoryUnit()
        try:
            yield unit
        except BaseException:
            for step in reversed(unit.undo):
                step()
            raise
        finally:
            unit.is_open = False


def open_unit(unit: object) -> MemoryUnit:
    if not isinstance(unit, MemoryUnit):
        raise UsageError("database.foreign-unit", "This unit is not in memory.")
    if not unit.is_open:
        raise UsageError("database.unit-over", "This unit is over: nothing more can be written in it.")
    return unit
