"""All that the records of a factory hold about one release, read again from its bytes, at one head of the ledger."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from andon.attest.envelope import Envelope
from andon.attest.statement import GATE_VERDICT
from andon.attest.trust_root import TrustRoot
from andon.contracts.declaration import Declaration
from andon.contracts.model import Environment, Package
from andon.contracts.release import ReleaseFacts
from andon.gates.chain import release_facts
from andon.gates.said import Said, read_said
from andon.kernel.armour import wrap
from andon.kernel.digest import Digest
from andon.kernel.errors import AndonError, InputError, IntegrityError
from andon.kernel.signing import Verifier
from andon.ledger.checkpoint import Checkpoint, verify
from andon.ledger.entry import Entry, leaf_bytes
from andon.ledger.merkle import at_once, inclusion
from andon.ledger.proof import Proof, write_proof
from andon.line.package import PACKAGE, read_package
from andon.line.train.record import TrainingRecord, record_from_bytes
from andon.registry.lineage import ancestors
from andon.store.manifest import Manifest
from andon.wiring.calls.evidence.selected import Line, line_of, selected
from andon.wiring.calls.releases import state_of
from andon.wiring.calls.verdicts import Spoken, spoken_in
from andon.wiring.factory import Opened

MOST_LEAVES: Final = 250_000
_RECORD: Final = "record.json"
_PAGE: Final = "report.html"


@dataclass(frozen=True, slots=True)
class Sealed:
    """One signed statement with its place in the ledger and the proof of it."""

    entry: Entry
    envelope: bytes
    said: Said
    proof: str


@dataclass(frozen=True, slots=True)
class Gathered:
    """All that a pack is made of.

    Attributes:
        state: Where the release stands: bound, admitted, serving or revoked.
        heads: Signed heads of the ledger by size: the greatest, under which everything is proved, and for every
            statement the first that a witness cosigned after it.
        leaves: Every leaf of the ledger up to the head, in order; empty where there are more than `MOST_LEAVES`.
        sealed: The statements that belong to the release, in the order of the ledger.
        manifests: The release, and everything that it, its model's reports and their baselines were made from.
        page: The report on the model as people read it; empty where there is none.
        record: What the training wrote down, and its bytes as they are stored; nothing for a model made elsewhere.
    """

    release: Digest
    facts: ReleaseFacts
    state: str
    root: TrustRoot
    roots: tuple[Envelope, ...]
    head: Checkpoint
    heads: Mapping[int, str]
    leaves: tuple[bytes, ...]
    last_ns: int
    sealed: tuple[Sealed, ...]
    manifests: Mapping[Digest, Manifest]
    declaration: Declaration
    model: Digest
    package: Package
    page: bytes
    record: TrainingRecord | None
    record_bytes: bytes

    @property
    def said(self) -> tuple[Said, ...]:
        """The statements themselves."""
        return tuple(one.said for one in self.sealed)

    @property
    def verdicts(self) -> tuple[Spoken, ...]:
        """What the gates said, the oldest first."""
        return spoken_in(one for one in self.said if one.statement.predicate_type == GATE_VERDICT)[::-1]

    @property
    def environment(self) -> Environment | None:
        """Where the model was made, where the training's record says so."""
        return self.record.environment if self.record else None


def gather(opened: Opened, release: Digest, *, whole: bool, most_leaves: int = MOST_LEAVES) -> Gathered:
    """Read everything about a release.

    Args:
        opened: The factory.
        release: The release.
        whole: Whether every statement of the ledger is wanted, and not only those that belong to the release.
        most_leaves: Of a longer ledger the leaves are left out.

    Raises:
        InputError: Nothing was ever decided, or an artefact is not recorded.
        IntegrityError: Something is not what was recorded.
    """
    record = opened.gatekeeper.keeping.record
    root = record.root()
    head = opened.ledger.head()
    note = opened.database.checkpoints.at(head.size) or ""
    verify(note, opened.ledger.origin, opened.ledger.verifiers.values())
    manifests = _manifests(opened, release)
    facts = release_facts(manifests[release])
    model = manifests[release].inputs_of("model")[0]
    entries, lines = _read_ledger(opened, head.size)
    chosen = frozenset(range(head.size)) if whole else selected(lines, manifests)
    verifiers = record.verifiers(root)
    sealed = tuple(_sealed(opened, entries[index], note, head.size, verifiers) for index in sorted(chosen))
    training = _training(manifests, model)
    return Gathered(
        release=release,
        facts=facts,
        state=state_of(opened, release, facts, [one.said for one in sealed], root),
        root=root,
        roots=tuple(record.roots.envelopes()),
        head=head,
        heads={**_cosigned(opened, chosen, head.size), head.size: note},
        leaves=tuple(map(leaf_bytes, entries)) if head.size <= most_leaves else (),
        last_ns=entries[-1].time_ns,
        sealed=sealed,
        manifests=manifests,
        declaration=opened.declaration(facts.declaration),
        model=model,
        package=read_package(opened.blobs.read(manifests[model].object(PACKAGE).sha256)),
        page=_object(opened, manifests[manifests[release].inputs_of("report")[0]], _PAGE),
        record=record_from_bytes(_object(opened, training, _RECORD)) if training else None,
        record_bytes=_object(opened, training, _RECORD) if training else b"",
    )


