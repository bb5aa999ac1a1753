"""Live against baseline: shifts that are there, chance that is not called one, labels that are joined when ripe."""

import json
import re

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from andon.contracts.dataset import Column, DatasetContract
from andon.contracts.evidence import Measurement, find
from andon.kernel.canonical import dumps
from andon.kernel.errors import InputError
from andon.line.monitor.labels import join_labels, with_keys
from andon.line.monitor.page import page
from andon.line.monitor.report import Subject, live_report
from andon.measures.profile import build_baseline

TIME = pl.Datetime("ns", "UTC")
CONTRACT = DatasetContract(
    "S", (Column("id", "int", "key"), Column("day", "time", "key"), Column("at", "time", "event_time"))
)
ONE_KEY = DatasetContract("S", (Column("id", "int", "key"), Column("at", "time", "event_time")))
MODEL = "sha256:" + "a" * 64
RELEASE = "sha256:" + "b" * 64


def trained(n: int = 5000, seed: int = 0) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "wind": random.normal(10, 3, n),
            "hour": random.integers(0, 24, n),
            "is_late": random.random(n) < 0.3,
        }
    )


def logged(frame: pl.DataFrame, prediction: np.ndarray | None = None, model: str = MODEL) -> pl.DataFrame:
    n = frame.height
    p = np.full(n, 0.25) if prediction is None else prediction
    return pl.DataFrame(
        {
            "id": [f"p{i}" for i in range(n)],
            "asked": pl.Series(range(n), dtype=pl.Int64).cast(TIME),
            "release": [RELEASE] * n,
            "model": [model] * n,
            "entity": [json.dumps({"id": i}) for i in range(n)],
            "inputs": frame.select(pl.all().cast(pl.Float64)).to_struct("inputs"),
            "outputs": [[float(v)] for v in p],
        }
    )


def subject(n: int = 5000, **changes) -> Subject:
    baseline = build_baseline(trained(n), pl.Series(np.full(n, 0.25)))
    members = {
        "factory": "flights",
        "model_name": "late",
        "model": MODEL,
        "task": "binary",
        "classes": (),
        "baseline": baseline,
    }
    return Subject(**(members | changes))


def levels(report) -> dict[str, str]:
    return {one.shift.name: one.level for one in report.columns}


@pytest.mark.parametrize("n", [40, 200, 2000])
@pytest.mark.parametrize("seed", range(1, 6))
def test_rows_like_those_of_training_are_steady_however_few_they_are(n, seed):
    report = live_report(subject(), logged(trained(n, seed)))
    assert set(levels(report).values()) == {"steady"}
    assert report.predictions == n


@pytest.mark.parametrize(
    ("change", "column"),
    [
        (pl.col("wind") + 3, "wind"),
        (pl.col("wind").replace(pl.col("wind").first(), None).fill_nan(None).alias("wind") * 4, "wind"),
        ((pl.col("hour") // 2).alias("hour"), "hour"),
        ((pl.col("is_late") | (pl.col("hour") > 11)).alias("is_late"), "is_late"),
        (pl.when(pl.col("hour") > 8).then(pl.col("wind")).alias("wind"), "wind"),
    ],
)
def test_a_column_that_moved_is_named_first_and_no_other_is(change, column):
    report = live_report(subject(), logged(trained(2000, 9).with_columns(change)))
    assert report.columns[0].shift.name == column
    assert {name for name, level in levels(report).items() if level in ("moved", "far")} == {column}


def test_predictions_that_moved_are_seen_and_those_of_another_model_are_left_out():
    mine = logged(trained(500, 3), np.full(500, 0.9))
    other = logged(trained(300, 4), model="sha256:" + "c" * 64)
    report = live_report(subject(), pl.concat([mine, other]))
    assert report.predictions == 500
    assert levels(report)["prediction"] == "far"


def test_too_few_rows_are_called_so_and_none_at_all_is_a_report_too():
    assert set(levels(live_report(subject(), logged(trained(10, 1)))).values()) == {"too few rows"}
    empty = live_report(subject(), logged(trained(0)))
    assert (empty.predictions, set(levels(empty).values())) == (0, {"too few rows"})
    assert "No predictions yet" in page(empty)


def labels_of(rows: list[tuple[int, bool | None, int]]) -> pl.DataFrame:
    frame = pl.DataFrame(rows, schema={"id": pl.Int64, "label": pl.Boolean, "_label_known_at": pl.Int64}, orient="row")
    return frame.with_columns(pl.col("_label_known_at").cast(TIME))


@given(
    asked=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 30)), max_size=20),
    known=st.dictionaries(st.integers(0, 9), st.tuples(st.none() | st.booleans(), st.integers(0, 60))),
    within=st.integers(0, 20),
    as_of=st.integers(0, 60),
)
@settings(max_examples=60, deadline=None)
def test_only_ripe_predictions_get_a_label_and_every_one_is_counted_once(asked, known, within, as_of):
    entities = ["{}" if key == 0 else json.dumps({"id": key}) for key, _ in asked]
    frame = pl.DataFrame(
        {"entity": entities, "asked": [at for _, at in asked]}, schema={"entity": pl.String, "asked": pl.Int64}
    ).with_columns(pl.col("asked").cast(TIME))
    labels = labels_of([(key, label, at) for key, (label, at) in known.items()])
    joined = join_labels(with_keys(frame, ONE_KEY), labels, ["id"], within_ns=within, as_of_ns=as_of)
    wanted, missing, waiting = [], 0, 0
    for key, at in asked:
        label, known_at = known.get(key, (None, 0))
        if key == 0:
            continue
        if at + within >= as_of:
            waiting += 1
        elif label is None or known_at >= as_of:
            missing += 1
        else:
            wanted.append((key, label))
    counts = joined.counts
    assert joined.rows.select("id", "label").rows() == wanted
    assert (counts.labelled, counts.missing, counts.waiting) == (len(wanted), missing, waiting)
    assert counts.labelled + counts.missing + counts.waiting + counts.nameless == counts.predictions == len(asked)


