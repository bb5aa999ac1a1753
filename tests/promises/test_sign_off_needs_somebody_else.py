"""A release that waits for a person waits until the right one signed, and nobody who made it counts."""

from dataclasses import replace

import pytest

from andon.adapters.keys import generate_key, load_signer
from andon.adapters.trust_folder import FolderRoots
from andon.attest.statement import seal
from andon.attest.succession import seal_root
from andon.attest.trust_root import KeyState, RoleInterval
from andon.gates.signoff import SignOff, signoff_statement
from andon.kernel.clock import SystemClock
from andon.kernel.errors import RefusedError
from andon.runtime.advance import request_of
from andon.wiring.factory import open_factory
from andon.wiring.trust import current_root

pytestmark = pytest.mark.slow  # real processes


@pytest.fixture
def waiting(parcels, monkeypatch):
    """A release that ada started, and that waits for one person of operations; grace is one."""
    place = parcels("waiting")
    monkeypatch.setenv("ANDON_HOME", str(place.home))
    monkeypatch.setenv("ANDON_AS", "ada")
    return place


def assert_still_waits(place, why=""):
    answer = place.run()
    assert answer.code == 3, answer.out + answer.err
    assert why in answer.err
    assert not place.served
    assert place.sql("select count(*) from runs where kind = 'model' and state = 'waiting'") == [(1,)]


def test_the_right_person_lets_it_through(waiting):
    assert waiting.andon("approve", "--as", "grace").code == 0
    assert waiting.run().code == 0
    assert len(waiting.served) == 1
    assert waiting.is_clean()


def test_who_started_it_cannot_let_it_through_even_in_the_right_role(waiting):
    """The rule is about the person, so it holds whatever roles the person has."""
    assert waiting.andon("approve", "--as", "ada").code == 0
    assert_still_waits(waiting, "operations")
    with open_factory(waiting.folder) as opened:
        sign(opened, load_signer(opened.home.key("ada")), role="operations")
    assert_still_waits(waiting, "ada")


def test_a_second_key_makes_no_second_person(waiting, tmp_path):
    """Who started the run has the right role and another key; it is the same person still."""
    now_ns = SystemClock().now_ns()
    with open_factory(waiting.folder) as opened:
        root = current_root(opened.settings)
        second = KeyState(generate_key(tmp_path / "second"), "active", now_ns)
        principals = tuple(
            replace(each, keys=(*each.keys, second), roles=(*each.roles, RoleInterval("operations", now_ns)))
            if each.name == "ada"
            else each
            for each in root.principals
        )
        grown = replace(root, version=root.version + 1, principals=principals)
        sealed = seal_root(grown, [load_signer(opened.home.key("ada"))])
        FolderRoots(opened.settings.trust).add(grown.version, sealed)
    with open_factory(waiting.folder) as opened:
        sign(opened, load_signer(tmp_path / "second"), role="operations")
    assert_still_waits(waiting, "ada: made this work or started the run")


def test_a_person_of_another_role_cannot_let_it_through(waiting):
    assert waiting.andon("key", "add", "linus", "--role", "builder").code == 0
    assert waiting.andon("approve", "--as", "linus").code == 0
    with open_factory(waiting.folder) as opened:
        sign(opened, load_signer(opened.home.key("linus")), role="operations")
    assert_still_waits(waiting, "linus")


def test_a_service_cannot_sign_at_all(waiting):
    answer = waiting.andon("approve", "--as", "gatekeeper", "--json")
    assert (answer.code, answer.error["code"]) == (2, "approve.no-key")
    with open_factory(waiting.folder) as opened, pytest.raises(RefusedError) as refused:
        sign(opened, opened.gate_key, role="operations")
    assert refused.value.code == "gates.not-a-person"
    assert_still_waits(waiting)


def test_a_key_that_nobody_named_cannot_sign(waiting, tmp_path):
    generate_key(tmp_path / "stranger")
    with open_factory(waiting.folder) as opened, pytest.raises(RefusedError) as refused:
        sign(opened, load_signer(tmp_path / "stranger"), role="operations")
    assert refused.value.code == "gates.not-a-person"
    assert_still_waits(waiting)


def test_a_later_rejection_stops_what_was_approved(waiting):
    assert waiting.andon("approve", "--as", "grace").code == 0
    assert waiting.andon("approve", "--as", "grace", "--reject", "--reason", "not this week").code == 0
    assert_still_waits(waiting, "grace")
    assert waiting.andon("approve", "--as", "grace").code == 0
    assert waiting.run().code == 0


def test_an_approval_of_one_release_is_none_of_another(waiting):
    """New code makes a new release, and people sign for that one again."""
    assert waiting.andon("approve", "--as", "grace").code == 0
    waiting.rewrite("factory.py", lambda code: code.replace("c: float = 1.0", "c: float = 0.5"))
    assert_still_waits(waiting)


def sign(opened, signer, *, role):
    """An approval of what waits, as somebody would make it without the command."""
    (run,) = (run for run in opened.database.runs.recent("parcels", 100) if run.state == "waiting")
    request = request_of(opened.line(opened.declaration(run.declaration)), run)
    question = opened.gatekeeper.question(request)
    statement = signoff_statement(
        question,
        SignOff(
            domain=opened.settings.id,
            factory="parcels",
            gate=request.policy.gate,
            target=request.target,
            decision="approve",
            evidence=request.evidence.digest(),
            policy=question.policy,
            role=role,
            reason="",
            time_ns=opened.clock.now_ns(),
        ),
    )
    return opened.gatekeeper.hand_in(seal(statement, signer))
