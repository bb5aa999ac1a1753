"""What a gate is told of a batch in comparison with what was published before it."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from statistics import median
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest

from andon.contracts.dataset import Column, DatasetContract
from andon.contracts.evidence import find
from andon.line.ingest.before import (
    AGE,
    DISTRIBUTION,
    ENOUGH,
    HIGHEST,
    HOURS,
    LOWEST,
    NULLS,
    WEEKS,
    Before,
    measure_against,
)

VERSION = "sha256:" + "a" * 64
HOUR = timedelta(hours=1)
WEEK = timedelta(days=7)
NEW_YORK = "America/New_York"
VOLUME = frozenset({LOWEST, HIGHEST})


def contract(tz="UTC"):
    columns = (
        Column("ride", "int", "key"),
        Column("at", "time", "event_time", tz=tz),
        Column("origin", "category", nullable=True),
        Column("fare", "float", nullable=True),
        Column("paid", "bool"),
        Column("left", "time", nullable=True),
    )
    return DatasetContract("Ride", columns)


def ns(moment):
    return int(moment.timestamp()) * 10**9


def rides(moments, **columns):
    given = {"ride": range(len(moments)), "at": [ns(one) for one in moments]}
    given |= {"origin": ["EWR"] * len(moments), "fare": [1.0] * len(moments), "paid": [True] * len(moments)}
    given |= {"left": [None] * len(moments)} | columns
    types = {"ride": pl.Int64, "origin": pl.String, "fare": pl.Float64, "left": pl.Datetime("ns", "UTC")}
    frame = pl.DataFrame(given, schema_overrides=types)
    return frame.with_columns(pl.col("at").cast(pl.Datetime("ns", "UTC")))


def measured(wanted, good, published=None, *, since=None, until, tz="UTC"):
    version = "" if published is None else VERSION
    rows = None if published is None else published.lazy()
    before = Before(frozenset(wanted), rows, version, None if since is None else ns(since), ns(until))
    return measure_against(before, good, contract(tz))


def hourly(begin, hours, each):
    return [
        begin + number * HOUR + timedelta(seconds=1 + 30 * place) for number in range(hours) for place in range(each)
    ]


START = datetime(2024, 1, 1, tzinfo=UTC)


def volumes(good, published, since, until, tz="UTC"):
    found = measured(VOLUME, good, published, since=since, until=until, tz=tz)
    return [find(found, name) for name in (LOWEST, HIGHEST, HOURS)]


def test_nothing_is_measured_that_nobody_asks_for():
    assert measured((), rides([START]), rides([START]), since=START, until=START + HOUR) == ()


@pytest.mark.parametrize(
    ("each", "lowest", "highest"),
    [(40, 1.0, 1.0), (18, 0.45, 0.45), (0, 0.0, 0.0), (100, 2.5, 2.5), (35, 0.875, 1.0)],
)
def test_a_day_is_held_against_the_same_hours_of_other_weeks(each, lowest, highest):
    """35 of 40 is chance in one hour, and not in a day of them."""
    since = START + 6 * WEEK
    published = rides(hourly(START, 6 * 7 * 24, 40))
    low, high, hours = volumes(rides(hourly(since, 24, each)), published, since, since + 24 * HOUR)
    assert (low.value, high.value, hours.value, low.n) == (lowest, highest, 24, 24 * each)
    assert low.baseline == high.baseline == VERSION


def test_one_silent_hour_of_a_week_is_seen():
    since = START + 5 * WEEK
    moments = [one for one in hourly(since, 7 * 24, 12) if one.hour != 3 or one.day != since.day + 2]
    low, high, _ = volumes(rides(moments), rides(hourly(START, 5 * 7 * 24, 12)), since, since + WEEK)
    assert (low.value, high.value) == (0.0, 1.0)


def test_hours_that_have_not_ended_are_not_looked_at_and_late_rows_of_earlier_ones_neither():
    since = START + 5 * WEEK + timedelta(minutes=30)
    published = rides(hourly(START, 5 * 7 * 24, 40) + hourly(since.replace(minute=0), 1, 20))
    late = [START + 3 * HOUR]
    rest = [since.replace(minute=40) + timedelta(seconds=number) for number in range(20)]
    low, high, hours = volumes(rides(late + rest), published, since, since + HOUR)
    assert (low.value, high.value, hours.value) == (1.0, 1.0, 1)  # twenty were there, and twenty came


def test_without_enough_weeks_nothing_is_usual():
    since = START + (ENOUGH - 1) * WEEK
    published = rides(hourly(START, (ENOUGH - 1) * 7 * 24, 9))
    for known in (None, published):
        low, high, *_ = volumes(rides(hourly(since, 24, 1)), known, since if known is not None else None, since + WEEK)
        assert (low.value, low.baseline, high.value, high.baseline) == (None, "", None, "")
        assert low.problem


def plain_volumes(good, published, since, until, tz):
    """The definition once more, an hour at a time, by Python's own time zones."""
    zone = ZoneInfo(tz)

    def wall(moment):
        return moment.astimezone(zone).replace(minute=0, second=0, tzinfo=None)

    old, new = (Counter(wall(one) for one in moments) for moments in (published, good))
    first, last, hour, found = min(old) + HOUR, wall(since), wall(since) - HOUR, []
    while hour <= wall(until):
        begin, end = (one.replace(tzinfo=zone).astimezone(UTC) for one in (hour, hour + HOUR))
        folds = {one.replace(tzinfo=zone, fold=fold).utcoffset() for one in (hour, hour + HOUR) for fold in (0, 1)}
        weeks = [hour - number * WEEK for number in range(1, 40)]
        known = [old[one] for one in weeks if first <= one < last][:WEEKS]
        if len(folds) == 1 and since < end <= until and len(known) >= ENOUGH and median(known):
            found.append((old[hour] + new[hour], median(known)))
        assert begin < end or len(folds) > 1
        hour += HOUR
    return found


