"""The index of an evidence pack: every file with its digest and what it is evidence for, signed by the gatekeeper."""

from collections.abc import Mapping
from typing import Final

from andon.attest.envelope import sign, to_json
from andon.attest.trust_json import fingerprint
from andon.kernel.canonical import Json, dumps
from andon.kernel.digest import of_bytes
from andon.kernel.signing import Signer
from andon.wiring.calls.evidence.gathered import Gathered
from andon.wiring.calls.evidence.obligations import CAUTION, ITEMS, NOT_COVERED, file_entry

FORMAT: Final = "andon/evidence-index/v1"
PAYLOAD_TYPE: Final = "application/vnd.andon.evidence-index+json"
INDEX: Final = "index.json"
SEAL: Final = "index.dsse.json"
STATED: Final = (
    "Complete as stated by the gatekeeper at the size of the ledger: other entries are said to be about other things. "
    "All leaves are here, so whoever holds a statement that was left out can prove from this pack that it was."
)
WHOLE: Final = "Complete: the statement of every entry of the ledger is here."
LEAVES_OUT: Final = (
    "Complete as stated by the gatekeeper at the size of the ledger. The ledger is too long for its leaves to be here, "
    "so the root over all of them cannot be computed from this pack."
)


def sealed_index(gathered: Gathered, files: Mapping[str, bytes], signer: Signer) -> dict[str, bytes]:
    """The index of some files, and the same bytes in an envelope that the gatekeeper signed.

    Args:
        gathered: What the pack is about.
        files: All other files of the pack.
        signer: The gate's key.
    """
    index = dumps(_index(gathered, files))
    return {INDEX: index, SEAL: to_json(sign(PAYLOAD_TYPE, index, (signer,)))}


def _index(gathered: Gathered, files: Mapping[str, bytes]) -> Json:
    head = gathered.head
    return {
        "format": FORMAT,
        "factory": gathered.root.factory,
        "domain": gathered.root.domain,
        "release": gathered.release,
        "model": gathered.facts.model_name,
        "target": gathered.facts.target,
        "state": gathered.state,
        "ledger": {
            "origin": head.origin,
            "size": head.size,
            "root": head.root.hex(),
            "time_ns": str(gathered.last_ns),
        },
        "trust_root": {"version": gathered.root.version, "fingerprint": fingerprint(gathered.root)},
        "completeness": _completeness(gathered),
        "caution": CAUTION,
        "not_covered": list(NOT_COVERED),
        "evidence_for": {
            key: {"text": item.text, "item": item.item, "about": item.about} for key, item in ITEMS.items()
        },
        "files": [_file(path, files[path]) for path in sorted(files)],
    }


def _completeness(gathered: Gathered) -> str:
    if len(gathered.sealed) == gathered.head.size:
        return WHOLE
    return STATED if gathered.leaves else LEAVES_OUT


def _file(path: str, data: bytes) -> Json:
    what, items = file_entry(path)
    return {"path": path, "sha256": of_bytes(data), "bytes": len(data), "what": what, "evidence_for": list(items)}
