"""Everything a row can be set aside for by itself, as Boolean expressions over typed rows."""

from collections.abc import Callable, Collection, Mapping
from typing import Final

import polars as pl

from andon.contracts.dataset import DatasetContract, Rule, Scope
from andon.expressions.frame import compile_frame
from andon.expressions.patterns import matches
from andon.expressions.tree import from_json
from andon.kernel.errors import InputError

FUTURE: Final = "future_event"
KNOWN_TOO_EARLY: Final = "known_at.before_event"
CONFLICT: Final = "identity.conflict"
PUBLISHED: Final = "identity.published"
CLOCK_SKEW_NS: Final = 5 * 60 * 1_000_000_000


def own_reasons(contract: DatasetContract, type_reasons: Collection[str], now_ns: int) -> dict[str, pl.Expr]:
    """Reason to expression, in the order of the contract; true where the row is broken, never null.

    The reasons are `<column>.type` and `<column>.null`, the id of each rule on rows, patterns and references,
    `future_event` and `known_at.before_event`. A condition that gives null counts as broken. The identity and the
    known-at column are never null, whatever the contract says.

    Args:
        contract: What the rows must be.
        type_reasons: Reason columns that `cast_landed` made.
        now_ns: What counts as now; an event later than five minutes after it is in the future.

    Raises:
        InputError: A rule's expression is malformed, or reads another contract.
    """
    reasons = {reason: pl.col(reason) for reason in type_reasons}
    for name in required(contract):
        is_null = pl.col(name).is_null()
        reasons[f"{name}.null"] = is_null & ~pl.col(f"{name}.type") if f"{name}.type" in reasons else is_null
    for rule in contract.rules:
        if rule.scope in _BROKEN:
            broken = _BROKEN[rule.scope](rule, contract)
            reasons[rule.id] = reasons[rule.id] | broken if rule.id in reasons else broken
    return reasons | _time_reasons(contract, now_ns)


def required(contract: DatasetContract) -> tuple[str, ...]:
    """The columns that are never null, in the contract's order."""
    always = {*contract.identity, *contract.of_role("known_at")}
    return tuple(column.name for column in contract.columns if column.name in always or not column.nullable)


def _breaks_row(rule: Rule, contract: DatasetContract) -> pl.Expr:
    if rule.expression is None:
        raise _malformed(rule, contract, "no expression")

    def column(owner: str, name: str) -> str:
        if owner != contract.name:
            raise _malformed(rule, contract, f"{owner}.{name}")
        return contract.column(name).name

    return ~compile_frame(from_json(rule.expression), column).fill_null(value=False)


def _breaks_pattern(rule: Rule, contract: DatasetContract) -> pl.Expr:
    return ~matches(pl.col(contract.column(rule.columns[0]).name), rule.pattern).fill_null(value=True)


def _breaks_reference(rule: Rule, contract: DatasetContract) -> pl.Expr:
    present = pl.all_horizontal(pl.col(contract.column(name).name).is_not_null() for name in rule.columns)
    return present & pl.col(found_column(rule)).is_null()


_BROKEN: Final[Mapping[Scope, Callable[[Rule, DatasetContract], pl.Expr]]] = {
    "row": _breaks_row,
    "pattern": _breaks_pattern,
    "exists": _breaks_reference,
}


def with_found(typed: pl.LazyFrame, contract: DatasetContract, references: Mapping[str, pl.LazyFrame]) -> pl.LazyFrame:
    """The typed rows, in their order, each with what it refers to: for every reference rule a column, null for nothing.

    Args:
        typed: Rows as `cast_landed` gives them.
        contract: What they must be.
        references: The published rows of the contracts that it refers to, by name.

    Raises:
        InputError: Rows of a contract that is referred to are not given.
    """
    for rule in contract.rules:
        if rule.scope != "exists":
            continue
        if rule.of not in references:
            raise InputError(
                "ingest.no-reference",
                f"Rows of {contract.name} refer to {rule.of}, and none of its rows are here.",
                place=f"{contract.name}.{rule.id}",
                found=", ".join(references) or "no other rows",
                fix=f"Bring in {rule.of} first.",
            )
        known = references[rule.of].select(rule.of_columns).unique().with_columns(pl.lit(1).alias(found_column(rule)))
        typed = typed.join(known, left_on=rule.columns, right_on=rule.of_columns, how="left", maintain_order="left")
    return typed


def found_column(rule: Rule) -> str:
    """Name of the column that says whether what a rule refers to is there."""
    return f"!{rule.id}"


def _time_reasons(contract: DatasetContract, now_ns: int) -> dict[str, pl.Expr]:
    event = contract.event_time
    if event is None:
        return {}
    moment = pl.col(event).to_physical()
    reasons = {FUTURE: (moment > now_ns + CLOCK_SKEW_NS).fill_null(value=False)}
    for known in contract.of_role("known_at"):
        reasons[KNOWN_TOO_EARLY] = (pl.col(known).to_physical() < moment).fill_null(value=False)
    return reasons


def _malformed(rule: Rule, contract: DatasetContract, found: str) -> InputError:
    return InputError(
        "ingest.malformed-rule",
        f"The rule {rule.id!r} is not a condition on one row of {contract.name}.",
        place=f"{contract.name}.{rule.id}",
        found=found,
        fix="Compare columns of this contract only.",
    )
