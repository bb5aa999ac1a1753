"""A snapshot is what the definition says, from what was known at the time, and the same whenever it is made again."""

from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.expressions import tree
from andon.expressions.functions import CATEGORY, INT, TIME
from andon.expressions.plan import FeaturePlan, plan_from_json
from andon.expressions.zones import zone
from andon.kernel.canonical import dumps, loads
from andon.kernel.errors import InputError
from andon.line.features.snapshot import Columns, as_served
from andon.line.features.split import SplitSpec
from andon.line.features.stage import Definition, build, task_of

HOUR = 3_600_000_000_000
N = 60
MOMENT = pl.Datetime("ns", "UTC")
FLIGHT, CARRIER = tree.column("Schedule", "flight", CATEGORY), tree.column("Schedule", "carrier", CATEGORY)
ARRIVED, LATE = tree.column("Arrival", "flight", CATEGORY), tree.column("Arrival", "late_min", INT)
MATCH = tree.apply("eq", ARRIVED, FLIGHT)
DELAY = tree.apply("lookup", LATE, match=MATCH)
LABEL = tree.apply("gt", DELAY, tree.literal(15, INT))
MEAN = tree.apply("target_mean", CARRIER, smoothing=2)
CUBED = tree.apply("mul", MEAN, tree.apply("mul", MEAN, MEAN))
PLAN = FeaturePlan(
    "Schedule",
    "asked",
    (
        ("hour", tree.apply("hour", tree.column("Schedule", "asked", TIME), tz="UTC", table=zone("UTC").digest)),
        ("carrier", tree.apply("codes", CARRIER, min_count=1)),
        ("leak", DELAY),
    ),
)
SPEC = SplitSpec("asked", 2 * HOUR, 10 * HOUR, 15 * HOUR, N * HOUR)
DEFINITION = Definition(PLAN, LABEL, SPEC, Columns(("flight",), ("carrier",)))


def system(frame, known):
    columns = [pl.Series("_known_at", known, dtype=pl.Int64).cast(MOMENT), pl.int_range(len(known)).alias("_row")]
    return frame.with_columns(*columns, _object=pl.lit("sha256:" + "0" * 64))


def data(delay_h=1, missing=()):
    asked = [hour * HOUR for hour in range(N)]
    spine = pl.DataFrame(
        {
            "flight": [f"F{i}" for i in range(N)],
            "carrier": ["new" if i >= 45 and i % 2 else "BA"[i % 2] for i in range(N)],
            "asked": pl.Series(asked, dtype=pl.Int64).cast(MOMENT),
        }
    )
    rows = [i for i in range(N) if i not in missing]
    arrivals = pl.DataFrame({"flight": [f"F{i}" for i in rows], "late_min": [20 if i % 3 == 0 else 5 for i in rows]})
    return system(spine, asked), {"Arrival": system(arrivals, [asked[i] + delay_h * HOUR for i in rows]).lazy()}


def test_a_snapshot_has_features_labels_and_counts():
    built = build(DEFINITION, *data(missing=(3, 50)))
    assert (built.task, built.classes) == ("binary", ())
    assert [(f.name, f.type, f.categorical) for f in built.features] == [
        ("hour", "int", False),
        ("carrier", "int", True),
        ("leak", "int", False),
    ]
    counts = built.parts.counts
    assert (counts.rows_in, counts.unlabelled, counts.immature) == (N, 2, 2)
    holdout = built.snapshot.holdout
    assert holdout["_key.flight"].to_list() == [f"F{i}" for i in range(43, 58) if i != 50]
    assert holdout["label"].to_list() == [i % 3 == 0 for i in range(43, 58) if i != 50]
    assert holdout["hour"].to_list() == [i % 24 for i in range(43, 58) if i != 50]


def test_a_value_that_becomes_known_after_the_question_is_never_a_feature():
    """The label itself is looked up as a feature: every row asks before it is known."""
    built = build(DEFINITION, *data())
    for frame in (built.snapshot.fit, built.snapshot.tune, built.snapshot.holdout):
        assert frame["leak"].null_count() == frame.height
        assert frame["label"].null_count() == 0


def test_a_question_that_was_not_known_yet_is_not_there():
    spine, tables = data()
    late = pl.when(pl.col("_row") < 5).then(pl.lit(N * HOUR).cast(MOMENT)).otherwise(pl.col("_known_at"))
    built = build(DEFINITION, spine.with_columns(_known_at=late), tables)
    assert built.parts.counts.rows_in == N - 5
    assert "F4" not in set(built.snapshot.fit["_key.flight"])


def test_the_holdouts_questions_go_along_for_a_champion_row_by_row():
    spine, tables = data()
    built = build(DEFINITION, spine.sample(fraction=1.0, shuffle=True, seed=3), tables)
    assert built.holdout_spine["_row_id"].equals(built.snapshot.holdout_features["_row_id"])
    assert built.holdout_spine["flight"].equals(built.snapshot.holdout["_key.flight"].rename("flight"))
    assert "label" not in built.holdout_spine.columns


def test_categories_are_learned_from_the_fit_rows_alone():
    built = build(DEFINITION, *data())
    assert set(built.snapshot.fit["carrier"]) == {0, 1}
    assert -1 in set(built.snapshot.holdout["carrier"])
    assert built.plan.is_fitted
    assert not PLAN.is_fitted


