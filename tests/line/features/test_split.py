"""Every row goes to one place that is counted, and no label is used that was not known in time."""

from random import Random

import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from andon.kernel.errors import InputError
from andon.line.features.snapshot import Columns, classes_of, snapshot, targets
from andon.line.features.split import TIME, Counts, SplitSpec, split

HOUR = 3_600_000_000_000
KEEP = ("fit", "tune", "holdout")


def frames(asked, label, known, dtype=pl.Boolean):
    n = len(asked)
    spine = pl.DataFrame(
        {
            "flight": [f"F{i}" for i in range(n)],
            "origin": ["JFK" if i % 2 else None for i in range(n)],
            "at": pl.Series(asked, dtype=pl.Int64).cast(TIME),
            "_known_at": pl.Series(asked, dtype=pl.Int64).cast(TIME),
            "_object": ["sha256:" + "0" * 64] * n,
            "_row": pl.Series(range(n), dtype=pl.Int64),
        }
    )
    labels = pl.DataFrame(
        {
            "label": pl.Series(label, dtype=dtype, strict=False),
            "_label_known_at": pl.Series(known, dtype=pl.Int64).cast(TIME),
        }
    )
    return spine, labels


def spec(**changes):
    values = {
        "asked": "at",
        "label_within_ns": 2 * HOUR,
        "tune_ns": 10 * HOUR,
        "holdout_ns": 10 * HOUR,
        "as_of_ns": 60 * HOUR,
    }
    return SplitSpec(**{**values, **changes})


@st.composite
def histories(draw):
    random = Random(draw(st.integers(0, 2**32)))
    n = draw(st.integers(20, 60))
    asked = [random.randrange(70) * HOUR for _ in range(n)]
    label = [random.choice([True, False, False, None]) for _ in range(n)]
    delay = [random.choice([None, *range(30)]) for _ in range(n)]
    known = [None if d is None or v is None else a + d * HOUR for a, d, v in zip(asked, delay, label, strict=True)]
    times = {name: random.randrange(25) * HOUR for name in ("tune_ns", "holdout_ns", "label_within_ns")}
    return asked, label, known, spec(**times, as_of_ns=random.randrange(50, 90) * HOUR)


@settings(deadline=None)
@given(histories())
def test_counts_add_up_and_every_row_is_where_plain_python_puts_it(history):
    asked, label, known, wanted = history
    try:
        found = split(*frames(asked, label, known), wanted)
    except InputError:
        assume(False)
    counts = {name: getattr(found.counts, name) for name in Counts.__slots__}
    assert counts.pop("rows_in") == len(asked) == sum(counts.values())
    newest = max(a for a in asked if a + wanted.label_within_ns < wanted.as_of_ns)
    start = newest - wanted.holdout_ns
    for a, v, k, part in zip(asked, label, known, found.parts, strict=True):
        arrived = a + wanted.label_within_ns if k is None else k
        if a + wanted.label_within_ns >= wanted.as_of_ns:
            assert part == "immature"
        elif v is None:
            assert part == "unlabelled"
        elif a > start:
            assert part == "holdout"
        elif arrived > start:
            assert part == "known_late"
        else:
            assert part == ("tune" if a > start - wanted.tune_ns else "fit")


@settings(deadline=None)
@given(histories())
def test_nothing_a_model_learns_from_was_known_after_the_first_holdout_question(history):
    asked, label, known, wanted = history
    spine, labels = frames(asked, label, known)
    try:
        found = split(spine, labels, wanted)
    except InputError:
        assume(False)
    first = min(a for a, part in zip(asked, found.parts, strict=True) if part == "holdout")
    for a, k, part in zip(asked, known, found.parts, strict=True):
        if part in ("fit", "tune"):
            assert a < first
            assert k is None or k < first
        if part in KEEP:
            assert a + wanted.label_within_ns < wanted.as_of_ns


def steady(n=50, label=None, known=None, dtype=pl.Boolean):
    asked = [i * HOUR for i in range(n)]
    return frames(asked, label or [i % 3 == 0 for i in range(n)], known or [a + HOUR for a in asked], dtype)


def test_an_early_label_does_not_make_a_young_row_usable():
    spine, labels = steady(known=[i * HOUR + 1 for i in range(50)])
    found = split(spine, labels, spec(as_of_ns=40 * HOUR))
    assert found.counts.immature == 12
    assert found.times.holdout_until_ns == 37 * HOUR


