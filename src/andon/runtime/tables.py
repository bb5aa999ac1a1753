"""Published dataset versions as frames, with every object's bytes checked as it is opened."""

from collections.abc import Callable, Mapping
from typing import cast

import polars as pl

from andon.contracts.dataset import contract_from_json
from andon.contracts.declaration import Declaration, Derivation, Model, Source
from andon.expressions.plan import plan_from_json
from andon.expressions.tree import contracts_of
from andon.expressions.tree import from_json as tree_from_json
from andon.kernel.canonical import Json
from andon.kernel.digest import Digest
from andon.line.ingest.stage import read_dataset
from andon.runtime.line import Line
from andon.store.manifest import Manifest

UNTIL = "until_ns"
PUBLISHED = "published_ns"
LATEST = "latest_ns"
REPLACES = "replaces"
DATASET = "dataset:"
REFERENCE = "reference:"


def published(line: Line, contract: str) -> Manifest | None:
    """The published version of a dataset; `None` before its first batch."""
    ref = line.records.refs.get(line.dataset_ref(contract))
    return None if ref is None else line.records.manifests.get(ref.digest)


def published_as_of(line: Line, contract: str, as_of_ns: int) -> Manifest | None:
    """The newest version whose rows go no further than a moment, so that asking again later gives the same one.

    Where every version goes further, it is the first one: rows that were not known by then are not seen anyway.
    """
    version = published(line, contract)
    while version is not None and int(str(version.facts[UNTIL])) > as_of_ns and (before := version_before(version)):
        version = line.records.manifests.get(before)
    return version


def version_before(version: Manifest) -> Digest | None:
    """The version that this one grew from, or that it replaces without being made from it; `None` for the first."""
    return next(iter(version.inputs_of("previous")), None) or cast("Digest | None", version.facts.get(REPLACES))


def moved_on(version: Manifest, manifest_of: Callable[[Digest], Manifest], current: Mapping[str, Digest]) -> list[str]:
    """The contracts of which something else is published than what a derived version was made from, sorted.

    Args:
        version: Any dataset version; one that is not derived is made from nothing that is published.
        manifest_of: Finds a manifest by its digest.
        current: The published versions, by contract.
    """
    batches = [manifest_of(digest) for digest in version.inputs_of("batch")]
    pinned = [one for batch in batches for one in batch.inputs if one.role.startswith(DATASET)]
    return sorted(name for one in pinned if current.get(name := one.role.removeprefix(DATASET)) != one.digest)


def check_passes(line: Line, datasets: Mapping[str, Digest]) -> None:
    """The handoff: the batch that each pinned version ends with was passed by its data gate.

    Raises:
        RefusedError: It was not.
    """
    origins = {origin.contract: origin.name for origin in line.declaration.origins}
    for contract, digest in datasets.items():
        for batch in line.records.manifests.get(digest).inputs_of("batch"):
            line.gatekeeper.pass_of(batch, f"data:{origins[contract]}")


def open_version(line: Line, version: Manifest, contract: str) -> pl.LazyFrame:
    """All rows of a dataset version, with when each could be known and where it stands.

    Raises:
        IntegrityError: An object's bytes are not those that were recorded.
    """
    moments = cast("Mapping[str, str]", version.facts[PUBLISHED])
    objects = [
        (line.records.blobs.local(item.sha256), item.sha256, int(moments[item.name])) for item in version.content
    ]
    return read_dataset(objects, line.contracts[contract])


def open_tables(line: Line, datasets: Mapping[str, Digest]) -> dict[str, pl.LazyFrame]:
    """The rows of several dataset versions, by contract.

    Raises:
        IntegrityError: An object's bytes are not those that were recorded.
    """
    return {
        contract: open_version(line, line.records.manifests.get(digest), contract)
        for contract, digest in datasets.items()
    }


def looked_into(declaration: Declaration) -> frozenset[str]:
    """The contracts that features or labels look into from another row, and those that others are derived from."""
    used = {name for derivation in declaration.derivations for name in contracts_of_derivation(derivation)}
    for features in declaration.feature_sets:
        plan = plan_from_json(features.plan)
        trees = [*(node for _, node in plan.features), tree_from_json(features.label)]
        used |= {contract for tree in trees for contract in contracts_of(tree)} - {features.spine}
    return frozenset(used)


def contracts_of_derivation(derivation: Derivation) -> tuple[str, ...]:
    """The contracts that a derivation reads, its spine first."""
    return plan_from_json(derivation.plan).reads


def contracts_read_by(declaration: Declaration, origin: Source | Derivation) -> tuple[str, ...]:
    """The contracts whose published rows are needed to bring in others: what is derived from, and what is referred to.

    Each stands there once, those that a derivation reads first.
    """
    read = contracts_of_derivation(origin) if isinstance(origin, Derivation) else ()
    contract = contract_from_json(cast("Mapping[str, Json]", declaration.contracts[origin.contract]))
    return tuple(dict.fromkeys((*read, *contract.references)))


def contracts_of_model(declaration: Declaration, model: Model) -> tuple[str, ...]:
    """The contracts that a model's features and label read, its spine first."""
    features = next(one for one in declaration.feature_sets if one.name == model.features)
    plan = plan_from_json(features.plan)
    labels = [name for name in contracts_of(tree_from_json(features.label)) if name]
    return tuple(dict.fromkeys([*plan.reads, *labels]))
