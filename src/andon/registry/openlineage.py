"""Lineage as OpenLineage events (core 2-0-2): a run for each piece of work, and one for each judgement of a gate."""

from collections.abc import Mapping, Sequence
from typing import Final

from andon.contracts.policy import Finding
from andon.kernel.canonical import Json
from andon.kernel.clock import iso
from andon.kernel.digest import Digest
from andon.registry.history import History, Judged, Work, columns_of, name_of, run_id, works

PRODUCER: Final = "urn:andon:lineage"
_CORE: Final = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
_FACETS: Final = "https://openlineage.io/spec/facets/{version}/{name}.json#/$defs/{name}"
_VERSIONS: Final[Mapping[str, tuple[str, str]]] = {
    "version": ("1-0-1", "DatasetVersionDatasetFacet"),
    "datasetType": ("1-0-1", "DatasetTypeDatasetFacet"),
    "schema": ("1-2-0", "SchemaDatasetFacet"),
    "columnLineage": ("1-2-0", "ColumnLineageDatasetFacet"),
    "outputStatistics": ("1-0-2", "OutputStatisticsOutputDatasetFacet"),
    "ownership": ("1-0-1", "OwnershipJobFacet"),
    "jobType": ("2-0-4", "JobTypeJobFacet"),
    "parent": ("1-2-0", "ParentRunFacet"),
    "test": ("1-0-1", "TestRunFacet"),
    "executionParameters": ("1-0-0", "ExecutionParametersRunFacet"),
    "dataQualityAssertions": ("1-1-0", "DataQualityAssertionsDatasetFacet"),
}
_TYPES: Final[Mapping[str, str]] = {"model": "MODEL", "report": "JOB_OUTPUT", "release": "JOB_OUTPUT"}
_STATUS: Final[Mapping[str, str]] = {"yes": "pass", "no": "fail", "waived": "fail"}


def events(history: History) -> list[Json]:
    """The events of a lineage: START and COMPLETE or FAIL of every run, in the order of the ledger.

    An event's time is when the ledger first recorded something that rests on the work: that time is signed, the
    machine's own notes on how long it worked are not.
    """
    runs = [(work.recorded_ns, 0, _work_events(history, work)) for work in works(history)]
    runs += [(one.logged_ns, 1, _judged_events(history, one)) for one in history.judged]
    return [event for _, _, pair in sorted(runs, key=lambda run: run[:2]) for event in pair]


def _work_events(history: History, work: Work) -> list[Json]:
    facets: dict[str, Json] = {"parent": _parent(history)}
    if work.job == f"train.{history.model_name}":
        facets["executionParameters"] = _facet("executionParameters", {"parameters": _parameters(history)})
    return _events(
        (work.recorded_ns, work.run_id, "COMPLETE"),
        _job(history, work.job),
        facets,
        [_dataset(history, digest) for digest in work.inputs],
        [_output(history, digest) for digest in work.outputs],
    )


def _judged_events(history: History, one: Judged) -> list[Json]:
    verdict: dict[str, Json] = {
        "_producer": PRODUCER,
        "_schemaURL": "urn:andon:facet:verdict:v1",
        "outcome": one.outcome,
        "statement": one.statement,
        "ledgerEntry": one.entry,
        "signedBy": one.by,
        "signoffs": list(one.signoffs),
    }
    facets: dict[str, Json] = {
        "parent": _parent(history),
        "test": _facet("test", {"tests": [_test(finding) for finding in one.findings]}),
        "andon_verdict": verdict,
    }
    subject: list[Json] = []
    if one.subject in history.manifests:
        asserted = _facet("dataQualityAssertions", {"assertions": [_assertion(finding) for finding in one.findings]})
        quality = {"dataQualityAssertions": asserted} if history.manifests[one.subject].kind == "batch" else {}
        subject = [{**_dataset(history, one.subject), "inputFacets": quality}]
    ending = "COMPLETE" if one.outcome == "PASSED" else "FAIL"
    return _events(
        (one.logged_ns, run_id(one.statement), ending), _job(history, f"gate.{one.gate}"), facets, subject, []
    )


