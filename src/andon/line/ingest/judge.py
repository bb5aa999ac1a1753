"""Every landed row judged in one pass: good, quarantined with all its reasons, or duplicate."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import polars as pl

from andon.contracts.dataset import DatasetContract
from andon.kernel.canonical import Json
from andon.kernel.errors import IntegrityError
from andon.line.ingest.cast import cast_landed
from andon.line.ingest.convert import as_text
from andon.line.ingest.identity import Rows, breaks_unique, compare
from andon.line.ingest.reasons import CONFLICT, PUBLISHED, own_reasons, with_found

NOTHING: Final[Mapping[str, pl.LazyFrame]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Counts:
    """How many rows went where.

    Attributes:
        broken: Rows per reason or rule, for every one there could have been.
        nulls: Nulls per column among all landed rows; values that did not convert are not nulls.
        unlike: Columns with values of which not one converts: the source brings another type than declared.
        warned: Good rows that break a rule which only warns.
    """

    rows_in: int
    good: int
    quarantined: int
    duplicate: int
    broken: Mapping[str, int]
    nulls: Mapping[str, int]
    unlike: tuple[str, ...] = ()
    warned: int = 0

    def to_json(self) -> dict[str, Json]:
        """The counts as JSON, for a manifest's facts."""
        return {
            "in": self.rows_in,
            "good": self.good,
            "quarantined": self.quarantined,
            "duplicate": self.duplicate,
            "broken": {reason: count for reason, count in self.broken.items() if count},
            **({"warned": self.warned} if self.warned else {}),
        }


@dataclass(frozen=True, slots=True)
class Judged:
    """One batch, every row of it accounted for.

    Attributes:
        good: The contract's columns in its order, `_row` (Int64, the row's number in the landed file) and, where the
            contract declares when rows are known, `_known_at`.
        quarantined: The landed columns as text, `_reasons` (List of String, every reason of the row) and `_row`.
    """

    good: pl.DataFrame
    quarantined: pl.DataFrame
    counts: Counts


def judge_rows(
    landed: pl.DataFrame | pl.LazyFrame,
    contract: DatasetContract,
    published: pl.LazyFrame | None = None,
    *,
    now_ns: int,
    references: Mapping[str, pl.LazyFrame] = NOTHING,
) -> Judged:
    """Judge every landed row.

    A row with a reason of its own, other than a rule that only warns, is quarantined, and so are all rows that share an
    identity with a row that says something else, in the batch or among the published ones. Of equal rows the first is
    good; the others, and those that are published already, are duplicates.

    Args:
        landed: Raw rows.
        contract: What they must be.
        published: The dataset so far, with at least the contract's columns.
        now_ns: What counts as now.
        references: The published rows of the contracts that this one refers to, by name.

    Raises:
        InputError: The columns are not those of the contract, a rule is malformed, or rows of a contract that is
            referred to are not given.
        IntegrityError: A row is not accounted for.
    """
    raw = landed.lazy().collect()
    typed, type_reasons = cast_landed(raw, contract)
    own = own_reasons(contract, type_reasons, now_ns)
    names = [column.name for column in contract.columns]
    passed = with_found(typed, contract, references).select(
        *names, "_row", *[expression.alias(f"?{reason}") for reason, expression in own.items()]
    )
    frame = passed.with_columns(_is_shared(contract)).collect()
    flags = {reason: frame[f"?{reason}"] for reason in own}
    rows = _rows(frame.select(*names, "_row"), raw, contract, {reason: flags[reason] for reason in type_reasons})
    sameness = compare(rows, frame["?"], published) if contract.identity else None
    if sameness:
        flags |= {CONFLICT: sameness.conflict, PUBLISHED: sameness.published}
    flags |= _unique_flags(rows, flags, published)
    warnings = {rule.id for rule in contract.rules if rule.severity == "warn"}
    reasons = {reason: flag for reason, flag in flags.items() if reason not in warnings}
    is_broken = _any(reasons, frame.height)
    is_repeat = sameness.repeat & ~is_broken if sameness else is_broken & ~is_broken
    judged = Judged(
        good=_good(rows.frame.select(*names, "_row"), contract, ~(is_broken | is_repeat)),
        quarantined=_quarantined(raw, reasons, is_broken),
        counts=_counts(rows, flags, (is_broken, is_repeat), warnings),
    )
    return check_complete(judged)


def check_complete(judged: Judged) -> Judged:
    """The same, if `in = good + quarantined + duplicate` holds for its frames and its counts.

    Raises:
        IntegrityError: It does not.
    """
    counts = judged.counts
    kept = (judged.good.height, judged.quarantined.height)
    if kept != (counts.good, counts.quarantined) or counts.rows_in != sum(kept) + counts.duplicate:
        raise IntegrityError(
            "ingest.rows-lost",
            "Not every landed row is good, quarantined or duplicate.",
            found=f"{counts.rows_in} in; {kept[0]} good, {kept[1]} quarantined, {counts.duplicate} duplicate",
            fix="Nothing was published. Keep the landed file and report this as a defect of andon.",
        )
    return judged


