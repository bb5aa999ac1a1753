"""Packs taken apart and put together again, as somebody would who wants to deceive."""

import base64
import hashlib
import json
import zipfile
from collections.abc import Mapping
from io import BytesIO

from andon.kernel.canonical import dumps
from andon.wiring.calls.evidence.archive import archive


def files_of(data: bytes) -> dict[str, bytes]:
    """The files of a pack."""
    with zipfile.ZipFile(BytesIO(data)) as pack:
        return {name: pack.read(name) for name in pack.namelist()}


def packed(files: Mapping[str, bytes]) -> bytes:
    """A pack in the form that the exporter writes."""
    return archive(files)


def indexed(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Files with an index that is right about every one of them; the seal stays that of the index before."""
    index = json.loads(files["index.json"])
    known = {one["path"]: one for one in index["files"]}
    listed = {path: data for path, data in files.items() if path not in ("index.json", "index.dsse.json")}
    index["files"] = [
        {
            **known.get(path, {"what": "", "evidence_for": []}),
            "path": path,
            "sha256": f"sha256:{hashlib.sha256(listed[path]).hexdigest()}",
            "bytes": len(listed[path]),
        }
        for path in sorted(listed)
    ]
    return {**files, "index.json": dumps(index)}


def of_kind(files: Mapping[str, bytes], kind: str) -> list[str]:
    """Paths of the statements of a kind, in the order of their names."""
    found = []
    for path, data in sorted(files.items()):
        if path.startswith("statements/"):
            payload = json.loads(base64.b64decode(json.loads(data)["payload"]))
            if payload["predicateType"] == f"andon/{kind}/v1":
                found.append(path)
    return found


def proof_of(path: str) -> str:
    """The proof that belongs to a statement."""
    return path.replace("statements/", "proofs/").replace(".dsse.json", ".tlog-proof")