def _events(
    run: tuple[int, str, str], job: Json, facets: Mapping[str, Json], inputs: Sequence[Json], outputs: Sequence[Json]
) -> list[Json]:
    at_ns, identity, ending = run
    common: dict[str, Json] = {
        "eventTime": iso(at_ns // 1_000_000 * 1_000_000),
        "producer": PRODUCER,
        "schemaURL": _CORE,
        "job": job,
    }
    start: Json = {**common, "eventType": "START", "run": {"runId": identity}, "inputs": inputs, "outputs": []}
    whole: Json = {"runId": identity, "facets": facets}
    return [start, {**common, "eventType": ending, "run": whole, "inputs": inputs, "outputs": outputs}]


def _job(history: History, name: str) -> Json:
    owner = history.owners.get(name, "")
    facets: dict[str, Json] = {
        "jobType": _facet("jobType", {"processingType": "BATCH", "integration": "ANDON", "jobType": _kind(name)})
    }
    if owner:
        facets["ownership"] = _facet("ownership", {"owners": [{"name": owner, "type": "OWNER"}]})
    return {"namespace": _namespace(history), "name": name, "facets": facets}


def _kind(name: str) -> str:
    return "GATE" if name.startswith("gate.") else "STAGE"


def _dataset(history: History, digest: Digest) -> dict[str, Json]:
    manifest = history.manifests[digest]
    facets: dict[str, Json] = {
        "version": _facet("version", {"datasetVersion": digest}),
        "datasetType": _facet(
            "datasetType", {"datasetType": _TYPES.get(manifest.kind, "FILE"), "subType": manifest.kind}
        ),
    }
    if fields := _fields(history, digest):
        facets["schema"] = _facet("schema", {"fields": fields})
    return {"namespace": _namespace(history), "name": name_of(manifest, history.model_name), "facets": facets}


def _output(history: History, digest: Digest) -> Json:
    manifest, dataset = history.manifests[digest], _dataset(history, digest)
    rows = [item.rows for item in manifest.content if item.rows is not None]
    counted = {"rowCount": sum(rows)} if rows else {}
    size = sum(item.bytes for item in manifest.content)
    statistics = _facet("outputStatistics", {**counted, "size": size, "fileCount": len(manifest.content)})
    if manifest.kind == "snapshot" and isinstance(dataset["facets"], dict):
        dataset["facets"]["columnLineage"] = _facet("columnLineage", {"fields": _column_lineage(history)})
    return {**dataset, "outputFacets": {"outputStatistics": statistics}}


def _fields(history: History, digest: Digest) -> list[Json]:
    manifest = history.manifests[digest]
    if manifest.kind == "snapshot":
        return [_field(item, "type") for item in _items(manifest.facts.get("features"))]
    contract = history.contracts.get(str(manifest.facts.get("contract")))
    return [_field(item, "kind") for item in _items(contract.get("columns") if isinstance(contract, Mapping) else None)]


def _field(item: Mapping[str, Json], kind: str) -> Json:
    return {"name": str(item.get("name")), "type": str(item.get(kind))}


def _items(value: Json) -> list[Mapping[str, Json]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list | tuple) else []


def _column_lineage(history: History) -> Json:
    return {
        feature: {
            "inputFields": [
                {"namespace": _namespace(history), "name": f"dataset/{contract}", "field": column}
                for contract, column in columns
            ]
        }
        for feature, columns in columns_of(history.plan).items()
    }


def _parameters(history: History) -> list[Json]:
    return [{"key": key, "name": key, "value": str(value)} for key, value in sorted(history.parameters.items())]


def _parent(history: History) -> Json:
    job: Json = {"namespace": _namespace(history), "name": f"line.{history.model_name}"}
    return _facet("parent", {"run": {"runId": run_id(f"line of {history.release}")}, "job": job})


def _test(finding: Finding) -> Json:
    criterion = finding.criterion
    return {
        "name": criterion.text() + (f" {finding.slice}" if finding.slice else ""),
        "status": _STATUS.get(finding.holds, "skip"),
        "severity": "error" if criterion.severity == "block" else "warn",
        "expected": f"{'>=' if criterion.op == 'ge' else '<='} {criterion.bound:g}",
        "actual": "nothing measured" if finding.value is None else f"{finding.value:.17g}",
        "description": f"{finding.holds}: {finding.why}",
        "params": {"n": finding.n, "holds": finding.holds, "side": criterion.side, "metric": criterion.metric},
    }


def _assertion(finding: Finding) -> Json:
    criterion = finding.criterion
    return {
        "assertion": criterion.metric,
        "name": criterion.text(),
        "success": finding.holds == "yes",
        "severity": "error" if criterion.severity == "block" else "warn",
        "description": f"{finding.holds}: {finding.why}",
    }


def _facet(name: str, members: Mapping[str, Json]) -> Json:
    version, schema = _VERSIONS[name]
    return {"_producer": PRODUCER, "_schemaURL": _FACETS.format(version=version, name=schema), **members}


def _namespace(history: History) -> str:
    return f"andon://{history.factory}"
