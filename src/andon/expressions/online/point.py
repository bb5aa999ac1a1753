"""Answers questions from the online store, with the same bits as the plan evaluated for a whole frame."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from andon.expressions.joins import Join, Rows, read_join
from andon.expressions.online.block import Block, check
from andon.expressions.online.group import Group
from andon.expressions.online.store import Data, Snapshot
from andon.expressions.plan import FeaturePlan, hidden, without_joins
from andon.expressions.row import Value, checked, compile_row
from andon.expressions.tree import Node, joins_of

AGAIN_S: Final = 1.0
_REMEMBERED: Final = 100_000
_NOTHING: Final = b"\0"


class Point:
    """A feature plan, compiled to answer questions about a few rows.

    Args:
        plan: What to compute, with everything learned that has to be.

    Raises:
        InputError: The plan is not fitted.
    """

    def __init__(self, plan: FeaturePlan) -> None:
        self._plan = plan
        self._needs = plan.needs
        names = hidden(plan.joins)
        self._row = compile_row({name: without_joins(node, names) for name, node in plan.features}, _column)
        self.groups = groups_of(plan.spine, names)
        self._used_by = [
            ", ".join(
                name
                for name, node in plan.features
                if any(read_join(join, plan.spine).rows == group.rows for join in joins_of(node))
            )
            for group in self.groups
        ]
        self._sound = Checked()

    def features(
        self, asking: Sequence[Mapping[str, object]], asked_ns: int, snapshot: Snapshot
    ) -> list[dict[str, Value]]:
        """The features of rows that ask at one moment, from what was known before it.

        What several of them see, such as the newest departures from one airport, is read and worked out once.

        Args:
            asking: Of each row the spine's columns that the plan needs, but for when it asks; times in nanoseconds.
            asked_ns: When they ask, in nanoseconds since 1970.
            snapshot: The store, which holds the plan's groups.

        Returns:
            For each row its features by name, in the plan's order.

        Raises:
            InputError: A value is missing or of another type, or a sum does not fit into 64 bits.
            IntegrityError: What is kept for a question is damaged.
        """
        rows = [checked(self._needs, {**values, self._plan.asked: asked_ns}) for values in asking]
        if self.groups:
            self._join(rows, asked_ns, snapshot)
        return [self._row.call(row) for row in rows]

    def _join(self, rows: Sequence[dict[str, Value]], asked_ns: int, snapshot: Snapshot) -> None:
        """Put the results of all joins into the rows."""
        keys = [(group.key(row, asked_ns) or _NOTHING) for row in rows for group in self.groups]
        wanted = list(dict.fromkeys(keys))
        kept = dict(zip(wanted, snapshot.get(wanted), strict=True))
        answered: dict[tuple[Group, bytes], dict[str, Value]] = {}
        each = iter(keys)
        for row in rows:
            for group, place in zip(self.groups, self._used_by, strict=True):
                key = next(each)
                results = answered.get((group, key))
                if results is None:
                    data, results = kept[key], {}
                    block = None if data is None or key == _NOTHING else self._sound.block(key, data, place)
                    group.answer(block, asked_ns, results)
                    answered[group, key] = results
                row.update(results)


class Checked:
    """Blocks whose every bit was seen to be as it was written: when first read, and again every now and then.

    Adding up the bits of a block of ten kilobytes takes about as long as the answer; a disk does not decay that fast.

    Args:
        clock: Seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[bytes, tuple[bytes, float]] = {}

    def block(self, key: bytes, data: Data, place: str) -> Block:
        """The block of these bytes.

        Args:
            key: What they are kept under.
            data: As they are kept.
            place: What a refusal names.

        Raises:
            IntegrityError: They are not what was written.
        """
        told, now = bytes(data[:8]), self._clock()
        seen = self._seen.get(key)
        if seen is None or seen[0] != told or now >= seen[1]:
            check(data, place)
            if len(self._seen) >= _REMEMBERED:
                self._seen.clear()
            self._seen[key] = (told, now + AGAIN_S)
        return Block(data)


def groups_of(spine: str, joins: Mapping[Node, str]) -> tuple[Group, ...]:
    """The groups of joins that share their rows.

    Args:
        spine: The contract of the rows that ask.
        joins: The joins, each with the name of its result.
    """
    shared: dict[Rows, dict[str, Join]] = {}
    for node, name in joins.items():
        join = read_join(node, spine)
        shared.setdefault(join.rows, {})[name] = join
    return tuple(Group(rows, mine) for rows, mine in shared.items())


def _column(contract: str, column: str) -> str:  # noqa: ARG001  # names of joins begin with _, of columns never
    return column
