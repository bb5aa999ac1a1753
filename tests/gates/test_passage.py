"""Making a Pass of a verdict: each thing that must be right, by itself."""

from dataclasses import replace

import pytest

from andon.attest.statement import GATE_VERDICT, SIGNOFF
from andon.contracts.evidence import Measurement
from andon.gates.passage import check_pass, final_verdicts, newest_pass
from andon.gates.said import read_said
from andon.gates.verdict import content_of, read_verdict, verdict_statement
from andon.kernel.digest import of_bytes
from andon.kernel.errors import InputError
from andon.ledger.entry import Entry
from tests.gates.world import FACTORY, MODEL, moments_in, refusal

X = of_bytes(b"something else")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = moments_in(tmp_path_factory.mktemp("moments"))["approved"].copied_to(tmp_path_factory.mktemp("case") / "w")
    yield made
    made.database.close()


@pytest.fixture(scope="module")
def said(world):
    """The release gate's verdict, and the sign-offs about the release."""
    about = world.record.about(world.made.release, world.root)
    verdict = next(one for one in about if one.statement.predicate_type == GATE_VERDICT)
    return verdict, [one for one in about if one.statement.predicate_type == SIGNOFF]


def code(world, said, signoffs, **changes):
    asked = {"factory": FACTORY, "gate": "release:late", "subject": world.made.release} | changes
    return refusal(lambda: check_pass(said, signoffs, world.root, **asked))


def changed(said, **changes):
    return replace(said, statement=verdict_statement(replace(read_verdict(said.statement), **changes)))


def test_the_untouched_verdict_is_a_pass(world, said):
    verdict, signoffs = said
    assert code(world, verdict, signoffs) == ""


@pytest.mark.parametrize("asked", [{"factory": "other"}, {"gate": "release:other"}, {"subject": X}])
def test_it_is_no_pass_for_another_question(world, said, asked):
    verdict, signoffs = said
    assert code(world, verdict, signoffs, **asked) == "gates.verdict-elsewhere"


@pytest.mark.parametrize("part", ["domain", "factory", "gate", "subject"])
def test_a_verdict_that_says_it_is_about_something_else_is_no_pass(world, said, part):
    verdict, signoffs = said
    assert code(world, changed(verdict, **{part: X}), signoffs) == "gates.verdict-elsewhere"


def test_a_policy_of_another_gate_is_no_pass(world, said):
    verdict, signoffs = said
    assert (
        code(world, changed(verdict, policy=replace(MODEL, gate="model:late")), signoffs) == "gates.verdict-elsewhere"
    )


def test_a_sign_off_is_not_a_verdict(world, said):
    _, signoffs = said
    assert code(world, signoffs[0], signoffs) == "gates.not-a-verdict"


def test_a_verdict_without_the_sign_offs_it_relied_on_is_no_pass(world, said):
    verdict, signoffs = said
    assert code(world, verdict, []) == "gates.people-missing"
    assert code(world, changed(verdict, signoffs=()), signoffs) == "gates.people-missing"
    assert code(world, changed(verdict, excluded=("al", "bo")), signoffs) == "gates.people-missing"


def test_a_sign_off_that_came_after_the_verdict_does_not_carry_it(world, said):
    verdict, signoffs = said
    later = [replace(one, index=verdict.index + 1) for one in signoffs]
    assert code(world, verdict, later) == "gates.people-missing"


def test_subjects_that_are_not_the_values_own_make_no_verdict(world, said):
    verdict, _ = said
    statement = verdict.statement
    swapped = replace(statement, subjects=(replace(statement.subjects[0], digest=X),))
    with pytest.raises(InputError):
        read_verdict(swapped)
    assert code(world, replace(verdict, statement=swapped), []) == "gates.not-a-verdict"


def test_the_newest_verdict_decides_and_what_no_gate_signed_is_passed_over(world, said):
    verdict, signoffs = said
    asked = {"factory": FACTORY, "gate": "release:late", "subject": world.made.release}
    failed = replace(changed(verdict, outcome="FAILED"), index=90)
    forged = replace(failed, keys=frozenset(), index=91)
    about = [*signoffs, verdict]
    assert newest_pass(about, world.root, **asked).digest == verdict.digest
    assert newest_pass([*about, forged], world.root, **asked).digest == verdict.digest
    assert refusal(lambda: newest_pass([*about, failed], world.root, **asked)) == "gates.not-passed"
    assert refusal(lambda: newest_pass([forged], world.root, **asked)) == "gates.signer-not-gate"
    assert refusal(lambda: newest_pass(signoffs, world.root, **asked)) == "gates.no-pass"


def test_a_failure_is_final_for_these_bytes_this_gate_and_these_rows_only(world, said):
    verdict, _ = said
    value = read_verdict(verdict.statement)
    measured = (Measurement("lineage.closed", 0.0, n=1),)
    failed = changed(verdict, evidence=replace(value.evidence, measurements=measured))
    about = {"content": value.content, "gate": value.gate, "rows": value.evidence.rows}
    about |= {"target": value.target, "now_ns": value.time_ns}
    assert final_verdicts([failed], world.root, **about) == [failed.digest]
    assert final_verdicts([verdict], world.root, **about) == []
    assert final_verdicts([replace(failed, keys=frozenset())], world.root, **about) == []
    for part in ("content", "gate", "rows"):
        assert final_verdicts([failed], world.root, **(about | {part: X})) == []
    assert final_verdicts([failed], world.root, **(about | {"target": "strict"})) == [failed.digest]


def test_the_content_of_an_artefact_is_its_bytes_whatever_is_written_about_them(world):
    model = world.the("model")
    assert content_of(model) == content_of(replace(model, facts={"x": 1}, stage_key=X, inputs=()))
    assert content_of(model) != content_of(world.model(b"other"))
    assert content_of(world.the("release")) == world.made.release


def test_a_statement_entered_as_another_kind_is_not_read(world):
    (sealed,) = world.database.statements.about(world.made.release, GATE_VERDICT)
    verifiers = world.record.verifiers(world.root)
    right = Entry(sealed.index, 1, "gate-verdict", sealed.digest)
    assert read_said(sealed.envelope, right, verifiers).index == sealed.index
    for wrong in (replace(right, kind="signoff"), replace(right, statement=X)):
        assert refusal(lambda wrong=wrong: read_said(sealed.envelope, wrong, verifiers)) == "gates.statement-damaged"
