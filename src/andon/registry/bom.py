"""A bill of materials in CycloneDX 1.7: the model with its card, the data it was made from, and every distribution."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from andon.contracts.evidence import Measurement
from andon.contracts.model import Environment, Package
from andon.kernel.canonical import Json
from andon.kernel.clock import SECOND_NS, iso
from andon.kernel.digest import Digest, hex_of
from andon.registry.history import History, name_of, run_id

_DATA: Final = frozenset({"batch", "dataset", "snapshot"})


@dataclass(frozen=True, slots=True)
class Materials:
    """What a bill of materials lists beside the lineage.

    Attributes:
        model: Digest of the model.
        purpose: What the factory says the model is for.
        measured: What was measured of the model; of two values of one metric and slice, one.
        environment: What it was trained in; `None` where that was not recorded.
        at_ns: The moment for which the bill stands.
    """

    model: Digest
    package: Package
    purpose: str
    owner: str
    measured: tuple[Measurement, ...]
    environment: Environment | None
    at_ns: int


def bill(history: History, materials: Materials) -> Json:
    """The bill of materials of a release, as CycloneDX JSON."""
    data = [digest for digest, one in history.manifests.items() if one.kind in _DATA]
    libraries = materials.environment.distributions if materials.environment else {}
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.7.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.7",
        "serialNumber": uuid.UUID(run_id(f"bill of {history.release}")).urn,
        "version": 1,
        "metadata": {
            "timestamp": iso(materials.at_ns // SECOND_NS * SECOND_NS),
            "component": {
                "type": "application",
                "bom-ref": history.release,
                "name": f"{history.factory}/{history.model_name}",
                "version": history.release,
            },
        },
        "components": [
            _model(history, materials, data),
            *(_data(history, digest) for digest in data),
            *(_library(name, version) for name, version in libraries.items()),
        ],
        "dependencies": _dependencies(history, materials, libraries),
    }


def _model(history: History, materials: Materials, data: Iterable[Digest]) -> Json:
    package = materials.package
    return {
        "type": "machine-learning-model",
        "bom-ref": materials.model,
        "name": package.name,
        "version": materials.model,
        "description": materials.purpose or package.name,
        "hashes": [
            {"alg": "SHA-256", "content": hex_of(item.sha256)}
            for item in history.manifests[materials.model].content
            if item.name == "model"
        ],
        "modelCard": {
            "modelParameters": {
                "approach": {"type": "supervised"},
                "task": package.task,
                "architectureFamily": package.format,
                "datasets": [{"ref": digest} for digest in data if history.manifests[digest].kind == "snapshot"],
                "inputs": [{"format": f"{feature.name}: {feature.type}"} for feature in package.features],
                "outputs": [{"format": package.task}],
            },
            "quantitativeAnalysis": {"performanceMetrics": [_metric(one) for one in materials.measured]},
            "considerations": {"users": [materials.owner], "useCases": [materials.purpose]},
        },
    }


def _metric(one: Measurement) -> Json:
    found: dict[str, Json] = {"type": one.metric, "value": "not measured" if one.value is None else repr(one.value)}
    if one.slice:
        found["slice"] = one.slice
    if one.lower is not None and one.upper is not None:
        found["confidenceInterval"] = {"lowerBound": repr(one.lower), "upperBound": repr(one.upper)}
    return found


def _data(history: History, digest: Digest) -> Json:
    manifest = history.manifests[digest]
    name = name_of(manifest, history.model_name)
    return {
        "type": "data",
        "bom-ref": digest,
        "name": name,
        "version": digest,
        "data": [{"type": "dataset", "name": name, "description": "by digest only; no row is here"}],
    }


def _library(name: str, version: str) -> Json:
    return {
        "type": "library",
        "bom-ref": _purl(name, version),
        "name": name,
        "version": version,
        "purl": _purl(name, version),
    }


def _purl(name: str, version: str) -> str:
    return f"pkg:pypi/{name}@{version.replace('+', '%2B').replace('!', '%21')}"


def _dependencies(history: History, materials: Materials, libraries: Mapping[str, str]) -> list[Json]:
    """What rests on what: the release on its model, artefacts on their inputs, the model on what was installed."""
    listed = {digest for digest, one in history.manifests.items() if one.kind in _DATA} | {materials.model}
    found: list[Json] = [{"ref": history.release, "dependsOn": [materials.model]}]
    for digest in sorted(listed):
        inputs = {item.digest for item in history.manifests[digest].inputs} & listed
        installed = [_purl(*one) for one in libraries.items()] if digest == materials.model else []
        found.append({"ref": digest, "dependsOn": sorted({*inputs, *installed})})
    return found
