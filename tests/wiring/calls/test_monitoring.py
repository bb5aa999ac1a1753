"""The report on live predictions counts what was logged, and measures it against labels that came from the source."""

import json

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score

from andon.kernel.errors import InputError, UsageError
from andon.wiring.calls.monitoring import report_live
from andon.wiring.predictions import predictions_in, workers_of
from andon.wiring.settings import load_settings


def late(parcel):
    """What the source says came true, by its own arithmetic."""
    number = int(parcel[1:])
    return ((number * 7) % 41 - 20) * 5 + (number * 13) % 31 - 15 > 0


def test_metrics_are_those_of_the_logged_answers_and_the_labels_that_came(released):
    (worker,) = workers_of(load_settings(released.folder))
    logged = [one for batch in worker.batches() for one in predictions_in(batch)] + worker.open_records()
    known = [one for one in logged if one.entity.get("parcel", "new") != "new"]
    y = np.array([late(one.entity["parcel"]) for one in known])
    p = np.array([one.outputs[0] for one in known])
    found = report_live(released.folder, "", "local")
    values = {row[0]: row for row in found.metrics}
    assert float(values["auc"][1]) == pytest.approx(roc_auc_score(y, p), abs=1e-6)
    assert float(values["brier"][1]) == pytest.approx(brier_score_loss(y, p), abs=1e-6)
    assert int(values["auc"][3]) == len(known) == 42
    assert float(values["auc"][4]) > 0.9


def test_every_prediction_is_counted_somewhere(released):
    report = report_live(released.folder, "late", "local").report
    counts = report.labels
    assert report.predictions == 44
    assert (counts.labelled, counts.missing, counts.waiting, counts.nameless) == (42, 1, 0, 1)
    assert report.lost == 0


def test_numbers_without_a_record_are_said_to_be_lost(released):
    (worker,) = workers_of(load_settings(released.folder))
    (worker.folder / "open.journal").write_bytes(b"")
    status = worker.folder.parent.parent / "workers" / "w1.json"
    status.write_text(json.dumps({"worker": "w1", "issued": 44}))
    found = report_live(released.folder, "late", "local")
    assert found.report.lost == 2
    assert "2 more are known to be lost" in found.lines[0]


def test_the_page_is_written_where_asked_and_loads_nothing(released, tmp_path):
    found = report_live(released.folder, "late", "local")
    page = found.write(tmp_path / "live.html").read_text()
    assert "<script" not in page
    assert "http://" not in page
    with pytest.raises(InputError) as refused:
        found.write(tmp_path / "no" / "live.html")
    assert refused.value.code == "look.not-written"


def test_what_is_not_served_cannot_be_reported(released):
    for model, target in (("other", "local"), ("", "elsewhere"), ("late", "elsewhere")):
        with pytest.raises(UsageError) as refused:
            report_live(released.folder, model, target)
        assert refused.value.found == "late on local"


def test_a_model_that_answered_nothing_says_so(released):
    (worker,) = workers_of(load_settings(released.folder))
    for batch in worker.batches():
        batch.path.unlink()
    (worker.folder / "open.journal").unlink()
    with pytest.raises(InputError) as refused:
        report_live(released.folder, "late", "local")
    assert refused.value.code == "monitor.no-predictions"
