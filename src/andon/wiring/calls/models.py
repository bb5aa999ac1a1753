"""Models that were trained: what they are made of, what was measured of them, and the report to read."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from andon.contracts.evidence import Measurement
from andon.contracts.model import Package
from andon.contracts.wire import to_json
from andon.expressions.plan import plan_from_json
from andon.kernel.canonical import Json
from andon.kernel.digest import Digest
from andon.kernel.errors import AndonError, InputError, UsageError
from andon.line.package import PACKAGE, read_package
from andon.store.manifest import Manifest, Object
from andon.wiring.calls.finding import EVERY, find_artefact
from andon.wiring.calls.showing import interval, named_rows, number, short_or_none
from andon.wiring.calls.verdicts import about, measured, standing
from andon.wiring.factory import Opened, open_factory

_HEADLINES: Final = ("auc", "log_loss", "rmse")
_PAGE: Final = ".html"


@dataclass(frozen=True, slots=True)
class Models:
    """Models, the newest first: digest, name, format, what the gates said, the main measurement."""

    rows: list[list[str]]
    digests: tuple[Digest, ...]

    def to_json(self) -> list[Json]:
        """The models for programs, with whole digests."""
        named = named_rows(("model", "name", "format", "gates", "headline"), self.rows)
        return [
            {**row, "model": digest}
            for row, digest in zip(named, self.digests, strict=True)
            if isinstance(row, Mapping)
        ]


@dataclass(frozen=True, slots=True)
class Model:
    """One model: what it was made from as pairs of words, and its measurements."""

    rows: list[list[str]]
    measurements: list[list[str]]
    digest: Digest
    package: Package
    gates: Mapping[str, str]
    inputs: tuple[tuple[str, Digest], ...]
    measured: tuple[Measurement, ...]

    def to_json(self) -> dict[str, Json]:
        """The model for programs; its golden questions and its plan stay in the package."""
        package = self.package
        return {
            "model": self.digest,
            "name": package.name,
            "format": package.format,
            "task": package.task,
            "features": [feature.name for feature in package.features],
            "classes": list(package.classes),
            "params": dict(package.params),
            "seed": package.seed,
            "environment": package.environment,
            "gates": dict(self.gates),
            "inputs": [{"role": role, "digest": digest} for role, digest in self.inputs],
            "measurements": [to_json(one) for one in self.measured],
        }


def models_of(folder: Path) -> Models:
    """The models that were trained, the newest first.

    Raises:
        AndonError: There is no factory, or its records cannot be read.
    """
    with open_factory(folder) as opened:
        digests = tuple(opened.database.manifests.of_kind("model", EVERY))
        return Models([_row(opened, digest) for digest in digests], digests)


def model_of(folder: Path, model: str) -> Model:
    """One model, by the beginning of its digest.

    Raises:
        UsageError: No model has such a digest, or more than one.
        IntegrityError: Its package is not what was stored.
    """
    with open_factory(folder) as opened:
        digest = find_artefact(opened, model, "model")
        manifest = opened.database.manifests.get(digest)
        package = package_of(opened, manifest)
        gates = standing(opened, digest)
        found = tuple(measured(about(opened, digest)).values())
    return Model(
        rows=_facts(digest, manifest, package, gates),
        measurements=[[one.metric, one.slice, number(one.value), interval(one), str(one.n)] for one in found],
        digest=digest,
        package=package,
        gates=gates,
        inputs=tuple((item.role, item.digest) for item in manifest.inputs),
        measured=found,
    )


def report_of(folder: Path, model: str) -> bytes:
    """The newest readable report about a model: one HTML page.

    Raises:
        UsageError: No model has such a digest, or more than one.
        InputError: The model has no report yet.
        IntegrityError: The report's bytes are not those that were stored.
    """
    with open_factory(folder) as opened:
        digest = find_artefact(opened, model, "model")
        return opened.blobs.read(_page(opened, digest).sha256)


def package_of(opened: Opened, model: Manifest) -> Package:
    """What a model's package says about itself, its bytes checked.

    Raises:
        InputError: The model has no package that can be read.
        IntegrityError: Its bytes are not those that were stored.
    """
    return read_package(opened.blobs.read(model.object(PACKAGE).sha256))


def model_named(opened: Opened, model: str, target: str) -> str:
    """The model that a target serves under a name, or the only one that it serves.

    Raises:
        UsageError: It serves no such model, or several and none is named.
    """
    prefix = f"serving/{opened.settings.name}/"
    places = [ref.name.removeprefix(prefix).split("/") for ref in opened.database.refs.with_prefix(prefix)]
    served = [name for name, where in places if where == target]
    if model in served or (not model and len(served) == 1):
        return model or served[0]
    raise UsageError(
        "monitor.which-model",
        f"Which model on {target}?" if not model else f"The target {target} does not serve {model}.",
        found=", ".join(f"{name} on {where}" for name, where in places) or "nothing is served yet",
        fix="Name one of those found, or release one: andon run",
    )


def _page(opened: Opened, model: Digest) -> Object:
    manifests = opened.database.manifests
    reports = [manifests.get(digest) for digest in reversed(manifests.users_of(model))]
    for report in reports:
        for item in report.content:
            if report.kind == "report" and item.name.endswith(_PAGE):
                return item
    raise InputError(
        "look.no-report",
        "This model has no report to read yet.",
        place=model,
        found=f"{sum(report.kind == 'report' for report in reports)} reports without a page",
        fix="The line writes it when it validates the model: andon run",
    )


def _row(opened: Opened, digest: Digest) -> list[str]:
    try:
        package = package_of(opened, opened.database.manifests.get(digest))
        name, format_ = package.name, package.format
    except AndonError as error:
        name, format_ = "?", error.code
    gates = standing(opened, digest)
    words = ", ".join(f"{gate.split(':')[0]} {said}" for gate, said in gates.items())
    return [short_or_none(digest), name, format_, words or "none yet", _headline(opened, digest)]


def _headline(opened: Opened, digest: Digest) -> str:
    """The main metric of the model's newest verdict that has one."""
    found = measured(about(opened, digest))
    for metric in _HEADLINES:
        one = found.get((metric, ""))
        if one is not None:
            between = f" ({interval(one)})" if interval(one) else ""
            return f"{metric} {number(one.value)}{between}"
    return ""


def _facts(digest: Digest, manifest: Manifest, package: Package, gates: Mapping[str, str]) -> list[list[str]]:
    plan = plan_from_json(package.plan)
    return [
        ["model", digest],
        ["name", package.name],
        ["format", f"{package.format}, {package.task}"],
        *([["classes", ", ".join(package.classes)]] if package.classes else []),
        ["features", ", ".join(feature.name for feature in package.features)],
        ["asked of", f"{plan.spine}, at {plan.asked}"],
        ["reads", ", ".join(plan.contracts) or "nothing else"],
        ["parameters", ", ".join(f"{name} {value}" for name, value in package.params.items()) or "none"],
        ["seed", str(package.seed)],
        *[["made from", f"{item.role} {item.digest}"] for item in manifest.inputs],
        ["environment", package.environment],
        *[["gate", f"{gate} {said}"] for gate, said in gates.items()],
    ]
