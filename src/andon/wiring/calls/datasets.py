"""Published datasets with the batches they grew by, and the rows that were set aside on the way."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from andon.contracts.reading import FileRead, place_of_row
from andon.kernel.canonical import Json
from andon.kernel.digest import Digest
from andon.kernel.errors import InputError, UsageError
from andon.runtime.landing import files_of
from andon.runtime.tables import version_before
from andon.store.manifest import Manifest
from andon.wiring.calls.finding import EVERY
from andon.wiring.calls.showing import moment_in, named_rows, short_or_none
from andon.wiring.factory import Opened, open_factory

_NAMES: Final = ("dataset", "batch", "in", "good", "quarantined", "duplicate", "up to")
_COUNTS: Final = ("in", "good", "quarantined", "duplicate")
_REASONS: Final = "_reasons"
_ROW: Final = "_row"
_PLACE: Final = "_place"


@dataclass(frozen=True, slots=True)
class Datasets:
    """Every batch of every published dataset, the newest first: dataset, batch, counts, up to when."""

    rows: list[list[str]]
    batches: tuple[Digest, ...]

    def to_json(self) -> list[Json]:
        """The batches for programs, with whole digests."""
        return [
            {**row, "batch": digest}
            for row, digest in zip(named_rows(_NAMES, self.rows), self.batches, strict=True)
            if isinstance(row, Mapping)
        ]


@dataclass(frozen=True, slots=True)
class Quarantine:
    """Why rows were set aside, how many for each reason, and some of them.

    Attributes:
        reasons: Reason and number of rows, the most frequent first; a row may have several.
        columns: Names of the columns of `rows`: first the row's number where it landed, then its reasons, and where its
            source reads files, in which one it stands and where.
        rows: Examples, as the source gave them.
        total: How many rows were set aside.
    """

    contract: str
    reasons: list[list[str]]
    columns: list[str]
    rows: list[list[str]]
    total: int

    def to_json(self) -> dict[str, Json]:
        """The quarantine for programs."""
        return {
            "contract": self.contract,
            "total": self.total,
            "reasons": {reason: int(rows) for reason, rows in self.reasons},
            "examples": named_rows(self.columns, self.rows),
        }


def datasets_of(folder: Path) -> Datasets:
    """The published datasets with their batches.

    Raises:
        AndonError: There is no factory, or its records are not what was recorded.
    """
    with open_factory(folder) as opened:
        prefix = f"dataset/{opened.settings.name}/"
        found = [
            (ref.name.removeprefix(prefix), batch)
            for ref in opened.database.refs.with_prefix(prefix)
            for batch in _batches(opened, ref.digest)
        ]
    return Datasets([_row(name, batch) for name, batch in found], tuple(batch.digest for _, batch in found))


def quarantine_of(folder: Path, contract: str, rows: int) -> Quarantine:
    """Why rows of a contract were set aside, and examples of them, the newest batch first.

    Raises:
        UsageError: Nothing of such a contract ever landed, or the number of rows is negative.
        IntegrityError: The bytes are not those that were stored.
    """
    if rows < 0:
        raise UsageError("look.rows", "So many rows cannot be shown.", found=str(rows), fix="Ask for 0 or more.")
    with open_factory(folder) as opened:
        _check_landed(opened, contract)
        reasons: Counter[str] = Counter()
        total, examples = 0, list[pl.DataFrame]()
        for frame in _set_aside(opened, contract):
            reasons.update(frame[_REASONS].explode(empty_as_null=False).drop_nulls().to_list())
            wanted = rows - sum(one.height for one in examples)
            examples += [frame.head(wanted)] if wanted > 0 else []
            total += frame.height
    columns, shown = _texts(examples)
    counted = [[reason, str(number)] for reason, number in reasons.most_common()]
    return Quarantine(contract, counted, columns, shown, total)


def _batches(opened: Opened, version: Digest) -> Iterator[Manifest]:
    """The batches that a dataset grew by, the newest first."""
    manifests = opened.database.manifests
    waiting = [version]
    while waiting:
        dataset = manifests.get(waiting.pop())
        yield from (manifests.get(digest) for digest in dataset.inputs_of("batch"))
        waiting += filter(None, [version_before(dataset)])


def _row(name: str, batch: Manifest) -> list[str]:
    counts = batch.facts.get("counts")
    numbers = counts if isinstance(counts, Mapping) else {}
    words = [str(numbers.get(count, "?")) for count in _COUNTS]
    return [name, short_or_none(batch.digest), *words, moment_in(batch.facts, "until_ns")]


def _check_landed(opened: Opened, contract: str) -> None:
    manifests = opened.database.manifests
    known = {str(manifests.get(digest).facts.get("contract", "")) for digest in manifests.of_kind("batch", EVERY)}
    if contract not in known:
        raise UsageError(
            "look.unknown-contract",
            f"No rows of a contract {contract!r} have landed.",
            found=", ".join(sorted(known - {""})) or "nothing has landed yet",
            fix="Name one of those found." if known - {""} else "Run the line: andon run",
        )


def _set_aside(opened: Opened, contract: str) -> Iterator[pl.DataFrame]:
    """The quarantined rows of each batch, the newest batch first, their bytes checked."""
    manifests = opened.database.manifests
    for digest in manifests.of_kind("quarantine", EVERY):
        manifest = manifests.get(digest)
        if manifest.facts.get("contract") == contract:
            files = files_of(manifests.get(manifest.inputs_of("batch")[0]))
            for item in manifest.content:
                yield _with_place(_read(opened, item.sha256), files)


def _with_place(rows: pl.DataFrame, files: tuple[FileRead, ...]) -> pl.DataFrame:
    if not files:
        return rows
    return rows.with_columns(pl.Series(_PLACE, [place_of_row(files, row) for row in rows[_ROW]], dtype=pl.String))


def _read(opened: Opened, sha256: Digest) -> pl.DataFrame:
    path = opened.blobs.local(sha256)
    try:
        return pl.read_parquet(path, hive_partitioning=False)
    except pl.exceptions.PolarsError as error:
        raise InputError(
            "look.unreadable-quarantine",
            "These quarantined rows cannot be read.",
            place=sha256,
            found=str(error)[:200],
            fix="Run: andon audit verify",
        ) from error


def _texts(frames: Iterable[pl.DataFrame]) -> tuple[list[str], list[list[str]]]:
    """The rows of several frames as text; a column that one of them lacks is empty there."""
    given = [frame.with_columns(pl.col(_REASONS).list.join(", ")) for frame in frames]
    if not given:
        return [], []
    whole = pl.concat(given, how="diagonal_relaxed")
    place = {_PLACE: "file"} if _PLACE in whole.columns else {}
    own = [name for name in whole.columns if not name.startswith("_")]
    order, names = [_ROW, _REASONS, *place, *own], ["row", "reasons", *place.values(), *own]
    return names, [["" if cell is None else str(cell) for cell in row] for row in whole.select(order).iter_rows()]