@pytest.mark.parametrize("seed", range(4))
def test_hours_are_those_on_the_clock_of_the_zone_also_when_it_is_changed(seed):
    random = np.random.default_rng(seed)
    begin = datetime(2024, 1, 10, 7, tzinfo=UTC)  # the clocks of New York change on 10 March
    since = begin + timedelta(days=int(random.integers(35, 62)), hours=int(random.integers(24)), minutes=17)
    until = since + timedelta(hours=int(random.integers(2, 200)))
    rate = 30 + 25 * np.sin(np.arange(24) / 4)
    moments = [
        begin + number * HOUR + timedelta(seconds=int(second))
        for number in range(24 * 75)
        for second in random.integers(0, 3_600, random.poisson(rate[(begin + number * HOUR).hour]))
    ]
    published, good = [one for one in moments if one < since], [one for one in moments if since <= one < until]
    if seed % 2:
        good = good[: len(good) // 2]
    expected = plain_volumes(good, published, since, until, NEW_YORK)
    low, high, hours = volumes(rides(good), rides(published), since, until, NEW_YORK)
    assert (hours.value, hours.n) == (len(expected), sum(count for count, _ in expected))
    ratios = [count / usual for count, usual in expected] + [
        sum(count for count, _ in expected) / sum(usual for _, usual in expected)
    ]
    for one in (low, high):
        assert one.value == 1.0 or one.value in [pytest.approx(ratio) for ratio in ratios]
    if seed % 2:
        assert low.value == pytest.approx(min(ratios))


def test_the_age_is_that_of_the_newest_row_there_is():
    until = START + 10 * HOUR
    old, new = rides([START]), rides([START + 8 * HOUR, START + 2 * HOUR])
    for good, published, hours in [(new, old, 2), (old, new, 2), (new, None, 2), (new.clear(), old, 10)]:
        (age,) = measured({AGE}, good, published, until=until)
        assert (age.metric, age.value, age.n) == (AGE, hours * 3600, good.height)
    (age,) = measured({AGE}, new.clear(), None, until=until)
    assert age.value == until.timestamp()


def test_nulls_and_distributions_are_compared_column_by_column():
    random = np.random.default_rng(3)

    def batch(n, mean, null_share):
        return rides(
            [START + number * HOUR for number in range(n)],
            origin=[None if one < null_share else "ABC"[int(one * 1e6) % 3] for one in random.random(n)],
            fare=random.normal(mean, 1.0, n),
        )

    old = batch(4_000, 0.0, 0.1)
    same = measured({NULLS, DISTRIBUTION}, batch(2_000, 0.0, 0.1), old, until=START)
    moved = measured({NULLS, DISTRIBUTION}, batch(2_000, 2.0, 0.5), old, until=START)
    assert {one.slice for one in same if one.metric == DISTRIBUTION} == {"column=origin", "column=fare", "column=paid"}
    assert {one.slice for one in same if one.metric == NULLS} == {f"column={one.name}" for one in contract().columns}
    assert all(one.lower == 0 and one.baseline == VERSION for one in same)
    by_name = {(one.metric, one.slice): one for one in moved}
    fare, origin = by_name[DISTRIBUTION, "column=fare"], by_name[NULLS, "column=origin"]
    assert fare.value == pytest.approx(0.683, abs=0.06)  # 2 Phi(1) - 1 for two normals two deviations apart
    assert fare.lower > 0.4
    assert origin.value == pytest.approx(0.4, abs=0.04)
    assert by_name[DISTRIBUTION, "column=origin"].lower == 0  # what is there looks the same
    assert by_name[DISTRIBUTION, "column=paid"].value == 0


@pytest.mark.parametrize("good", [rides([]), rides([START])])
def test_with_nothing_to_compare_with_a_column_has_no_value_and_no_baseline(good):
    found = measured({NULLS, DISTRIBUTION}, good, None, until=START)
    assert len(found) == 6 + 3
    assert all(one.value is None and not one.baseline and one.problem for one in found)
