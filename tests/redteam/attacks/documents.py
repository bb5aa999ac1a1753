"""Attacks with malformed documents: whatever is read from outside is read strictly, or refused."""

import base64
import json
from dataclasses import replace

from andon.adapters.keys import load_signer, verifier
from andon.attest import envelope as envelopes
from andon.attest import statement as statements
from andon.attest.statement import SIGNOFF, Statement, Subject, seal
from andon.attest.succession import PAYLOAD_TYPE as ROOT_TYPE
from andon.attest.succession import verify_chain
from andon.attest.trust_json import from_bytes as root_from_bytes
from andon.attest.trust_json import to_bytes as root_to_bytes
from andon.kernel.canonical import dumps
from andon.kernel.digest import of_bytes
from andon.ledger import checkpoint, note
from andon.ledger.checkpoint import Checkpoint
from andon.ledger.entry import Entry, parse_leaf
from andon.ledger.merkle import consistency, inclusion
from andon.ledger.proof import parse_proof, verify_proof
from tests.gates.world import DOMAIN, FACTORY
from tests.redteam.catalogue import Ground, Tried, attack, variants

ORIGIN = f"{DOMAIN}/{FACTORY}"


def changed(document: bytes, **members: object) -> bytes:
    """A JSON document with other members; `None` takes one away."""
    value = json.loads(document)
    return dumps({name: one for name, one in {**value, **members}.items() if one is not None})


@attack("46a", "Hand in envelopes that are not what they seem", "command line", "attest.malformed")
def malformed_envelopes(ground: Ground) -> Tried:
    world = ground.at("bound")
    good = envelopes.to_json(world.signoff("bo"))
    (signature,) = json.loads(good)["signatures"]
    documents = {
        "no JSON": b"{",
        "other spacing": good.replace(b":", b": ", 1),
        "a member more": changed(good, note="x"),
        "a member less": changed(good, payloadType=None),
        "no object": b"[]",
        "no type": changed(good, payloadType=""),
        "signatures that are none": changed(good, signatures={}),
        "a signature that is none": changed(good, signatures=["x"]),
        "two under one key id": changed(good, signatures=[signature, signature]),
        "payload not in base64": changed(good, payload="?"),
        "payload no text": changed(good, payload=7),
        "nested too deep": b"[" * 100_000,
    }
    return variants({name: lambda one=one: envelopes.from_json(one) for name, one in documents.items()})


@attack(
    "46b", "Sign statements about nothing, about two things alike, or of an unknown kind", "python", "attest.malformed"
)
def malformed_statements(ground: Ground) -> Tried:
    world = ground.at("bound")
    good = world.signoff("bo").payload
    about = json.loads(good)["subject"]
    one = Subject("model:late", world.made.model)
    documents = {
        "another type": changed(good, _type="https://in-toto.io/Statement/v0.1"),
        "a predicate that is none": changed(good, predicate="yes"),
        "an unknown kind": changed(good, predicateType="andon/wish/v1"),
        "about nothing": changed(good, subject=[]),
        "about one thing twice": changed(good, subject=[*about, *about]),
        "a digest that is none": changed(good, subject=[{"digest": {"sha256": "x"}, "name": "y"}]),
        "another kind of digest": changed(good, subject=[{"digest": {"md5": "x"}, "name": "y"}]),
        "a name that is none": changed(good, subject=[{**about[0], "name": ""}]),
    }
    made = {
        "made about nothing": lambda: Statement((), SIGNOFF, {}),
        "made twice": lambda: Statement((one, one), SIGNOFF, {}),
        "made of an unknown kind": lambda: Statement((one,), "andon/wish/v1", {}),
    }
    return variants({name: lambda one=one: statements.from_bytes(one) for name, one in documents.items()} | made)


@attack(
    "46c",
    "Unseal a statement nobody signed, of another type, or of another kind",
    "python",
    "attest.malformed",
    "attest.unsigned",
)
def unsealed(ground: Ground) -> Tried:
    world = ground.at("bound")
    signer = load_signer(world.home.key("bo"))
    good = world.signoff("bo")
    known = {signer.key_id: verifier(signer.public)}
    attempts = {
        "nobody's": (good, {}, SIGNOFF),
        "another type": (envelopes.sign("text/plain", good.payload, (signer,)), known, SIGNOFF),
        "another kind": (good, known, statements.RELEASE),
    }
    return variants({name: lambda one=one: statements.unseal(*one) for name, one in attempts.items()})


