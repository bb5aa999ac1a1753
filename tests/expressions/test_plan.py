"""A plan is one value: it reads back, learns only from the rows to fit on, and refuses what would leak or be wrong."""

import math
import statistics
from collections import Counter

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.expressions import tree
from andon.expressions.evaluate import evaluate, evaluate_label
from andon.expressions.fit import fit
from andon.expressions.functions import CATEGORY, FLOAT, INT
from andon.expressions.joins import read_join
from andon.expressions.plan import FeaturePlan, plan_from_json
from andon.kernel.canonical import dumps, loads
from andon.kernel.errors import InputError
from tests.fakes.online import TablePoint as Point

HOUR = 3600 * 10**9
PLACE, WHO = tree.column("Ask", "place", CATEGORY), tree.column("Ask", "who", INT)
THEIRS, AMOUNT = tree.column("Event", "place", CATEGORY), tree.column("Event", "amount", INT)
MATCH = tree.apply("eq", THEIRS, PLACE)
CODES = tree.apply("codes", PLACE, min_count=2)


def _plan(**features):
    return FeaturePlan("Ask", "asked", tuple(features.items()))


def _spine(places):
    frame = pl.DataFrame(
        {"place": places, "asked": [HOUR * n for n in range(len(places))]}, schema_overrides={"place": pl.String}
    )
    return frame.with_columns(pl.col("asked").cast(pl.Datetime("ns", "UTC")))


def _events(amounts):
    n = len(amounts)
    frame = pl.DataFrame({"place": ["x"] * n, "amount": amounts, "at": [0] * n, "_known_at": [1] * n, "_row": range(n)})
    moments = pl.col("at", "_known_at").cast(pl.Datetime("ns", "UTC"))
    return {"Event": frame.with_columns(moments, _object=pl.lit("sha256:a")).lazy()}


def test_a_plan_survives_its_json_fitted_or_not(history):
    """A model package carries its plan as JSON, and the server computes from that."""
    plan = FeaturePlan("Ask", "asked", (*history.nodes.items(), ("code", CODES)))
    again = plan_from_json(loads(dumps(plan.to_json())))
    assert again == plan
    assert again.digest() == plan.digest()
    assert plan.contracts == ("Event",)
    assert set(plan.needs) == {"place", "who", "asked"}


def test_codes_are_learned_from_the_rows_to_fit_on_and_from_nothing_else():
    """A vocabulary that saw the holdout would have leaked it."""
    fitted = fit(_plan(code=CODES), _spine(["b", "a", "a", "b", "rare", None]), {})
    assert fitted.is_fitted
    assert fitted.digest() != _plan(code=CODES).digest()
    found = evaluate(fitted, _spine(["a", "b", "rare", "new", None]), {})["code"].to_list()
    assert found == [0, 1, -1, -1, None]
    assert Point(fitted, {}).features({"place": "b"}, 5) == {"code": 1}
    assert fit(fitted, _spine(["z", "z"]), {}) == fitted


def test_codes_of_a_join_and_codes_computed_with_codes_are_learned_too():
    """What is learned may stand anywhere in an expression."""
    joined = tree.apply("codes", tree.apply("lookup", THEIRS, match=MATCH), min_count=1)
    is_common = tree.apply("ge", CODES, tree.literal(0, INT))
    again = tree.apply("codes", tree.apply("where", is_common, PLACE, tree.literal("other", CATEGORY)), min_count=1)
    fitted = fit(_plan(joined=joined, again=again), _spine(["x", "x", "y"]), _events([1]))
    assert evaluate(fitted, _spine(["y", "x"]), _events([1])).to_dicts() == [
        {"joined": None, "again": 0},
        {"joined": 0, "again": 1},
    ]


LEVEL = tree.column("Ask", "level", FLOAT)


def _levels(values):
    return _spine(["x"] * len(values)).with_columns(pl.Series("level", values, dtype=pl.Float64))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.none() | st.floats(-1e9, 1e9).map(lambda v: round(v, 6)), min_size=2, max_size=40), st.randoms())
