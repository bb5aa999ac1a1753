"""Somebody edits a verdict in the database."""

import json
from dataclasses import replace

from andon.adapters.keys import load_signer
from andon.attest import envelope as envelopes
from andon.attest.statement import GATE_VERDICT, seal
from andon.gates.audit import verify_everything
from andon.gates.verdict import verdict_statement
from andon.kernel.canonical import dumps
from andon.kernel.digest import of_bytes
from tests.gates.world import refusal


def test_untouched_the_same_release_is_admitted(at):
    world = at("approved")
    assert world.admit().release == world.made.release
    assert world.load().release == world.made.release


def audited(world):
    return {line.code for line in verify_everything(world.keeper.keeping) if line.code}


def edit(world, with_digest):
    (sealed,) = world.database.statements.about(world.made.model, GATE_VERDICT)[-1:]
    payload = json.loads(sealed.envelope)
    payload["signatures"][0]["sig"] = "AAAA" + payload["signatures"][0]["sig"][4:]
    data = dumps(payload)
    digest = of_bytes(data) if with_digest else sealed.digest
    update = "update statements set envelope = ?, digest = ? where position = ?"
    assert world.sql(update, data, digest, sealed.index) == 1


def test_admission_refuses_an_edited_verdict(at):
    world = at("approved")
    edit(world, with_digest=False)
    assert refusal(world.admit) == "gates.statement-damaged"
    assert "gates.statement-damaged" in audited(world)


def test_admission_refuses_an_edited_verdict_under_a_new_digest(at):
    world = at("approved")
    edit(world, with_digest=True)
    assert refusal(world.admit) == "gates.statement-missing"
    assert "gates.unknown-statement" in audited(world)


def test_a_verdict_that_is_in_no_ledger_opens_nothing(at):
    world = at("bound")
    request = world.release_request(world.the("release"))
    assert world.keeper.judge(request).outcome == "PENDING"
    model = world.verdict(world.made.model, "model:late")
    lie = replace(model, gate="release:late", subject=world.made.release, content=world.made.release)
    envelope = seal(verdict_statement(lie), load_signer(world.home.key("gatekeeper")))
    insert = "insert into statements (position, digest, predicate_type, envelope) values (99, ?, ?, ?)"
    world.sql(insert, envelopes.digest_of(envelope), GATE_VERDICT, envelopes.to_json(envelope))
    world.sql("insert into statement_subjects (statement, ordinal, subject) values (99, 0, ?)", world.made.release)
    assert refusal(world.admit) == "gates.no-pass"
    assert "gates.statement-unlogged" in audited(world)
