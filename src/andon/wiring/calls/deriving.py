"""The rows that derived rows were computed from, down to those that a source brought; computed again, and compared."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import polars as pl

from andon.contracts.dataset import DatasetContract
from andon.contracts.declaration import Derivation
from andon.expressions.lineage import sources_of_all
from andon.expressions.plan import FeaturePlan, plan_from_json
from andon.kernel.canonical import Json
from andon.kernel.digest import Digest
from andon.kernel.errors import IntegrityError
from andon.line.ingest.cast import cast_landed
from andon.line.ingest.derive import derive
from andon.runtime.derive_run import MADE_OF, identity_of
from andon.runtime.line import Line
from andon.runtime.tables import DATASET, REFERENCE, open_tables
from andon.store.manifest import Manifest
from andon.wiring.calls.finding import EVERY
from andon.wiring.calls.sourcing import Place, SourceRow, read_rows
from andon.wiring.factory import Opened


@dataclass(frozen=True, slots=True)
class DerivedFrom:
    """What one derived row was computed from.

    Attributes:
        spine: The row it was derived for: it asked when that happened.
        rows: For each column the rows of joined datasets that it looked at, the oldest first.
        differing: Columns that do not come out as they were published, in every bit.
    """

    spine: SourceRow
    rows: Mapping[str, tuple[SourceRow, ...]]
    differing: tuple[str, ...]

    def all_rows(self) -> tuple[SourceRow, ...]:
        """The spine's row and all others."""
        return (self.spine, *(row for rows in self.rows.values() for row in rows))

    def to_json(self) -> dict[str, Json]:
        """It for programs."""
        return {
            "spine": self.spine.to_json(),
            "columns": [{"name": name, "rows": [row.to_json() for row in rows]} for name, rows in self.rows.items()],
            "differing": list(self.differing),
        }


def derived_from(opened: Opened, line: Line, rows: Iterable[SourceRow]) -> dict[Place, DerivedFrom]:
    """What each derived row among these was computed from, and those rows in turn, until all are rows of sources.

    Each is computed again from the dataset versions that its derivation pinned, by the plan it was derived by.

    Args:
        opened: The factory.
        line: The line of a declaration; where rows were derived by another, that one is found.
        rows: Any rows.

    Raises:
        IntegrityError: An object's bytes are not those that were recorded, or nobody knows what rows were derived by.
    """
    found: dict[Place, DerivedFrom] = {}
    waiting = {row.place: row for row in rows}
    while waiting:
        batches: dict[Digest, list[SourceRow]] = {}
        for row in waiting.values():
            if row.batch:
                batches.setdefault(row.batch, []).append(row)
        read = [opened.database.manifests.get(digest) for digest in batches]
        new: dict[Place, DerivedFrom] = {}
        for batch in read:
            if MADE_OF in batch.facts:
                new |= _of_batch(opened, line, batch, batches[batch.digest])
        found |= new
        below = {row.place: row for one in new.values() for row in one.all_rows()}
        waiting = {place: row for place, row in below.items() if place not in found}
    return found


def _of_batch(opened: Opened, line: Line, batch: Manifest, rows: Sequence[SourceRow]) -> dict[Place, DerivedFrom]:
    """What derived rows of one batch were computed from."""
    pinned, referred = (
        {one.role.removeprefix(role): one.digest for one in batch.inputs if one.role.startswith(role)}
        for role in (DATASET, REFERENCE)
    )
    line, derivation = _derived_by(opened, line, batch, {**pinned, **referred})
    plan, tables = plan_from_json(derivation.plan), open_tables(line, pinned)
    places = [cast("int", row.landed_row) for row in rows]  # a derivation lands one row for each of its spine's
    asking = tables[plan.spine].collect()[places]
    sources = sources_of_all(plan, _questions(plan, asking), tables)
    spines: list[Place] = [(plan.spine, digest, row) for digest, row in asking.select("_object", "_row").iter_rows()]
    wanted = [*spines, *(source[1:] for each in sources for source in each)]
    read = read_rows(line, pinned, wanted)
    contract = line.contracts[derivation.contract]
    again, _ = cast_landed(derive(plan, contract, tables, derivation.known_after_ns, places), contract)
    differing = _differing(again.collect(), _published(line, contract, rows))
    found: dict[Place, DerivedFrom] = {}
    for row, spine, used, names in zip(rows, spines, sources, differing, strict=True):
        looked_at: dict[str, tuple[SourceRow, ...]] = {}
        for column, *place in used:
            looked_at[column] = (*looked_at.get(column, ()), read[cast("Place", tuple(place))])
        found[row.place] = DerivedFrom(read[spine], looked_at, names)
    return found


def _derived_by(opened: Opened, line: Line, batch: Manifest, pinned: Mapping[str, Digest]) -> tuple[Line, Derivation]:
    """The derivation that made a batch, and the line of its declaration."""
    name = str(batch.facts["contract"])
    runs = opened.database.runs.recent(line.factory, EVERY)
    others = dict.fromkeys(run.declaration for run in runs if run.facts.get("batch") == batch.digest)
    declarations = [line.declaration, *(opened.declaration(digest) for digest in others)]
    for declaration in declarations:
        for derivation in declaration.derivations:
            contract = declaration.datasets()[derivation.contract]
            if name == contract.name and batch.facts[MADE_OF] == identity_of(derivation, contract, pinned):
                return opened.line(declaration), derivation
    raise IntegrityError(
        "look.unknown-derivation",
        "No run of this factory says by what these rows were derived.",
        place=batch.digest,
        found=f"{len(declarations)} declarations that derive {name} otherwise, or not at all",
        fix="Run: andon audit verify",
    )


def _questions(plan: FeaturePlan, asking: pl.DataFrame) -> list[tuple[Mapping[str, object], int]]:
    physical = asking.select(*plan.needs, pl.col(plan.asked).alias("_asked"))
    rows = physical.with_columns(pl.selectors.temporal().to_physical()).iter_rows(named=True)
    return [(row, int(row.pop("_asked"))) for row in rows]


def _published(line: Line, contract: DatasetContract, rows: Sequence[SourceRow]) -> pl.DataFrame:
    """Rows of one contract as they were published, in the order given."""
    objects = {row.object: pl.read_parquet(line.records.blobs.local(row.object)) for row in rows}
    names = [column.name for column in contract.columns]
    return pl.concat([objects[row.object][row.row].select(names) for row in rows])


def _differing(again: pl.DataFrame, published: pl.DataFrame) -> list[tuple[str, ...]]:
    """For each row the columns that are not the same in every bit."""
    pairs = zip(
        *(frame.with_columns(pl.selectors.temporal().to_physical()).rows(named=True) for frame in (again, published)),
        strict=True,
    )
    return [tuple(name for name, value in then.items() if _bits(now[name]) != _bits(value)) for now, then in pairs]


def _bits(value: object) -> object:
    if isinstance(value, float):
        return value.hex()
    return [float(each).hex() for each in value] if isinstance(value, list) else value
