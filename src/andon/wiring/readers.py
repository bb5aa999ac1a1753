"""Who reads which kind of source; a library that one needs is loaded when it is read."""

from importlib import import_module
from typing import Final, Protocol, cast

from andon.adapters.source_files.reader import read_files
from andon.contracts.reading import Reading
from andon.kernel.errors import UsageError
from andon.line.ingest.ports import Asked, Brought

_EXTRAS: Final = {"sql": ("adbc", "read_sql"), "delta": ("delta", "read_delta")}


class _AnyReader(Protocol):
    def __call__(self, asked: Asked[Reading]) -> Brought: ...


def reader_of(reads: Reading) -> _AnyReader:
    """The reader of what a source reads.

    Raises:
        UsageError: The library that it needs is not installed (`source.no-extra`).
    """
    if reads.kind not in _EXTRAS:
        return cast("_AnyReader", read_files)
    module, name = _EXTRAS[reads.kind]
    try:
        return cast("_AnyReader", getattr(import_module(f"andon.adapters.{module}"), name))
    except ModuleNotFoundError as error:
        raise UsageError(
            "source.no-extra",
            "The library that reads this kind of source is not installed.",
            place=reads.kind,
            found=str(error),
            fix=f"Install it where the line runs: pip install 'andon[{reads.kind}]'",
        ) from error
