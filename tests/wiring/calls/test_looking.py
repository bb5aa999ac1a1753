"""What people see of a factory: where it stands, what runs did, what gates said, and what things are made of."""

import json
import re
import shutil

import pytest

from andon.kernel.digest import of_bytes
from andon.kernel.errors import InputError, UsageError
from andon.line.serve.folder import ServeFolder
from andon.line.serve.sealing import seal_table
from andon.line.serve.succession import first_table
from andon.wiring.calls.datasets import datasets_of, quarantine_of
from andon.wiring.calls.looking import logs_of, status_of
from andon.wiring.calls.models import model_of, models_of, report_of
from andon.wiring.calls.pages import write_page
from andon.wiring.calls.releases import release_of, releases_of
from andon.wiring.calls.verdicts import verdicts_of
from andon.wiring.factory import open_factory

ISO_TO_SECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def plain(value):
    """The value as a program reads it from --json."""
    return json.loads(json.dumps(value))


def test_a_new_factory_shows_that_nothing_was_done(founded):
    status = status_of(founded.folder)
    assert (status.datasets, status.runs, status.targets) == ([], [], [])
    assert status.headline == "Factory parcels: 0 published, 0 served"
    assert models_of(founded.folder).rows == releases_of(founded.folder).rows == datasets_of(founded.folder).rows == []
    assert verdicts_of(founded.folder, "").verdicts == ()
    with pytest.raises(UsageError, match="Nothing was run yet"):
        logs_of(founded.folder, "")


def test_status_shows_what_is_published_what_ran_and_what_is_served(released):
    status = status_of(released.folder)
    assert [(row[0], row[1], row[2]) for row in status.datasets] == [
        ("Delivery", "559", "2024-01-10T00:00:00Z"),
        ("Parcel", "555", "2024-01-10T00:00:00Z"),
    ]
    assert [(row[1], row[2], row[3]) for row in status.runs] == [
        ("model late", "done", "promote"),
        ("ingest delivered", "done", "data gate"),
        ("ingest sent", "done", "data gate"),
    ]
    assert all(ISO_TO_SECONDS.fullmatch(row[4]) for row in status.runs)
    release = releases_of(released.folder).whole[0]["release"]
    assert [(*row[:2], row[2], row[4]) for row in status.targets] == [("local", "late", release[7:19], "none")]
    whole = plain(status.to_json())
    assert whole["targets"][0]["release"] == release
    assert all(one["version"].startswith("sha256:") for one in whole["datasets"])


def test_status_says_when_a_name_stands_where_nobody_signed_it(released):
    with open_factory(released.folder) as opened:
        name = "serving/parcels/late/local"
        now = opened.database.refs.get(name).digest
        other = opened.database.refs.get("dataset/parcels/Parcel").digest
        with opened.database.units.begin() as unit:
            opened.database.refs.move(unit, name, now, other, opened.clock.now_ns())
    assert "gates.ref-moved" in status_of(released.folder).targets[0][2]


def test_status_says_when_servers_follow_another_release_than_the_ledger_names(released):
    """A rollback moves the servers first; until it is recorded the two differ, and nobody may overlook that."""
    other = of_bytes(b"another release")
    with open_factory(released.folder) as opened:
        folder = ServeFolder(opened.settings.serving("local") / "late")
        table = first_table("parcels", "late", "local", other)
        folder.routing.write_bytes(seal_table(table, opened.gate_key))
    said = releases_of(released.folder).rows[0][0]
    assert status_of(released.folder).targets[0][2] == f"{other[7:19]}, and the ledger says {said}"


def test_logs_show_every_attempt_with_its_output(released):
    logs = logs_of(released.folder, "")
    assert [(row[0], row[2]) for row in logs.rows] == [("features", "done"), ("train", "done"), ("validate", "done")]
    assert "model run of late" in logs.headline
    assert logs.error == []
    assert [one["stage"] for one in plain(logs.to_json())["attempts"]] == ["features", "train", "validate"]


def test_a_run_is_found_by_the_beginning_and_by_the_end_of_its_id(released):
    run = logs_of(released.folder, "").run
    assert logs_of(released.folder, run.id).run == run
    assert logs_of(released.folder, run.id[-12:]).run == run
    with pytest.raises(UsageError) as ambiguous:
        logs_of(released.folder, run.id[:3])
    assert ambiguous.value.code == "look.ambiguous-run"
    assert run.id in ambiguous.value.found
    with pytest.raises(UsageError) as unknown:
        logs_of(released.folder, "zz")
    assert unknown.value.code == "look.unknown-run"
    assert run.id in unknown.value.found


def test_a_refused_run_says_which_criterion_did_not_hold(founded):
    founded.rewrite(least=0.6)
    code = (founded.folder / "factory.py").read_text()
    (founded.folder / "factory.py").write_text(code.replace("quarantined_at_most(0.10)", "quarantined_at_most(0.001)"))
    result = founded.run("sent")
    assert result.exit_code == 4
    logs = logs_of(founded.folder, "")
    assert "refused at data gate" in logs.headline
    assert any("rows.quarantined.share" in line and "0.001" in line for line in logs.error)
    assert "1 failed or refused" in status_of(founded.folder).headline
    verdict = verdicts_of(founded.folder, "data:sent").verdicts[0]
    assert verdict.outcome == "FAILED"
    assert any(row[4].startswith("no: ") for row in verdict.rows)


