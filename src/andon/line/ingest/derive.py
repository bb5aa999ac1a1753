"""Rows that come from published datasets instead of a source: one for each row of a spine, and when it can be known."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

import polars as pl

from andon.contracts.dataset import Column, DatasetContract
from andon.expressions.evaluate import evaluate
from andon.expressions.plan import FeaturePlan

_DIGITS = 38


def derive(
    plan: FeaturePlan,
    contract: DatasetContract,
    tables: Mapping[str, pl.LazyFrame],
    known_after_ns: int,
    only: Sequence[int] | None = None,
) -> pl.DataFrame:
    """The rows of a derived dataset, as a source would bring them: they are still to be judged.

    A row sees of other datasets what a question sees that is asked when its spine's row happened. So everything it
    looked at was known strictly before that moment, and so was that there was nothing else to see. It can be known
    from that moment on, or from when its spine's row is known, whichever is later; `known_after_ns` comes on top.

    Args:
        plan: The spine, and what is computed for each of its rows: every column but the one that says when it is known.
        contract: What the rows are promised to be; its column of the role `known_at` is filled in here.
        tables: Published datasets by contract, the spine's too, with `_known_at`, `_object` and `_row`.
        known_after_ns: How much later they are there than they could be.
        only: The places of the spine's rows to derive for; all by default.

    Returns:
        The contract's columns in its order; one row for each of these rows of the spine, in order. A moment that
        nanoseconds cannot hold is null.

    Raises:
        InputError: A table or a column is missing or of another type, or a sum does not fit into 64 bits.
    """
    whole = tables[plan.spine].collect()
    spine = whole if only is None else whole[only]
    computed = evaluate(plan, spine, tables)
    known = spine.select(_known_at(plan.asked, known_after_ns)).to_series()
    filled = dict.fromkeys(contract.of_role("known_at"), known)
    return computed.with_columns(**filled).select(_raw(column) for column in contract.columns)


def _known_at(asked: str, known_after_ns: int) -> pl.Expr:
    moments = [pl.col(name).to_physical().cast(pl.Int128) for name in ("_known_at", asked)]
    latest = pl.max_horizontal(moments) + known_after_ns
    return latest.cast(pl.Int64, strict=False).cast(pl.Datetime("ns", "UTC"))


def _raw(column: Column) -> pl.Expr:
    """A computed column as a source would bring it: decimals with their point."""
    value = pl.col(column.name)
    if column.kind != "fixed":
        return value
    return value.cast(pl.Decimal(_DIGITS, 0)) * pl.lit(Decimal(1).scaleb(-column.scale))
