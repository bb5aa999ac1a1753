"""Time as one number: int64 nanoseconds since 1970 in UTC."""

import re
import time
from datetime import UTC, datetime
from typing import Final, Protocol

from andon.kernel.errors import UsageError

SECOND_NS: Final = 1_000_000_000
_UNITS_NS: Final = {
    "ns": 1,
    "us": 1_000,
    "ms": 1_000_000,
    "s": SECOND_NS,
    "m": 60 * SECOND_NS,
    "h": 3_600 * SECOND_NS,
    "d": 86_400 * SECOND_NS,
    "w": 7 * 86_400 * SECOND_NS,
}
_DURATION: Final = re.compile(r"(\d+)(ns|us|ms|s|m|h|d|w)")
_FRACTION: Final = re.compile(r"(?<=\d)[.,](\d+)")


class Clock(Protocol):
    """Where the time comes from."""

    def now_ns(self) -> int:
        """The time now, in nanoseconds since 1970 in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now_ns(self) -> int:
        """The time now, in nanoseconds since 1970 in UTC."""
        return time.time_ns()


def duration_ns(text: str) -> int:
    """A duration such as `90s`, `2d` or `1h30m` in nanoseconds.

    Raises:
        UsageError: The text is not a duration.
    """
    parts = _DURATION.findall(text)
    if not parts or "".join(a + b for a, b in parts) != text:
        raise UsageError(
            "time.not-a-duration", "This is not a duration.", found=repr(text), fix="Write it like 90s, 20ms, 3h or 2d."
        )
    return sum(int(number) * _UNITS_NS[unit] for number, unit in parts)


def iso(ns: int) -> str:
    """A moment as ISO 8601 in UTC, with as many decimals as it needs."""
    seconds, rest = divmod(ns, SECOND_NS)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    decimals = f".{rest:09d}".rstrip("0").rstrip(".")
    return f"{text}{decimals}Z"


def parse_iso(text: str) -> int:
    """A moment written as ISO 8601, in nanoseconds; a date alone is its first moment, no zone means UTC.

    Raises:
        UsageError: The text is not a date or a time.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(
            "time.not-a-time",
            "This is not a date or time.",
            found=repr(text),
            fix="Write it like 2013-07-01 or 2013-07-01T12:00:00Z.",
        ) from error
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    whole = moment.replace(microsecond=0)
    # Python keeps six decimals of a second; the nine that nanoseconds have are read here.
    fraction = _FRACTION.search(text)
    return int(whole.timestamp()) * SECOND_NS + (int(fraction[1][:9].ljust(9, "0")) if fraction else 0)
