"""Moments as typed expressions: compared, subtracted, and read off a calendar in a named time zone."""

from __future__ import annotations

from andon.api.typed import Bool, Int, Ordered, two_sided
from andon.expressions import tree
from andon.expressions.zones import zone


class Time(Ordered):
    """A moment, in nanoseconds."""

    __slots__ = ()
    __hash__ = object.__hash__

    def __eq__(self, other: Time | str) -> Bool:  # type: ignore[override]  # gives an expression, not an answer
        return Bool(*two_sided("eq", self, other))

    def __ne__(self, other: Time | str) -> Bool:  # type: ignore[override]  # gives an expression, not an answer
        return Bool(*two_sided("ne", self, other))

    def __gt__(self, other: Time | str) -> Bool:
        return Bool(*two_sided("gt", self, other))

    def __ge__(self, other: Time | str) -> Bool:
        return Bool(*two_sided("ge", self, other))

    def __lt__(self, other: Time | str) -> Bool:
        return Bool(*two_sided("lt", self, other))

    def __le__(self, other: Time | str) -> Bool:
        return Bool(*two_sided("le", self, other))

    def __sub__(self, other: Time) -> Int:
        """Nanoseconds since another moment."""
        return Int(*two_sided("sub", self, other))

    def fill_null(self, value: Time | str) -> Time:
        """This, or `value` where it is null."""
        return Time(*two_sided("fill_null", self, value))

    def hour(self, tz: str) -> Int:
        """The hour of the day in a time zone, 0 to 23."""
        return self._calendar("hour", tz)

    def weekday(self, tz: str) -> Int:
        """The day of the week in a time zone, from Monday = 1 to Sunday = 7."""
        return self._calendar("weekday", tz)

    def month(self, tz: str) -> Int:
        """The month in a time zone, 1 to 12."""
        return self._calendar("month", tz)

    def day(self, tz: str) -> Int:
        """The day of the month in a time zone, 1 to 31."""
        return self._calendar("day", tz)

    def minute(self, tz: str) -> Int:
        """The minute of the hour in a time zone, 0 to 59."""
        return self._calendar("minute", tz)

    def second(self, tz: str) -> Int:
        """The second of the minute in a time zone, 0 to 59."""
        return self._calendar("second", tz)

    def year(self, tz: str) -> Int:
        """The year in a time zone."""
        return self._calendar("year", tz)

    def week(self, tz: str) -> Int:
        """The week of ISO 8601 in a time zone, 1 to 53."""
        return self._calendar("week", tz)

    def quarter(self, tz: str) -> Int:
        """The quarter of the year in a time zone, 1 to 4."""
        return (self.month(tz) + 2) // 3

    def ordinal_day(self, tz: str) -> Int:
        """The day of the year in a time zone, 1 to 366."""
        return self._calendar("ordinal_day", tz)

    def is_weekend(self, tz: str) -> Bool:
        """Whether it is a Saturday or a Sunday in a time zone."""
        return self.weekday(tz) >= 6

    def is_between(self, low: Time | str, high: Time | str) -> Bool:
        """Whether it is not before `low` and not after `high`."""
        return (self >= low) & (self <= high)

    def _calendar(self, op: str, tz: str) -> Int:
        return Int(tree.apply(op, self.node, tz=tz, table=zone(tz).digest), self.home)
