"""How values look to people: moments to the second, digests short, numbers with the digits that matter."""

from collections.abc import Mapping, Sequence
from typing import Final

from andon.contracts.evidence import Measurement
from andon.kernel.canonical import Json
from andon.kernel.clock import SECOND_NS, iso
from andon.kernel.digest import Digest, short
from andon.kernel.errors import InputError

_ID_SHOWN: Final = 12
_MEBIBYTE: Final = 1 << 20


def moment(ns: int) -> str:
    """A moment as ISO 8601 in UTC, to the second."""
    return iso(ns // SECOND_NS * SECOND_NS)


def moment_in(facts: Mapping[str, Json], name: str) -> str:
    """A moment among an artefact's facts, where it stands as text; empty where it does not."""
    text = facts.get(name)
    return moment(int(text)) if isinstance(text, str) and text.isdecimal() else ""


def short_or_none(digest: Digest) -> str:
    """A digest in short, `none` where there is none, and as it is where it is no digest."""
    if not digest:
        return "none"
    try:
        return short(digest)
    except InputError:
        return digest


def id_shown(run_id: str) -> str:
    """The end of a run's id: the beginnings of ids made in the same hour are alike."""
    return run_id[-_ID_SHOWN:]


def number(value: float | None) -> str:
    """A measured value with six digits; `none` where nothing could be measured."""
    return "none" if value is None else f"{value:.6g}"


def interval(one: Measurement) -> str:
    """The interval of a measurement; empty where it has none."""
    return "" if one.lower is None or one.upper is None else f"{one.lower:.4g} to {one.upper:.4g}"


def mebibytes(size: object) -> str:
    """A size in bytes as mebibytes; empty where it is none."""
    return f"{size / _MEBIBYTE:.0f} MiB" if isinstance(size, int | float) and not isinstance(size, bool) else ""


def named_rows(names: Sequence[str], rows: Sequence[Sequence[str]]) -> list[Json]:
    """Rows of a table as objects, for programs."""
    return [dict(zip(names, row, strict=True)) for row in rows]
