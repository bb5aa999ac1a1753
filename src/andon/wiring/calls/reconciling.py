"""Whether a source still says what was published from it: read again as a whole, and compared day by day."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from andon.contracts.dataset import DatasetContract
from andon.kernel.canonical import Json
from andon.kernel.clock import iso
from andon.kernel.errors import UsageError
from andon.line.ingest.cast import cast_landed
from andon.line.ingest.stage import read_landed
from andon.runtime.batches import LANDED
from andon.runtime.landing import Wanted, brought
from andon.runtime.line import Line
from andon.runtime.tables import UNTIL, open_version, published
from andon.wiring.calls.declaring import declare_and_keep
from andon.wiring.calls.finding import EVERY
from andon.wiring.calls.showing import named_rows
from andon.wiring.factory import open_factory

NAMES: Final = ("day", "source", "dataset", "set aside", "missing", "only in dataset")
_DAY: Final = "\0day"


@dataclass(frozen=True, slots=True)
class Reconciled:
    """A source and its dataset by day of the event time in UTC, keys counted.

    Attributes:
        rows: Each day: keys of the source, of the dataset, of the source that were only ever quarantined, of the source
            that never came in, and of the dataset that the source no longer has.
        until: Up to when the source was asked.
    """

    source: str
    contract: str
    until: str
    rows: list[list[str]]

    @property
    def differing(self) -> list[list[str]]:
        """The days on which a key is missing on one side."""
        return [row for row in self.rows if row[-2:] != ["0", "0"]]

    def to_json(self) -> dict[str, Json]:
        """Every day for programs."""
        days = named_rows(NAMES, self.rows)
        return {"source": self.source, "contract": self.contract, "until": self.until, "days": days}


def reconcile(folder: Path, source: str, tell: Callable[[str], None]) -> Reconciled:
    """Read a source again, from its beginning to where its dataset ends, and compare the keys of both.

    Nothing is published and nothing is kept. Files are all read again that are still there.

    Args:
        folder: The factory's folder.
        source: The source's name.
        tell: Takes progress.

    Raises:
        UsageError: Nothing is published of it yet.
        AndonError: There is no such source, it cannot be read, or records are not what was recorded.
    """
    with open_factory(folder) as opened:
        declaration, _ = declare_and_keep(opened.settings, opened.children, opened.blobs)
        line = opened.line(declaration)
        known = line.source(source)
        contract = line.contracts[known.contract]
        version = published(line, contract.name)
        if version is None:
            fix = f"Bring its rows first: andon run {source}"
            raise UsageError("reconcile.nothing-published", "Nothing is published yet.", place=source, fix=fix)
        until_ns = int(str(version.facts[UNTIL]))
        tell(f"{source}: reading everything again")
        wanted = Wanted(known, contract, None, None, until_ns)
        there = brought(line, wanted, tell, lambda outcome: _keys(_read(outcome.folder / LANDED, contract), contract))
        here = open_version(line, version, contract.name).select(contract.identity).unique().collect()
        aside = pl.concat([here.clear(), *_set_aside(line, contract)]).unique()
    return Reconciled(source, contract.name, iso(until_ns), _by_day(contract, there, here, aside))


def _read(path: Path, contract: DatasetContract) -> pl.DataFrame:
    if path.exists():
        return read_landed(path)
    return pl.DataFrame(schema=dict.fromkeys((column.name for column in contract.columns), pl.Null))


def _keys(rows: pl.DataFrame, contract: DatasetContract) -> pl.DataFrame:
    """The identities of raw rows, each once; rows without a whole one have none to compare."""
    typed, _ = cast_landed(rows, contract)
    return typed.select(contract.identity).drop_nulls().unique().collect()


def _set_aside(line: Line, contract: DatasetContract) -> Iterator[pl.DataFrame]:
    """The identities of the rows that were ever quarantined."""
    for digest in line.records.manifests.of_kind("quarantine", EVERY):
        manifest = line.records.manifests.get(digest)
        if manifest.facts.get("contract") == contract.name:
            for item in manifest.content:
                rows = read_landed(line.records.blobs.local(item.sha256))
                lacking = [one.name for one in contract.columns if one.name not in rows.columns]
                whole = rows.with_columns(pl.lit(None).alias(name) for name in lacking)
                yield _keys(whole.select(column.name for column in contract.columns), contract)


def _by_day(contract: DatasetContract, there: pl.DataFrame, here: pl.DataFrame, aside: pl.DataFrame) -> list[list[str]]:
    keys = list(contract.identity)
    never = there.join(here, on=keys, how="anti")
    parts = (
        there,
        here,
        never.join(aside, on=keys, how="semi"),
        never.join(aside, on=keys, how="anti"),
        here.join(there, on=keys, how="anti"),
    )
    event = contract.event_time
    day = pl.lit("all") if event is None else pl.col(event).dt.strftime("%Y-%m-%d")
    counted = [
        part.group_by(day.alias(_DAY)).agg(pl.len().alias(name)) for name, part in zip(NAMES[1:], parts, strict=True)
    ]
    days = pl.concat([part.select(_DAY) for part in counted]).unique().sort(_DAY)
    for part in counted:
        days = days.join(part, on=_DAY, how="left")
    return [[str(cell) for cell in row] for row in days.fill_null(0).sort(_DAY).iter_rows()]
