"""Attacks where a witness watches: histories it has seen otherwise, clocks it contradicts, words it never gave."""

from dataclasses import replace

from andon.adapters.keys import load_signer, verifier
from andon.attest.envelope import with_signature
from andon.attest.recovery import RecoveryClaim, check_recovery, read_recovery, recovery_statement
from andon.attest.statement import RECOVERY, Statement, Subject, seal
from andon.attest.trust_root import RoleInterval
from andon.gates.bundle import check_bundle, read_bundle
from andon.gates.gatekeeper import Gatekeeper
from andon.ledger.checkpoint import Checkpoint, parse, sign
from andon.ledger.cosignature import WitnessKey, cosign, cosignatures, parse_cosigner_key
from andon.ledger.desk import Desk
from andon.ledger.memory import accept_recovered
from andon.ledger.merkle import EMPTY_ROOT
from andon.ledger.note import note_key
from andon.ledger.recovery import Recovery
from andon.ledger.witness import Shown, accept, parse_request, write_request
from tests.gates.world import DAY_NS, DOMAIN, FACTORY, START_NS, TARGET, World, principal
from tests.redteam.attacks.overrides import rejudged
from tests.redteam.catalogue import Ground, Tried, attack, together, tried, variants
from tests.redteam.moves import (
    admission,
    cut,
    forget,
    loading,
    rejected,
    rewrite_ledger,
    rows_of,
)

ORIGIN = f"{DOMAIN}/{FACTORY}"


class Watcher:
    """A witness in this process: the real decision, a real key, a clock of its own."""

    is_live = True
    name = "watcher"

    def __init__(self, world: World, *, key: str = "watcher") -> None:
        self.signer = load_signer(world.home.key(key))
        self.log = [verifier(load_signer(world.home.key("ledger")).public)]
        self.clock, self.ahead_ns, self.seen = world.clock, 0, None

    def cosign(self, shown: Shown) -> str:
        self.seen = accept(self.seen, shown, self.log)
        return cosign(shown.note, self.name, self.signer, self.clock.now_ns() + self.ahead_ns)


def watched(ground: Ground, *, key: str = "watcher") -> tuple[World, Watcher]:
    """An approved release for a target that asks for one witness, and the witness, which has seen all so far."""
    world = ground.at("watched")
    watcher = Watcher(world, key=key)
    keeping = world.keeper.keeping
    ledger = replace(keeping.record.ledger, witnesses=(watcher,))
    world.keeper = Gatekeeper(replace(keeping, record=replace(keeping.record, ledger=ledger)))
    world.record.witnessed(world.database.units, world.root)
    return world, watcher


def put_under_watch(world: World) -> World:
    """From a bound release to an approved one on a target that asks for one witness."""
    service = principal(world.home, "watcher", "service", RoleInterval("witness", 0))
    world.next_root(principals=(*world.root.principals, service))
    return rejudged(world.govern(witnesses=1))


@attack(
    "52a",
    "Rewrite the history with the log's key where a witness has seen it, and delete the memory",
    "key files",
    "ledger.unwitnessed",
    "ledger.witness-forked",
)
def history_rewritten(ground: Ground) -> Tried:
    world, _ = watched(ground)
    rejected(world)
    world.record.witnessed(world.database.units, world.root)
    last = rows_of(world, "select max(position) from ledger_leaves")[0][0]
    world.sql("delete from statement_subjects where statement = ?", last)
    world.sql("delete from statements where position = ?", last)
    rewrite_ledger(world, lambda entries: entries[:-1])
    forget(world)
    with world.database.units.begin() as unit:
        world.record.add(unit, world.signoff("di", role="reader"))
    return admission(world)


@attack(
    "52b",
    "Put an older signed head back where a witness has seen a newer one, and delete the memory",
    "memory",
    "ledger.unwitnessed",
    "ledger.witness-ahead",
)
def older_head(ground: Ground) -> Tried:
    world, _ = watched(ground)
    size = rejected(world)
    world.record.witnessed(world.database.units, world.root)
    cut(world, size, with_head=True)
    forget(world)
    return admission(world)


@attack("52c", "Deploy by a clock that the witness contradicts", "clock", "ledger.clock-off")
def clock_contradicted(ground: Ground) -> Tried:
    world, watcher = watched(ground)
    watcher.ahead_ns = -DAY_NS
    return admission(world)


@attack("52d", "Cosign in the witness's name with a key of one's own", "key files", "ledger.unwitnessed")
def cosigned_by_stranger(ground: Ground) -> Tried:
    world, _ = watched(ground, key="mallory")
    return admission(world)


@attack("52e", "Deploy while the witness is down", "environment", "ledger.unwitnessed")
def witness_down(ground: Ground) -> Tried:
    return admission(ground.at("watched"))