@pytest.mark.parametrize(
    ("code", "make", "changes"),
    [
        ("features.label-always-null", lambda: steady(label=[None] * 50), {}),
        ("features.label-always-null", lambda: steady(label=[float("nan")] * 50, dtype=pl.Float64), {}),
        ("features.one-class", lambda: steady(label=[True] * 50), {}),
        ("features.one-class", lambda: steady(label=[i < 30 for i in range(50)]), {}),
        ("features.one-class", lambda: steady(label=["yes"] * 50, dtype=pl.String), {}),
        ("features.empty-part", steady, {"tune_ns": 0}),
        ("features.empty-part", steady, {"holdout_ns": 0}),
        ("features.empty-part", steady, {"holdout_ns": 10_000 * HOUR}),
        ("features.no-mature-rows", steady, {"as_of_ns": 2 * HOUR}),
        ("features.no-rows", lambda: frames([], [], []), {}),
        ("features.no-question-time", lambda: frames([HOUR, None], [True, False], [None, None]), {}),
        ("features.rows-differ", lambda: (steady()[0], steady(20)[1]), {}),
    ],
)
def test_what_no_model_can_be_made_of_is_refused_with_a_way_out(code, make, changes):
    with pytest.raises(InputError) as refusal:
        split(*make(), spec(**changes))
    assert refusal.value.code == code
    assert refusal.value.fix


def made(**changes):
    spine, labels = steady(**changes)
    features = pl.DataFrame({"hour": range(50), "carrier": [i % 4 for i in range(50)]})
    parts = split(spine, labels, spec())
    return snapshot(spine, features, labels, parts, spec(), Columns(("flight",), ("origin",))), parts


def test_the_frames_hold_the_rows_of_their_part_sorted_by_time():
    frames_, parts = made()
    for name in KEEP:
        frame = getattr(frames_, name)
        assert frame.height == getattr(parts.counts, name)
        assert frame["_asked"].is_sorted()
        assert frame.columns == ["hour", "carrier", "label", "_asked", "_row_id", "_key.flight", "_segment.origin"]
        assert frame["_row_id"].to_list() == [f"sha256:{'0' * 64}:{hour}" for hour in frame["hour"]]
    assert not set(frames_.fit["_row_id"]) & set(frames_.holdout["_row_id"])


def test_a_models_own_process_gets_no_holdout_label_and_nothing_to_find_it_by():
    frames_, _ = made()
    assert frames_.holdout_features.columns == ["hour", "carrier", "_row_id"]
    assert frames_.holdout_labels.columns == ["_row_id", "label", "_asked", "_segment.origin"]
    held = set(frames_.holdout["_row_id"])
    assert not held & set(frames_.fit["_row_id"]) | held & set(frames_.tune["_row_id"])


@settings(deadline=None)
@given(st.permutations(range(50)))
def test_the_order_rows_arrive_in_changes_nothing(order):
    spine, labels = steady()
    features = pl.DataFrame({"hour": range(50)})
    columns, parts = Columns(("flight",), ("origin",)), split(spine[order], labels[order], spec())
    shuffled = snapshot(spine[order], features[order], labels[order], parts, spec(), columns)
    straight = snapshot(spine, features, labels, split(spine, labels, spec()), spec(), columns)
    for name, frame in shuffled.objects().items():
        assert frame.equals(straight.objects()[name])


@pytest.mark.parametrize("name", ["label", "_row_id", "_asked"])
def test_a_feature_cannot_take_a_name_of_andons(name):
    spine, labels = steady()
    parts = split(spine, labels, spec())
    with pytest.raises(InputError, match="andon's own"):
        snapshot(spine, pl.DataFrame({name: range(50)}), labels, parts, spec(), Columns((), ()))


def test_the_same_stored_row_twice_is_refused():
    spine, labels = steady()
    spine = spine.with_columns(_row=pl.lit(7, pl.Int64))
    parts = split(spine, labels, spec())
    with pytest.raises(InputError, match="same stored row twice"):
        snapshot(spine, pl.DataFrame({"a": range(50)}), labels, parts, spec(), Columns((), ()))


def test_classes_are_numbered_by_the_fit_rows_alone():
    label = [("b", "a", "c")[i % 3] if i < 30 else ("new", "a")[i % 2] for i in range(50)]
    frames_, _ = made(label=label, dtype=pl.String)
    classes = classes_of(frames_.fit)
    assert classes == ("a", "b", "c")
    numbers = targets(frames_.holdout, classes)
    assert set(numbers) == {-1, 0}
    assert (numbers == -1).to_list() == (frames_.holdout["label"] == "new").to_list()
    assert targets(made()[0].fit, ()).to_list() == [int(v) for v in made()[0].fit["label"]]


def test_facts_say_in_words_where_every_row_went():
    facts = made()[1].facts()
    assert facts["rows"]["rows_in"] == 50
    assert facts["times"]["holdout_until"] == "1970-01-03T01:00:00Z"
