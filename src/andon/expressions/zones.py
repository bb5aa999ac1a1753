"""Time zones as tables of transitions, so that both compilers count hours and days in the same integers."""

import re
import struct
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib import resources
from io import BytesIO
from typing import Final
from zoneinfo import ZoneInfo

from andon.kernel.digest import Digest, of_bytes
from andon.kernel.errors import InputError

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*")
_END_S: Final = 9_223_372_037  # the last second of int64 nanoseconds, in the year 2262
_STEP_S: Final = 7 * 86_400
_EARLIEST_S: Final = -(2**63)
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001  # naive on purpose: it only counts seconds


@dataclass(frozen=True, slots=True)
class Zone:
    """Offsets from UTC in seconds, and the seconds since 1970 from which each holds; the first holds since ever."""

    name: str
    starts_s: tuple[int, ...]
    offsets_s: tuple[int, ...]
    digest: Digest


@cache
def zone(name: str) -> Zone:
    """The transition table of a time zone, up to the end of int64 nanoseconds.

    Raises:
        InputError: There is no time zone of that name.
    """
    data = _bytes(name)
    rules = ZoneInfo.from_file(BytesIO(data), key=name)
    moments = _explicit(data)
    last = moments[-1] if moments else 0
    if b"," in data.rstrip(b"\n").rpartition(b"\n")[2]:  # the footer names yearly rules
        moments += _ruled(rules, last)
    starts, offsets = [_EARLIEST_S], [_offset(rules, (moments[0] if moments else 0) - 1)]
    for moment in moments:
        offset = _offset(rules, moment)
        if offset != offsets[-1]:
            starts.append(moment)
            offsets.append(offset)
    packed = struct.pack(f"<{2 * len(starts)}q", *starts, *offsets)
    return Zone(name, tuple(starts), tuple(offsets), of_bytes(packed))


def _bytes(name: str) -> bytes:
    file = resources.files("tzdata").joinpath("zoneinfo", *name.split("/"))
    if not _NAME.fullmatch(name) or not file.is_file() or not (data := file.read_bytes()).startswith(b"TZif"):
        raise InputError(
            "expression.unknown-zone",
            "There is no time zone of that name.",
            found=repr(name),
            fix="Name it like America/New_York or UTC.",
        )
    return data


def _explicit(data: bytes) -> list[int]:
    """The transitions that a TZif file lists, in seconds (RFC 8536: the second, 64-bit block)."""
    isut, isstd, leap, times, types, chars = struct.unpack(">6l", data[20:44])
    second = 44 + times * 5 + types * 6 + chars + leap * 8 + isstd + isut
    count = struct.unpack(">6l", data[second + 20 : second + 44])[3]
    moments: tuple[int, ...] = struct.unpack_from(f">{count}q", data, second + 44)
    return [moment for moment in moments if -_END_S <= moment <= _END_S]


def _ruled(rules: ZoneInfo, last: int) -> list[int]:
    """The transitions after the last listed one, which follow yearly rules: found week by week, then to the second."""
    found = []
    before = _offset(rules, last)
    for start in range(last, _END_S, _STEP_S):
        after = _offset(rules, start + _STEP_S)
        if after != before:
            found.append(_first(rules, start, start + _STEP_S, before))
            before = after
    return found


def _first(rules: ZoneInfo, low: int, high: int, before: int) -> int:
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _offset(rules, middle) == before else (low, middle)
    return high


def _offset(rules: ZoneInfo, moment_s: int) -> int:
    from_utc = _naive(moment_s).replace(tzinfo=rules)
    return round((rules.fromutc(from_utc).replace(tzinfo=None) - _naive(moment_s)).total_seconds())


def _naive(moment_s: int) -> datetime:
    return _EPOCH + timedelta(seconds=moment_s)


def require(name: str, digest: Digest) -> Zone:
    """The transition table of a time zone, if it is the one an expression was written with.

    Raises:
        InputError: There is no such zone, or its rules have changed since.
    """
    table = zone(name)
    if table.digest != digest:
        raise InputError(
            "expression.zone-changed",
            f"The rules of {name} are not those this expression was written with.",
            place=name,
            found=f"{table.digest}, expected {digest}",
            fix="Install the tzdata version the model was trained with, or train again.",
        )
    return table