@attack("52f", "Give a server proofs that no witness cosigned", "serve folder", "ledger.unwitnessed")
def unwitnessed_bundle(ground: Ground) -> Tried:
    world, _ = watched(ground)
    world.admit()
    bundle = read_bundle(world.blobs.read(world.made.bundle))
    bare = {name: "".join(line for line in proof.splitlines(keepends=True) if "— watcher" not in line)
            for name, proof in bundle.proofs.items()}  # fmt: skip
    assert bare != bundle.proofs
    return loading(lambda: check_bundle(replace(bundle, proofs=bare), TARGET, world.blobs.read, world.trust()))


@attack(
    "52g",
    "Change the time in a witness's cosignature, or put it under another head",
    "control database",
    "ledger.cosignature-wrong",
)
def cosignature_changed(ground: Ground) -> Tried:
    world = ground.at("watched")
    ledger, signer = world.record.ledger, load_signer(world.home.key("watcher"))
    size = ledger.head().size
    note, older = ledger.checkpoints.at(size), ledger.checkpoints.at(size - 1)
    key = WitnessKey("watcher", verifier(signer.public))
    line = cosign(note, "watcher", signer, START_NS)
    later = line[:40] + ("A" if line[40] != "A" else "B") + line[41:]
    return variants(
        {
            "under another head": lambda: cosignatures(older, (key,), line),
            "changed": lambda: cosignatures(note, (key,), later),
        }
    )


@attack(
    "52h",
    "Show a witness a head that does not continue what it saw",
    "socket",
    "witness.conflict",
    "witness.inconsistent",
    "witness.unsigned",
    "witness.malformed",
)
def shown_otherwise(ground: Ground) -> Tried:
    world = ground.at("watched")
    ledger = world.record.ledger
    log = tuple(ledger.verifiers.values())
    size = ledger.head().size
    seen, note = parse(ledger.checkpoints.at(size - 2)), ledger.checkpoints.at(size)
    proof = ledger.prove_growth(size - 2, size)
    stranger = load_signer(world.home.key("mallory"))
    same_size = sign(Checkpoint(ORIGIN, size - 2, b"\1" * 32), ledger.signer)
    other = sign(Checkpoint(ORIGIN, size, b"\1" * 32), ledger.signer)
    heads = {
        "a stranger's": Shown(size - 2, proof, sign(parse(note), stranger)),
        "from another size": Shown(size - 1, ledger.prove_growth(size - 1, size), note),
        "a fork of the same size": Shown(size - 2, (), same_size),
        "a fork that grew": Shown(size - 2, proof, other),
        "no proof": Shown(size - 2, (), note),
        "smaller than its proof": Shown(size - 2, (), ledger.checkpoints.at(1)),
    }
    assert accept(seen, Shown(size - 2, proof, note), log).size == size
    attempts = {name: lambda one=one: accept(seen, one, log) for name, one in heads.items()}
    attempts["a first head with a proof"] = lambda: accept(None, Shown(0, proof, note), log)
    return variants(attempts)


@attack("52i", "Send a witness what no ledger sends", "socket", "witness.malformed")
def malformed_requests(ground: Ground) -> Tried:
    world = ground.at("watched")
    ledger = world.record.ledger
    size = ledger.head().size
    good = write_request(Shown(1, ledger.prove_growth(1, size), ledger.checkpoints.at(size)))
    assert parse_request(good)
    bodies = {
        "no size": good.replace(b"old 1", b"old x"),
        "no empty line": good.replace(b"\n\n", b"\n"),
        "a hash that is none": good.replace(b"old 1\n", b"old 1\n?\n"),
        "a hash too short": good.replace(b"old 1\n", b"old 1\nAAAA\n"),
        "too many hashes": good.replace(b"old 1\n", b"old 1\n" + (b"A" * 43 + b"=\n") * 64),
        "no text": b"\xff\xfe",
        "no head": b"old 1\n\nx",
    }
    return variants({name: lambda one=one: parse_request(one) for name, one in bodies.items()})


@attack("52j", "Give a witness's key that is the log's, or malformed", "command line", "ledger.note-malformed")
def keys_confused(ground: Ground) -> Tried:
    world = ground.at("founded")
    log = note_key(ORIGIN, load_signer(world.home.key("ledger")).public)
    return variants({"the log's": lambda: parse_cosigner_key(log), "none": lambda: parse_cosigner_key("x")})


@attack(
    "52k",
    "Sign with a key that was compromised, after a moment that no witness saw",
    "key files",
    "gates.people-missing",
)
def compromised_unseen(ground: Ground) -> Tried:
    world = ground.at("approved")
    changed = tuple(
        replace(
            one, keys=tuple(replace(key, state="compromised", since_ns=world.clock.now + DAY_NS) for key in one.keys)
        )
        if one.name == "bo"
        else one
        for one in world.root.principals
    )
    world.next_root(principals=changed)
    return admission(world)


def claim(world: World, **changes: object) -> RecoveryClaim:
    """A recovery from a head that was lost back to today's."""
    ledger = world.record.ledger
    note = ledger.checkpoints.latest()
    lost = Checkpoint(ORIGIN, ledger.head().size + 3, b"\2" * 32)
    said = RecoveryClaim(DOMAIN, FACTORY, Recovery(lost, parse(note)), note, "restored a backup", world.clock.now_ns())
    return replace(said, **changes)


