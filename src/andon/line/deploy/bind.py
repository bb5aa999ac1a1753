"""Binding a release: one manifest that names the model, the report and all that they are deployed with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from andon.contracts.declaration import Declaration
from andon.contracts.declaration import Release as ReleaseDeclaration
from andon.contracts.evidence import Measurement, measurement
from andon.contracts.model import Package
from andon.contracts.release import ReleaseFacts
from andon.contracts.wire import to_json
from andon.kernel.canonical import Json
from andon.kernel.digest import Digest, of_value
from andon.kernel.errors import InputError
from andon.store.manifest import Input, Manifest


@dataclass(frozen=True, slots=True)
class Deployment:
    """What a release says besides model and report.

    Attributes:
        predecessor: The target's champion at this moment; empty when there is none.
        initiators: Who submitted the code and who started the run; at least one.
        root_version: Version of the trust root in force.
    """

    target: str
    predecessor: Digest
    initiators: tuple[str, ...]
    root_version: int


def bind(
    model: Manifest, report: Manifest, package: Package, declaration: Declaration, deployment: Deployment
) -> Manifest:
    """The release manifest; the same parts always give the same release.

    Raises:
        InputError: The parts do not belong together, the declaration does not name the target for this model, or
            nobody is named as initiator.
    """
    declared = _declared(declaration, package.name, deployment.target)
    _check_parts(model, report, deployment)
    facts = ReleaseFacts(
        factory=declaration.factory,
        model_name=package.name,
        target=deployment.target,
        predecessor=deployment.predecessor,
        initiators=tuple(sorted(set(deployment.initiators))),
        plan=of_value(package.plan),
        environment=package.environment,
        declaration=declaration.digest(),
        latency_ns=declared.latency_ns,
        root_version=deployment.root_version,
    )
    return Manifest(
        kind="release",
        content=(),
        contract="",
        inputs=(Input("model", model.digest), Input("report", report.digest)),
        stage_key="",
        facts=cast("Mapping[str, Json]", to_json(facts)),
    )


def measure_lineage(release: Manifest, manifest_of: Callable[[Digest], Manifest | None]) -> Measurement:
    """`lineage.open`: how many ancestors of a release have no manifest; `n` is how many ancestors there are.

    Args:
        release: The release manifest.
        manifest_of: Finds the manifest of an artefact; `None` when there is none.
    """
    seen: set[Digest] = set()
    missing = 0
    waiting = [item.digest for item in release.inputs]
    while waiting:
        digest = waiting.pop()
        if digest in seen:
            continue
        seen.add(digest)
        found = manifest_of(digest)
        missing += found is None
        waiting += [] if found is None else [item.digest for item in found.inputs]
    return measurement("lineage.open", missing, n=len(seen))


def _declared(declaration: Declaration, model_name: str, target: str) -> ReleaseDeclaration:
    for release in declaration.releases:
        if (release.model, release.target) == (model_name, target):
            return release
    raise InputError(
        "deploy.undeclared-target",
        f"The factory does not release {model_name!r} to {target!r}.",
        place=declaration.factory,
        found=", ".join(f"{release.model} to {release.target}" for release in declaration.releases) or "no releases",
        fix=f'Declare it: factory.release({model_name}, to="{target}", latency="20ms").',
    )


def _check_parts(model: Manifest, report: Manifest, deployment: Deployment) -> None:
    found = ""
    if (model.kind, report.kind) != ("model", "report"):
        found = f"a {model.kind} and a {report.kind}"
    elif model.digest not in {item.digest for item in report.inputs}:
        found = "a report about another model"
    elif not any(deployment.initiators):
        found = "no initiator"
    if found:
        raise InputError(
            "deploy.unfit-parts",
            "A release binds a model, the report about it, and who started it.",
            found=found,
            fix="Bind what one model run made: its model, its report and the person who started it.",
        )
