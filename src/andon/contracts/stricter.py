"""Which of two criteria asks more."""

import math
from typing import Final

from andon.contracts.policy import Criterion

_NUMBERS: Final = (int, float)


def covers(one: Criterion, other: Criterion) -> bool:
    """Whether one criterion makes another needless: it refuses, and leaves to people, whatever the other would.

    The number of rows must be the same. With more, what the other one refuses could be left to people; with fewer, what
    the other leaves to people could pass.
    """
    if asked(one) != asked(other) or (type(one.min_n), one.min_n) != (type(other.min_n), other.min_n):
        return False
    if not (_is_number(one.bound) and _is_number(other.bound)):
        return False  # what is no bound must stay, so that the gate refuses it
    if one.severity != "block" and other.severity == "block":
        return False
    return one.bound >= other.bound if one.op == "ge" else one.bound <= other.bound


def asked(criterion: Criterion) -> tuple[str, ...]:
    """What a criterion is about: everything but the bound, the number of rows and the severity."""
    one = criterion
    return (one.metric, one.op, one.side, one.by, one.slice, one.baseline)


def full_text(criterion: Criterion) -> str:
    """A whole criterion in words: the condition, the rows it needs, what it compares with, whether it only warns."""
    rows = f" on at least {criterion.min_n} rows" if criterion.min_n else ""
    against = {"": "", "champion": " against the champion", "published": " against what is published"}
    return (
        criterion.text()
        + rows
        + against[criterion.baseline]
        + (" (warning only)" if criterion.severity == "warn" else "")
    )


def _is_number(bound: object) -> bool:
    return type(bound) in _NUMBERS and math.isfinite(bound)  # type: ignore[arg-type]  # it is a number here
