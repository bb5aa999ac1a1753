"""Who uses a feature, or a column of a contract: of all models that were ever trained, and the releases of each."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from andon.attest.statement import ADMISSION, REVOCATION, ROLLBACK
from andon.contracts.declaration import Declaration, FeatureSet
from andon.expressions.marks import behind_derived, reads_of
from andon.expressions.plan import plan_from_json
from andon.expressions.tree import digest, from_json
from andon.gates.chain import release_facts
from andon.kernel.digest import Digest, short
from andon.kernel.errors import UsageError
from andon.wiring.calls.feature_versions import declarations_of_runs
from andon.wiring.calls.features import features_of_model
from andon.wiring.calls.finding import EVERY
from andon.wiring.calls.releases import state_of
from andon.wiring.factory import Opened, open_factory

_SHOWN = 12
_SHORTEST = 4


@dataclass(frozen=True, slots=True)
class Standing:
    """A release of a model: where it goes, and whether it is bound, admitted, serving or revoked."""

    release: Digest
    target: str
    state: str


@dataclass(frozen=True, slots=True)
class Use:
    """One feature of one model.

    Attributes:
        feature: `Set.feature`; `Set.label` for what the model predicts.
        expression: Identity of its expression.
        name: The model's name.
        model: The model.
    """

    feature: str
    expression: Digest
    name: str
    model: Digest
    releases: tuple[Standing, ...]


@dataclass(frozen=True, slots=True)
class Uses:
    """All uses, those in the newest models first.

    Attributes:
        lines: How many, in words, and what could not be looked at.
    """

    lines: tuple[str, ...]
    uses: tuple[Use, ...]

    @property
    def rows(self) -> list[list[str]]:
        """The uses as words: feature, digest, model, digest of the model, its releases."""
        return [
            [
                one.feature,
                short(one.expression),
                one.name,
                short(one.model),
                "\n".join(f"{short(each.release)} {each.state} on {each.target}" for each in one.releases) or "none",
            ]
            for one in self.uses
        ]


@dataclass(frozen=True, slots=True)
class _Read:
    """What is computed for a model, and the columns it is computed from."""

    feature: str
    expression: Digest
    columns: tuple[str, ...]

    def is_meant(self, name: str) -> bool:
        """Whether somebody who says `name` means this feature, or a column that it reads."""
        of_digest = len(name) >= _SHORTEST and self.expression.removeprefix("sha256:").startswith(
            name.removeprefix("sha256:")
        )
        return name in (self.feature, self.feature.partition(".")[2], *self.columns) or of_digest


def uses_of(folder: Path, name: str) -> Uses:
    """The models that use a feature or a column, of all that the control database knows.

    A column is used by what is computed from it, joins' keys, filters and event times included, by the label, by a
    feature that learns from labels which come from it, and by what is computed from a dataset derived from it.

    Args:
        folder: The factory's folder.
        name: `Set.feature`, the feature's own name, the beginning of its digest, or `Contract.column`.

    Raises:
        UsageError: No model was trained with such a feature, and no contract has such a column.
    """
    with open_factory(folder) as opened:
        made, releases = declarations_of_runs(opened), _releases(opened)
        said = {one: opened.declaration(one) for one in {declaration for _, declaration in made.values()}}
        models = opened.database.manifests.of_kind("model", EVERY)
    known = {model: (made[model][0], said[made[model][1]]) for model in models if model in made}
    reads = {model: list(_reads(features_of_model(whole, of), whole)) for model, (of, whole) in known.items()}
    uses = tuple(
        Use(one.feature, one.expression, known[model][0], model, releases.get(model, ()))
        for model, found in reads.items()
        for one in found
        if one.is_meant(name)
    )
    if not uses:
        _check_known(name, said.values(), [one for found in reads.values() for one in found])
    served = {each.target for one in uses for each in one.releases if each.state == "serving"}
    count = len({one.model for one in uses})
    lines = [f"{name} is used by {count} of {len(models)} models; served on {', '.join(sorted(served)) or 'no target'}"]
    if lost := len(models) - len(known):
        lines.append(f"{lost} models were not looked at: no run is recorded that made them")
    return Uses(tuple(lines), uses)


def served_by(opened: Opened, columns: Collection[str]) -> dict[str, tuple[str, ...]]:
    """The releases that serve now, in words, by each column that they are computed from.

    Args:
        opened: The factory.
        columns: As `Contract.column`.
    """
    found: dict[str, dict[str, None]] = {column: {} for column in columns}
    made, releases = declarations_of_runs(opened), _releases(opened)
    for model, standings in releases.items():
        serving = [one for one in standings if one.state == "serving"]
        if not serving or model not in made:
            continue
        name, declaration = made[model][0], opened.declaration(made[model][1])
        reads = {column for one in _reads(features_of_model(declaration, name), declaration) for column in one.columns}
        for one in serving:
            for column in reads & found.keys():
                found[column][f"release {short(one.release)} of {name}, serving on {one.target}"] = None
    return {column: tuple(words) for column, words in found.items()}


def _reads(features: FeatureSet, declaration: Declaration) -> Iterator[_Read]:
    """Everything that is computed for a model, with the columns that decide it, those behind derived ones included."""
    label, behind = from_json(features.label), behind_derived(declaration.derivations)
    for name, node in (*plan_from_json(features.plan).features, ("label", label)):
        yield _Read(f"{features.name}.{name}", digest(node), reads_of(node, label, behind))


def _releases(opened: Opened) -> Mapping[Digest, tuple[Standing, ...]]:
    """The releases of each model, the newest first."""
    record = opened.gatekeeper.keeping.record
    root = record.root()
    decisions = record.of_types(root, ADMISSION, ROLLBACK, REVOCATION)
    found: dict[Digest, tuple[Standing, ...]] = {}
    for release in opened.database.manifests.of_kind("release", EVERY):
        manifest = opened.database.manifests.get(release)
        facts = release_facts(manifest)
        state = state_of(opened, release, facts, decisions, root)
        for model in manifest.inputs_of("model"):
            found[model] = (*found.get(model, ()), Standing(release, facts.target, state))
    return found


def _check_known(name: str, declared: Iterable[Declaration], reads: Iterable[_Read]) -> None:
    """That nobody uses a column is an answer, if there is such a column."""
    contracts = (contract for one in declared for contract in one.datasets().values())
    columns = {f"{contract.name}.{column.name}" for contract in contracts for column in contract.columns}
    if name in columns:
        return
    features = sorted({one.feature for one in reads})
    raise UsageError(
        "look.feature",
        "No model was trained with such a feature, and no contract has such a column.",
        found=name,
        fix=f"Name a feature ({', '.join(features[:_SHOWN]) or 'none was trained with yet'}) or CONTRACT.COLUMN.",
    )
