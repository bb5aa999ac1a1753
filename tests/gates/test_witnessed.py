"""Where a target asks for witnesses, nothing moves forward unseen; what runs keeps running while they are away."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from andon.adapters.keys import generate_key, load_signer, verifier
from andon.adapters.witness.folder import WitnessFolder
from andon.attest.trust_root import KeyState, Principal, RoleInterval
from andon.gates.bundle import check_bundle, read_bundle
from andon.gates.gatekeeper import Gatekeeper
from andon.kernel.errors import InputError
from andon.ledger.desk import Desk
from andon.ledger.note import note_key
from andon.ledger.witness import Shown
from tests.gates.world import DAY_NS, SINCE_NS, TARGET, Clock, World, refusal


@dataclass
class Office:
    """A witness in a folder of its own, asked in process; it can go out."""

    desk: Desk
    name: str = "office"
    is_live: bool = True
    is_out: bool = False
    clock: Clock | None = None

    def cosign(self, shown: Shown) -> str:
        if self.is_out:
            raise InputError("witness.away", "Nobody answers.", fix="Wait.")
        return self.desk.cosign([shown])


def witnessed(world: World, folder: Path) -> Office:
    """Give a world a witness, name it in the trust root, and let the target ask for it."""
    public = generate_key(world.home.key("office"))
    kept = WitnessFolder(folder, verifier)
    kept.found("office")
    log = load_signer(world.home.key("ledger"))
    origin = world.record.ledger.origin
    kept.add_log(origin, note_key(origin, log.public))
    desk = Desk("office", load_signer(world.home.key("office")), world.clock, kept)
    office = Office(desk)
    service = Principal(
        "office", "service", (KeyState(public, "active", SINCE_NS),), (RoleInterval("witness", SINCE_NS),)
    )
    world.next_root(principals=(*world.root.principals, service))
    world.govern(witnesses=1)
    keeping = world.keeper.keeping
    ledger = replace(keeping.record.ledger, witnesses=(office,))
    world.keeper = Gatekeeper(replace(keeping, record=replace(keeping.record, ledger=ledger)))
    return office


@pytest.fixture
def case(at, tmp_path):
    world = at("founded")
    office = witnessed(world, tmp_path / "office")
    world.build_bound().build_approved()
    return world, office


def test_a_seen_admission_loads_with_nothing_but_its_bundle(case):
    world, _ = case
    world.admit()
    assert world.load().release == world.made.release


def test_while_the_witness_is_away_nothing_moves_forward_and_nothing_is_written(case):
    world, office = case
    office.is_out = True
    before = world.record.ledger.head().size
    assert refusal(world.admit) == "ledger.unwitnessed"
    assert (world.record.ledger.head().size, world.keeper.serving("late", TARGET)) == (before, "")
    office.is_out = False
    world.admit()


def test_while_the_witness_is_away_what_was_admitted_loads_and_is_rolled_back_to(case):
    world, office = case
    world.admit()
    office.is_out = True
    assert world.load().release == world.made.release
    receipt = world.keeper.rollback(target=TARGET, to=world.made.release, by="bo", reason="it was better")
    assert receipt.release == world.made.release


def test_a_clock_that_the_witness_contradicts_moves_nothing(case):
    world, office = case
    for days in (-1, 1):
        office.desk = replace(office.desk, clock=Clock(world.clock.now + days * DAY_NS))
        assert refusal(world.admit) == "ledger.clock-off"
    assert world.keeper.serving("late", TARGET) == ""


def test_an_admission_that_no_witness_saw_is_not_loaded(case):
    """Whoever has the gate's and the log's keys can sign heads of their own; no server takes them without witness."""
    world, _ = case
    world.admit()
    bundle = read_bundle(world.blobs.read(world.made.bundle))
    unseen = {digest: text[: text.rindex("\u2014 office")] for digest, text in bundle.proofs.items()}
    trust = world.trust()
    assert check_bundle(bundle, TARGET, world.blobs.read, trust).release == world.made.release
    for proofs in (unseen, {**bundle.proofs, **dict([next(iter(unseen.items()))])}):
        forged = replace(bundle, proofs=proofs)
        code = refusal(lambda forged=forged: check_bundle(forged, TARGET, world.blobs.read, trust))
        assert code == "ledger.unwitnessed"


def test_what_a_compromised_gate_signed_before_a_witness_saw_it_stands(case):
    world, _ = case
    world.admit()
    since = world.clock.now_ns() + DAY_NS
    compromise(world, "gatekeeper", since)
    assert world.load().release == world.made.release
    assert refusal(lambda: world.keeper.pass_of(world.made.model, "model:late")) == ""


def test_what_a_compromised_gate_signed_that_no_witness_saw_in_time_is_void(case):
    world, _ = case
    world.admit()
    compromise(world, "gatekeeper", world.clock.now - 100 * DAY_NS)
    assert refusal(world.load) in ("gates.not-admitted", "gates.signer-not-gate")
    assert refusal(lambda: world.keeper.pass_of(world.made.model, "model:late")) == "gates.signer-not-gate"


def compromise(world: World, name: str, since_ns: int) -> None:
    changed = tuple(
        replace(one, keys=tuple(replace(key, state="compromised", since_ns=since_ns) for key in one.keys))
        if one.name == name
        else one
        for one in world.root.principals
    )
    world.next_root(principals=changed)


def test_two_witnesses_of_one_owner_are_one(case):
    world, _ = case
    second = generate_key(world.home.key("office2"))
    principals = tuple(
        replace(one, keys=(*one.keys, KeyState(second, "active", SINCE_NS))) if one.name == "office" else one
        for one in world.root.principals
    )
    assert verifier(second)
    world.next_root(principals=principals)
    assert refusal(lambda: world.govern(witnesses=2)) == "trust.inconsistent"