def test_verdicts_are_the_newest_of_each_gate_with_their_values(released):
    verdicts = verdicts_of(released.folder, "").verdicts
    assert [one.gate for one in verdicts] == [
        "release:late",
        "model:late",
        "training:late",
        "data:delivered",
        "data:sent",
    ]
    assert all(one.outcome == "PASSED" and one.is_signed and "PASSED" in one.headline for one in verdicts)
    rows = {row[0]: row for one in verdicts for row in one.rows}
    assert rows["auc >= 0.6"][4] == "yes"
    with pytest.raises(UsageError) as unknown:
        verdicts_of(released.folder, "model:other")
    assert "model:late" in unknown.value.found


def test_a_model_is_found_by_the_beginning_of_its_digest(released):
    models = models_of(released.folder)
    digest = models.digests[0]
    assert [(row[0], row[1], row[2]) for row in models.rows] == [(digest[7:19], "late", "lightgbm-text")]
    assert models.rows[0][3] == "training PASSED, model PASSED"
    assert models.rows[0][4].startswith("auc 0.")
    for beginning in (digest, digest[7:], digest[7:11], digest[:12]):
        model = model_of(released.folder, beginning)
        assert model.digest == digest
    assert ["features", "weight, depot, before, busy"] in model.rows
    assert {("auc", ""), ("auc", "depot=north")} <= {(row[0], row[1]) for row in model.measurements}
    assert plain(model.to_json())["gates"] == {"training:late": "PASSED", "model:late": "PASSED"}


@pytest.mark.parametrize("text", ["", "abc", "ffffffffffff", "sha256:", "%", "late"])
def test_an_unknown_beginning_is_refused_and_names_the_candidates(released, text):
    with pytest.raises(UsageError) as refused:
        model_of(released.folder, text)
    assert refused.value.code == "look.unknown"
    assert models_of(released.folder).digests[0][7:19] in refused.value.found


def test_a_damaged_model_is_shown_as_damaged(released):
    digest = models_of(released.folder).digests[0]
    with open_factory(released.folder) as opened:
        package = opened.database.manifests.get(digest).object("package.json")
        path = opened.blobs.local(package.sha256)
    path.chmod(0o600)
    path.write_bytes(b"{}")
    assert models_of(released.folder).rows[0][1:3] == ["?", "store.object-damaged"]


def test_the_report_is_written_as_it_was_stored(released, tmp_path):
    digest = models_of(released.folder).digests[0]
    stored = report_of(released.folder, digest[7:15])
    page = write_page(tmp_path / "report.html", stored).read_text()
    assert page.lower().startswith("<!doctype html>")
    assert "<script" not in page
    with pytest.raises(InputError) as refused:
        write_page(tmp_path / "no" / "report.html", stored)
    assert refused.value.code == "look.not-written"


def test_a_release_shows_what_it_binds_and_every_statement(released):
    releases = releases_of(released.folder)
    assert [(row[1], row[2], row[3], row[4]) for row in releases.rows] == [("late", "local", "serving", "none")]
    digest = releases.whole[0]["release"]
    release = release_of(released.folder, digest[7:15])
    assert [row[2] for row in release.statements] == ["bound", "release:late PASSED", "admission to local"]
    assert {row[3] for row in release.statements} == {"gatekeeper"}
    assert ["initiators", "ada"] in release.rows
    assert plain(release.to_json())["state"] == "serving"


def test_a_revoked_release_says_so(released):
    digest = releases_of(released.folder).whole[0]["release"]
    with open_factory(released.folder) as opened:
        opened.gatekeeper.revoke(digest=digest, by="ada", reason="wrong labels")
    release = release_of(released.folder, digest)
    assert release.state == "revoked"
    assert release.statements[-1][2] == "revocation asked for by ada: wrong labels"


def test_datasets_show_each_batch_and_its_counts_add_up(released):
    rows = datasets_of(released.folder).rows
    assert [row[0] for row in rows] == ["Delivery", "Parcel"]
    for row in rows:
        landed, *parts = map(int, row[2:6])
        assert landed == sum(parts)


def test_later_batches_stand_above_earlier_ones(released):
    released.run("sent", as_of="2024-01-12")
    parcels = [row for row in datasets_of(released.folder).rows if row[0] == "Parcel"]
    assert [row[6] for row in parcels] == ["2024-01-12T00:00:00Z", "2024-01-10T00:00:00Z"]


def test_quarantine_shows_reasons_and_the_rows_as_they_came(released):
    found = quarantine_of(released.folder, "Parcel", 2)
    assert found.reasons == [["weight.range", "6"]]
    assert found.total == 6
    assert found.columns[:2] == ["row", "reasons"]
    assert len(found.rows) == 2
    assert dict(zip(found.columns, found.rows[0], strict=True))["weight"] == "99"
    assert quarantine_of(released.folder, "Parcel", 0).rows == []
    assert quarantine_of(released.folder, "Delivery", 5).total == 0
    with pytest.raises(UsageError) as unknown:
        quarantine_of(released.folder, "Parcels", 5)
    assert "Delivery, Parcel" in unknown.value.found
    with pytest.raises(UsageError):
        quarantine_of(released.folder, "Parcel", -1)


def test_looking_works_when_the_code_cannot_be_read(released):
    (released.folder / "factory.py").write_text("raise SystemExit(1)")
    shutil.rmtree(released.folder / "__pycache__", ignore_errors=True)
    assert status_of(released.folder).targets
    assert models_of(released.folder).rows
    assert isinstance(quarantine_of(released.folder, "Parcel", 1).rows[0], list)
