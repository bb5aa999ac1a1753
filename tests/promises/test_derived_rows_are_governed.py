"""What is derived from published rows passes a gate of its own, is known when it could be, and leads back to them."""

import csv
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest

from andon.adapters.trust_folder import HomeFolder
from andon.kernel.clock import SystemClock
from andon.kernel.errors import UsageError
from andon.measures.logical import parquet_bytes
from andon.wiring.calls.datasets import datasets_of, quarantine_of
from andon.wiring.calls.declaring import describe
from andon.wiring.calls.deriving import derived_from
from andon.wiring.calls.evidence.exporting import evidence_of, verifier_file
from andon.wiring.calls.looking import status_of
from andon.wiring.calls.runs import run_line
from andon.wiring.calls.skewed import skew_of
from andon.wiring.calls.sourcing import SourceRow
from andon.wiring.calls.tracing import lineage_of
from andon.wiring.calls.verdicts import verdicts_of
from andon.wiring.factory import open_factory
from andon.wiring.predictions import predictions_in, workers_of
from andon.wiring.settings import load_settings, write_settings
from andon.wiring.targets import server_settings
from andon.wiring.trust import found_trust
from andon.wiring.worker import Worker
from tests.factories.place import Place

CODE = Path(__file__).parents[1] / "factories" / "legs" / "factory.py"
START = datetime(2024, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
FIRST, SECOND = "2024-02-10", "2024-02-12"
ID = "01890000-0000-7000-8000-000000000001"


def write_flights(folder):
    """Eight aircraft, each late as long as it was late before, more or less; some rows are brought two days late."""
    rng = random.Random(7)
    flights, arrivals = ["flight,asked,tail,distance,brought"], ["flight,arrived,late_min,fee,brought"]
    late = dict.fromkeys(range(8), 0)
    for number in range(960):
        tail, asked = number % 8, START + number * HOUR + timedelta(minutes=rng.randrange(5) * 10)
        late[tail] = max(-30, min(290, int(late[tail] * 0.8) + rng.randrange(-40, 55)))
        arrived = asked + 4 * HOUR
        came = arrived + (timedelta(days=2) if number % 50 == 7 else timedelta(minutes=5))
        flights.append(f"f{number},{asked.isoformat()},t{tail},{100 + number % 900},{asked.isoformat()}")
        fee = rng.randrange(9900) / 100
        arrivals.append(f"f{number},{arrived.isoformat()},{late[tail]},{fee:.2f},{came.isoformat()}")
    for unlucky in (100, 500):  # nobody announced these
        moment = (START + unlucky * HOUR + timedelta(minutes=1)).isoformat()
        arrivals.append(f"x{unlucky},{moment},5,1.00,{moment}")
    (folder / "flights.csv").write_text("\n".join(flights) + "\n")
    (folder / "arrivals.csv").write_text("\n".join(arrivals) + "\n")


def run(place, *subjects, as_of=FIRST):
    """What a run gives, and what it told."""
    told = []
    with pytest.MonkeyPatch.context() as surroundings:
        surroundings.setenv("ANDON_HOME", str(place.home))
        surroundings.setenv("ANDON_AS", "ada")
        return run_line(place.folder, subjects, as_of=as_of, tell=told.append), told


def found(path):
    """A founded factory; nothing has run."""
    place = Place(path / "legs", path / "home")
    place.folder.mkdir(parents=True)
    (place.folder / "factory.py").write_text(CODE.read_text())
    write_flights(place.folder)
    write_settings(place.folder, "legs", ID)
    found_trust(load_settings(place.folder), SystemClock().now_ns())
    return place


@pytest.fixture(scope="module")
def once(tmp_path_factory):
    """A factory that was run to a released model."""
    path = tmp_path_factory.mktemp("legs")
    with pytest.MonkeyPatch.context() as surroundings:
        surroundings.setenv("ANDON_HOME", str(path / "home"))
        surroundings.setenv("ANDON_AS", "ada")
        place = found(path)
        result, told = run(place)
        assert result.exit_code == 0, told
    return place


@pytest.fixture
def legs(once, tmp_path, monkeypatch):
    """A copy of it."""
    shutil.copytree(once.folder, tmp_path / "legs")
    shutil.copytree(once.home, tmp_path / "home")
    monkeypatch.setenv("ANDON_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ANDON_AS", "ada")
    return Place(tmp_path / "legs", tmp_path / "home")


@pytest.fixture
def founded(tmp_path, monkeypatch):
    """A factory in which nothing has run."""
    monkeypatch.setenv("ANDON_HOME", str(tmp_path / "new" / "home"))
    monkeypatch.setenv("ANDON_AS", "ada")
    return found(tmp_path / "new")


def versions(place, contract):
    """The versions of a dataset, the oldest first, as (digest, manifest)."""
    rows = place.sql("select digest, body from manifests where kind = 'dataset' order by sequence")
    read = [(digest, json.loads(body)) for digest, body in rows]
    return [each for each in read if each[1]["facts"]["contract"] == contract]


def stored(place, version, time):
    """SQL over the stored rows of a version: each with when it happened and was known, and where it stands."""
    store = place.folder / ".andon" / "store"
    parts = []
    for each in version["content"]:
        path = store / each["sha256"].removeprefix("sha256:")[:2] / each["sha256"].removeprefix("sha256:")
        parts.append(
            f"SELECT *, epoch_ns({time}) AS happened, epoch_ns(_known_at) AS became, '{each['sha256']}' AS object, "
            f"file_row_number AS place FROM read_parquet('{path}', file_row_number = true)"
        )
    return " UNION ALL ".join(parts)


LEGS = """
    SELECT a.flight, a.happened, greatest(a.happened, a.became) + 60000000000 AS known,
      (SELECT f.tail FROM flights f WHERE f.flight = a.flight AND f.became < a.happened
        ORDER BY f.became DESC LIMIT 1) AS tail, a.late_min, a.fee
    FROM arrivals a WHERE tail IS NOT NULL ORDER BY a.happened, a.flight
"""
TURNS = """
    SELECT l.flight, l.happened, greatest(l.happened, l.became) AS known,
      (SELECT e.flight FROM legs e WHERE e.tail = l.tail AND e.became < l.happened AND e.happened < l.happened
        AND e.happened >= l.happened - 172800000000000 ORDER BY e.happened DESC, e.became DESC LIMIT 1) AS before,
      (SELECT e.late_min FROM legs e WHERE e.tail = l.tail AND e.became < l.happened AND e.happened < l.happened
        AND e.happened >= l.happened - 172800000000000 ORDER BY e.happened DESC, e.became DESC LIMIT 1) + l.late_min
        AS both_late
    FROM legs l ORDER BY l.happened, l.flight
"""


def rows_of(place, contract, columns):
    """The rows of a contract's newest version."""
    rows = stored(place, versions(place, contract)[-1][1], "arrived")
    with duckdb.connect() as db:
        return db.execute(
            f"SELECT flight, happened, became, {columns} FROM ({rows}) ORDER BY happened, flight"
        ).fetchall()


def expected(place, query, **tables):
    """The rows that SQL alone derives from the newest versions of other contracts."""
    with duckdb.connect() as db:
        for name, (contract, time) in tables.items():
            db.execute(f"CREATE TABLE {name} AS {stored(place, versions(place, contract)[-1][1], time)}")
        return db.execute(query).fetchall()


def test_the_previous_leg_of_an_aircraft_is_what_another_engine_finds(legs):
    """Two hops: an arrival gets its aircraft, and that the leg before; each as of when the arrival happened."""
    ours = rows_of(legs, "Leg", "tail, late_min, fee")
    assert ours == expected(legs, LEGS, arrivals=("Arrival", "arrived"), flights=("Flight", "asked"))
    assert len(ours) > 800
    turns = rows_of(legs, "Turn", "before, both_late")
    assert turns == expected(legs, TURNS, legs=("Leg", "arrived"))
    assert sum(before is not None for _, _, _, before, _ in turns) > 700


def test_derived_rows_passed_their_own_gate_and_lead_back_to_what_they_were_made_from(legs):
    """Otherwise a release could rest on rows that nobody judged."""
    (digest, _) = versions(legs, "Leg")[-1]
    lines = "\n".join(lineage_of(legs.folder, digest).lines)
    for contract in ("Flight", "Arrival"):
        assert versions(legs, contract)[-1][0][7:19] in lines
    assert "[data:Legs PASSED]" in lines
    assert quarantine_of(legs.folder, "Leg", 5).reasons == [["tail.null", "2"], ["tail.present", "2"]]
    (release,) = legs.sql("select digest from manifests where kind = 'release'")[0]
    assert digest[7:19] in "\n".join(lineage_of(legs.folder, release).lines)
    assert {row[0] for row in datasets_of(legs.folder).rows} == {"Flight", "Arrival", "Leg", "Turn"}
    assert [row[-1] for row in describe(legs.folder).derivations] == ["Arrival, Flight", "Leg"]
    assert legs.is_clean()


def ask(place, day):
    """Have a worker answer questions about flights of some days after the first one."""
    worker = Worker(server_settings(load_settings(place.folder), "local"), "w1")
    worker.settle(30)
    route = worker.routes["late"]
    serving = route.follower.peek()
    for number in range(day * 24, day * 24 + 16):
        asked = START + (number + 1) * HOUR
        route.answer_entities([{"flight": f"f{number}"}], int(asked.timestamp()) * 10**9, serving)
    route.log.drain(close=True)
    worker._held.close()


def test_what_is_served_of_derived_rows_is_what_training_would_compute_also_when_they_were_replaced(legs):
    """The rows behind a model must be the same in a server, whichever version of them it follows."""
    ask(legs, 20)
    assert run(legs, "flights", "arrivals", "Legs", as_of=SECOND)[0].exit_code == 0
    ask(legs, 38)
    found = skew_of(legs.folder, "", "", 1_000)
    assert found.is_clean
    assert (found.predictions, found.given, found.compared) == (32, 0, 4 * 32)


WITH_TURNS = (
    ("    before = category(nullable=True)\n", "    tail = category()\n    before = category(nullable=True)\n"),
    ("    flight = Leg.flight\n", "    flight = Leg.flight\n    tail = Leg.tail\n"),
    (
        "class Plain(Params)",
        '    both = Turn.both_late.last(within="2d", match=Turn.tail == Flight.tail)\n\n\nclass Plain(Params)',
    ),
)


def two_levels(code):
    """The same factory with a feature of what is derived from derived rows."""
    for before, after in WITH_TURNS:
        assert code.count(before) == 1
        code = code.replace(before, after)
    return code


@pytest.fixture(scope="module")
def turned_once(tmp_path_factory):
    """A factory whose model uses rows of two levels, released, asked, and changed since."""
    path = tmp_path_factory.mktemp("turns")
    with pytest.MonkeyPatch.context() as surroundings:
        surroundings.setenv("ANDON_HOME", str(path / "home"))
        surroundings.setenv("ANDON_AS", "ada")
        place = found(path)
        place.rewrite("factory.py", two_levels)
        result, told = run(place)
        assert result.exit_code == 0, told
        ask(place, 20)
        assert run(place, "flights", "arrivals", "Legs", "Turns", as_of=SECOND)[0].exit_code == 0
    return place


@pytest.fixture
def turned(turned_once, tmp_path, monkeypatch):
    """A copy of it."""
    shutil.copytree(turned_once.folder, tmp_path / "legs")
    shutil.copytree(turned_once.home, tmp_path / "home")
    monkeypatch.setenv("ANDON_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ANDON_AS", "ada")
    return Place(tmp_path / "legs", tmp_path / "home")


def predicted(place):
    (worker,) = workers_of(load_settings(place.folder))
    return [one for batch in worker.batches() for one in predictions_in(batch)]


def test_a_prediction_leads_through_rows_of_two_levels_to_what_landed(turned):
    """Whoever doubts an answer must get to rows that somebody brought, however often they were derived from."""
    flights, arrivals = (
        {row["flight"]: row for row in csv.DictReader((turned.folder / name).read_text().splitlines())}
        for name in ("flights.csv", "arrivals.csv")
    )
    for prediction in predicted(turned)[::5]:
        lineage = lineage_of(turned.folder, prediction.id)
        whole = json.loads(json.dumps(lineage.to_json()))["prediction"]
        derived = {(one["contract"], one["object"], one["row"]): one for one in whole["derived"]}
        assert all(one["differing"] == [] for one in derived.values())
        assert f"derived again, are the same to the last bit: {len(derived)}" in "\n".join(lineage.lines)
        features = {one["name"]: one for one in whole["features"]}
        (turn,) = features["both"]["rows"]
        levels = derived[place_of(turn)]
        leg, before = levels["spine"], columns_of(levels)["before"][0]
        tails = [flights[row["values"]["flight"]]["tail"] for row in (turn, leg, before)]
        assert len(set(tails)) == 1
        both = sum(int(arrivals[row["values"]["flight"]]["late_min"]) for row in (leg, before))
        assert features["both"]["value"] == both == int(turn["values"]["both_late"])
        for row in (leg, before):
            below = derived[place_of(row)]
            assert below["spine"]["contract"] == "Arrival"
            assert below["spine"]["values"]["late_min"] == arrivals[row["values"]["flight"]]["late_min"]
            assert [one["values"]["tail"] for one in columns_of(below)["tail"]] == [tails[0]]
            landed = pl.read_parquet(stored_file(turned, below["spine"]["landed"]))
            assert landed["flight"][below["spine"]["landed_row"]] == row["values"]["flight"]
        seen = [one["spine"] for one in derived.values()]
        seen += [row for one in derived.values() for rows in columns_of(one).values() for row in rows]
        ends = {row["contract"] for row in seen if place_of(row) not in derived}
        assert ends == {"Arrival", "Flight"}, "every derived row goes on"


def place_of(row):
    return row["contract"], row["object"], row["row"]


def columns_of(origin):
    return {column["name"]: column["rows"] for column in origin["columns"]}


def stored_file(place, digest):
    return place.folder / ".andon" / "store" / digest[7:9] / digest[7:]


def test_rows_that_were_derived_by_an_older_definition_are_traced_by_that_one(turned):
    """What a model was asked with stays explained after somebody has changed how it is derived."""
    prediction = predicted(turned)[0]
    (turn,) = [
        row
        for one in lineage_of(turned.folder, prediction.id).to_json()["prediction"]["features"]
        if one["name"] == "both"
        for row in one["rows"]
    ]
    turned.rewrite("factory.py", lambda code: code.replace('known_after="1m"', 'known_after="2m"'))
    assert run(turned, "Legs", "Turns", as_of=SECOND)[0].exit_code == 0
    new = describe(turned.folder)
    assert new.declaration.derivations[0].known_after_ns == 120 * 10**9
    with open_factory(turned.folder) as opened:
        line = opened.line(new.declaration)
        row = SourceRow(**{**turn, "values": {}})
        origins = derived_from(opened, line, [row])
    assert {contract for contract, _, _ in origins} == {"Turn", "Leg"}
    assert all(one.differing == () for one in origins.values())


def test_a_derived_row_that_does_not_follow_from_its_sources_is_told(turned):
    """A row that says something else than its rows give was not made by this line."""
    with open_factory(turned.folder) as opened:
        (digest, version) = versions(turned, "Turn")[0]
        line = opened.line(describe(turned.folder).declaration)
        good = version["content"][0]["sha256"]
        frame = pl.read_parquet(stored_file(turned, good)).with_columns(pl.col("both_late") + 1)
        odd = opened.blobs.put([parquet_bytes(frame)]).digest
        batch = opened.database.manifests.get(version["inputs"][0]["digest"])
        one, two = frame["both_late"].is_not_null().arg_true().to_list()[:2]
        first = SourceRow("Turn", odd, one, batch.digest, "", frame["_landed_row"][one], {})
        second = replace(first, row=two, landed_row=frame["_landed_row"][two])
        origins = derived_from(opened, line, [first, second])
    assert [origins[row.place].differing for row in (first, second)] == [("both_late",)] * 2
    assert digest != good


@pytest.mark.long
def test_an_evidence_pack_of_it_is_verified_by_who_knows_nothing_of_andon(legs, tmp_path):
    """Somebody outside must be able to follow a release through derived rows to what landed."""
    (release,) = legs.sql("select digest from manifests where kind = 'release'")[0]
    (tmp_path / "pack.zip").write_bytes(evidence_of(legs.folder, release))
    (tmp_path / "verify.py").write_bytes(verifier_file())
    pinned = HomeFolder(load_settings(legs.folder).home).pinned()
    command = [sys.executable, "-I", str(tmp_path / "verify.py"), str(tmp_path / "pack.zip"), "--root", pinned]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.long
def test_a_second_run_derives_nothing_anew_and_another_factory_derives_the_same_bytes(legs, founded):
    """The same inputs and definition are the same version, whoever makes it and when."""
    before, entries = legs.digests(), legs.entries()
    result, told = run(legs)
    assert result.exit_code == 0
    assert any(line.startswith("Legs: nothing new") for line in told)
    assert (legs.digests(), legs.entries()) == (before, entries)
    run(founded, "flights", "arrivals", "Legs", "Turns")
    for contract in ("Leg", "Turn"):
        assert versions(founded, contract)[-1][0] == versions(legs, contract)[-1][0]


@pytest.mark.long
def test_late_rows_make_another_version_and_leave_the_one_before_as_it_was(legs):
    """What a model was trained on can be looked at for ever; the next one is trained on what is known by then."""
    (first, manifest) = versions(legs, "Leg")[-1]
    old = rows_of(legs, "Leg", "tail, late_min, fee")
    result, told = run(legs, as_of=SECOND)
    assert result.exit_code == 0, told
    (second, after) = versions(legs, "Leg")[-1]
    assert (first, second) == (versions(legs, "Leg")[0][0], after["facts"]["replaces"].replace(first, second))
    new = rows_of(legs, "Leg", "tail, late_min, fee")
    assert new == expected(legs, LEGS, arrivals=("Arrival", "arrived"), flights=("Flight", "asked"))
    assert set(old) < set(new)
    for each in manifest["content"]:
        assert (legs.folder / ".andon" / "store" / each["sha256"][7:9] / each["sha256"][7:]).exists()
    again, told = run(legs, "late", as_of=FIRST)
    assert again.runs[0].facts["datasets"]["Leg"] == first
    assert again.exit_code == 0, told
    assert legs.is_clean()


def test_what_its_gate_refuses_is_not_published_and_nothing_is_made_from_it(founded):
    """A derivation that finds no partner for its rows is a fault of data like any other."""
    founded.rewrite("factory.py", lambda code: code.replace("le=300", "le=30"))
    result, told = run(founded)
    assert result.exit_code == 4
    assert [(run.subject, run.state) for run in result.runs] == [
        ("flights", "done"),
        ("arrivals", "done"),
        ("Legs", "refused"),
    ]
    assert "Turns: not derived, because Leg did not come in" in told
    assert not versions(founded, "Leg")
    with pytest.raises(UsageError, match="Nothing is published yet of Leg"):
        run(founded, "late")
    cached, told = run(founded, "Legs")
    assert cached.exit_code == 4
    assert any(line.startswith("Legs: in 9") and line.endswith("(cached)") for line in told)
    assert founded.is_clean()


@pytest.mark.long
def test_a_changed_definition_derives_again_and_back_again(legs):
    """The published version is always that of the present definition, even if it was published before."""
    (first, _) = versions(legs, "Leg")[-1]
    legs.rewrite("factory.py", lambda code: code.replace('known_after="1m"', 'known_after="2m"'))
    run(legs, "Legs")
    legs.rewrite("factory.py", lambda code: code.replace('known_after="2m"', 'known_after="1m"'))
    run(legs, "Legs")
    made = versions(legs, "Leg")
    assert len(made) == 3
    assert made[0][1]["content"] == made[2][1]["content"] != made[1][1]["content"]
    with open_factory(legs.folder) as opened:
        assert opened.database.refs.get("dataset/legs/Leg").digest == made[2][0] != first
    assert legs.is_clean()


@pytest.mark.long
def test_what_is_derived_from_older_rows_says_so(legs):
    """A model trained on it would not see what came last, and nobody would know."""
    assert status_of(legs.folder).behind == []
    run(legs, "arrivals", as_of=SECOND)
    (sentence,) = status_of(legs.folder).behind
    assert sentence.startswith("Leg is older than Arrival")
    _, told = run(legs, "late", as_of=SECOND)
    assert "late: Leg is older than Arrival, from which it is derived" in told
    _, told = run(legs, "late", as_of=FIRST)
    assert not [line for line in told if "older" in line]
    run(legs, as_of=SECOND)
    assert status_of(legs.folder).behind == []


@pytest.mark.long
def test_history_that_does_not_say_when_it_was_known_is_not_derived_from(founded):
    """All derived rows would count as known only now, and no window over the past would see one."""
    silent = 'known_after="5m"'
    founded.rewrite(
        "factory.py", lambda code: code.replace(f"arrived = event_time({silent})", "arrived = event_time()")
    )
    result = None
    with pytest.raises(Exception, match="history of Arrival would count as known only now"):
        result = run(founded, "arrivals")
    assert result is None


@pytest.mark.long
def test_a_derivation_that_was_killed_goes_on(legs, founded):
    """Killed at night, it is whole in the morning, and not done twice."""
    rows = ("flights", "arrivals", "Legs", "Turns")
    for words in ("Legs: deriving", "Legs: in ", "Leg published"):
        with founded.start("run", "--as-of", FIRST, *rows) as process:
            for line in process.stderr:
                if words in line:
                    os.killpg(process.pid, signal.SIGKILL)
                    break
    last = founded.andon("run", "--as-of", FIRST, *rows)
    assert last.code == 0, last.err
    for contract in ("Leg", "Turn"):
        assert versions(founded, contract) == versions(legs, contract)
    done = founded.sql("select stage_key, count(*) from attempts where state = 'done' group by stage_key")
    assert {count for _, count in done} == {1}
    assert founded.is_clean()


def test_derived_rows_are_held_to_references_and_to_what_was_derived_before(founded):
    """What nobody would accept of a source, nobody accepts because it was computed here."""
    founded.rewrite(
        "factory.py",
        lambda code: (
            code.replace("    event_time,\n", "    event_time,\n    exists_in,\n")
            .replace(
                "    both_late = integer(", "    announced = exists_in(flight, Flight.flight)\n    both_late = integer("
            )
            .replace(
                "factory.data_gate(",
                "factory.data_gate(Turns, require=[checks.distribution_like_before(0.2)])\nfactory.data_gate(",
                1,
            )
            .replace(", Turns,", ",")
        ),
    )
    subjects = ("flights", "arrivals", "Legs", "Turns")
    holds = []
    for as_of in (FIRST, SECOND):
        result, told = run(founded, *subjects, as_of=as_of)
        assert result.exit_code == 0, told
        newest = verdicts_of(founded.folder, "data:Turns").verdicts[0]
        holds.append({one.holds for one in newest.findings if one.criterion.baseline})
    assert holds == [{"not applicable"}, {"yes"}]
    digest, _ = versions(founded, "Flight")[-1]
    rows = founded.sql("select body from manifests where kind = 'batch' order by sequence desc limit 1")
    (batch,) = [json.loads(body) for (body,) in rows]
    assert batch["facts"]["contract"] == "Turn"
    assert {"role": "reference:Flight", "digest": digest} in batch["inputs"]
    assert {one["role"] for one in batch["inputs"]} == {"dataset:Leg", "reference:Flight"}
