"""Reading a factory's code as data: in a keyless child, once, and then by digest."""

from dataclasses import dataclass
from pathlib import Path
from typing import cast

from andon.contracts.dataset import contract_from_json
from andon.contracts.declaration import Declaration, Derivation, Source
from andon.contracts.policy import Policy
from andon.contracts.wire import from_json, to_json
from andon.gates.floor import Weaker, weaker_than
from andon.kernel.canonical import Json, dumps, loads
from andon.kernel.clock import SECOND_NS
from andon.kernel.digest import Digest
from andon.kernel.errors import AndonError, ConflictError, InputError
from andon.runtime.children import Children, Job, Outcome
from andon.runtime.tables import contracts_of_derivation
from andon.store.ports import Blobs
from andon.wiring.calls.policy import believed_from
from andon.wiring.children import LocalChildren
from andon.wiring.settings import Settings, load_settings

DECLARE_LIMIT_NS = 120 * SECOND_NS


@dataclass(frozen=True, slots=True)
class Description:
    """What a factory declares, as rows for people.

    Attributes:
        weaker: The rules of its targets' floors that its gates do not keep by themselves.
        uncompared: Why the floors could not be looked at here; empty where they were.
    """

    factory: str
    purpose: str
    sources: list[list[str]]
    derivations: list[list[str]]
    models: list[list[str]]
    gates: list[list[str]]
    declaration: Declaration
    weaker: tuple[Weaker, ...]
    uncompared: str

    @property
    def floors(self) -> list[list[str]]:
        """Where the floors ask more: target, gate, what the floor asks, what the factory asks, who owns the floor."""
        return [
            [one.target, one.gate, one.rule, one.declared, one.owner or "nobody"]
            for one in self.weaker
            if not one.is_error
        ]

    @property
    def errors(self) -> list[list[str]]:
        """What no release gets past, in the same columns."""
        return [
            [one.target, one.gate, one.rule, one.declared, one.owner or "nobody"] for one in self.weaker if one.is_error
        ]

    def to_json(self) -> Json:
        """The declaration itself, and where the floors of its targets ask more."""
        values = cast("dict[str, Json]", to_json(self.declaration))
        return {**values, "floor": [to_json(one) for one in self.weaker], "floor_uncompared": self.uncompared}


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
    weaker, uncompared = _compared(folder, declared)
    return Description(
        factory=declared.factory,
        purpose=declared.purpose,
        sources=[_rows(declared, source) for source in declared.sources],
        derivations=[[*_rows(declared, one), ", ".join(contracts_of_derivation(one))] for one in declared.derivations],
        models=_models(declared),
        gates=_gates(declared),
        declaration=declared,
        weaker=weaker,
        uncompared=uncompared,
    )


def _compared(folder: Path, declared: Declaration) -> tuple[tuple[Weaker, ...], str]:
    """Where the floors ask more than the factory; or why they cannot be believed on this machine."""
    try:
        return weaker_than(declared, believed_from(folder).current), ""
    except AndonError as error:
        return (), f"{error.message} ({error.code}) {error.fix}"


def _rows(declared: Declaration, origin: Source | Derivation) -> list[str]:
    contract = contract_from_json(cast("dict[str, Json]", declared.contracts[origin.contract]))
    return [origin.name, contract.name, str(len(contract.columns)), str(len(contract.rules))]


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
