"""Delta Lake tables as sources: one version, read as a whole; the protocol is deltalake's business."""

from pathlib import Path

import polars as pl
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError

from andon.contracts.reading import Account, Delta, variable_of
from andon.kernel.errors import InputError
from andon.line.ingest.ports import Asked, Brought


def read_delta(asked: Asked[Delta]) -> Brought:
    """Bring the rows of the version that is declared, or of the newest one; none, where that was read last.

    Raises:
        InputError: There is no such table or version, or its files are not what its log says.
    """
    path = _path(asked)
    wanted = asked.reads.version
    try:
        table = DeltaTable(str(path), version=wanted)
        version = str(table.version())
        if version == asked.version:
            return Brought(None, Account(version=version))
        rows = pl.scan_delta(table).collect()
    except (DeltaError, OSError, pl.exceptions.PolarsError) as error:
        what = "there is no version" if wanted is not None else "there is no whole table"
        fix = "Name the folder that holds _delta_log, and a version that there is."
        message = "This is no Delta table." if isinstance(error, TableNotFoundError) else f"For Delta, {what} here."
        found = asked.shown(" ".join(str(error).split()))[:300]
        place = asked.shown(path) if wanted is None else f"{asked.shown(path)}, version {wanted}"
        raise InputError("delta.unreadable", message, place=place, found=found, fix=fix) from error
    return Brought(rows.lazy(), Account(version=version))


def _path(asked: Asked[Delta]) -> Path:
    name = variable_of(asked.reads.path)
    told = asked.value_of(name) + asked.reads.path.removeprefix(f"env:{name}") if name else asked.reads.path
    path = asked.folder / told
    if not path.is_dir():
        fix = "Name the folder that holds _delta_log; a relative path begins in the factory folder."
        found = "a file" if path.exists() else "nothing"
        raise InputError("delta.unreadable", "This is no Delta table.", place=asked.shown(path), found=found, fix=fix)
    return path
