"""What a pack would show of a world in which gates judged: the files that the verifier reads."""

from dataclasses import dataclass, replace
from types import ModuleType

from andon.attest import envelope as envelopes
from andon.attest.trust_json import fingerprint
from andon.gates.serving import Admission, decision_statement
from andon.gates.verdict import Moved
from andon.kernel.armour import wrap
from andon.kernel.digest import hex_of
from andon.ledger.entry import Entry, leaf_bytes
from andon.ledger.merkle import at_once, inclusion
from andon.ledger.proof import Proof, write_proof
from tests.gates.world import DOMAIN, FACTORY, TARGET, World


@dataclass
class Shown:
    """A world as the verifier sees it."""

    verify: ModuleType
    files: dict[str, bytes]
    index: dict
    pinned: str

    def void(self) -> set[str]:
        """Whose sign-offs count no more, because a compromised key made them and no witness saw them before."""
        checks = self.verify.Checks()
        trust = self.verify.read_trust(self.files, self.pinned, checks)
        ledger = self.verify.read_ledger(self.files, self.index, trust, checks)
        said = self.verify.read_statements(self.files, ledger, trust, checks)
        keys = [
            key
            for one in said
            if one.is_void
            for key in self.verify.read_envelope(self.files[one.path], self.verify.STATEMENT_TYPE).signers(trust.keys)
        ]
        return {trust.owners[key][0]["name"] for key in keys}

    def problems(self) -> dict[str, str]:
        """What does not hold, by the kind and place of the statement, or by file."""
        verify, checks = self.verify, self.verify.Checks()
        trust = verify.read_trust(self.files, self.pinned, checks)
        if not trust.versions:
            return dict(checks.problems)
        ledger = verify.read_ledger(self.files, self.index, trust, checks)
        said = verify.read_statements(self.files, ledger, trust, checks)
        judge, names = (
            verify.Judge([one for one in said if not one.is_void], trust),
            {one.path: f"{one.kind} {one.index}" for one in said},
        )
        release = verify.read_release(self.files, self.index, checks)
        for one in judge.of("gate-verdict"):
            checks.reading(one.path, judge.check_verdict, one)
        for one in judge.of("admission"):
            root, witnesses = trust.version(one.values["root_version"]), ledger.witnessed.get(one.index, {})
            checks.reading(one.path, verify.Admitting(one, release, judge, root, witnesses).check)
        return {names.get(path, path): text for path, text in checks.problems}


def shown(verify: ModuleType, world: World) -> Shown:
    """Everything that a world's records show of its release."""
    record, head = world.record, world.record.ledger.head()
    files: dict[str, bytes] = {}
    for entry, sealed in record.everything(head.size):
        name = hex_of(entry.statement)
        files[f"statements/{name}.dsse.json"] = sealed.envelope
        files[f"proofs/{name}.tlog-proof"] = proof_of(world, entry, head.size).encode()
    files["ledger/leaves.ndjson"] = b"".join(leaf + b"\n" for _, leaf in record.ledger.rows.leaves(0, head.size))
    for size in range(1, head.size + 1):
        files[f"ledger/checkpoint-{size:012d}.txt"] = world.database.checkpoints.at(size).encode()
    for number, envelope in enumerate(record.roots.envelopes(), start=1):
        files[f"trust/{number:06d}.dsse.json"] = envelopes.to_json(envelope)
    keeping, release = world.keeper.keeping, world.made.release
    for digest, manifest in (keeping.lineage_of(release) if release else {}).items():
        files[f"manifests/{hex_of(digest)}.json"] = manifest.to_bytes()
    if release:
        manifest = world.the("release")
        files["release.json"] = manifest.to_bytes()
        files["declaration.json"] = world.blobs.read(str(manifest.facts["declaration"]))
    ledger = {"origin": head.origin, "size": head.size, "root": head.root.hex(), "time_ns": "0"}
    return Shown(verify, files, {"release": release, "ledger": ledger}, record.fingerprint)


def proof_of(world: World, entry: Entry, size: int) -> str:
    """A proof as packs have it: under the head of this size, with the entry itself."""
    rows, note = world.database.ledger_rows, world.database.checkpoints.at(size)
    path = at_once(lambda node: inclusion(entry.index, size, node), rows.nodes_at)
    head, _, rest = write_proof(Proof(entry.index, tuple(path), note)).partition("\n")
    return f"{head}\nextra {wrap(leaf_bytes(entry))}\n{rest}"


def forge_admission(world: World, **changes: object) -> str:
    """An admission of the world's release, signed with the gatekeeper's key without asking the gatekeeper."""
    root = world.root
    said = world.record.of_types(root, "andon/gate-verdict/v1", "andon/release/v1", "andon/signoff/v1")
    admission = Admission(
        domain=DOMAIN,
        factory=FACTORY,
        model_name="late",
        target=TARGET,
        release=world.made.release,
        model=world.made.model,
        relied=tuple(one.digest for one in said),
        root=fingerprint(root),
        root_version=root.version,
        tier="T0",
        publish=Moved("serving/flights/late/local", world.made.release, 1),
        time_ns=world.clock.now_ns(),
    )
    return world.forge(decision_statement(replace(admission, **changes)))
