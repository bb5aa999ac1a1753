"""Time as one number."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.kernel.clock import SECOND_NS, SystemClock, duration_ns, iso, parse_iso
from andon.kernel.errors import UsageError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
moments = st.timedeltas(timedelta(days=-25000), timedelta(days=90000)).map(
    lambda since: (EPOCH + since).replace(tzinfo=None)
)


def test_the_clock_reads_nanoseconds_since_1970():
    seconds = SystemClock().now_ns() / SECOND_NS
    assert abs(seconds - datetime.now(UTC).timestamp()) < 60


@given(moments, st.integers(-14 * 60, 14 * 60))
def test_a_written_moment_is_the_exact_number_of_nanoseconds(moment, offset_minutes):
    zoned = moment.replace(tzinfo=timezone(timedelta(minutes=offset_minutes)))
    expected = (zoned - EPOCH) // timedelta(microseconds=1) * 1000
    assert parse_iso(zoned.isoformat()) == expected
    assert parse_iso(moment.isoformat()) == (moment.replace(tzinfo=UTC) - EPOCH) // timedelta(microseconds=1) * 1000


@given(st.integers(-(2**60), 2**62).map(lambda us: us // 1000 * 1000))
def test_a_moment_in_whole_microseconds_reads_back(ns):
    assert parse_iso(iso(ns)) == ns


@given(st.integers(0, 2**62), st.integers(1, 10**12))
def test_written_moments_sort_as_their_numbers_to_the_second(ns, step):
    assert iso(ns)[:19] <= iso(ns + step)[:19]


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1, "1970-01-01T00:00:00.000000001Z"),
        (-1, "1969-12-31T23:59:59.999999999Z"),
        (1_500_000_000, "1970-01-01T00:00:01.5Z"),
        (1_372_636_800 * SECOND_NS, "2013-07-01T00:00:00Z"),
    ],
)
def test_a_moment_is_written_with_as_many_decimals_as_it_needs(ns, text):
    assert iso(ns) == text


def test_a_date_alone_is_its_first_moment_in_utc():
    assert iso(parse_iso("2013-07-01")) == "2013-07-01T00:00:00Z"
    assert parse_iso("2013-07-01T02:00:00+02:00") == parse_iso("2013-07-01")


@pytest.mark.parametrize("text", ["", "yesterday", "2013-13-01", "2013-02-30", "12:00", "2013-07-01T25:00"])
def test_what_is_no_moment_is_refused(text):
    with pytest.raises(UsageError, match="not-a-time"):
        parse_iso(text)


@given(
    st.lists(
        st.tuples(st.integers(0, 999), st.sampled_from(["ns", "us", "ms", "s", "m", "h", "d", "w"])),
        min_size=1,
        max_size=4,
    )
)
def test_a_duration_is_the_sum_of_its_parts(parts):
    sizes = {
        "ns": timedelta(0),
        "us": timedelta(microseconds=1),
        "ms": timedelta(milliseconds=1),
        "s": timedelta(seconds=1),
        "m": timedelta(minutes=1),
        "h": timedelta(hours=1),
        "d": timedelta(days=1),
        "w": timedelta(weeks=1),
    }
    expected = sum(n if unit == "ns" else n * (sizes[unit] // timedelta(microseconds=1)) * 1000 for n, unit in parts)
    assert duration_ns("".join(f"{n}{unit}" for n, unit in parts)) == expected


@pytest.mark.parametrize("text", ["", "3", "h", "3 h", "-3h", "3H", "3y", "1.5h", "3hx", "x3h"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(UsageError, match="not-a-duration"):
        duration_ns(text)


@given(st.integers(min_value=-(10**18), max_value=4 * 10**18))
def test_a_moment_is_read_back_to_the_nanosecond(moment: int) -> None:
    """What andon prints as a time is the time it means."""
    assert parse_iso(iso(moment)) == moment