def root_documents(good: bytes) -> dict[str, bytes]:
    """Trust roots that are malformed in one place each."""
    value = json.loads(good)
    person, *others = value["principals"]
    (key, *_), (role, *_) = person["keys"], person["roles"]
    floor, *floors = value["floors"]

    def people(**members: object) -> bytes:
        return changed(good, principals=[{**person, **members}, *others])

    return {
        "another type": changed(good, type="andon/trust-root/v0"),
        "a member more": changed(good, note="x"),
        "a version that is none": changed(good, version=True),
        "a negative quorum": changed(good, quorum=-1),
        "a time that is none": changed(good, expires_ns="soon"),
        "a time beyond all clocks": changed(good, expires_ns="9" * 19),
        "a name that is none": changed(good, domain="no name!"),
        "a key of another algorithm": people(keys=[{**key, "algorithm": "rsa"}]),
        "a key under another id": people(keys=[{**key, "key_id": "0" * 64}]),
        "a key in no state": people(keys=[{**key, "state": "fine"}]),
        "a kind of its own": people(kind="robot"),
        "a role without a beginning": people(roles=[{**role, "from_ns": None}]),
        "a floor that is none": changed(good, floors=[{**floor, "production": "no"}, *floors]),
        "a gate that is no name": changed(good, floors=[{**floor, "gates": ["!"]}, *floors]),
    }


@attack("46d", "Have a malformed trust root signed by everybody", "trust folder", "attest.malformed")
def malformed_roots(ground: Ground) -> Tried:
    world = ground.at("bound")
    documents = root_documents(root_to_bytes(world.root))
    return variants({name: lambda one=one: root_from_bytes(one) for name, one in documents.items()})


@attack("46e", "Sign a trust root under another payload type", "trust folder", "attest.malformed")
def root_of_another_type(ground: Ground) -> Tried:
    world = ground.at("bound")
    signer = load_signer(world.home.key("al"))
    payload = root_to_bytes(world.root)
    envelope = envelopes.sign("application/json", payload, (signer,))
    assert ROOT_TYPE != "application/json"
    return variants({"believed": lambda: verify_chain([envelope], world.home.pinned(), verifier)})


@attack(
    "46f",
    "Give proofs that are malformed, of another entry, or under another head",
    "serve folder",
    "ledger.proof-malformed",
    "ledger.not-included",
    "ledger.note-malformed",
    "ledger.note-unsigned",
    "ledger.checkpoint-malformed",
)
def malformed_proofs(ground: Ground) -> Tried:
    world = ground.at("approved")
    ledger = world.record.ledger
    good, entry = ledger.prove(1), ledger.entry(1)
    head, _, rest = good.partition("\n\n")
    lines = head.split("\n")
    log = ledger.signer

    def proof(*lines: str, under: str = rest) -> str:
        return "\n".join(lines) + "\n\n" + under

    bare = note.sign_note("not a checkpoint\n", ORIGIN, log)
    short = note.sign_note(f"{ORIGIN}\n5\n{base64.b64encode(b'x' * 31).decode()}\n", ORIGIN, log)
    texts = {
        "no head": good.replace("c2sp", "other", 1),
        "no index": proof(lines[0], *lines[2:]),
        "a hash too short": proof(*lines[:2], base64.b64encode(b"x").decode()),
        "a hash that is none": proof(*lines[:2], "?" * 44),
        "too many hashes": proof(*lines[:2], *[lines[2]] * 65),
        "nothing under it": head + "\n\n",
        "a hash less": proof(*lines[:-1]),
        "another index": proof(lines[0], "index 2", *lines[2:]),
        "a head that is no note": proof(*lines, under="x"),
        "a head that is no checkpoint": proof(*lines, under=bare),
        "a head with a short root": proof(*lines, under=short),
    }
    checks = ledger.verifiers.values()
    attempts = {name: lambda one=one: verify_proof(one, entry, ORIGIN, checks) for name, one in texts.items()}
    other = ledger.entry(2)
    attempts["another entry"] = lambda: verify_proof(good, other, ORIGIN, checks)
    attempts["read only"] = lambda: parse_proof("x")
    return variants(attempts)


