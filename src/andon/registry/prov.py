"""Lineage as PROV-JSON (W3C): entities, the activities that made and judged them, and who answers for these."""

from collections.abc import Mapping
from typing import Final

from andon.kernel.canonical import Json
from andon.kernel.clock import iso
from andon.kernel.digest import Digest, hex_of
from andon.registry.history import History, Judged, Work, name_of, run_id, works

_PREFIXES: Final[Mapping[str, Json]] = {"andon": "urn:andon:prov:", "run": "urn:uuid:", "who": "urn:andon:principal:"}


def document(history: History) -> Json:
    """The PROV-JSON document of a lineage."""
    found: dict[str, dict[str, Json]] = {"prefix": dict(_PREFIXES), "entity": {}, "activity": {}, "agent": {}}
    for digest in history.manifests:
        found["entity"][_entity(digest)] = _described(history, digest)
    for work in works(history):
        _add_work(found, work)
    for judged in history.judged:
        _add_judged(found, history, judged)
    for digest, manifest in history.manifests.items():
        for item in manifest.inputs:
            derived: Json = {"prov:generatedEntity": _entity(digest), "prov:usedEntity": _entity(item.digest)}
            _relate(found, "wasDerivedFrom", derived)
    return {name: members for name, members in found.items() if members}


def _described(history: History, digest: Digest) -> Json:
    manifest = history.manifests[digest]
    return {
        "prov:label": name_of(manifest, history.model_name),
        "prov:type": f"andon:{manifest.kind}",
        "andon:digest": digest,
    }


def _add_work(found: dict[str, dict[str, Json]], work: Work) -> None:
    activity = f"run:{work.run_id}"
    found["activity"][activity] = {"prov:label": work.job, "andon:recorded": iso(work.recorded_ns)}
    for digest in work.inputs:
        _relate(found, "used", {"prov:activity": activity, "prov:entity": _entity(digest)})
    for digest in work.outputs:
        _relate(found, "wasGeneratedBy", {"prov:entity": _entity(digest), "prov:activity": activity})


def _add_judged(found: dict[str, dict[str, Json]], history: History, judged: Judged) -> None:
    activity, verdict, who = f"run:{run_id(judged.statement)}", _entity(judged.statement), f"who:{judged.by}"
    found["activity"][activity] = {"prov:label": f"gate.{judged.gate}", "andon:recorded": iso(judged.logged_ns)}
    found["entity"][verdict] = {
        "prov:label": f"{judged.gate} {judged.outcome}",
        "prov:type": "andon:verdict",
        "andon:digest": judged.statement,
    }
    found["agent"][who] = {"prov:label": judged.by, "prov:type": "prov:SoftwareAgent"}
    if judged.subject in history.manifests:
        _relate(found, "used", {"prov:activity": activity, "prov:entity": _entity(judged.subject)})
    _relate(found, "wasGeneratedBy", {"prov:entity": verdict, "prov:activity": activity})
    _relate(found, "wasAttributedTo", {"prov:entity": verdict, "prov:agent": who})
    _relate(found, "wasAssociatedWith", {"prov:activity": activity, "prov:agent": who})


def _relate(found: dict[str, dict[str, Json]], relation: str, members: Json) -> None:
    relations = found.setdefault(relation, {})
    relations[f"_:{relation}{len(relations) + 1}"] = members


def _entity(digest: Digest) -> str:
    return f"andon:sha256-{hex_of(digest)}"
