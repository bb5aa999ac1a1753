"""Every command that looks: words for people, one JSON value for programs, and the exit code that was promised."""

import pytest

from andon.wiring.calls.models import models_of
from andon.wiring.predictions import workers_of
from andon.wiring.settings import load_settings

LOOKING = [
    ("status",),
    ("logs",),
    ("gates",),
    ("gates", "model:late"),
    ("model", "list"),
    ("release", "list"),
    ("feature", "list"),
    ("feature", "show", "busy"),
    ("feature", "used-by", "Parcel.weight"),
    ("data", "list"),
    ("data", "quarantine", "Parcel"),
    ("monitor", "report"),
    ("key", "list"),
    ("doctor",),
    ("audit", "verify"),
]


@pytest.fixture
def digest(released):
    return models_of(released.folder).digests[0]


@pytest.mark.parametrize("words", LOOKING, ids=" ".join)
def test_a_command_that_looks_speaks_to_people_and_to_programs(andon, released, words):
    for_people = andon(*words, "-C", released.folder)
    for_programs = andon(*words, "-C", released.folder, "--json")
    assert for_people.exit_code == for_programs.exit_code == 0
    assert for_people.out.strip()
    assert isinstance(for_programs.json, dict | list)
    assert for_programs.json


def test_one_model_one_release_one_lineage(andon, released, digest, tmp_path):
    folder = ("-C", released.folder, "--json")
    assert andon("model", "show", digest[7:17], *folder).json["model"] == digest
    release = andon("release", "list", *folder).json[0]["release"]
    shown = andon("release", "show", release, *folder).json
    assert shown["state"] == "serving"
    assert {one["digest"] for one in andon("lineage", release, *folder).json["lineage"]} > {release, digest}
    assert andon("feature", "diff", release, digest, *folder).json["lines"][-1].startswith("5 of 5")
    assert "5 of 5 are the same" in andon("feature", "diff", release, digest, "-C", released.folder).out
    written = andon("model", "report", digest, "--to", tmp_path / "report.html", *folder).json["report"]
    assert (tmp_path / "report.html").samefile(written)


def test_a_prediction_leads_back_to_its_rows(andon, released):
    (worker,) = workers_of(load_settings(released.folder))
    prediction = worker.open_records()[0]
    words = andon("lineage", prediction.id, "-C", released.folder)
    values = andon("lineage", prediction.id, "-C", released.folder, "--json").json
    assert values["prediction"]["id"] == prediction.id
    assert f"prediction {prediction.id}" in words.out
    assert "landed object" in words.out


def test_nothing_is_cut_off_where_nobody_watches(andon, released, digest):
    assert digest in andon("model", "show", digest[7:15], "-C", released.folder).out


def test_check_shows_what_the_code_declares(andon, founded):
    said = andon("check", "-C", founded.folder)
    assert said.exit_code == 0
    assert "Say which parcel will be late" in said.out
    assert andon("check", "-C", founded.folder, "--json").json["factory"] == "parcels"


def test_an_audit_that_finds_something_ends_with_1(andon, released):
    (worker,) = workers_of(load_settings(released.folder))
    path = worker.batches()[0].path
    path.write_bytes(path.read_bytes()[:-1])
    said = andon("audit", "verify", "-C", released.folder, "--json")
    assert said.exit_code == 1
    assert said.json["problems"][0]["code"] == "serve.batch-damaged"


def test_a_gate_that_refuses_ends_a_run_with_4(andon, founded):
    code = (founded.folder / "factory.py").read_text()
    (founded.folder / "factory.py").write_text(code.replace("quarantined_at_most(0.10)", "quarantined_at_most(0.001)"))
    said = andon("run", "sent", "--as-of", "2024-01-10", "-C", founded.folder)
    assert said.exit_code == 4
    assert "Why: andon gates data:sent" in said.out
    assert "no: " in andon("gates", "data:sent", "-C", founded.folder).out


def test_a_gate_that_waits_for_people_ends_a_run_with_3_until_somebody_signs(andon, founded):
    code = (founded.folder / "factory.py").read_text()
    wanted = 'quarantined_at_most(0.10), SignOff("operations", people=1, within="5d")'
    code = code.replace("quarantined_at_most(0.10)", wanted).replace("Params,", "Params, SignOff,")
    (founded.folder / "factory.py").write_text(code)
    folder = ("-C", founded.folder)
    assert andon("key", "add", "grace", "--role", "operations", *folder).exit_code == 0
    assert andon("run", "sent", "--as-of", "2024-01-10", *folder).exit_code == 3
    status = andon("status", *folder)
    assert "waits for" in status.out.splitlines()[0]
    assert "operations" in status.out.splitlines()[0]
    assert any(line.startswith("It waits for") for line in andon("logs", *folder).out.splitlines())
    assert andon("approve", "--as", "grace", "--reason", "looked", *folder).exit_code == 0
    assert andon("run", "sent", *folder).exit_code == 0
    assert "Parcel" in andon("status", *folder).out


def test_a_feature_says_what_it_reads_and_which_rows_it_sees(andon, founded):
    """Whoever debugs a value begins with what it is made of."""
    busy = andon("feature", "show", "Lateness.busy", "-C", founded.folder, "--json").json
    assert busy["reads"] == ["Delivery.delivered", "Delivery.depot", "Delivery.parcel", "Parcel.depot"]
    assert busy["models"] == ["late"]
    assert "the last 1d, from a whole 1h on, with depot = Parcel.depot" in busy["windows"][0]
    listed = {one["feature"]: one["digest"] for one in andon("feature", "list", "-C", founded.folder, "--json").json}
    assert listed["Lateness.busy"] == busy["digest"]
    assert len(set(listed.values())) == len(listed)


def test_a_feature_that_is_not_there_is_told_from_those_that_are(andon, founded):
    said = andon("feature", "show", "bussy", "-C", founded.folder)
    assert said.exit_code == 2
    assert "Lateness.busy" in said.err
