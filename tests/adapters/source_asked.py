"""What a reader is asked for in tests: a folder, and a clock an hour ahead of its files."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from andon.contracts.reading import FileRead, Reading
from andon.line.ingest.ports import Asked

HOUR_NS = 3_600_000_000_000
DAY_NS = 24 * HOUR_NS


def asked(
    reads: Reading,
    folder: Path,
    scratch: Path,
    *,
    seen: Sequence[FileRead] = (),
    version: str = "",
    window: tuple[int | None, int] = (None, 2**62),
    variables: Mapping[str, str] | None = None,
    now_ns: int = 2**62,
    settle_ns: int = 5 * 10**9,
    nullable: tuple[str, ...] = (),
) -> Asked[Reading]:
    """Everything of a source that is new."""
    scratch.mkdir(parents=True)
    return Asked(
        source="orders",
        reads=reads,
        folder=folder,
        variables=variables or {},
        since_ns=window[0],
        until_ns=window[1],
        now_ns=now_ns,
        settle_ns=settle_ns,
        seen=tuple(seen),
        version=version,
        nullable=nullable,
        scratch=scratch,
    )
