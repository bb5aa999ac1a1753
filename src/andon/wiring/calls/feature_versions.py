"""What the features of releases, models and snapshots differ in, and from those that the code declares now."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from andon.contracts.declaration import FeatureSet
from andon.expressions.plan import plan_from_json
from andon.expressions.show import show
from andon.expressions.tree import Node, digest, from_json
from andon.gates.chain import release_facts
from andon.kernel.canonical import loads
from andon.kernel.digest import Digest, short
from andon.kernel.errors import InputError
from andon.runtime.snapshot_stage import PLAN
from andon.store.manifest import Manifest
from andon.wiring.calls.declaring import declare
from andon.wiring.calls.features import features_of_model
from andon.wiring.calls.finding import EVERY, find_artefact
from andon.wiring.factory import Opened, open_factory

State = Literal["added", "removed", "changed", "renamed", "learned anew", "same"]
_LABEL: Final = "label"


@dataclass(frozen=True, slots=True)
class Change:
    """One feature in two versions; the label is one of them.

    Attributes:
        name: Its name; of a renamed one both, with an arrow.
        state: `changed` where its expression is another one, `learned anew` where only its constants are.
        before: Its expression in words, with what it learned where that alone differs, and the beginning of its digest
            where words do not tell the two apart; empty where it was not there.
        before_digest: Identity of the expression as declared; empty where it was not there.
    """

    name: str
    state: State
    before: str
    after: str
    before_digest: Digest
    after_digest: Digest


@dataclass(frozen=True, slots=True)
class Difference:
    """What two versions of a feature set differ in.

    Attributes:
        lines: Which two, in words, and how many features are the same.
        changes: Every feature of either, those that are the same last.
    """

    lines: tuple[str, ...]
    changes: tuple[Change, ...]

    @property
    def rows(self) -> list[list[str]]:
        """What differs: feature, state, before, after."""
        return [[one.name, one.state, one.before, one.after] for one in self.changes if one.state != "same"]


@dataclass(frozen=True, slots=True)
class Version:
    """A feature set as an artefact was made with it, or as the code declares it.

    Attributes:
        identity: Of the artefact, or of the declaration.
        model: Name of the model.
        declared: Each expression as it was declared, the label among them.
        fitted: Each expression with what it learned; nothing where nothing was learned yet.
    """

    identity: Digest
    kind: str
    model: str
    features: FeatureSet
    declared: Mapping[str, Node]
    fitted: Mapping[str, Node]


def diff_features(folder: Path, before: str, after: str) -> Difference:
    """What the features of two recorded releases, models or snapshots differ in, or of one and the code.

    Args:
        folder: The factory's folder.
        before: The beginning of a digest.
        after: The beginning of another's; nothing for what the factory's code declares now.

    Raises:
        UsageError: No such artefact has such a digest, or more than one.
        InputError: No run is recorded that made one of them, or the code has no such model any more.
        AndonError: The code cannot be read.
    """
    with open_factory(folder) as opened:
        declared = declarations_of_runs(opened)
        first = _version(opened, before, declared)
        second = _version(opened, after, declared) if after else _of_code(opened, first.model)
    changes = compare(first, second)
    same = sum(one.state == "same" for one in changes)
    lines = (
        *(f"{sign} {_named(one)}" for sign, one in (("-", first), ("+", second))),
        f"{same} of {len(changes)} are the same, the label counted",
    )
    return Difference(lines, changes)


def compare(before: Version, after: Version) -> tuple[Change, ...]:
    """Every expression of two versions with what became of it, those that stayed the same last."""
    gone = {name: node for name, node in before.declared.items() if name not in after.declared}
    come = {name: node for name, node in after.declared.items() if name not in before.declared}
    renamed: dict[str, str] = {}
    for old, node in gone.items():
        new = next((name for name, other in come.items() if name not in renamed.values() and other == node), "")
        renamed |= {old: new} if new else {}
    changes = [_change(name, name, before, after) for name in before.declared if name in after.declared]
    changes += [_change(old, new, before, after) for old, new in renamed.items()]
    changes += [_change(name, "", before, after) for name in gone if name not in renamed]
    changes += [_change("", name, before, after) for name in come if name not in renamed.values()]
    return tuple(sorted(changes, key=lambda one: one.state == "same"))


def declarations_of_runs(opened: Opened) -> dict[Digest, tuple[str, Digest]]:
    """For each snapshot and model that a run made: the model's name and the declaration of that run."""
    found: dict[Digest, tuple[str, Digest]] = {}
    for run in opened.database.runs.recent(opened.settings.name, EVERY):
        if run.kind == "model":
            made = (str(run.facts[name]) for name in ("snapshot", "model") if name in run.facts)
            found |= dict.fromkeys(made, (run.subject, run.declaration))
    return found


