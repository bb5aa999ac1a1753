"""One question at a time gives the bits of the whole plan, and the sources it names are the rows it used."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from andon.expressions.evaluate import evaluate
from andon.expressions.lineage import sources_of
from andon.expressions.plan import FeaturePlan
from andon.expressions.tree import joins_of
from tests.fakes.online import TablePoint as Point

_QUIET = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]


@settings(max_examples=15, deadline=None, suppress_health_check=_QUIET)
@given(seed=st.integers(0, 2**32))
def test_a_point_answers_with_the_bits_of_the_plan(history, make, seed):
    """Otherwise a model is served other features than it was trained on."""
    events, asks = history.draw(seed)
    plan = FeaturePlan("Ask", "asked", tuple(history.nodes.items()))
    tables = {"Event": history.frame(events).lazy()}
    expected = evaluate(plan, history.spine(asks), tables).to_dicts()
    point = Point(plan, tables)
    for ask, row in zip(asks, expected, strict=True):
        found = point.features({"place": ask["place"], "who": ask["who"]}, ask["asked"])
        assert {n: make.bits(v) for n, v in found.items()} == {n: make.bits(v) for n, v in row.items()}


@settings(max_examples=15, deadline=None, suppress_health_check=_QUIET)
@given(seed=st.integers(0, 2**32))
def test_rows_that_ask_together_are_answered_like_each_alone(history, make, seed):
    """What they share is worked out once: one must never get what another asked for."""
    events, asks = history.draw(seed)
    point = Point(FeaturePlan("Ask", "asked", tuple(history.nodes.items())), {"Event": history.frame(events).lazy()})
    rows = [{"place": ask["place"], "who": ask["who"]} for ask in asks]
    for asked in {ask["asked"] for ask in asks[:4]}:
        together = point.all_features(rows, asked)
        alone = [point.features(row, asked) for row in rows]
        assert [{n: make.bits(v) for n, v in one.items()} for one in together] == [
            {n: make.bits(v) for n, v in one.items()} for one in alone
        ]


@settings(max_examples=2, deadline=None, suppress_health_check=_QUIET)
@given(seed=st.integers(0, 2**32))
def test_the_sources_alone_give_the_same_features(history, make, seed):
    """Lineage that forgets a row, or names one too many, could not explain a prediction."""
    events, asks = history.draw(seed)
    frame = history.frame(events)
    plan = FeaturePlan("Ask", "asked", tuple((n, node) for n, node in history.nodes.items() if joins_of(node)))
    whole = Point(plan, {"Event": frame.lazy()})
    for ask in asks[:3]:
        values = {"place": ask["place"], "who": ask["who"]}
        expected = whole.features(values, ask["asked"])
        sources = sources_of(plan, values, ask["asked"], {"Event": frame.lazy()})
        for name in plan.names:
            used = {(digest, row) for feature, _, digest, row in sources if feature == name}
            kept = [pair in used for pair in frame.select("_object", "_row").rows()]
            alone = Point(plan, {"Event": frame.filter(kept).lazy()}).features(values, ask["asked"])
            assert make.bits(alone[name]) == make.bits(expected[name]), name
            if name.startswith(("n_", "last", "known")):
                count = expected[name] if name.startswith("n_") else len(used)
                assert len(used) == count <= max(1, len(events))
