"""A judged batch held against what was published before it: how new it is, how much, and whether it looks the same."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from andon.contracts.dataset import DatasetContract
from andon.contracts.evidence import Measurement, measurement
from andon.kernel.clock import SECOND_NS
from andon.kernel.digest import Digest
from andon.measures.change import share_change, total_variation, unusual_ratio
from andon.measures.intervals import Interval
from andon.measures.profile import build_baseline, count

AGE: Final = "fresh.age_s"
LOWEST: Final = "volume.lowest"
HIGHEST: Final = "volume.highest"
HOURS: Final = "volume.hours"
NULLS: Final = "null_share_change"
DISTRIBUTION: Final = "distribution_change"
EMPTY_TOO: Final = frozenset({AGE, LOWEST, HIGHEST})
"""What is asked of a source also when it brings nothing new."""
WEEKS: Final = 8
ENOUGH: Final = 4
BINS: Final = 10
VOCABULARY: Final = 50
_HOUR_NS: Final = 3_600 * SECOND_NS
_WEEK_H: Final = 168
_MOMENT: Final = pl.Datetime("ns", "UTC")
_COMPARED: Final = ("int", "fixed", "float", "bool", "category")
Hours = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Before:
    """What a batch is held against.

    Attributes:
        wanted: The metrics that its gate asks for, of those that are measured only then.
        rows: The dataset so far; `None` before the first batch.
        version: Digest of the version that `rows` are; empty where there are none.
        since_ns: When the time that the batch is about begins; `None` for all time before.
        until_ns: When it ends: the run's `as_of`.
    """

    wanted: frozenset[str] = frozenset()
    rows: pl.LazyFrame | None = None
    version: Digest = ""
    since_ns: int | None = None
    until_ns: int = 0


def measure_against(before: Before, good: pl.DataFrame, contract: DatasetContract) -> tuple[Measurement, ...]:
    """What its gate asks of a batch in comparison with what was published before it.

    * `fresh.age_s`: seconds from the newest event time, of the good rows and all published ones, to `until_ns`; to 1970
      where there is no row. Costs the newest moment of one column.
    * `volume.lowest`, `volume.highest`: of each whole hour that ended in the time of the batch, how many rows there are
      now, as a share of the median of the same hour on the same weekday in the last eight accepted weeks (four at
      least); the lowest and the highest of these, and of all those hours together. A difference that chance explains
      counts as 1 (see `measures.change.unusual_ratio`). Hours are of the event time's zone; one that the clocks skip or
      repeat is not looked at, nor one in which usually nothing happens. `volume.hours` is how many were looked at.
      Costs one column of the last nine weeks.
    * `null_share_change` for each column: see `measures.change.share_change`; of the good rows.
    * `distribution_change` for each column of numbers, bools or categories that is neither key nor time: see
      `measures.change.total_variation`; on ten cells that held equally many of the published rows, or on the fifty most
      frequent published categories and all others. These two cost one scan of each column that is published.

    Where there is nothing to compare with, a value is missing, with the reason, and so is its baseline.
    """
    found: list[Measurement] = []
    for names, measure in _MEASURES.items():
        if before.wanted & names:
            found += measure(before, good, contract)
    return tuple(found)


def _age(before: Before, good: pl.DataFrame, contract: DatasetContract) -> Iterator[Measurement]:
    event = contract.event_time or ""
    frames = [good.lazy().select(event), *([] if before.rows is None else [before.rows.select(event)])]
    newest = [frame.select(pl.col(event).max().to_physical()).collect().item() for frame in frames]
    newest_ns = max((moment for moment in newest if moment is not None), default=0)
    yield replace(measurement(AGE, (before.until_ns - newest_ns) / SECOND_NS, n=good.height), baseline=before.version)


def _volume(before: Before, good: pl.DataFrame, contract: DatasetContract) -> Iterator[Measurement]:
    if before.rows is None or before.since_ns is None:
        yield from (_nothing(name, "nothing was published before") for name in (LOWEST, HIGHEST))
        return
    event = contract.column(contract.event_time or "")
    since, until = before.since_ns, before.until_ns
    accepted = _hourly(before.rows, event.name, event.tz, since - (WEEKS + 1) * _WEEK_H * _HOUR_NS)
    hours = _whole_hours(since, until, event.tz)
    last = int(_local(pl.Series([since]), event.tz)[0])
    counts, usual = _usual(hours, accepted, _hourly(good.lazy(), event.name, event.tz, None), last)
    yield replace(measurement(HOURS, len(counts), n=int(counts.sum())), baseline=before.version)
    if not len(counts):
        why = f"no hour that ended since has {ENOUGH} accepted weeks before it in which something happened"
        yield from (_nothing(name, why) for name in (LOWEST, HIGHEST))
        return
    ratios = unusual_ratio(np.append(counts, counts.sum()), np.append(usual, usual.sum()))
    for name, ratio in ((LOWEST, ratios.min()), (HIGHEST, ratios.max())):
        yield replace(measurement(name, float(ratio), n=int(counts.sum())), baseline=before.version)


def _usual(
    hours: Hours, accepted: Mapping[int, int], new: Mapping[int, int], last: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Rows in each hour that can be looked at, and how many are usual.

    Args:
        hours: Hours since 1970 by the clock on the wall.
        accepted: Published rows by hour.
        new: Rows of the batch by hour.
        last: The hour in which the time of the batch begins: what comes before it is accepted.
    """
    counts, usual = [], []
    first = min(accepted, default=last) + 1  # the very first hour need not be whole
    for hour in hours.tolist():
        back = -(-(hour + 1 - last) // _WEEK_H) if hour >= last else 1
        weeks = [hour - _WEEK_H * (max(back, 1) + week) for week in range(WEEKS)]
        known = [accepted.get(one, 0) for one in weeks if one >= first]
        median = float(np.median(known)) if len(known) >= ENOUGH else 0.0
        if median > 0:
            counts.append(accepted.get(hour, 0) + new.get(hour, 0))
            usual.append(median)
    return np.array(counts, dtype=np.float64), np.array(usual)


def _hourly(rows: pl.LazyFrame, event: str, tz: str, from_ns: int | None) -> dict[int, int]:
    """Rows by the hour in which they happened."""
    moment = pl.col(event)
    kept = rows if from_ns is None else rows.filter(moment >= pl.lit(from_ns, dtype=pl.Int64).cast(_MOMENT))
    table = kept.select(hour=_hour(moment, tz)).group_by("hour").len().collect()
    return dict(table.drop_nulls().iter_rows())


def _hour(moment: pl.Expr, tz: str) -> pl.Expr:
    """Hours since 1970 by the clock on the wall."""
    return moment.dt.convert_time_zone(tz).dt.replace_time_zone(None).to_physical() // _HOUR_NS


def _local(moments_ns: pl.Series, tz: str) -> pl.Series:
    return pl.DataFrame({"at": moments_ns.cast(_MOMENT)}).select(_hour(pl.col("at"), tz)).to_series()


def _whole_hours(since_ns: int, until_ns: int, tz: str) -> Hours:
    """The hours by the clock on the wall that ended after one moment, and by another."""
    first, last = _local(pl.Series([since_ns, until_ns]), tz)
    table = pl.DataFrame({"hour": pl.int_range(first - 1, last + 2, eager=True)})
    # An hour that the clocks skip or repeat is null.
    naive = [(pl.col("hour") + more) * _HOUR_NS for more in (0, 1)]
    begin, end = (
        moment.cast(pl.Datetime("ns")).dt.replace_time_zone(tz, ambiguous="null", non_existent="null")
        for moment in naive
    )
    marked = table.with_columns(begin=begin.to_physical(), end=end.to_physical())
    is_whole = (pl.col("end") - pl.col("begin") == _HOUR_NS) & pl.col("end").is_between(since_ns + 1, until_ns)
    return marked.filter(is_whole)["hour"].to_numpy()


def _null_changes(before: Before, good: pl.DataFrame, contract: DatasetContract) -> Iterator[Measurement]:
    names = [column.name for column in contract.columns]
    old = None if before.rows is None else before.rows.select(pl.len(), pl.col(names).null_count()).collect().row(0)
    for place, name in enumerate(names):
        if old is None or not old[0] or not good.height:
            yield _nothing(NULLS, _lack(before, good), name)
        else:
            now = (good[name].null_count(), good.height)
            yield _compared(NULLS, name, share_change((old[place + 1], old[0]), now), good.height, before)


def _distributions(before: Before, good: pl.DataFrame, contract: DatasetContract) -> Iterator[Measurement]:
    fit = [column.name for column in contract.columns if column.role == "value" and column.kind in _COMPARED]
    for name in fit:
        yield _distribution(before, good, name)
    if not fit:
        yield replace(_nothing(DISTRIBUTION, "no column has a distribution"), slice="column=*")


def _distribution(before: Before, good: pl.DataFrame, name: str) -> Measurement:
    """One column at a time, so that no more than one is held in memory."""
    if before.rows is None or not good.height:
        return _nothing(DISTRIBUTION, _lack(before, good), name)
    baseline = build_baseline(before.rows.select(name).collect(), bins=BINS, vocabulary=VOCABULARY)
    (old,), (now,) = baseline.columns, count(baseline, good.select(name))
    if not sum(old.counts) or not sum(now.counts):
        return _nothing(DISTRIBUTION, "one side has no values", name)
    return _compared(DISTRIBUTION, name, total_variation(old.counts, now.counts), sum(now.counts), before)


def _compared(metric: str, name: str, found: Interval, n: int, before: Before) -> Measurement:
    one = measurement(metric, found.value, n=n, slice=f"column={name}")
    return replace(one, lower=found.lower, upper=found.upper, baseline=before.version)


def _nothing(metric: str, why: str, name: str = "") -> Measurement:
    return Measurement(metric, None, slice=f"column={name}" if name else "", problem=why)


def _lack(before: Before, good: pl.DataFrame) -> str:
    return "nothing was published before" if good.height and before.rows is None else "there are no rows to compare"


_Measure = Callable[[Before, pl.DataFrame, DatasetContract], Iterator[Measurement]]
_MEASURES: Final[Mapping[frozenset[str], _Measure]] = {
    frozenset({AGE}): _age,
    frozenset({LOWEST, HIGHEST}): _volume,
    frozenset({NULLS}): _null_changes,
    frozenset({DISTRIBUTION}): _distributions,
}