@attack(
    "53a",
    "Recover a cut ledger alone, where two must sign, or in a stranger's name, or of another factory",
    "command line",
    "recovery.no-quorum",
    "attest.unsigned",
    "recovery.of-another",
)
def recovered_alone(ground: Ground) -> Tried:
    world = ground.at("bound")
    people = {one.name: one.keys[0].public.key_id for one in world.root.principals}
    root = replace(world.root, quorum=2, root_keys=(people["al"], people["bo"]))
    al, mallory = (load_signer(world.home.key(name)) for name in ("al", "mallory"))
    bo = load_signer(world.home.key("bo"))
    good = seal(recovery_statement(claim(world)), al)
    assert check_recovery(with_signature(good, bo), root, verifier)
    other = seal(recovery_statement(claim(world, factory="parcels")), al)
    return variants(
        {
            "alone": lambda: check_recovery(good, root, verifier),
            "a stranger": lambda: check_recovery(seal(recovery_statement(claim(world)), mallory), root, verifier),
            "another factory": lambda: check_recovery(with_signature(other, bo), root, verifier),
        }
    )


@attack(
    "53b",
    "Recover forwards, to another ledger, or in words that are none",
    "command line",
    "ledger.not-a-recovery",
    "attest.malformed",
)
def no_recovery(ground: Ground) -> Tried:
    world = ground.at("bound")
    said = claim(world)
    good = recovery_statement(said)
    resumed = said.recovery.resumed

    def with_members(**members: object) -> Statement:
        return Statement(good.subjects, RECOVERY, {**good.predicate, **members})

    assert read_recovery(good) == said
    lost = dict(good.predicate["lost"])
    return variants(
        {
            "forwards": lambda: Recovery(replace(resumed, size=1), resumed),
            "of another": lambda: Recovery(replace(said.recovery.lost, origin="other"), resumed),
            "from nothing": lambda: Recovery(said.recovery.lost, replace(resumed, size=0, root=EMPTY_ROOT)),
            "a root that is none": lambda: read_recovery(with_members(lost={**lost, "root": "xyz"})),
            "other subjects": lambda: read_recovery(replace(good, subjects=(Subject("x", "sha256:" + "0" * 64),))),
            "a reason that is none": lambda: read_recovery(with_members(reason="")),
        }
    )


@attack("53c", "Go on from a restored backup without anybody's recovery", "control database", "ledger.shrunk")
def unrecovered(ground: Ground) -> Tried:
    world = ground.at("approved")
    cut(world, world.record.ledger.head().size - 1, with_head=True)
    return together((tried(world.approve, "signed on top"), admission(world)))


class Disk:
    """What a witness keeps, in memory: one ledger that it knows, and the head it cosigned last."""

    def __init__(self, verifiers, head: Checkpoint) -> None:
        self.known, self.head = verifiers, head

    def verifiers(self, origin: str):
        return self.known if origin == ORIGIN else ()

    def load(self, origin: str) -> Checkpoint:
        return self.head

    def save(self, origin: str, note: str) -> None:
        self.head = parse(note)


@attack(
    "53d",
    "Bring a recovery that is about another head than the one that was seen",
    "command line",
    "ledger.not-recovered",
    "witness.not-recovered",
    "witness.unknown-log",
)
def another_recovery(ground: Ground) -> Tried:
    world = ground.at("watched")
    ledger = world.record.ledger
    size = ledger.head().size
    seen, resumed = parse(ledger.checkpoints.at(size)), parse(ledger.checkpoints.at(size - 3))
    note, proof = ledger.checkpoints.at(size - 3), ledger.prove_growth(size - 3, size)
    now = world.record.remembered()
    assert now is not None
    right = Recovery(replace(seen, size=size + 2, root=b"\2" * 32), resumed)
    wrong = Recovery(replace(seen, size=size + 9, root=b"\3" * 32), resumed)
    lost = replace(now, size=right.lost.size, root=right.lost.root)
    assert accept_recovered(lost, now, proof, right)

    def desk(head: Checkpoint) -> Desk:
        log = tuple(ledger.verifiers.values())
        return Desk("watcher", load_signer(world.home.key("watcher")), world.clock, Disk(log, head))

    assert desk(right.lost).recover(right, note) == resumed
    smaller = replace(now, size=resumed.size, root=resumed.root)
    elsewhere = Recovery(replace(right.lost, origin="other"), replace(resumed, origin="other"))
    return variants(
        {
            "another head was lost": lambda: accept_recovered(lost, now, proof, wrong),
            "without the recovery itself": lambda: accept_recovered(lost, smaller, (), right),
            "the witness saw another": lambda: desk(replace(right.lost, root=b"\4" * 32)).recover(right, note),
            "the witness saw less": lambda: desk(resumed).recover(right, note),
            "another head is resumed": lambda: desk(right.lost).recover(right, ledger.checkpoints.at(size - 4)),
            "another ledger": lambda: desk(right.lost).recover(elsewhere, note),
        }
    )
