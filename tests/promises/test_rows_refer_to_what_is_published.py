"""A foreign key is judged by a published version that is pinned, recorded, and itself passed its gate."""

import json
import os
import subprocess
import sys

import pytest

from andon.adapters.trust_folder import HomeFolder
from andon.kernel.clock import SystemClock
from andon.kernel.errors import UsageError
from andon.wiring.calls.auditing import verify_factory
from andon.wiring.calls.datasets import quarantine_of
from andon.wiring.calls.declaring import describe
from andon.wiring.calls.evidence.exporting import evidence_of, verifier_file
from andon.wiring.calls.runs import run_line
from andon.wiring.settings import load_settings, write_settings
from andon.wiring.trust import found_trust
from tests.factories.place import Place
from tests.wiring.small_factory import CODE, ID

DEPOTS = """

class Depot(Contract):
    depot = category(key=True)


@factory.ingest(Depot, every="1d")
def depots(window: Window) -> pl.DataFrame:
    known = Path(__file__).with_name("depots.txt").read_text().split()
    return pl.DataFrame({"depot": known}, schema={"depot": pl.String})


factory.data_gate(depots, require=[checks.schema])
"""
REFERRING = (
    CODE.replace("import polars", "from pathlib import Path\n\nimport polars")
    .replace("categor", "exists_in, categor", 1)
    .replace("LEAST", "0.5")
    .replace("    weight = integer(", "    known = exists_in(depot, Depot.depot)\n    weight = integer(")
)
HEAD, _, TAIL = REFERRING.partition("\n\nclass Parcel(")
AS_OF = "2024-01-10"
SOUTH = 187  # parcels of that depot by then


def factory_code(*, first=True):
    """The factory: its contract must stand before it is referred to, its source may come last."""
    contract, source = DEPOTS.split("\n\n@factory.ingest", 1)
    return f"{HEAD}{contract}\n\nclass Parcel({TAIL}\n@factory.ingest{source}"


def run(place, *subjects, as_of=AS_OF):
    told = []
    return run_line(place.folder, subjects, as_of=as_of, tell=told.append), told


@pytest.fixture
def place(tmp_path, monkeypatch):
    place = Place(tmp_path / "parcels", tmp_path / "home")
    monkeypatch.setenv("ANDON_HOME", str(place.home))
    monkeypatch.setenv("ANDON_AS", "ada")
    place.folder.mkdir(parents=True)
    (place.folder / "factory.py").write_text(factory_code())
    (place.folder / "depots.txt").write_text("north\nsouth\n")
    write_settings(place.folder, "parcels", ID)
    found_trust(load_settings(place.folder), SystemClock().now_ns())
    return place


def manifests(place, kind, contract):
    """Digest and content of the artefacts of a kind and a contract, the oldest first."""
    rows = place.sql("select digest, body from manifests where kind = ? order by sequence", kind)
    read = [(digest, json.loads(body)) for digest, body in rows]
    return [one for one in read if one[1]["facts"]["contract"] == contract]


def test_a_source_waits_for_what_its_rows_refer_to(place):
    """Rows set aside only because something else came later would be lost for good."""
    assert [row[0] for row in describe(place.folder).sources] == ["depots", "sent", "delivered"]
    with pytest.raises(UsageError) as caught:
        run(place, "sent")
    assert caught.value.code == "run.nothing-published"
    assert "Depot" in caught.value.message
    (place.folder / "depots.txt").write_text("north\n")
    result, told = run(place, "depots", "sent")
    assert [one.state for one in result.runs] == ["done", "refused"], told
    assert dict(quarantine_of(place.folder, "Parcel", 0).reasons)["known"] == str(SOUTH)


def test_nothing_is_brought_in_by_what_was_refused_just_now(place):
    """The newest batch of what is referred to did not pass, so nobody knows what a row may refer to."""
    run(place, "depots")
    code = (place.folder / "factory.py").read_text()
    (place.folder / "factory.py").write_text(
        code.replace(
            "depot = category(key=True)", 'depot = category(key=True, pattern="north|south", severity="block")'
        )
    )
    (place.folder / "depots.txt").write_text("north\nsouth\nWEST\n")
    result, told = run(place, "depots", "sent", as_of="2024-01-12")
    assert [one.state for one in result.runs] == ["refused"]
    assert "sent: not brought in, because Depot did not come in" in told


def test_the_version_that_rows_refer_to_is_part_of_what_a_release_rests_on(place, tmp_path):
    """Who asks why a row was let in finds the very version that it was judged by, with its own Pass."""
    result, told = run(place)
    assert result.exit_code == 0, told
    ((_, batch),) = manifests(place, "batch", "Parcel")
    ((depots, _),) = manifests(place, "dataset", "Depot")
    assert {"role": "reference:Depot", "digest": depots} in batch["inputs"]
    assert verify_factory(place.folder, print).is_clean
    (release,) = place.sql("select digest from manifests where kind = 'release'")[0]
    (tmp_path / "pack.zip").write_bytes(evidence_of(place.folder, release))
    (tmp_path / "verify.py").write_bytes(verifier_file())
    pinned = HomeFolder(load_settings(place.folder).home).pinned()
    command = [sys.executable, "-I", str(tmp_path / "verify.py"), str(tmp_path / "pack.zip"), "--root", pinned]
    done = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ))
    assert done.returncode == 0, done.stdout + done.stderr
