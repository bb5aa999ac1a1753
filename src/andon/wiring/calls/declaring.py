"""Reading a factory's code as data: in a keyless child, once, and then by digest."""

from dataclasses import dataclass
from pathlib import Path
from typing import cast

from andon.contracts.dataset import contract_from_json
from andon.contracts.declaration import Declaration
from andon.contracts.policy import Policy
from andon.contracts.wire import from_json, to_json
from andon.kernel.canonical import Json, dumps, loads
from andon.kernel.clock import SECOND_NS
from andon.kernel.digest import Digest
from andon.kernel.errors import ConflictError, InputError
from andon.runtime.children import Children, Job, Outcome
from andon.store.ports import Blobs
from andon.wiring.children import LocalChildren
from andon.wiring.settings import Settings, load_settings

DECLARE_LIMIT_NS = 120 * SECOND_NS


@dataclass(frozen=True, slots=True)
class Description:
    """What a factory declares, as rows for people."""

    factory: str
    purpose: str
    sources: list[list[str]]
    models: list[list[str]]
    gates: list[list[str]]
    declaration: Declaration

    def to_json(self) -> Json:
        """The declaration itself."""
        return to_json(self.declaration)


def declare(settings: Settings, children: Children) -> Declaration:
    """What the factory's code declares now.

    Raises:
        AndonError: The code cannot be read; the place is file and line.
    """
    with children.run(_job(settings), lambda _: None) as outcome:
        return _declared(settings, outcome)


def declare_and_keep(settings: Settings, children: Children, blobs: Blobs) -> tuple[Declaration, Digest]:
    """What the factory's code declares now, kept with all the code: a model can be made again without a repository.

    Raises:
        AndonError: The code cannot be read; the place is file and line.
        ConflictError: The code was edited while it was read.
    """
    with children.run(_job(settings), lambda _: None) as outcome:
        declaration = _declared(settings, outcome)
        for place, path in enumerate(sorted(declaration.code)):
            found = blobs.put_file(outcome.folder / f"code-{place}").digest
            if found != declaration.code[path]:
                raise ConflictError(
                    "factory.edited",
                    "The code was edited while it was read.",
                    place=path,
                    found=found,
                    fix="Run again: andon run. It takes the new code from the beginning.",
                )
    return declaration, blobs.put([dumps(to_json(declaration))]).digest


def _job(settings: Settings) -> Job:
    return Job(verb="declare", factory=settings.code, inputs={}, arguments={}, limit_ns=DECLARE_LIMIT_NS)


def _declared(settings: Settings, outcome: Outcome) -> Declaration:
    declaration = from_json(Declaration, loads((outcome.folder / "declaration.json").read_bytes()))
    if declaration.factory != settings.name:
        raise InputError(
            "settings.other-factory",
            "The code declares another factory than the settings name.",
            place=str(settings.code),
            found=f"Factory({declaration.factory!r}) and name = {settings.name!r}",
            fix="Use one name in both.",
        )
    return declaration


def describe(folder: Path) -> Description:
    """What the factory of a folder declares.

    Raises:
        AndonError: There is none, or its code cannot be read.
    """
    settings = load_settings(folder)
    declared = declare(settings, LocalChildren(settings.spool))
    return Description(
        declared.factory, declared.purpose, _sources(declared), _models(declared), _gates(declared), declared
    )


def _sources(declared: Declaration) -> list[list[str]]:
    rows = []
    for source in declared.sources:
        contract = contract_from_json(cast("dict[str, Json]", declared.contracts[source.contract]))
        rows.append([source.name, contract.name, str(len(contract.columns)), str(len(contract.rules))])
    return rows


def _models(declared: Declaration) -> list[list[str]]:
    targets = {release.model: release.target for release in declared.releases}
    features = {one.name: len(cast("list[Json]", one.plan["features"])) for one in declared.feature_sets}
    return [
        [
            model.name,
            f"{model.features} ({features[model.features]})",
            f"{_days(model.tune_ns)} / {_days(model.holdout_ns)}",
            targets.get(model.name, "nowhere"),
        ]
        for model in declared.models
    ]


def _gates(declared: Declaration) -> list[list[str]]:
    return [[policy.gate, policy.owner, _demands(policy)] for policy in declared.gates]


def _demands(policy: Policy) -> str:
    people = [f"{rule.people} of {rule.role} within {_days(rule.within_ns)}" for rule in policy.signoffs]
    return "\n".join([criterion.text() for criterion in policy.criteria] + people)


def _days(length_ns: int) -> str:
    return f"{length_ns / (86_400 * SECOND_NS):g} d"
