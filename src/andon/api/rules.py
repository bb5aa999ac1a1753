"""Rules as the body of a contract says them: across the columns of a row, of a batch, and of another dataset."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from andon.api.typed import Bool, Expr
from andon.contracts.dataset import Severity
from andon.expressions.tree import Node
from andon.kernel.errors import UsageError


@dataclass(frozen=True, slots=True)
class RowRule:
    """A condition on the columns of one row."""

    condition: Bool
    severity: Severity
    tolerance: float
    text: str


@dataclass(frozen=True, slots=True)
class UniqueRule:
    """No two rows share these columns."""

    columns: tuple[Node, ...]
    severity: Severity
    tolerance: float
    text: str


@dataclass(frozen=True, slots=True)
class ExistsRule:
    """Some columns have the values of a published row of another contract."""

    columns: tuple[Node, ...]
    others: tuple[Node, ...]
    severity: Severity
    tolerance: float
    text: str


BodyRule = RowRule | UniqueRule | ExistsRule


def rule(condition: Bool, *, severity: Severity = "quarantine", tolerance: float = 1.0, text: str = "") -> RowRule:
    """A rule across the columns of a contract, written in its body; null counts as broken.

    Args:
        condition: What must be true of every row.
        severity: `quarantine` sets broken rows aside, `warn` counts them and keeps them, `block` fails the batch.
        tolerance: The share of rows that may break it before the batch fails, 0 to 1.
        text: The rule in words; the expression itself if empty.

    Raises:
        UsageError: The condition is no expression, or severity or tolerance are not possible.
    """
    given: object = condition  # a caller without a type checker may give anything
    if not isinstance(given, Bool):
        raise _refuse(repr(condition), "Write rule(arrives > departs).")
    return RowRule(condition, *strictness(severity, tolerance), text)


def unique(*columns: Expr, severity: Severity = "quarantine", tolerance: float = 1.0, text: str = "") -> UniqueRule:
    """A rule that no two rows share these columns, in the batch and with all that is published.

    All rows that share them break it, but for rows that say the same as another one, which are duplicates. Null is
    shared by nobody. Keys and event time together are unique in every contract.

    Args:
        columns: Columns of the contract, taken together.
        severity: As for `rule`.
        tolerance: As for `rule`.
        text: The rule in words; its columns if empty.

    Raises:
        UsageError: There is no column, something is no column, or severity or tolerance are not possible.
    """
    return UniqueRule(_columns(columns, "Write unique(number, year)."), *strictness(severity, tolerance), text)


def exists_in(
    column: Expr | Sequence[Expr],
    other: Expr | Sequence[Expr],
    *,
    severity: Severity = "quarantine",
    tolerance: float = 1.0,
    text: str = "",
) -> ExistsRule:
    """A rule that a column's value is that of a published row of another contract: a foreign key.

    The version that is looked into is pinned when the run begins, and stands among what the batch was made from. While
    nothing of the other contract is published the source is not asked: rows set aside for that would be lost for good.
    Null refers to nothing and breaks nothing.

    Args:
        column: A column of the contract, or several that are taken together.
        other: The column of the other contract that must have its value, or as many.
        severity: As for `rule`.
        tolerance: As for `rule`.
        text: The rule in words; its columns if empty.

    Raises:
        UsageError: Something is no column, the columns are not of the same kinds or the other ones not of one other
            contract, or severity or tolerance are not possible.
    """
    fix = "Write exists_in(tailnum, Plane.tailnum), with columns of the same kinds of one other contract."
    own = _columns((column,) if isinstance(column, Expr) else column, fix)
    others = _columns((other,) if isinstance(other, Expr) else other, fix)
    contracts = {node.text("contract") for node in others}
    if [node.type for node in own] != [node.type for node in others] or len(contracts) != 1 or "" in contracts:
        kinds = " and ".join(", ".join(str(node.type) for node in nodes) for nodes in (own, others))
        raise _refuse(f"{kinds}, of {', '.join(sorted(contracts - {''})) or 'this contract'}", fix)
    return ExistsRule(own, others, *strictness(severity, tolerance), text)


def strictness(severity: Severity, tolerance: float) -> tuple[Severity, float]:
    """How strict a rule is, checked.

    Raises:
        UsageError: There is no such severity, the tolerance is no share, or nothing is to be tolerated.
    """
    given: object = tolerance
    is_share = isinstance(given, int | float) and not isinstance(given, bool) and 0 <= given <= 1
    if severity not in get_args(Severity) or not is_share or (severity == "block" and tolerance != 1):
        fix = 'severity="quarantine" or "warn" with tolerance= from 0 to 1, or severity="block", which tolerates none.'
        raise _refuse(f"severity={severity!r}, tolerance={tolerance!r}", fix)
    return severity, float(tolerance)


def _columns(given: Sequence[Expr], fix: str) -> tuple[Node, ...]:
    found: Sequence[object] = given  # a caller without a type checker may give anything
    nodes = tuple(each.node for each in found if isinstance(each, Expr) and each.node.op == "column")
    names = {(node.text("contract"), node.text("name")) for node in nodes}
    if not nodes or len(nodes) != len(given) or len(names) != len(nodes):
        raise _refuse(", ".join(map(repr, given)) or "no column", fix)
    return nodes


def _refuse(found: str, fix: str) -> UsageError:
    return UsageError("contract.rule", "This is not a rule.", found=found, fix=fix)
