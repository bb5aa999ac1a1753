"""From one prediction back to the very rows it was made from; from any artefact back to what landed."""

import json
from dataclasses import replace

import polars as pl
import pytest

from andon.kernel.digest import of_bytes
from andon.kernel.errors import AndonError, InputError, IntegrityError, UsageError
from andon.line.serve.folder import replace_file
from andon.line.serve.records import Batch, batch_bytes
from andon.wiring.calls.datasets import datasets_of
from andon.wiring.calls.releases import releases_of
from andon.wiring.calls.tracing import lineage_of
from andon.wiring.factory import open_factory
from andon.wiring.predictions import find_prediction, predictions_in, workers_of
from andon.wiring.settings import load_settings


def log_of(small):
    (worker,) = workers_of(load_settings(small.folder))
    return worker


def closed(small):
    return [one for batch in log_of(small).batches() for one in predictions_in(batch)]


def relog(small, *records):
    """Close the log's only batch again, with other contents and a digest that fits them."""
    (batch,) = log_of(small).batches()
    data = batch_bytes(records)
    batch.path.unlink()
    name = Batch.file_name(records[0].number, records[-1].number, of_bytes(data).removeprefix("sha256:"))
    replace_file(batch.path.with_name(name), data)


def landed_rows(small, digest):
    with open_factory(small.folder) as opened:
        return pl.read_parquet(opened.blobs.local(digest))


def test_the_rows_of_every_prediction_are_those_an_independent_reading_finds(released):
    """The source's own arithmetic says which deliveries a question saw: no expression is evaluated here."""
    for prediction in closed(released)[:40:9]:
        traced = json.loads(json.dumps(lineage_of(released.folder, prediction.id).to_json()))["prediction"]
        assert (traced["differing"], traced["unknown"]) == ([], [])
        number = int(str(prediction.entity["parcel"])[1:])
        landed = landed_rows(released, traced["question"]["landed"])
        assert landed["parcel"][traced["question"]["landed_row"]] == f"p{number}"
        features = {one["name"]: one for one in traced["features"]}
        depot = "north" if number % 3 else "south"
        asked_h = number * 2.4 + 1  # the source sends one parcel each 2.4 hours, and each is delivered 6 hours later
        seen = [
            n for n in range(number + 1) if ("north" if n % 3 else "south") == depot and n * 2.4 + 6 + 1 / 60 < asked_h
        ]
        assert features["before"]["rows"][-1]["values"]["parcel"] == f"p{seen[-1]}"
        named = [row["values"]["parcel"] for row in features["busy"]["rows"]]
        assert named == [f"p{n}" for n in seen[-len(named) :]]
        assert len(named) == features["busy"]["value"]
        for row in features["busy"]["rows"]:
            assert landed_rows(released, row["landed"])["parcel"][row["landed_row"]] == row["values"]["parcel"]


def test_the_tree_goes_from_the_prediction_to_what_landed(released):
    prediction = closed(released)[3]
    lines = lineage_of(released.folder, prediction.id).lines
    order = ["prediction ", "release late", "model late", "snapshot", "dataset Delivery", "landed object"]
    places = [next(at for at, line in enumerate(lines) if word in line) for word in order]
    assert places == sorted(places)
    assert any("the same to the last bit" in line for line in lines)
    assert any("[model:late PASSED]" in line for line in lines)


def test_a_prediction_in_the_open_journal_is_found_and_the_journal_stays_as_it_is(released):
    worker = log_of(released)
    path = worker.folder / "open.journal"
    before = path.read_bytes() + b"\x07\x00\x00\x00half a record"
    path.write_bytes(before)
    first, second = worker.open_records()
    assert "open journal" in find_prediction(load_settings(released.folder), second.id).place
    assert any("p300" in line for line in lineage_of(released.folder, first.id).lines)
    assert path.read_bytes() == before


