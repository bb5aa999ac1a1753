"""What is malformed, cut, unknown or unreadable is refused with a code, and leaves not one byte behind."""

import sqlite3
from contextlib import closing

import pytest

from andon.adapters.keys import load_signer
from andon.attest import envelope as envelopes
from andon.attest.envelope import Envelope, sign
from andon.attest.statement import PAYLOAD_TYPE
from andon.kernel.canonical import dumps, loads
from tests.gates.world import DAY_NS, Clock, refusal


def dump(world):
    """Everything that the control database holds, row by row."""
    with closing(sqlite3.connect(world.path / "control.db")) as connection:
        return list(connection.iterdump())


@pytest.fixture
def bound(at):
    return at("bound")


def changed(payload: bytes, **changes: object) -> bytes:
    value = loads(payload)
    assert isinstance(value, dict)
    return dumps({**value, **changes})


def spoiled(world, spoil):
    """A person's sign-off, spoiled before it was signed: the signature itself is right."""
    payload = spoil(world.signoff("bo").payload)
    return sign(PAYLOAD_TYPE, payload, [load_signer(world.home.key("bo"))])


SPOILS = {
    "unknown predicate": lambda p: changed(p, predicateType="andon/blessing/v1"),
    "another version": lambda p: changed(p, predicateType="andon/signoff/v2"),
    "a predicate of another kind": lambda p: changed(p, predicateType="andon/waiver/v1"),
    "what only a gate says": lambda p: changed(p, predicateType="andon/gate-verdict/v1"),
    "no predicate": lambda p: changed(p, predicate={}),
    "no subject": lambda p: changed(p, subject=[]),
    "cut": lambda p: p[: len(p) // 2],
    "two values": lambda p: p + p,
    "spaces": lambda p: b" " + p,
    "no JSON": lambda p: b"approve!",
    "empty": lambda p: b"",
    "nested too deep": lambda p: b"[" * 100_000,
}


@pytest.mark.parametrize("spoil", SPOILS.values(), ids=SPOILS)
def test_a_statement_that_is_none_is_refused_and_nothing_is_written(bound, spoil):
    before = dump(bound)
    code = refusal(lambda: bound.keeper.hand_in(spoiled(bound, spoil)))
    assert code.partition(".")[0] in ("attest", "gates", "wire", "canonical")
    assert dump(bound) == before


def test_an_envelope_that_is_none_is_refused(bound):
    good = envelopes.to_json(bound.signoff("bo"))
    envelopes.from_json(good)
    for data in (b"", b"{}", good[:-1], good + b" ", good.replace(b'"payload"', b'"payl0ad"'), b"\xff" + good):
        assert refusal(lambda data=data: envelopes.from_json(data))


@pytest.mark.parametrize("signatures", [(), "stranger"])
def test_an_envelope_that_nobody_known_signed_is_refused(bound, signatures):
    before = dump(bound)
    good = bound.signoff("bo")
    if signatures == "stranger":
        signatures = sign(PAYLOAD_TYPE, good.payload, [load_signer(bound.home.key("mallory"))]).signatures
    assert refusal(lambda: bound.keeper.hand_in(Envelope(good.payload_type, good.payload, signatures)))
    assert dump(bound) == before


@pytest.mark.parametrize("kept", [0, 1, 40, 90])
def test_on_a_cut_checkpoint_nothing_is_built(bound, kept):
    bound.sql("update checkpoints set note = substr(note, 1, ?) where size = (select max(size) from checkpoints)", kept)
    before = dump(bound)
    for ask in (lambda: bound.approve("bo"), lambda: bound.judge_release(bound.the("release")), bound.admit):
        assert refusal(ask).startswith("ledger.")
    assert dump(bound) == before


@pytest.mark.parametrize("days", [-1, 1])
def test_a_clock_a_day_off_decides_nothing_that_it_should_not(at, days):
    """Back: nothing is appended. Forward: sign-offs age, and nothing that has expired counts."""
    world = at("approved")
    before = dump(world)
    keeper = world.keeper_signed_by("gatekeeper", Clock(world.clock.now + days * DAY_NS))
    if days < 0:
        assert refusal(lambda: keeper.admit(world.made.release, "local")) == "gates.clock-behind"
        assert refusal(lambda: keeper.hand_in(world.signoff("cy"))) == "ledger.clock-behind"
        assert dump(world) == before
    else:
        assert keeper.admit(world.made.release, "local").release == world.made.release
        late = world.keeper_signed_by("gatekeeper", Clock(world.clock.now + 2 * DAY_NS))
        assert late.serving("late", "local") == world.made.release
        assert refusal(world.build_bound) == "ledger.clock-behind", "and the clock cannot go back afterwards"


@pytest.mark.parametrize("data", [b"", b"-----BEGIN PRIVATE KEY-----\n", b"\x00\xff" * 50, None])
def test_a_key_that_cannot_be_read_signs_nothing(bound, data):
    path = bound.home.key("bo")
    path.chmod(0o600)
    path.unlink()
    if data is not None:
        path.write_bytes(data)
        path.chmod(0o600)
    before = dump(bound)
    assert refusal(lambda: bound.approve("bo")).startswith("key")
    assert dump(bound) == before
