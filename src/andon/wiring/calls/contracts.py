"""Contracts of datasets: as declared now, compared with what is published, written to files and read from them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from andon.adapters.yaml import read_yaml, write_yaml
from andon.contracts.dataset import DatasetContract, Rule
from andon.contracts.declaration import Declaration
from andon.expressions.marks import behind_derived, reads_of
from andon.expressions.plan import plan_from_json
from andon.expressions.tree import from_json
from andon.kernel.canonical import Json
from andon.kernel.digest import Digest, short
from andon.kernel.errors import UsageError
from andon.registry.contract_changes import ContractChange, contract_changes
from andon.wiring.calls.declaring import declare
from andon.wiring.calls.feature_use import served_by
from andon.wiring.calls.finding import EVERY, find_artefact
from andon.wiring.children import LocalChildren
from andon.wiring.contract_files.inferring import infer_contract
from andon.wiring.contract_files.odcs_read import read_odcs
from andon.wiring.contract_files.odcs_written import write_odcs
from andon.wiring.contract_files.python_source import write_contract
from andon.wiring.factory import Opened, open_factory
from andon.wiring.files import read_file
from andon.wiring.settings import load_settings

_SHORTEST: Final = 4


@dataclass(frozen=True, slots=True)
class ShownContract:
    """A contract as it is declared now.

    Attributes:
        columns: Name, kind, role, and what else is said of it.
        rules: Id, what it says, severity, and the share of rows that may break it.
        lines: Who answers for it, its identity, and who brings its rows, in words.
    """

    name: str
    digest: Digest
    lines: tuple[str, ...]
    columns: list[list[str]]
    rules: list[list[str]]


@dataclass(frozen=True, slots=True)
class ContractDifference:
    """What two versions of a contract differ in.

    Attributes:
        lines: Which two, in words.
        changes: Every difference, what breaks something first.
        readers: For each of them, who reads the columns that it concerns.
    """

    lines: tuple[str, ...]
    changes: tuple[ContractChange, ...]
    readers: tuple[tuple[str, ...], ...]

    @property
    def rows(self) -> list[list[str]]:
        """The differences as words: what, before, after, meaning, why, who reads it."""
        return [
            [one.what, one.before, one.after, one.meaning, one.why, "\n".join(readers) or "nobody"]
            for one, readers in zip(self.changes, self.readers, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class WrittenContract:
    """A contract as Python text, and what was guessed or left out, which stands in it as comments."""

    source: str
    notes: tuple[str, ...]


def show_contract(folder: Path, name: str) -> ShownContract:
    """A contract as the factory's code declares it now.

    Raises:
        UsageError: The code declares no such contract.
    """
    declaration, contract = _declared_in(folder, name)
    origin = next(one for one in declaration.origins if one.contract == name)
    after = contract.known_after_ns
    known = "by the column known_at()" if contract.of_role("known_at") else "when their batch is published"
    known = known if after is None else f"{after / 10**9:g} s after they happened"
    lines = (
        f"{name}, brought in by {origin.name}; {contract.owner or 'nobody'} answers for it",
        f"{' and '.join(contract.identity)} name a row; rows are known {known}",
        *(f"refers to {of}" for of in contract.references),
    )
    rules = [[rule.id, rule.text, rule.severity, _tolerated(rule)] for rule in contract.rules]
    return ShownContract(name, contract.digest(), lines, list(_columns(contract)), rules)


def diff_contract(folder: Path, name: str, before: str, after: str) -> ContractDifference:
    """What two versions of a contract differ in, what that breaks, and for whom.

    Args:
        folder: The factory's folder.
        name: The contract.
        before: The beginning of the digest of a contract or of a dataset version; empty for what is published.
        after: Another one; empty for what is declared now.

    Raises:
        UsageError: There is no such contract, nothing of it is published, or no such digest.
    """
    with open_factory(folder) as opened:
        declared = declare(opened.settings, opened.children)
        known = _known(opened, declared, name)
        old = _version(opened, known, name, before) if before else _published(opened, known, name)
        new = _version(opened, known, name, after) if after else _of(declared, name)
        changes = contract_changes(old, new)
        columns = dict.fromkeys(f"{name}.{column}" for one in changes for column in one.columns)
        readers = _readers(declared, tuple(columns))
        served = served_by(opened, tuple(columns)) if columns else {}
    found = tuple(
        tuple(
            dict.fromkeys(
                who for column in one.columns for who in (*readers[f"{name}.{column}"], *served[f"{name}.{column}"])
            )
        )
        for one in changes
    )
    broken = sum(one.meaning == "breaking" for one in changes)
    said = "the same" if old == new else f"{len(changes)} differences, {broken} of them breaking"
    lines = (f"- {name} {short(old.digest())}", f"+ {name} {short(new.digest())}", said)
    return ContractDifference(lines, changes, found)


def export_contract(folder: Path, name: str) -> dict[str, Json]:
    """A contract as it is declared now, as a document of the Open Data Contract Standard 3.1.

    Raises:
        UsageError: The code declares no such contract.
        InputError: The standard cannot hold it exactly.
    """
    return write_odcs(_declared_in(folder, name)[1])


def yaml_of(document: dict[str, Json]) -> str:
    """A document as YAML."""
    return write_yaml(document)


def import_contract(path: Path) -> WrittenContract:
    """The class for a contract in a file of the Open Data Contract Standard 3, YAML or JSON.

    Raises:
        InputError: The file cannot be read, or is no such contract.
    """
    contract, notes = read_odcs(read_yaml(read_file(path), path.name), path.name)
    owner = (f"its team is {contract.owner}: @factory.ingest(..., owner=...)",) if contract.owner else ()
    return WrittenContract(write_contract(contract, (*owner, *notes)), (*owner, *notes))


def contract_from_table(path: Path) -> WrittenContract:
    """The class for a contract that a CSV or Parquet file seems to keep.

    Raises:
        InputError: The file cannot be read, has no rows, or no column that could name a row.
    """
    contract, notes = infer_contract(path)
    return WrittenContract(write_contract(contract, notes), notes)


def _declared_in(folder: Path, name: str) -> tuple[Declaration, DatasetContract]:
    settings = load_settings(folder)
    declaration = declare(settings, LocalChildren(settings.spool))
    return declaration, _of(declaration, name)


def _of(declaration: Declaration, name: str) -> DatasetContract:
    known = declaration.datasets()
    if name not in known:
        raise UsageError(
            "look.unknown-contract",
            f"The factory declares no contract {name!r}.",
            found=", ".join(sorted(known)),
            fix="Name one of those found.",
        )
    return known[name]


def _columns(contract: DatasetContract) -> Iterator[list[str]]:
    for column in contract.columns:
        marks = [mark for mark in ("nullable", "segment", "pii", "protected") if getattr(column, mark)]
        marks += [column.unit] if column.unit else []
        marks += [f"{column.scale} decimals"] if column.scale else []
        marks += [column.tz] if column.kind == "time" else []
        yield [column.name, column.kind, "" if column.role == "value" else column.role, ", ".join(marks)]


def _tolerated(rule: Rule) -> str:
    return "none" if rule.severity == "block" else "any" if rule.tolerance == 1 else f"{rule.tolerance:.2%}"


def _known(opened: Opened, declared: Declaration, name: str) -> dict[Digest, DatasetContract]:
    """Every version of a contract that a recorded run or the code of now declares, by its digest."""
    runs = opened.database.runs.recent(opened.settings.name, EVERY)
    said = [declared, *(opened.declaration(one) for one in dict.fromkeys(run.declaration for run in runs))]
    found = [one.datasets()[name] for one in said if name in one.contracts]
    return {contract.digest(): contract for contract in found}


def _published(opened: Opened, known: Mapping[Digest, DatasetContract], name: str) -> DatasetContract:
    ref = opened.database.refs.get(f"dataset/{opened.settings.name}/{name}")
    if ref is None:
        fix = "Run its source first: andon run"
        raise UsageError("look.nothing-published", f"Nothing of {name} is published.", found="no version", fix=fix)
    return _made_with(opened, known, name, ref.digest)


def _version(opened: Opened, known: Mapping[Digest, DatasetContract], name: str, text: str) -> DatasetContract:
    start = text if text.startswith("sha256:") else f"sha256:{text}"
    met = [contract for digest, contract in known.items() if len(text) >= _SHORTEST and digest.startswith(start)]
    return met[0] if len(met) == 1 else _made_with(opened, known, name, find_artefact(opened, text, "dataset", "batch"))


def _made_with(opened: Opened, known: Mapping[Digest, DatasetContract], name: str, artefact: Digest) -> DatasetContract:
    """The contract that a dataset version or a batch was made with."""
    digest = str(opened.database.manifests.get(artefact).contract)
    if digest not in known:
        raise UsageError(
            "look.other-contract",
            f"This was not made with a contract {name}.",
            place=artefact,
            found=digest,
            fix=f"Name a version of {name}: andon lineage {name}",
        )
    return known[digest]


def _readers(declaration: Declaration, columns: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Who reads each column by the code of now: derived datasets, references, features and the models they feed."""
    found: dict[str, list[str]] = {column: [] for column in columns}
    behind = behind_derived(declaration.derivations)

    def note(reader: str, reads: tuple[str, ...]) -> None:
        for column in reads:
            if column in found:
                found[column].append(reader)

    for derivation in declaration.derivations:
        for name, node in plan_from_json(derivation.plan).features:
            note(f"{derivation.contract}.{name}, derived", reads_of(node, node))
    for contract in declaration.datasets().values():
        for rule in contract.rules:
            if rule.scope == "exists":
                note(f"rule {contract.name}.{rule.id}", tuple(f"{rule.of}.{name}" for name in rule.of_columns))
    for features in declaration.feature_sets:
        models = ", ".join(model.name for model in declaration.models if model.features == features.name) or "no model"
        label = from_json(features.label)
        for name, node in (*plan_from_json(features.plan).features, ("label", label)):
            note(f"{features.name}.{name} of {models}", reads_of(node, label, behind))
    return {column: tuple(dict.fromkeys(readers)) for column, readers in found.items()}
