"""A budget of looks: however the rows are cut, and whatever the models are called, looks at overlapping rows count."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from andon.contracts.evidence import Evidence, Measurement, Span
from andon.gates.audit import verify_everything
from andon.gates.criteria import LOOKS, weigh, with_looks
from andon.gates.request import JudgeRequest
from andon.gates.verdict import verdict_statement
from andon.kernel.digest import of_bytes
from tests.gates.world import FACTORY, GOOD_AUC, MODEL, TARGET

HOLDOUT = Span("Schedule", 100, 200)


def judge(world, model, span=HOLDOUT, rows=b"holdout", *measured):
    world.add(model)
    evidence = Evidence(model.digest, of_bytes(rows), measured or (GOOD_AUC,), span)
    return world.keeper.judge(JudgeRequest(FACTORY, MODEL, evidence, model, target=TARGET))


def governed(at, looks=2):
    world = at("founded").govern(looks=looks)
    world.made.dataset = world.judge_data(world.batch()).published
    return world


def test_a_model_too_many_on_the_same_rows_fails_however_good_it_is(at):
    world = governed(at)
    outcomes = [judge(world, world.model(b"weights %d" % n)).outcome for n in range(4)]
    assert outcomes == ["PASSED", "PASSED", "FAILED", "FAILED"]
    assert judge(world, world.model(b"fresh"), Span("Schedule", 200, 300), b"new rows").outcome == "PASSED"


def test_another_cut_of_the_same_rows_is_no_new_look(at):
    world = governed(at)
    for n in range(2):
        judge(world, world.model(b"weights %d" % n))
    for span in (Span("Schedule", 199, 300), Span("Schedule", 0, 101), Span("Schedule", 150, 151)):
        assert judge(world, world.model(repr(span).encode()), span, repr(span).encode()).outcome == "FAILED"
    assert judge(world, world.model(b"other"), Span("Weather", 100, 200), b"w").outcome == "PASSED"


def test_the_same_model_asked_again_is_no_new_look(at):
    world = governed(at)
    first = world.model(b"first")
    assert judge(world, first).outcome == "PASSED"
    judge(world, world.model(b"second"))
    judge(world, world.model(b"third"))
    again = judge(world, first)
    assert (again.outcome, again.is_recorded) == ("PASSED", True)


def test_a_model_of_another_name_looks_at_the_same_rows(at):
    world = governed(at)
    for n in range(2):
        judge(world, world.model(b"weights %d" % n))
    renamed = world.model(b"renamed")
    world.add(renamed)
    evidence = Evidence(renamed.digest, of_bytes(b"holdout"), (GOOD_AUC,), HOLDOUT)
    policy = replace(MODEL, gate="model:late2")
    judgement = world.keeper.judge(JudgeRequest(FACTORY, policy, evidence, renamed, target=TARGET))
    assert judgement.outcome == "FAILED"


def test_nobody_elses_count_of_looks_is_taken(at):
    world = governed(at, looks=1)
    judge(world, world.model(b"first"))
    lie = Measurement(LOOKS, 0.0, n=1)
    assert judge(world, world.model(b"second"), HOLDOUT, b"holdout", GOOD_AUC, lie).outcome == "FAILED"


def test_rows_of_no_time_cannot_be_counted_and_so_do_not_pass(at):
    world = governed(at)
    assert judge(world, world.model(b"x"), None).outcome == "FAILED"


def test_a_verdict_that_lies_about_its_looks_is_found_by_the_audit(at):
    world = governed(at)
    for n in range(3):
        judge(world, world.model(b"weights %d" % n))
    third = world.model(b"weights 2").digest
    honest = world.verdict(third, "model:late")
    lied = replace(honest, looks=1, outcome="PASSED", stands=())
    findings = weigh(lied.policy, with_looks(lied.evidence, 1), "")
    world.forge(verdict_statement(replace(lied, findings=findings)))
    codes = {line.code for line in verify_everything(world.keeper.keeping)}
    assert "gates.looks-differ" in codes


spans = st.builds(Span, st.just("s"), st.integers(0, 20), st.integers(0, 20))


@given(spans, spans)
def test_spans_overlap_where_a_moment_lies_in_both(one, other):
    both = [n for n in range(21) if one.from_ns <= n < one.until_ns and other.from_ns <= n < other.until_ns]
    if one.from_ns < one.until_ns and other.from_ns < other.until_ns:
        assert one.overlaps(other) == bool(both)


def test_the_same_model_on_moved_rows_is_a_new_look_each_time(at):
    """A failure is final for its own rows only, so whoever moves their edge could ask until it passes."""
    world = governed(at)
    model = world.model(b"the same")
    bad = replace(GOOD_AUC, value=0.69, lower=0.68)
    moved = [(Span("Schedule", 100 + n, 200 + n), b"rows %d" % n) for n in range(3)]
    outcomes = [judge(world, model, span, rows, bad).outcome for span, rows in moved[:2]]
    assert [*outcomes, judge(world, model, *moved[2]).outcome] == ["FAILED", "FAILED", "FAILED"]
    assert judge(world, model, Span("Schedule", 300, 400), b"fresh rows").outcome == "PASSED"
    assert all(line.is_sound for line in verify_everything(world.keeper.keeping))