def test_values_that_a_caller_gave_are_not_traced_to_rows_that_nobody_published(released):
    given, rows = closed(released)[40:42]
    said, features = (lineage_of(released.folder, one.id).to_json()["prediction"] for one in (given, rows))
    assert said["question"] is None
    assert features["question"] is None
    assert set(given.entity) == {"parcel", "weight", "depot"}
    assert (said["differing"], said["unknown"]) == ([], [])  # computed again from what the caller said
    assert (features["differing"], set(features["unknown"])) == ([], {"weight", "depot", "before", "busy"})


def test_a_logged_input_that_the_rows_do_not_give_is_named(released):
    first, *others = closed(released)
    relog(released, replace(first, inputs={**first.inputs, "busy": 99.0}), *others)
    traced = lineage_of(released.folder, first.id)
    whole = traced.to_json()["prediction"]
    assert whole["differing"] == ["busy"]
    assert not any("the same to the last bit" in line for line in traced.lines)


def test_a_batch_with_a_flipped_byte_proves_nothing(released):
    prediction = closed(released)[0]
    (batch,) = log_of(released).batches()
    data = bytearray(batch.path.read_bytes())
    data[len(data) // 2] ^= 1
    batch.path.write_bytes(data)
    with pytest.raises(AndonError) as refused:
        lineage_of(released.folder, prediction.id)
    assert refused.value.code in ("serve.batch-damaged", "look.unknown-prediction")


def test_an_edited_source_object_is_not_shown_as_a_source(released):
    prediction = closed(released)[0]
    rows = lineage_of(released.folder, prediction.id).to_json()["prediction"]["features"][2]["rows"]
    with open_factory(released.folder) as opened:
        path = opened.blobs.local(rows[0]["object"])
    frame = pl.read_parquet(path).with_columns(late_min=pl.col("late_min") + 1)
    path.chmod(0o600)
    frame.write_parquet(path)
    with pytest.raises(IntegrityError) as refused:
        lineage_of(released.folder, prediction.id)
    assert refused.value.code == "store.object-damaged"


def test_a_prediction_that_names_another_model_than_its_release_is_refused(released):
    first, *others = closed(released)
    relog(released, replace(first, model=of_bytes(b"other")), *others)
    with pytest.raises(IntegrityError) as refused:
        lineage_of(released.folder, first.id)
    assert refused.value.code == "look.other-model"


def test_an_unknown_prediction_is_refused(released):
    with pytest.raises(InputError) as refused:
        lineage_of(released.folder, "01890000-0000-7000-8000-000000000000")
    assert refused.value.code == "look.unknown-prediction"


def test_any_artefact_leads_back_to_what_landed(released):
    batch = datasets_of(released.folder).batches[0]
    release = str(releases_of(released.folder).whole[0]["release"])
    of_batch = lineage_of(released.folder, batch[7:19])
    of_release = lineage_of(released.folder, release)
    assert of_batch.to_json()["is_closed"] is of_release.to_json()["is_closed"] is True
    kinds = [one["kind"] for one in of_release.to_json()["lineage"]]
    assert kinds.count("dataset") == kinds.count("batch") == 2
    assert {"release", "model", "snapshot", "report", "baseline"} <= set(kinds)
    assert set(of_batch.lines) <= {line.strip() for line in of_release.lines} | set(of_batch.lines)
    assert "[data:" in of_batch.lines[0]
    with pytest.raises(UsageError):
        lineage_of(released.folder, "0000000000")


def test_a_gate_that_failed_is_never_shown_as_passed(founded):
    code = (founded.folder / "factory.py").read_text()
    (founded.folder / "factory.py").write_text(code.replace("quarantined_at_most(0.10)", "quarantined_at_most(0.001)"))
    founded.run("sent")
    with open_factory(founded.folder) as opened:
        (batch,) = opened.database.manifests.of_kind("batch", 9)
    line = lineage_of(founded.folder, batch).lines[0]
    assert "[data:sent FAILED]" in line