def _manifests(opened: Opened, release: Digest) -> dict[Digest, Manifest]:
    """The release and the one that it followed, with their lineage, and all other reports on these models."""
    records = opened.database.manifests
    found = _lineage(opened, release)
    before = release_facts(found[release]).predecessor
    found |= _lineage(opened, before) if before else {}
    for model in [digest for digest, one in found.items() if one.kind == "model"]:
        for user in records.users_of(model):
            if user not in found and records.get(user).kind == "report":
                found |= _lineage(opened, user)
    return found


def _lineage(opened: Opened, of: Digest) -> dict[Digest, Manifest]:
    found: dict[Digest, Manifest] = {}
    for one in ancestors(of, opened.database.manifests.get):
        if one.manifest is None:
            raise IntegrityError(
                "evidence.lineage-open",
                "Something this release was made from is not recorded.",
                place=one.digest,
                found=one.problem,
                fix="Run: andon audit verify",
            )
        found[one.digest] = one.manifest
    return found


def _read_ledger(opened: Opened, size: int) -> tuple[list[Entry], list[Line]]:
    """Every entry, and what each statement is about; the notes by which the database finds statements do not count."""
    entries: list[Entry] = []
    lines: list[Line] = []
    for entry, sealed in opened.gatekeeper.keeping.record.everything(size):
        entries.append(entry)
        lines.append(line_of(entry.index, entry.statement, sealed.envelope))
    if len(entries) != size:
        raise InputError(
            "evidence.ledger-incomplete",
            "The ledger has fewer entries than its signed head says.",
            found=f"{len(entries)} of {size}",
            fix="Run: andon audit verify",
        )
    return entries, lines


def _sealed(opened: Opened, entry: Entry, note: str, size: int, verifiers: Mapping[str, Verifier]) -> Sealed:
    envelope = opened.gatekeeper.keeping.record.statements.get(entry.statement).envelope
    path = at_once(lambda node: inclusion(entry.index, size, node), opened.ledger.rows.nodes_at)
    said = read_said(envelope, entry, verifiers)
    return Sealed(entry, envelope, said, _with_leaf(entry, write_proof(Proof(entry.index, tuple(path), note))))


def _with_leaf(entry: Entry, proof: str) -> str:
    """The proof with its entry in the line that the format leaves free: the proof alone does not say when."""
    head, _, rest = proof.partition("\n")
    return f"{head}\nextra {wrap(leaf_bytes(entry))}\n{rest}"


def _cosigned(opened: Opened, chosen: Collection[int], size: int) -> dict[int, str]:
    """For each of some entries, the head before it and the first one after it that witnesses cosigned.

    The one before says what a target asked of witnesses when something was admitted; the one after, by when a witness
    had seen an entry.
    """
    waiting = sorted(chosen)
    found: dict[int, str] = {}
    for at, note in opened.database.checkpoints.cosigned(0):
        if at > size:
            break
        if (at in chosen or (waiting and waiting[0] < at)) and _is_ours(opened, note):
            found[at] = note
            waiting = [index for index in waiting if index >= at]
    return found


def _is_ours(opened: Opened, note: str) -> bool:
    """Whether a key of the ledger that still counts signed a head; of a compromised one nothing does."""
    try:
        verify(note, opened.ledger.origin, opened.ledger.verifiers.values())
    except IntegrityError:
        return False
    return True


def _training(manifests: Mapping[Digest, Manifest], model: Digest) -> Manifest | None:
    """The report on the training of a model."""
    reports = (one for one in manifests.values() if one.kind == "report" and one.facts.get("of") == "training")
    return next((one for one in reports if one.inputs_of("model") == (model,)), None)


def _object(opened: Opened, manifest: Manifest, name: str) -> bytes:
    """An object of an artefact by its name; nothing where it has none."""
    try:
        wanted = manifest.object(name)
    except AndonError:
        return b""
    return opened.blobs.read(wanted.sha256)