@attack(
    "46g",
    "Give signed heads that are malformed, of another ledger, or signed by another key",
    "serve folder",
    "ledger.note-malformed",
    "ledger.note-unsigned",
    "ledger.checkpoint-malformed",
    "ledger.checkpoint-of-another",
    "ledger.note-name",
    "ledger.note-unfit",
)
def malformed_heads(ground: Ground) -> Tried:
    world = ground.at("approved")
    ledger = world.record.ledger
    checks, log = tuple(ledger.verifiers.values()), ledger.signer
    good = world.database.checkpoints.latest()
    stranger = load_signer(world.home.key("mallory"))
    root = "A" * 43 + "="
    texts = {
        "no note": "x",
        "no signature": good.rpartition("\n\n")[0] + "\n\n",
        "a control character": good.replace("\n", "\n\x00", 1),
        "a signature too short": good.rpartition("— ")[0] + f"— {ORIGIN} AAAA\n",
        "a signature that is none": good.rpartition("— ")[0] + f"— {ORIGIN} ????\n",
        "a signature changed": good[:-10] + ("AAAA" if good[-10:-6] != "AAAA" else "BBBB") + good[-6:],
        "a size changed": good.replace("\n", "\n1", 1),
        "a stranger's": checkpoint.sign(Checkpoint(ORIGIN, 3, b"\0" * 32), stranger),
        "of another ledger": note.sign_note(f"tests.example/other\n3\n{root}\n", ORIGIN, log),
        "a size that is none": note.sign_note(f"{ORIGIN}\n-3\n{root}\n", ORIGIN, log),
        "a root that is none": note.sign_note(f"{ORIGIN}\n3\n!\n", ORIGIN, log),
    }
    attempts = {name: lambda one=one: checkpoint.verify(one, ORIGIN, checks) for name, one in texts.items()}
    attempts |= {
        "signed under no name": lambda: note.sign_note("x\n", "", log),
        "signed under two names": lambda: checkpoint.sign(Checkpoint("a b", 1, b"\0" * 32), log),
        "signed without an end": lambda: note.sign_note("x", ORIGIN, log),
        "signed below zero": lambda: checkpoint.sign(Checkpoint(ORIGIN, -1, b"\0" * 32), log),
        "signed with half a root": lambda: checkpoint.sign(Checkpoint(ORIGIN, 1, b"\0" * 31), log),
    }
    return variants(attempts)


@attack(
    "46h",
    "Give a log's key that is malformed, under another id, or of another kind",
    "command line",
    "ledger.note-malformed",
)
def malformed_keys(ground: Ground) -> Tried:
    world = ground.at("founded")
    good = note.note_key(ORIGIN, load_signer(world.home.key("ledger")).public)
    name, number, value = good.split("+", 2)
    texts = {
        "no key": f"{name}+{number}",
        "another id": f"{name}+00000000+{value}",
        "no name": f"+{number}+{value}",
        "another kind": f"{name}+{number}+{base64.b64encode(b'x' * 33).decode()}",
    }
    return variants({name: lambda one=one: note.parse_note_key(one) for name, one in texts.items()})


@attack("46i", "Write ledger entries that are none", "control database", "ledger.entry-malformed")
def malformed_entries(ground: Ground) -> Tried:
    digest = of_bytes(b"x")
    good = b'{"index":0,"kind":"note","statement":"%b","time_ns":"1"}' % digest.encode()
    assert parse_leaf(good)
    attempts = {
        "other spacing": lambda: parse_leaf(good.replace(b":", b": ", 1)),
        "a member more": lambda: parse_leaf(good.replace(b"}", b',"x":1}')),
        "a kind that is none": lambda: parse_leaf(good.replace(b"note", b"-note")),
        "a time beyond all clocks": lambda: parse_leaf(good.replace(b'"1"', b'"9999999999999999999"')),
        "made before the first": lambda: Entry(-1, 0, "note", digest),
        "made of no kind": lambda: Entry(0, 0, "No Kind", digest),
        "made about nothing": lambda: Entry(0, 0, "note", "x"),
    }
    return variants(attempts)


@attack(
    "46j",
    "Ask the tree for proofs of what is not in it",
    "python",
    "ledger.no-such-leaf",
    "ledger.no-such-growth",
    "ledger.no-such-entry",
)
def impossible_proofs(ground: Ground) -> Tried:
    world = ground.at("approved")
    ledger = world.record.ledger

    def node(_level, _index):
        return b"\0" * 32

    return variants(
        {
            "a leaf beyond the end": lambda: inclusion(5, 5, node),
            "growth from nothing": lambda: consistency(0, 5, node),
            "growth backwards": lambda: consistency(6, 5, node),
            "an entry beyond the end": lambda: ledger.entry(999),
        }
    )


assert replace
assert seal
