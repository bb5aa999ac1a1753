"""What the generated function of a row calls: mathematics with edges that both compilers agree on, and calendars."""

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping
from typing import Final

from andon.expressions.literals import HIGHEST, LOWEST


def _div(above: float, below: float) -> float | None:
    if below != 0:
        return above / below
    return None if above == 0 else math.copysign(math.inf, above) * math.copysign(1.0, below)


def _log(value: float) -> float | None:
    return math.log(value) if value > 0 else -math.inf if value == 0 else None


def _log1p(value: float) -> float | None:
    return math.log1p(value) if value > -1 else -math.inf if value == -1 else None


def _sqrt(value: float) -> float | None:
    return math.sqrt(value) if value >= 0 else None


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)


def _round(value: float) -> float:
    """To the nearest whole number, halves to the even one."""
    return value if math.isinf(value) else math.copysign(float(round(value)), value)


def _exp(value: float) -> float:
    try:
        return math.exp(value)
    except OverflowError:
        return math.inf


def _wave(function: Callable[[float], float]) -> Callable[[float], float | None]:
    return lambda value: None if math.isinf(value) else function(value)


def _whole(function: Callable[[float], int]) -> Callable[[float], float]:
    """Rounding as IEEE has it: an infinity stays one, and what is rounded to 0 keeps its sign."""
    return lambda value: value if math.isinf(value) else math.copysign(float(function(value)), value)


def _to_int(value: float) -> int | None:
    return int(value) if LOWEST <= value < HIGHEST + 1 else None


def _year(local_s: int) -> int:
    days = local_s // 86_400 + 719_468
    day = days % 146_097
    years = (day - day // 1_460 + day // 36_524 - day // 146_096) // 365
    return days // 146_097 * 400 + years + (_month(local_s) < 3)


def _week(local_s: int) -> int:
    """The week of ISO 8601: that of its Thursday, counted from the first one with a Thursday in January."""
    thursday = local_s // 86_400 + 3 - (local_s // 86_400 + 3) % 7
    return (_ordinal_day(thursday * 86_400) - 1) // 7 + 1


def _ordinal_day(local_s: int) -> int:
    """The day of the year, from days since the last first of March: 59 days, or 60, come before it."""
    year = _year(local_s)
    is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    day = _day_of_year(local_s // 86_400)
    return day - 305 if day >= 306 else day + 60 + is_leap


def _month(local_s: int) -> int:
    """The month of a day in the proleptic Gregorian calendar, counted from March to put leap days last."""
    shifted = (5 * _day_of_year(local_s // 86_400) + 2) // 153
    return shifted + 3 if shifted < 10 else shifted - 9


def _day(local_s: int) -> int:
    day_of_year = _day_of_year(local_s // 86_400)
    return day_of_year - (153 * ((5 * day_of_year + 2) // 153) + 2) // 5 + 1


def _day_of_year(days: int) -> int:
    """Days since the last first of March, from days since 1970."""
    day = (days + 719_468) % 146_097
    year = (day - day // 1_460 + day // 36_524 - day // 146_096) // 365
    return day - (365 * year + year // 4 - year // 100)


SCOPE: Final[Mapping[str, object]] = {
    "bisect": bisect_right,
    "div": _div,
    "log": _log,
    "log1p": _log1p,
    "sqrt": _sqrt,
    "exp": _exp,
    "month": _month,
    "day": _day,
    "year": _year,
    "ordinal_day": _ordinal_day,
    "sin": _wave(math.sin),
    "cos": _wave(math.cos),
    "tanh": math.tanh,
    "sign": _sign,
    "round": _round,
    "week": _week,
    "floor": _whole(math.floor),
    "ceil": _whole(math.ceil),
    "to_int": _to_int,
}