def test_keys_of_every_kind_come_back_from_the_log():
    frame = pl.DataFrame({"entity": ['{"id":3,"day":86400000000000}', '{"id":null}', "{}"]})
    keyed = with_keys(frame, CONTRACT)
    assert keyed.schema["day"] == TIME
    assert keyed["id"].to_list() == [3, None, None]
    assert str(keyed["day"][0])[:10] == "1970-01-02"


def test_two_labels_of_one_entity_are_refused():
    frame = with_keys(logged(trained(2)), ONE_KEY)
    with pytest.raises(InputError) as error:
        join_labels(frame, labels_of([(1, True, 0), (1, False, 0)]), ["id"], within_ns=0, as_of_ns=100)
    assert error.value.code == "monitor.two-labels"


def with_outcomes(n: int = 800):
    random = np.random.default_rng(5)
    p = random.uniform(0.05, 0.95, n)
    y = random.random(n) < p
    frame = with_keys(logged(trained(n, 2), p), ONE_KEY).with_columns(origin=pl.Series(["EWR", "<b>"] * (n // 2)))
    labels = labels_of([(i, bool(y[i]), i) for i in range(n)])
    return join_labels(frame, labels, ["id"], within_ns=0, as_of_ns=10**6), frame, p, y


def test_live_metrics_are_those_of_the_joined_rows():
    joined, frame, p, y = with_outcomes()
    report = live_report(subject(), frame, joined, segments=("origin",))
    auc = find(report.measurements, "auc")
    assert auc.value == pytest.approx(roc_auc_score(y, p))
    assert auc.lower < auc.value < auc.upper
    assert find(report.measurements, "brier").value == pytest.approx(float(((p - y) ** 2).mean()))
    assert find(report.measurements, "auc", "origin=EWR").value == pytest.approx(roc_auc_score(y[::2], p[::2]))


def test_predictions_of_which_none_has_a_label_yet_are_a_report():
    """A stranger's first report comes before any outcome."""
    _, frame, _, _ = with_outcomes()
    nobody = labels_of([(0, True, 0)]).clear()
    report = live_report(subject(), frame, join_labels(frame, nobody, ["id"], within_ns=10**9, as_of_ns=1))
    assert find(report.measurements, "auc").value is None
    assert find(report.measurements, "auc").n == 0


def test_the_report_is_canonical_json_and_the_page_escapes_runs_nothing_and_loads_nothing():
    joined, frame, _, _ = with_outcomes()
    about = subject(model_name="<script>alert(1)</script>", reference=(Measurement("auc", 0.8, 0.7, 0.9, n=9),))
    report = live_report(about, frame, joined, lost=3, segments=("origin",))
    assert b'"lost":3' in dumps(report.to_json())
    html = page(report)
    assert "<script" not in html
    assert "origin=&lt;b&gt;" in html
    assert not re.search(r"(src|href)=|url\(|@import|http://|https://", html)
    assert "0.8000" in html


def test_many_classes_are_counted_and_measured_by_name():
    n = 90
    outputs = [[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6]] * (n // 3)
    frame = with_keys(logged(trained(n, 1)).with_columns(outputs=pl.Series(outputs)), ONE_KEY)
    about = subject(
        task="classes",
        classes=("a", "b", "c"),
        baseline=build_baseline(trained(), pl.Series(["a", "b", "c", "a"] * 1250)),
    )
    labels = pl.DataFrame({"id": range(n), "label": ["a", "b", "zz"] * (n // 3)}).with_columns(
        _label_known_at=pl.lit(0).cast(pl.Int64).cast(TIME)
    )
    joined = join_labels(frame, labels, ["id"], within_ns=0, as_of_ns=10**6)
    report = live_report(about, frame, joined)
    prediction = next(one for one in report.columns if one.shift.name == "prediction")
    assert sorted(prediction.live) == [0, 30, 30, 30]
    assert find(report.measurements, "accuracy").value == pytest.approx(2 / 3)
