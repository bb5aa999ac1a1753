"""The features that a factory's code declares: whose they are, what they read, who uses them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from andon.contracts.declaration import Declaration, FeatureSet
from andon.expressions.functions import LEARNED
from andon.expressions.joins import read_join
from andon.expressions.marks import Carried, carried_marks, reads_of
from andon.expressions.plan import FeaturePlan, plan_from_json
from andon.expressions.show import show
from andon.expressions.tree import Node, digest, from_json, joins_of, walk
from andon.kernel.canonical import Json
from andon.kernel.clock import SECOND_NS
from andon.kernel.digest import Digest, short
from andon.kernel.errors import UsageError
from andon.wiring.calls.declaring import declare
from andon.wiring.calls.showing import named_rows
from andon.wiring.children import LocalChildren
from andon.wiring.settings import load_settings

NAMES: Final = ("feature", "kind", "is", "marks", "digest", "used by", "owner")


@dataclass(frozen=True, slots=True)
class Features:
    """Every feature: name (`Set.feature`), kind, expression in words, marks, digest, models that use it, owner."""

    rows: list[list[str]]
    digests: tuple[Digest, ...]

    def to_json(self) -> list[Json]:
        """The features for programs, with the digests of their expressions."""
        named = named_rows(NAMES, self.rows)
        return [{**row, "digest": one} for row, one in zip(named, self.digests, strict=True) if isinstance(row, dict)]


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature.

    Attributes:
        name: `Set.feature`.
        digest: Identity of its expression and of what its functions mean: equal for equal features, in any factory.
        expression: In the words in which it was written.
        reads: The columns that it is computed from, as `Contract.column`.
        windows: Of each join, what it sees of another contract.
        learned: The functions that learn from the rows to fit on.
        marks: The marks that it carries, each with the columns that it comes from.
        models: The models that use it.
    """

    name: str
    kind: str
    digest: Digest
    owner: str
    expression: str
    reads: tuple[str, ...]
    windows: tuple[str, ...]
    learned: tuple[str, ...]
    marks: Carried
    models: tuple[str, ...]

    @property
    def rows(self) -> list[list[str]]:
        """What there is to say, each with its name."""
        said = {
            "is": self.expression,
            "kind": self.kind,
            "owner": self.owner,
            "reads": "\n".join(self.reads),
            "sees": "\n".join(self.windows) or "the row that asks, and nothing else",
            "learns": ", ".join(self.learned) or "nothing",
            "marks": "\n".join(f"{mark}, from {', '.join(columns)}" for mark, columns in self.marks.items()) or "none",
            "used by": ", ".join(self.models) or "no model",
            "digest": self.digest,
        }
        return [[name, text] for name, text in said.items()]


def features_of(folder: Path) -> Features:
    """The features that the factory of a folder declares now.

    Raises:
        AndonError: There is none, or its code cannot be read.
    """
    found = list(_declared(folder))
    rows = [
        [one.name, one.kind, one.expression, ", ".join(one.marks), short(one.digest), ", ".join(one.models), one.owner]
        for one in found
    ]
    return Features(rows, tuple(one.digest for one in found))


def feature_of(folder: Path, name: str) -> Feature:
    """One feature that the factory of a folder declares now.

    Args:
        folder: The factory's folder.
        name: `Set.feature`, or the feature's own name where only one set has it.

    Raises:
        UsageError: There is no such feature, or several.
        AndonError: There is no factory, or its code cannot be read.
    """
    known = list(_declared(folder))
    found = [one for one in known if name in (one.name, one.name.partition(".")[2])]
    if len(found) != 1:
        raise UsageError(
            "look.feature",
            "There is no such feature." if not found else "Several features have this name.",
            found=name,
            fix=f"Name one of: {', '.join(one.name for one in found or known)}.",
        )
    return found[0]


def features_of_model(declaration: Declaration, model: str) -> FeatureSet:
    """The feature set that a declaration gives a model."""
    name = next(one.features for one in declaration.models if one.name == model)
    return next(one for one in declaration.feature_sets if one.name == name)


def _declared(folder: Path) -> Iterator[Feature]:
    settings = load_settings(folder)
    declaration = declare(settings, LocalChildren(settings.spool))
    for features in declaration.feature_sets:
        plan = plan_from_json(features.plan)
        carried = carried_marks(features.plan, features.label, declaration)
        for name, node in plan.features:
            yield _feature(name, node, plan, features, declaration, carried.get(name, {}))


def _feature(
    name: str, node: Node, plan: FeaturePlan, features: FeatureSet, declaration: Declaration, marks: Carried
) -> Feature:
    return Feature(
        name=f"{features.name}.{name}",
        kind=str(node.type),
        digest=digest(node),
        owner=features.owner,
        expression=show(node),
        reads=reads_of(node, from_json(features.label)),
        windows=tuple(_seen(join, plan.spine) for join in joins_of(node)),
        learned=tuple(sorted({each.op for each in walk(node) if each.op in LEARNED})),
        marks=marks,
        models=tuple(model.name for model in declaration.models if model.features == features.name),
    )


def _seen(node: Node, spine: str) -> str:
    """What a join sees, as a line for people."""
    join = read_join(node, spine)
    keys = " and ".join(
        f"{theirs} = {spine}.{ours}" for theirs, ours in zip(join.rows.theirs, join.rows.ours, strict=True)
    )
    some = f" where {show(join.rows.where)}" if join.rows.where is not None else ""
    if join.op == "lookup":
        return f"the latest {join.rows.contract} with {keys}{some}"
    what = "the newest" if join.op == "last" else "every"
    steps = "" if join.op == "last" else f", from a whole {_duration(join.hop_ns)} on"
    return f"{what} {join.rows.contract} of the last {_duration(join.length_ns)}{steps}, with {keys}{some}"


def _duration(length_ns: int) -> str:
    for unit, seconds in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        if length_ns % (seconds * SECOND_NS) == 0:
            return f"{length_ns // (seconds * SECOND_NS)}{unit}"
    return f"{length_ns}ns"
