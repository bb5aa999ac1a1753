"""How many features come from columns that are marked, for a gate that asks; which ones, for the people who sign."""

from collections.abc import Iterator, Mapping

from andon.contracts.evidence import Measurement
from andon.expressions.marks import MARKS, Carried


def measure_marks(carried: Mapping[str, Carried], n: int) -> tuple[Measurement, ...]:
    """`pii.features` and `protected.features`: how many features carry the mark; `.columns` of each: from how many.

    Args:
        carried: For every feature of the model what `marks_of` found.
        n: Rows of the holdout.
    """
    return tuple(_measured(carried, n))


def _measured(carried: Mapping[str, Carried], n: int) -> Iterator[Measurement]:
    for mark in MARKS:
        found = {name: marks[mark] for name, marks in carried.items() if mark in marks}
        yield Measurement(f"{mark}.features", float(len(found)), n=n)
        for name, columns in found.items():
            yield Measurement(f"{mark}.columns", float(len(columns)), n=n, slice=f"feature={name}")
