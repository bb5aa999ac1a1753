"""Whatever is wrong with data, code or the disk: a message with a way out, nothing half written, then on it goes."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.factories.place import ANDON, ROWS, write_rows

pytestmark = pytest.mark.slow  # real processes


def last_column(text, value):
    """Every row with this value in its last column."""
    header, *rows = text.splitlines()
    return "\n".join([header, *(f"{row.rsplit(',', 1)[0]},{value}" for row in rows)]) + "\n"


def refused(answer, code, exit_code=1):
    """The refusal was told in full, both to people and to programs."""
    assert answer.code == exit_code, answer.out + answer.err
    error = answer.error
    assert error["code"] == code
    assert all(error[part] for part in ("message", "at", "found", "fix")), error
    return error


def mended(place):
    """After the cause is gone the same command goes on to the end, and the records are whole."""
    assert place.is_clean()
    assert place.run("sent", "delivered").code == 0
    assert place.sql("select count(*) from ref_moves where name like 'dataset/%'")[0][0] >= 2
    assert place.is_clean()


@pytest.fixture
def place(parcels):
    """A factory whose sources nobody has read yet."""
    return parcels("founded")


@pytest.mark.long
def test_a_source_that_cannot_be_read(place):
    (place.folder / "sent.csv").rename(place.folder / "gone.csv")
    error = refused(place.run("--json"), "factory.raised")
    assert error["at"].startswith("factory.py:")
    assert "sent.csv" in error["found"]
    (place.folder / "gone.csv").rename(place.folder / "sent.csv")
    mended(place)


@pytest.mark.long
def test_an_empty_source(place):
    place.rewrite("sent.csv", lambda text: text.splitlines()[0] + "\n")
    error = refused(place.run("--json"), "ingest.empty-source")
    assert "0 rows" in error["found"]
    write_rows(place.folder)
    mended(place)


def test_a_missing_column(place):
    place.rewrite("sent.csv", lambda text: text.replace("depot,weight", "depot,mass", 1))
    error = refused(place.run("--json"), "ingest.missing-column")
    assert "weight" in error["message"] + error["at"]
    assert "mass" in error["found"] + error["message"]
    write_rows(place.folder)
    mended(place)


def test_a_column_of_the_wrong_type(place):
    """Every value is another kind of thing: all rows are set aside, none is published, and the gate says so."""
    place.rewrite("sent.csv", lambda text: last_column(text, "heavy"))
    answer = place.run()
    assert answer.code == 4
    assert "good 0 quarantined 570" in answer.err
    assert "data:sent" in answer.out
    assert not place.sql("select 1 from ref_moves where name = 'dataset/parcels/Parcel'")
    write_rows(place.folder)
    mended(place)


@pytest.mark.long
def test_the_same_key_twice_with_other_values(place):
    """Which of the two is true nobody can know; both are set aside, and everything else is used."""
    place.rewrite("sent.csv", lambda text: text + "p7,2023-11-14T16:48:00+00:00,south,1\n")
    answer = place.run("sent", "delivered")
    assert answer.code == 0
    (facts,) = [each for each in batches(place) if each["contract"] == "Parcel"]
    assert facts["counts"]["in"] == sum(facts["counts"][part] for part in ("good", "quarantined", "duplicate"))
    assert facts["counts"]["quarantined"] == 6 + 2
    assert place.is_clean()


@pytest.mark.long
def test_the_same_rows_twice(place):
    place.rewrite("sent.csv", lambda text: text + "".join(text.splitlines(keepends=True)[1:]))
    assert place.run("sent", "delivered").code == 0
    (facts,) = [each for each in batches(place) if each["contract"] == "Parcel"]
    assert facts["counts"]["duplicate"] == 564
    assert facts["counts"]["in"] == 2 * 570


@pytest.mark.long
def test_times_in_the_future(place):
    """A source that ignores its window gives rows that cannot have happened yet; they are set aside."""
    place.rewrite("factory.py", lambda code: code.replace("(moment < window.until)", "pl.lit(True)"))
    answer = place.run("sent")
    assert answer.code == 0
    (facts,) = [each for each in batches(place) if each["contract"] == "Parcel"]
    assert facts["counts"]["in"] == ROWS
    assert facts["counts"]["quarantined"] >= ROWS - 570
    assert facts["counts"]["good"] <= 565  # five minutes of skew between clocks are no future
    assert place.is_clean()


def batches(place):
    """What every batch says of itself."""
    return [json.loads(body)["facts"] for (body,) in place.sql("select body from manifests where kind = 'batch'")]


@pytest.mark.long
def test_a_label_that_is_never_there(place):
    place.rewrite("delivered.csv", lambda text: last_column(text, ""))
    error = refused(place.run("--json"), "features.label-always-null")
    assert error["at"]
    assert place.is_clean()


@pytest.mark.parametrize("broken", [pytest.param("nan", marks=pytest.mark.long), "unpackable"])
def test_a_model_that_is_none(parcels, broken):
    """The run says what is wrong with it; nothing of it gets on; the next, good training does."""
    place = parcels("ingested")
    (place.folder / "broken.json").write_text(f'"{broken}"')
    answer = place.run("late", "--json")
    assert answer.code in (1, 4), answer.out + answer.err
    error = refused(answer, {"nan": "package.bad-answer", "unpackable": "package.unknown-framework"}[broken])
    assert "factory.py" in error["at"]
    assert not place.sql("select 1 from manifests where kind = 'model'")
    assert not place.served
    assert place.is_clean()
    (place.folder / "broken.json").unlink()
    assert place.run("late").code == 0
    assert place.is_clean()


@pytest.fixture
def small_disk(place):
    """A factory whose state lies on a disk of its own, with a function that leaves only so many bytes on it."""
    if os.geteuid():
        pytest.skip("a small disk can be mounted only by root")
    state = place.folder / ".andon"
    kept = place.folder / "kept"
    state.rename(kept)
    state.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(state)], check=False).returncode:
        pytest.skip("no disk can be mounted here")
    subprocess.run(["cp", "-a", f"{kept}/.", str(state)], check=True)
    yield lambda left: fill(state, left)
    subprocess.run(["umount", "-l", str(state)], check=True)


def fill(state: Path, left_bytes: int) -> None:
    """Fill a disk up to so many free bytes; none at all leaves it empty again."""
    filler = state / "filler"
    filler.unlink(missing_ok=True)
    free = os.statvfs(state).f_bavail * os.statvfs(state).f_frsize
    if left_bytes:
        filler.write_bytes(bytes(max(0, free - left_bytes)))


def test_a_full_disk(place, small_disk):
    """Whatever write it is that finds no room: the run says so, and goes on when there is some again."""
    for left in (4_096, 65_536, 262_144):
        small_disk(left)
        answer = place.run("sent", "delivered", "--json")
        if answer.code:
            error = refused(answer, answer.error["code"])
            assert "disk" in error["code"] + error["message"] or "space" in error["found"], error
            assert "space" in error["fix"]
        small_disk(0)
    mended(place)


@pytest.mark.parametrize(
    "blocks", [pytest.param(0, marks=pytest.mark.long), 16, pytest.param(256, marks=pytest.mark.long)]
)
def test_files_that_may_not_grow(place, blocks):
    """The same where a quota and not the disk is full, in blocks of 512 or 1024 bytes."""
    limited = ("sh", "-c", f'ulimit -f {blocks}; exec "$@"', "sh", *ANDON)
    answer = place.run("sent", "delivered", "--json", through=limited)
    if answer.code:
        refused(answer, answer.error["code"])
    mended(place)
