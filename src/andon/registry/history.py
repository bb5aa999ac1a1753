"""What was made when, from what, and what the gates said to it: the one value from which lineage is exported."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from andon.contracts.policy import Finding
from andon.kernel.canonical import Json
from andon.kernel.digest import Digest
from andon.store.manifest import Manifest

_NAMESPACE: Final = uuid.uuid5(uuid.NAMESPACE_URL, "andon:lineage")
_STAGES: Final[Mapping[str, str]] = {
    "batch": "ingest",
    "quarantine": "ingest",
    "dataset": "publish",
    "snapshot": "features",
    "model": "train",
    "baseline": "validate",
    "observations": "monitor",
    "release": "deploy",
}
_OWN_RUN: Final = frozenset({"dataset", "release"})


@dataclass(frozen=True, slots=True)
class Judged:
    """One verdict.

    Attributes:
        statement: Digest of the signed verdict.
        entry: Its place in the ledger.
        by: Who signed it.
        signoffs: Digests of the sign-offs it relied on.
        logged_ns: When it came into the ledger.
    """

    gate: str
    outcome: str
    subject: Digest
    statement: Digest
    entry: int
    by: str
    findings: tuple[Finding, ...]
    signoffs: tuple[Digest, ...]
    logged_ns: int


@dataclass(frozen=True, slots=True)
class History:
    """A release with its ancestors, and what was said about them.

    Attributes:
        model_name: The model that the release is of.
        manifests: Everything in the lineage, by digest.
        logged_ns: When the ledger first recorded something about an artefact, by its digest.
        owners: Who answers for a job, by its name.
        contracts: Contracts of datasets by name, as the declaration writes them.
        plan: The features of the model with their expressions, as its package writes them.
        parameters: Parameters, seed and threads of the training.
    """

    factory: str
    release: Digest
    model_name: str
    manifests: Mapping[Digest, Manifest]
    logged_ns: Mapping[Digest, int]
    judged: tuple[Judged, ...]
    owners: Mapping[str, str]
    contracts: Mapping[str, Json]
    plan: Mapping[str, Json]
    parameters: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Work:
    """One piece of work that made artefacts of this lineage.

    Attributes:
        run_id: A UUID that depends on the work alone.
        job: What kind of work, such as `train.late`.
        recorded_ns: When the ledger first recorded something that rests on it; the work itself was done before.
    """

    run_id: str
    job: str
    inputs: tuple[Digest, ...]
    outputs: tuple[Digest, ...]
    recorded_ns: int


def works(history: History) -> tuple[Work, ...]:
    """The work behind a lineage, in the order in which it was recorded."""
    outputs: dict[tuple[str, str], list[Digest]] = {}
    for digest, manifest in history.manifests.items():
        key = manifest.stage_key if manifest.stage_key and manifest.kind not in _OWN_RUN else digest
        outputs.setdefault((key, job_of(manifest, history.model_name)), []).append(digest)
    times = _recorded(history)
    found = [_work(history, key, job, made, times) for (key, job), made in outputs.items()]
    return tuple(sorted(found, key=lambda one: (one.recorded_ns, _ORDER.index(one.job.split(".")[0]), one.run_id)))


def run_id(of: Digest) -> str:
    """The UUID (version 5) of a piece of work or of a judgement: the same for the same digest, everywhere."""
    return str(uuid.uuid5(_NAMESPACE, of))


def job_of(manifest: Manifest, model_name: str) -> str:
    """What kind of work makes such an artefact, such as `ingest.Parcel`."""
    if manifest.kind == "report":
        stage = "train" if manifest.facts.get("of") == "training" else "validate"
    else:
        stage = _STAGES[manifest.kind]
    return f"{stage}.{_subject(manifest, model_name)}"


def name_of(manifest: Manifest, model_name: str) -> str:
    """An artefact's logical name, whatever its version: `dataset/Parcel`, `model/late`, `report/late/validation`."""
    parts = [manifest.kind, _subject(manifest, model_name)]
    more = manifest.facts.get("of") if manifest.kind == "report" else manifest.facts.get("target")
    return "/".join([*parts, *([str(more)] if more else [])])


def columns_of(plan: Mapping[str, Json]) -> dict[str, tuple[tuple[str, str], ...]]:
    """For each feature of a plan the columns it is computed from: pairs of a contract and a column, sorted."""
    features = plan.get("features")
    found: dict[str, tuple[tuple[str, str], ...]] = {}
    for feature in features if isinstance(features, Sequence) and not isinstance(features, str) else ():
        if isinstance(feature, Mapping):
            found[str(feature.get("name"))] = tuple(sorted(set(_columns(feature.get("expression")))))
    return found


_ORDER: Final = ("ingest", "publish", "features", "train", "validate", "deploy", "monitor")


def _work(history: History, key: str, job: str, made: Sequence[Digest], times: Mapping[Digest, int]) -> Work:
    inputs = {item.digest: None for digest in made for item in history.manifests[digest].inputs}
    return Work(
        run_id=run_id(key),
        job=job,
        inputs=tuple(digest for digest in inputs if digest not in made),
        outputs=tuple(made),
        recorded_ns=min(times[digest] for digest in made),
    )


def _recorded(history: History) -> dict[Digest, int]:
    """When the ledger first recorded something about each artefact, or else about what was made from it."""
    times = dict(history.logged_ns)
    users: dict[Digest, list[Digest]] = {}
    for digest, manifest in history.manifests.items():
        for item in manifest.inputs:
            users.setdefault(item.digest, []).append(digest)
    waiting = [digest for digest in history.manifests if digest not in times]
    last = max(times.values(), default=0)
    while waiting:
        known = {d: min(times[u] for u in users[d] if u in times) for d in waiting if _any(users.get(d, ()), times)}
        times |= known or dict.fromkeys(waiting, last)
        waiting = [digest for digest in waiting if digest not in times]
    return times


def _any(users: Sequence[Digest], times: Mapping[Digest, int]) -> bool:
    return any(user in times for user in users)


def _subject(manifest: Manifest, model_name: str) -> str:
    facts = manifest.facts
    return next((str(facts[key]) for key in ("contract", "model_name", "name") if facts.get(key)), model_name)


def _columns(expression: Json) -> list[tuple[str, str]]:
    if isinstance(expression, Mapping):
        if expression.get("op") == "column":
            return [(str(expression.get("contract")), str(expression.get("name")))]
        return [one for value in expression.values() for one in _columns(value)]
    if isinstance(expression, Sequence) and not isinstance(expression, str):
        return [one for value in expression for one in _columns(value)]
    return []
