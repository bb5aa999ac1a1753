"""Attacks on an evidence pack, on its way to whoever must be convinced: forged, trimmed, or bringing its own judge."""

import contextlib
import importlib.util
import io
import json
import sys
import time
from types import ModuleType

from andon.verifier import andon_verify
from andon.wiring.calls.evidence.exporting import evidence_of
from tests.redteam.catalogue import Ground, Tried, attack, together
from tests.verifier.packs import files_of, indexed, of_kind, packed, proof_of

BAD, UNANCHORED = "exit 1", "exit 3"


def verifier() -> ModuleType:
    """The verifier as others get it: from the bytes of its one file."""
    spec = importlib.util.spec_from_file_location("andon_verify_alone", andon_verify.__file__)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


class Convinced:
    """Somebody with the verifier, and with the fingerprint from elsewhere."""

    def __init__(self, ground: Ground) -> None:
        whole = ground.whole()
        self.data = evidence_of(whole.place.folder, whole.releases[1])
        self.files = files_of(self.data)
        (pinned,) = whole.place.home.glob("*/pinned-root")
        self.root = pinned.read_text().strip()
        self.verify = verifier()
        assert self.exit_code(self.data, self.root) == 0

    def exit_code(self, data: bytes, root: str | None, **asked: object) -> int:
        wanted = {"max_age_ns": None, "witnesses": (), "seen": None, "now_ns": time.time_ns(), **asked}
        question = self.verify.Asked(root=root, **wanted)
        with contextlib.redirect_stdout(io.StringIO()):
            checks, index = self.verify.check_pack(data, question)
            return self.verify.report(checks, index, question)

    def shown(self, files: dict[str, bytes], **asked: object) -> Tried:
        """What comes of other files, in a zip of the exporter's own form."""
        code = self.exit_code(packed(files), asked.pop("root", self.root), **asked)
        return Tried(() if code else ("the verifier says that all holds",), (f"exit {code}",))


@attack("54a", "Edit the metrics in a pack, and make its index right", "evidence pack", BAD, needs="whole")
def edited_metrics(ground: Ground) -> Tried:
    them = Convinced(ground)
    metrics = them.files["metrics.json"].replace(b'"value":0.', b'"value":0.9', 1)
    assert metrics != them.files["metrics.json"]
    changed = {**them.files, "metrics.json": metrics}
    return together((them.shown(changed), them.shown(indexed(changed))))


@attack(
    "54b",
    "Leave a statement out of a pack, with its proof, and make its index right",
    "evidence pack",
    BAD,
    needs="whole",
)
def trimmed(ground: Ground) -> Tried:
    them = Convinced(ground)

    def without(path: str) -> dict[str, bytes]:
        gone = {path, proof_of(path)}
        return indexed({name: data for name, data in them.files.items() if name not in gone})

    return together(them.shown(without(path)) for path in of_kind(them.files, "gate-verdict"))


@attack("54c", "Send a verifier along with the pack", "evidence pack", BAD, needs="whole")
def own_verifier(ground: Ground) -> Tried:
    them = Convinced(ground)
    own = {**them.files, "andon_verify.py": b"print('all holds')\n"}
    return together((them.shown(own), them.shown(indexed(own))))


@attack("54d", "Have a pack believed without a fingerprint from elsewhere", "evidence pack", UNANCHORED, needs="whole")
def unanchored(ground: Ground) -> Tried:
    them = Convinced(ground)
    return them.shown(them.files, root=None)


@attack(
    "54e",
    "Show the pack of another factory, or one with another beginning of trust",
    "evidence pack",
    BAD,
    needs="whole",
)
def another_beginning(ground: Ground) -> Tried:
    them = Convinced(ground)
    return them.shown(them.files, root="sha256:" + "0" * 64)


@attack(
    "54f", "Show an old pack to somebody who sees this ledger for the first time", "evidence pack", BAD, needs="whole"
)
def old_pack(ground: Ground) -> Tried:
    them = Convinced(ground)
    day_ns = 86_400 * 10**9
    return them.shown(them.files, max_age_ns=30 * day_ns, now_ns=time.time_ns() + 99 * day_ns)


@attack("54g", "Exchange two statements of a pack", "evidence pack", BAD, needs="whole")
def exchanged(ground: Ground) -> Tried:
    them = Convinced(ground)
    one, other, *_ = of_kind(them.files, "gate-verdict")
    return them.shown(indexed({**them.files, one: them.files[other], other: them.files[one]}))


assert json