def _is_shared(contract: DatasetContract) -> pl.Expr:
    identity = contract.identity
    if not identity:
        return pl.lit(value=False).alias("?")
    key = pl.col(identity[0]) if len(identity) == 1 else pl.struct(identity)
    return key.is_duplicated().alias("?")


def _rows(frame: pl.DataFrame, raw: pl.DataFrame, contract: DatasetContract, failures: Mapping[str, pl.Series]) -> Rows:
    """The batch with the raw text of what did not convert beside it."""
    texts = []
    for reason, failed in failures.items():
        if failed.any():
            text = as_text(raw.select(reason.removesuffix(".type"))).to_series()
            texts.append(text.zip_with(failed, pl.Series([None], dtype=pl.String)).alias(f"?{reason}"))
    payload = (*(column.name for column in contract.columns), *(text.name for text in texts))
    return Rows(contract, frame.with_columns(texts), payload, _any(failures, frame.height))


def _unique_flags(rows: Rows, flags: Mapping[str, pl.Series], published: pl.LazyFrame | None) -> dict[str, pl.Series]:
    """Unique rules on anything but the identity, whose conflicts are known already."""
    found = {}
    for rule in rows.contract.rules:
        if rule.scope == "unique" and set(rule.columns) != set(rows.contract.identity):
            broken = breaks_unique(rows, rule, published)
            found[rule.id] = flags[rule.id] | broken if rule.id in flags else broken
    return found


def _identity_rules(contract: DatasetContract, flags: Mapping[str, pl.Series]) -> dict[str, int]:
    """Counts of the rules that demand what is checked anyway: one row for each identity."""
    rules = [rule for rule in contract.rules if rule.scope == "unique" and set(rule.columns) == set(contract.identity)]
    return {rule.id: int((flags[CONFLICT] | flags[PUBLISHED]).sum()) for rule in rules}


def _any(flags: Mapping[str, pl.Series], height: int) -> pl.Series:
    result = pl.repeat(value=False, n=height, dtype=pl.Boolean, eager=True)
    for flag in flags.values():
        result = result | flag
    return result


def _good(frame: pl.DataFrame, contract: DatasetContract, keep: pl.Series) -> pl.DataFrame:
    kept = frame if keep.all() else frame.filter(keep)
    known = next(iter(contract.of_role("known_at")), None)
    if known is not None:
        return kept.with_columns(_known_at=pl.col(known))
    if contract.known_after_ns is not None and contract.event_time is not None:
        later = pl.lit(contract.known_after_ns, dtype=pl.Int64).cast(pl.Duration("ns"))
        return kept.with_columns(_known_at=pl.col(contract.event_time) + later)
    return kept


def _quarantined(raw: pl.DataFrame, flags: Mapping[str, pl.Series], is_broken: pl.Series) -> pl.DataFrame:
    numbers = is_broken.arg_true().cast(pl.Int64)
    seen = {reason: flag for reason, flag in flags.items() if flag.any()}
    rows = as_text(raw[numbers])
    if not seen:
        return rows.with_columns(_reasons=pl.Series([], dtype=pl.List(pl.String)), _row=numbers)
    marks = pl.DataFrame([flag.gather(numbers).alias(reason) for reason, flag in seen.items()])
    reasons = pl.concat_list(pl.when(pl.col(reason)).then(pl.lit(reason)) for reason in seen).list.drop_nulls()
    return rows.with_columns(marks.select(_reasons=reasons).to_series(), numbers.alias("_row"))


def _counts(
    rows: Rows, flags: Mapping[str, pl.Series], verdicts: tuple[pl.Series, pl.Series], warnings: Collection[str]
) -> Counts:
    height = rows.frame.height
    broken = {reason: int(flag.sum()) for reason, flag in flags.items()} | _identity_rules(rows.contract, flags)
    quarantined, duplicate = (int(verdict.sum()) for verdict in verdicts)
    names = [column.name for column in rows.contract.columns]
    nulls = {name: rows.frame[name].null_count() - broken.get(f"{name}.type", 0) for name in names}
    warned = {reason: flags[reason] for reason in flags if reason in warnings}
    unlike = [name for name in names if 0 < broken.get(f"{name}.type", 0) == height - nulls[name]]
    return Counts(
        rows_in=height,
        good=height - quarantined - duplicate,
        quarantined=quarantined,
        duplicate=duplicate,
        broken=broken,
        nulls=nulls,
        unlike=tuple(unlike),
        warned=int((_any(warned, height) & ~verdicts[0] & ~verdicts[1]).sum()) if warned else 0,
    )