def test_the_facts_say_everything_a_model_needs_and_survive_a_manifest():
    built = build(DEFINITION, *data())
    facts = loads(dumps(built.facts()))
    assert plan_from_json(facts["plan"]) == built.plan
    assert facts["columns"] == ["hour", "carrier", "leak"]
    assert facts["rows"]["rows_in"] == N


RISK = replace(DEFINITION, plan=FeaturePlan("Schedule", "asked", (("risk", MEAN), ("risk_cubed", CUBED))))


def test_a_mean_label_is_learned_from_the_labels_of_the_fit_rows_alone():
    """Other labels for every later row, and the same means: in the holdout too, where each row has that of its text."""
    spine, tables = data()
    parts = build(RISK, spine, tables)
    first = int(parts.snapshot.tune["_key.flight"][0][1:])
    later = pl.col("flight").str.slice(1).cast(pl.Int64) >= first
    turned = tables["Arrival"].with_columns(
        pl.when(later).then(25 - pl.col("late_min")).otherwise("late_min").alias("late_min")
    )
    other = build(RISK, spine, {"Arrival": turned})
    assert other.plan == parts.plan
    assert not other.snapshot.holdout["label"].equals(parts.snapshot.holdout["label"])
    late = {"B": range(0, first, 6), "A": range(3, first, 6)}
    fit = {"B": range(0, first, 2), "A": range(1, first, 2)}
    overall = len(range(0, first, 3)) / first
    for frame in (parts.snapshot.holdout, parts.snapshot.tune):
        for carrier, risk in frame.select("_segment.carrier", "risk").rows():
            known = carrier in fit
            expected = (len(late[carrier]) + 2 * overall) / (len(fit[carrier]) + 2) if known else overall
            assert risk == pytest.approx(expected, rel=1e-12)


def test_a_row_to_fit_on_has_a_mean_without_its_own_label_and_what_a_server_would_compute_beside_it():
    """Live values are held against what serving computes; against values out of fold they would seem to drift."""
    spine, tables = data()
    turned = tables["Arrival"].with_columns(
        pl.when(pl.col("flight") == "F6").then(25 - pl.col("late_min")).otherwise("late_min").alias("late_min")
    )
    one, other = (build(RISK, spine, each).snapshot.fit for each in (tables, {"Arrival": turned.lazy()}))
    mine = pl.col("_key.flight") == "F6"
    assert one.filter(mine)["label"].item() != other.filter(mine)["label"].item()
    assert one.filter(mine).select("risk", "risk_cubed").equals(other.filter(mine).select("risk", "risk_cubed"))
    assert one.filter(mine)["_served.risk"].item() != other.filter(mine)["_served.risk"].item()
    assert one["risk"].n_unique() > 2 == one["_served.risk"].n_unique()
    assert as_served(one, ["risk"])["risk"].equals(one["_served.risk"].rename("risk"))
    assert as_served(build(DEFINITION, *data()).snapshot.fit, ["hour"])["hour"].len() == one.height


@settings(deadline=None, max_examples=10)
@given(st.randoms(use_true_random=False), st.sampled_from([DEFINITION, RISK]))
def test_any_order_of_arrival_gives_the_same_snapshot(random, definition):
    spine, tables = data(missing=(7,))
    order = list(range(N))
    random.shuffle(order)
    moved = tables["Arrival"].collect().sample(fraction=1.0, shuffle=True, seed=random.randrange(1000)).lazy()
    one, other = build(definition, spine, tables), build(definition, spine[order], {"Arrival": moved})
    assert one.plan == other.plan
    assert one.parts.counts == other.parts.counts
    for name, frame in one.snapshot.objects().items():
        assert frame.equals(other.snapshot.objects()[name])


def test_labels_that_come_after_the_holdout_begins_are_not_learned_from():
    built = build(DEFINITION, *data(delay_h=4))
    first = built.parts.times.holdout_from_ns // HOUR
    assert built.parts.counts.known_late == 4
    tuned = [int(flight[1:]) for flight in built.snapshot.tune["_key.flight"]]
    assert max(tuned) + 4 <= first


def test_a_label_of_classes_names_them():
    label = tree.apply("lookup", tree.column("Arrival", "gate", CATEGORY), match=MATCH)
    spine, tables = data()
    gates = tables["Arrival"].with_columns(
        gate=pl.when(pl.col("late_min") > 15).then(pl.lit("B")).otherwise(pl.lit("A"))
    )
    built = build(replace(DEFINITION, label=label), spine, {"Arrival": gates})
    assert (built.task, built.classes) == ("classes", ("A", "B"))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"label": tree.column("Schedule", "asked", TIME)}, "features.label-kind"),
        ({"spec": replace(SPEC, asked="other")}, "features.other-question-time"),
        ({"plan": FeaturePlan("Schedule", "asked", (("carrier", CARRIER),))}, "package.not-numeric"),
        ({"plan": RISK.plan, "label": CARRIER}, "expression.target-mean"),
        (
            {"plan": FeaturePlan("Schedule", "asked", (("label", tree.apply("codes", CARRIER, min_count=1)),))},
            "features.reserved-name",
        ),
    ],
)
def test_what_cannot_be_a_snapshot_is_refused(change, code):
    with pytest.raises(InputError) as refusal:
        build(replace(DEFINITION, **change), *data())
    assert refusal.value.code == code
    assert refusal.value.fix


@pytest.mark.parametrize(
    ("kind", "task"), [("bool", "binary"), ("category", "classes"), ("int", "regression"), ("float", "regression")]
)
def test_the_label_decides_the_task(kind, task):
    assert task_of(kind) == task