def test_a_standardised_feature_has_mean_and_deviation_of_the_fit_rows_in_any_order(values, rng):
    """Statistics of the fit rows become constants, so training and serving compute with the same."""
    known = [value for value in values if value is not None]
    plan = _plan(level=tree.apply("standardised", LEVEL))
    if len(known) < 2 or statistics.stdev(known) == 0.0:
        return
    fitted = fit(plan, _levels(values), {})
    found = evaluate(fitted, _levels(known), {})["level"].to_list()
    scale = max(map(abs, known)) / statistics.stdev(known)
    for value, ours in zip(known, found, strict=True):
        expected = (value - statistics.fmean(known)) / statistics.stdev(known)
        assert math.isclose(ours, expected, rel_tol=1e-9, abs_tol=1e-12 * (1 + scale))
        assert Point(fitted, {}).features({"level": value}, 5)["level"] == ours
    rng.shuffle(values)
    assert fit(plan, _levels(values), {}) == fitted


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=60), st.integers(2, 9))
def test_bins_part_the_fit_rows_evenly_and_never_part_equal_values(values, number):
    """A bin that holds nearly everything says nothing; equal values in two bins would be chance."""
    fitted = fit(_plan(bin=tree.apply("bins", LEVEL, number=number)), _levels(values), {})
    found = evaluate(fitted, _levels(values), {})["bin"].to_list()
    pairs = sorted(zip(values, found, strict=True))
    assert [number for _, number in pairs] == sorted(found)
    assert len(set(pairs)) == len(set(values))
    if len(set(values)) == len(values):
        sizes = Counter(found).values()
        assert max(sizes) <= -(-len(values) // number)


def test_what_has_no_spread_cannot_be_standardised_and_what_is_empty_has_no_bins():
    """A division by zero would make every prediction null, without a word."""
    for op, values, params in (("standardised", [3.0, 3.0], {}), ("bins", [None], {"number": 3})):
        with pytest.raises(InputError, match=r"standardise|bins"):
            fit(_plan(level=tree.apply(op, LEVEL, **params)), _levels(values), {})


def test_an_unfitted_plan_computes_nothing():
    """Otherwise every category would silently be unknown."""
    for compute in (lambda: evaluate(_plan(code=CODES), _spine(["a"]), {}), lambda: Point(_plan(code=CODES), {})):
        with pytest.raises(InputError, match="not learned"):
            compute()


@pytest.mark.parametrize("op", ["sum", "mean"])
def test_a_sum_that_does_not_fit_is_an_error_in_both_ways_of_asking(op):
    """A sum that wrapped around would be a wrong number that looks right."""
    plan = _plan(total=tree.apply(op, AMOUNT, match=MATCH, over_ns=HOUR, event_time="at"))
    events = _events([2**63 - 1, 2**63 - 1, -(2**63 - 1), 5])
    fits = _events([2**63 - 1, 2**63 - 1, -(2**63 - 1)])
    spine = _spine(["x", "x"])[1:].with_columns(pl.col("asked").dt.offset_by("-30m"))
    with pytest.raises(InputError, match="64 bits"):
        evaluate(plan, spine, events)
    with pytest.raises(InputError, match="64 bits"):
        Point(plan, events).features({"place": "x"}, HOUR // 2)
    expected = evaluate(plan, spine, fits)["total"][0]
    assert Point(plan, fits).features({"place": "x"}, HOUR // 2)["total"] == expected
    assert expected == (2**63 - 1 if op == "sum" else float(2**63 - 1) / 3.0)


@pytest.mark.parametrize(
    ("code", "features"),
    [
        ("not-joined", {"a": AMOUNT}),
        ("names", {}),
        ("names", {"_a": WHO}),
        ("constant", {"a": tree.literal(1, INT)}),
        ("unplaced", {"a": tree.column("", "_join0", INT)}),
        ("match", {"a": tree.apply("lookup", AMOUNT, match=tree.apply("ne", THEIRS, PLACE))}),
        ("match", {"a": tree.apply("lookup", AMOUNT, match=tree.apply("or", MATCH, MATCH))}),
        ("match", {"a": tree.apply("lookup", AMOUNT, match=tree.apply("and", MATCH, MATCH))}),
        (
            "match",
            {"a": tree.apply("lookup", AMOUNT, match=tree.apply("eq", THEIRS, tree.column("Else", "p", CATEGORY)))},
        ),
        ("match", {"a": tree.apply("lookup", AMOUNT, match=tree.apply("eq", PLACE, PLACE))}),
        (
            "match",
            {
                "a": tree.apply(
                    "lookup", AMOUNT, match=tree.apply("eq", *(tree.column(c, "x", FLOAT) for c in ("Event", "Ask")))
                )
            },
        ),
        ("where", {"a": tree.apply("lookup", AMOUNT, match=MATCH, where=tree.apply("eq", PLACE, THEIRS))}),
        ("join", {"a": tree.apply("lookup", tree.apply("lookup", AMOUNT, match=MATCH), match=MATCH)}),
        ("join", {"a": tree.apply("lookup", tree.apply("add", AMOUNT, WHO), match=MATCH)}),
    ],
)
def test_a_plan_that_could_not_be_computed_is_refused(code, features):
    """Refused where it is declared, not in the middle of a run."""
    with pytest.raises(InputError) as caught:
        _plan(**features)
    assert caught.value.code == f"expression.{code}"
    assert caught.value.fix


def test_match_reads_the_same_both_ways_round():
    """People write equalities either way."""
    both = [tree.apply("lookup", AMOUNT, match=tree.apply("eq", *pair)) for pair in ((THEIRS, PLACE), (PLACE, THEIRS))]
    assert read_join(both[0]) == read_join(both[1])


def test_rows_of_the_spine_itself_can_be_counted_by_the_same_value():
    """How many others ask about the same place is a fair feature, if they asked before."""
    busy = tree.apply("count", PLACE, match=tree.apply("eq", PLACE, PLACE), over_ns=24 * HOUR, event_time="asked")
    spine = _spine(["x", "y", "x", "x"])
    table = spine.with_columns(_known_at="asked", _object=pl.lit("sha256:a"), _row=pl.int_range(4))
    assert evaluate(_plan(busy=busy), spine, {"Ask": table.lazy()})["busy"].to_list() == [0, 0, 1, 2]


def test_a_label_that_is_not_looked_up_is_refused():
    """A window ends at the question; a label lies after it."""
    label = tree.apply("count", AMOUNT, match=MATCH, over_ns=HOUR, event_time="at")
    with pytest.raises(InputError, match="looked up"):
        evaluate_label(label, "Ask", _spine(["x"]), _events([1]), 5)


def test_frames_of_the_wrong_shape_are_refused_with_their_column():
    """A float that arrives as text must not become null."""
    plan = _plan(a=tree.apply("lookup", AMOUNT, match=MATCH))
    spine, events = _spine(["x"]), _events([1])
    wrong = {"Event": events["Event"].with_columns(pl.col("amount").cast(pl.Float64))}
    for bad_spine, tables, place in [
        (spine.drop("place"), events, "Ask.place"),
        (spine.with_columns(pl.col("asked").to_physical()), events, "Ask.asked"),
        (spine, wrong, "Event.amount"),
        (spine, {}, "Event"),
        (spine.with_columns(asked=pl.lit(None, dtype=pl.Datetime("ns", "UTC"))), events, "Ask.asked"),
    ]:
        with pytest.raises(InputError) as caught:
            evaluate(plan, bad_spine, tables)
        assert caught.value.place == place


def test_a_question_of_the_wrong_shape_is_refused_with_its_column():
    """A request comes from outside."""
    point = Point(_plan(a=WHO, b=tree.apply("is_null", PLACE)), {})
    for values in (
        {},
        {"who": 1},
        {"who": True, "place": "x"},
        {"who": 1.0, "place": "x"},
        {"who": 2**63, "place": "x"},
    ):
        with pytest.raises(InputError):
            point.features(values, 5)
    assert point.features({"who": None, "place": None}, 5) == {"a": None, "b": True}