def _version(opened: Opened, text: str, declared: Mapping[Digest, tuple[str, Digest]]) -> Version:
    manifest = opened.database.manifests.get(find_artefact(opened, text, "release", "model", "snapshot"))
    if manifest.kind == "release":
        facts = release_facts(manifest)
        model, declaration = facts.model_name, facts.declaration
    elif manifest.digest in declared:
        model, declaration = declared[manifest.digest]
    else:
        raise InputError(
            "look.no-declaration",
            f"No run is recorded that made this {manifest.kind}.",
            place=manifest.digest,
            fix="Compare releases, which say themselves by which declaration they were made.",
        )
    features = features_of_model(opened.declaration(declaration), model)
    fitted = {**_fitted(opened, manifest), _LABEL: from_json(features.label)}
    return Version(manifest.digest, manifest.kind, model, features, _expressions(features), fitted)


def _of_code(opened: Opened, model: str) -> Version:
    """What the factory's code declares now for a model."""
    declaration = declare(opened.settings, opened.children)
    names = [one.name for one in declaration.models]
    if model not in names:
        raise InputError(
            "look.no-model",
            "The factory's code declares no such model any more.",
            place=str(opened.settings.folder),
            found=f"{model}, of {', '.join(names) or 'none'}",
            fix="Compare with a release, a model or a snapshot instead.",
        )
    features = features_of_model(declaration, model)
    return Version(declaration.digest(), "code", model, features, _expressions(features), {})


def _expressions(features: FeatureSet) -> dict[str, Node]:
    return {**dict(plan_from_json(features.plan).features), _LABEL: from_json(features.label)}


def _fitted(opened: Opened, manifest: Manifest) -> dict[str, Node]:
    """The expressions with what they learned, from the snapshot that an artefact was made from."""
    while manifest.kind != "snapshot":
        below = manifest.inputs_of("model" if manifest.kind == "release" else "snapshot")
        manifest = opened.database.manifests.get(below[0])
    plan = loads(opened.blobs.read(manifest.object(PLAN).sha256))
    return dict(plan_from_json(plan).features) if isinstance(plan, dict) else {}


def _change(old: str, new: str, before: Version, after: Version) -> Change:
    first, second = before.declared.get(old), after.declared.get(new)
    shown = _apart(first, second)
    state: State = "added" if first is None else "removed" if second is None else "changed"
    if first == second:
        learned = before.fitted.get(old), after.fitted.get(new)
        is_anew = None not in learned and learned[0] != learned[1]
        state = "renamed" if old != new else "learned anew" if is_anew else "same"
        shown = _apart(*learned) if state == "learned anew" else shown
    identities = [digest(node) if node else "" for node in (first, second)]
    return Change(f"{old} -> {new}" if state == "renamed" else old or new, state, *shown, *identities)


def _apart(first: Node | None, second: Node | None) -> tuple[str, str]:
    """Both in words; where the words are the same and the expressions are not, digests tell them apart."""
    one, other = (show(node) if node else "" for node in (first, second))
    if first and second and first != second and one == other:
        return f"{one} [{short(digest(first))}]", f"{other} [{short(digest(second))}]"
    return one, other


def _named(one: Version) -> str:
    plan = plan_from_json(one.features.plan)
    return f"{one.kind} {short(one.identity)}: {one.features.name} of {one.model}, for {plan.spine} at {plan.asked}"
