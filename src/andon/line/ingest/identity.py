"""Which rows are the same row: repeats, conflicts within a batch, and meetings with rows already published."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import polars as pl

from andon.contracts.dataset import DatasetContract, Rule


@dataclass(frozen=True, slots=True)
class Rows:
    """Typed rows of one batch, ready to be compared.

    Attributes:
        frame: The contract's columns, `_row` from 0, and one text column for each column with values that did not
            convert, so that two different bad values are not taken for the same one.
        payload: The columns that make two rows equal.
        failed: True where some value of the row did not convert.
    """

    contract: DatasetContract
    frame: pl.DataFrame
    payload: tuple[str, ...]
    failed: pl.Series

    def mask(self, rows: Iterable[pl.Series]) -> pl.Series:
        """True for the rows whose numbers are given, as a Boolean column."""
        mask = pl.repeat(value=False, n=self.frame.height, dtype=pl.Boolean, eager=True)
        for numbers in rows:
            mask = mask.scatter(numbers, values=True) if len(numbers) else mask
        return mask


@dataclass(frozen=True, slots=True)
class Sameness:
    """What a comparison found, as Boolean columns over the batch.

    Attributes:
        conflict: The row shares its identity with a row of the batch that says something else.
        published: The row shares its identity with a published row that says something else.
        repeat: An equal row came earlier in the batch, or is published.
    """

    conflict: pl.Series
    published: pl.Series
    repeat: pl.Series


def compare(rows: Rows, is_shared: pl.Series, published: pl.LazyFrame | None) -> Sameness:
    """Compare a batch with itself and with the published rows.

    Args:
        rows: The batch.
        is_shared: True where another row of the batch has the same identity.
        published: The dataset so far; each identity at most once.
    """
    identity = rows.contract.identity
    keyed = rows.frame.filter(_all_present(identity)) if identity else rows.frame.clear()
    conflict, repeat = _within(rows, keyed, is_shared)
    other, same = _against(rows, keyed, published)
    return Sameness(rows.mask([conflict]), rows.mask([other]), rows.mask([repeat, same]))


def breaks_unique(rows: Rows, rule: Rule, published: pl.LazyFrame | None) -> pl.Series:
    """True for the rows that share the rule's columns with a different row of the batch or of the dataset.

    Rows with a null in those columns share nothing; repeats of one row do not break the rule.
    """
    columns = list(rule.columns)
    keyed = rows.frame.filter(_all_present(columns))
    crowded = keyed.filter(pl.struct(columns).is_duplicated())
    distinct = crowded.unique(subset=list(rows.payload), keep="first") if rows.contract.identity else crowded
    clash = distinct.filter(pl.struct(columns).is_duplicated()).select(columns).unique()
    broken = [crowded.join(clash, on=columns, how="semi")["_row"]] if clash.height else []
    return rows.mask([*broken, _taken(rows, keyed, columns, published)])


def _taken(rows: Rows, keyed: pl.DataFrame, columns: Sequence[str], published: pl.LazyFrame | None) -> pl.Series:
    """Numbers of the rows whose unique columns belong to a published row of another identity."""
    identity = [name for name in rows.contract.identity if name not in columns]
    is_identity_inside = bool(rows.contract.identity) and not identity
    if published is None or not keyed.height or is_identity_inside:
        return pl.Series(dtype=pl.Int64)
    met = published.select(*columns, *identity).join(keyed.lazy().select(columns).unique(), on=columns, how="semi")
    pairs = keyed.join(met.collect(), on=columns, how="inner", suffix=":published")
    if identity:
        other = [pl.col(name).ne_missing(pl.col(f"{name}:published")) for name in identity]
        pairs = pairs.filter(pl.any_horizontal(other))
    return pairs["_row"].unique()


def _within(rows: Rows, keyed: pl.DataFrame, is_shared: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Numbers of the rows in conflict, and of the rows that repeat an earlier one."""
    none = pl.Series(dtype=pl.Int64)
    if not keyed.height or not is_shared.any():
        return none, none
    identity = list(rows.contract.identity)
    shared = keyed.filter(is_shared.gather(keyed["_row"]))
    distinct = shared.unique(subset=list(rows.payload), keep="first", maintain_order=True)
    clash = distinct.filter(pl.struct(identity).is_duplicated()).select(identity).unique()
    conflict = shared.join(clash, on=identity, how="semi")["_row"]
    repeat = shared.join(distinct.select("_row"), on="_row", how="anti")["_row"]
    return conflict, repeat


def _against(rows: Rows, keyed: pl.DataFrame, published: pl.LazyFrame | None) -> tuple[pl.Series, pl.Series]:
    """Numbers of the rows that contradict a published row, and of those that equal one."""
    none = pl.Series(dtype=pl.Int64)
    if published is None or not keyed.height:
        return none, none
    identity = list(rows.contract.identity)
    columns = [column.name for column in rows.contract.columns]
    known = _near(published.select(columns), keyed, rows.contract)
    known = known.join(keyed.lazy().select(identity).unique(), on=identity, how="semi")
    met = known.collect()
    if not met.height:
        return none, none
    hit = keyed.join(met.select(identity), on=identity, how="semi")
    equal = hit.filter(~rows.failed.gather(hit["_row"])).join(met, on=columns, how="semi", nulls_equal=True)
    return hit.join(equal.select("_row"), on="_row", how="anti")["_row"], equal["_row"]


def _near(published: pl.LazyFrame, keyed: pl.DataFrame, contract: DatasetContract) -> pl.LazyFrame:
    """Only the published rows within the batch's span of event times, so that old files are not read."""
    event = contract.event_time
    if event is None:
        return published
    span = keyed.select(first=pl.col(event).min(), last=pl.col(event).max())
    return published.filter(pl.col(event).is_between(span["first"][0], span["last"][0]))


def _all_present(columns: Sequence[str]) -> pl.Expr:
    return pl.all_horizontal(pl.col(name).is_not_null() for name in columns)
