"""Embeddings, texts and pictures from the source to the served answer and back: the same bits everywhere."""

import asyncio
import json
import shutil
import struct
from pathlib import Path

import httpx
import polars as pl
import pytest

from andon.adapters.asgi.app import App
from andon.adapters.asgi.metrics import Metrics
from andon.kernel.clock import SystemClock, iso
from andon.kernel.errors import UsageError
from andon.wiring.calls.datasets import quarantine_of
from andon.wiring.calls.declaring import describe
from andon.wiring.calls.explaining import explain_features
from andon.wiring.calls.runs import run_line
from andon.wiring.calls.skewed import skew_of
from andon.wiring.calls.tracing import lineage_of
from andon.wiring.factory import open_factory
from andon.wiring.predictions import predictions_in, workers_of
from andon.wiring.settings import load_settings, write_settings
from andon.wiring.targets import server_settings
from andon.wiring.trust import found_trust
from andon.wiring.worker import Worker
from tests.factories.place import Place

START_NS, HOUR_NS = 1_700_000_000_000_000_000, 3_600_000_000_000
DAY_NS = 24 * HOUR_NS
ID = "01890000-0000-7000-8000-000000000001"
CODE = '''
"""Will a ticket be reopened?"""

import polars as pl

from andon import (
    Contract, Factory, Params, TrainingSet, Window, auc, blob, by_time, category, checks, event_time, integer, known_at,
    text, vector,
)

factory = Factory("desk", owner="ops", purpose="Say which ticket will be reopened")
DAY = 86_400_000_000_000
START = 1_700_000_000_000_000_000
ROWS = 500


class Ticket(Contract):
    ticket = category(key=True)
    opened = event_time(known_after="0s")
    product = category(segment=True)
    words = text(pii=True)
    taste = vector(3, nullable=True)
    photo = blob(nullable=True)


class Note(Contract):
    note = category(key=True)
    at = event_time(known_after="5m")
    ticket = category()
    said = text()
    body = vector(4)


class Told(Contract):
    note = category(key=True)
    at = event_time()
    known = known_at()
    product = category(nullable=True)
    said = text()
    body = vector(4)
    photo = blob(nullable=True)


class Outcome(Contract):
    ticket = category(key=True)
    closed = event_time(known_after="1m")
    reopened = integer(ge=0, le=1)


def rows():
    made = []
    for number in range(ROWS):
        level = (number * 7) % 41
        made.append(
            {
                "ticket": f"t{number}",
                "opened": START + number * DAY // 10,
                "product": "phone" if number % 3 else "tablet",
                "words": f"It broke again \\u00e9\\n{number}",
                "taste": None if number % 10 == 3 else [level / 10, -0.0, 0.1 * number],
                "photo": None if number % 4 else bytes([255, 0, number % 256]),
                "reopened": int(level + (number * 13) % 9 > 24),
                "body": [level / 7, 1e-45, -1.5, float(number)] if number % 100 != 50 else [1.0, 2.0],
            }
        )
    return pl.DataFrame(made)


def within(frame, time, window):
    moments = frame.with_columns(pl.col(time).cast(pl.Datetime("ns", "UTC"))).filter(pl.col(time) < window.until)
    return moments if window.since is None else moments.filter(pl.col(time) >= window.since)


@factory.ingest(Ticket, every="1h")
def tickets(window: Window) -> pl.DataFrame:
    return within(rows().drop("reopened", "body"), "opened", window)


@factory.ingest(Note, every="1h")
def notes(window: Window) -> pl.DataFrame:
    said = rows().with_columns(at=pl.col("opened") + DAY // 24, note=pl.col("ticket"), said=pl.col("words"))
    return within(said.select("note", "at", "ticket", "said", "body"), "at", window)


@factory.ingest(Outcome, every="1h")
def outcomes(window: Window) -> pl.DataFrame:
    ends = rows().with_columns(closed=pl.col("opened") + DAY // 4)
    return within(ends.select("ticket", "closed", "reopened"), "closed", window)


@factory.derive(Told, spine=Note)
class Tell:
    note = Note.note
    at = Note.at
    product = Ticket.product.lookup(match=Ticket.ticket == Note.ticket)
    said = Note.said
    body = Note.body
    photo = Ticket.photo.lookup(match=Ticket.ticket == Note.ticket)


is_reopened = Outcome.reopened.lookup(match=Outcome.ticket == Ticket.ticket) > 0


@factory.features(Ticket, label=is_reopened, label_within="1d")
class Inputs:
    taste = Ticket.taste
    has_photo = Ticket.photo.is_not_null()
    newest = Told.body.last(within="7d", match=Told.product == Ticket.product)
    had_photo = Told.photo.last(within="7d", match=Told.product == Ticket.product).is_null()


class Plain(Params):
    c: float = 1.0


@factory.model(Inputs, split=by_time(tune="6d", holdout="10d"), limit="5m")
def again(train: TrainingSet, p: Plain, seed: int):
    from sklearn.impute import SimpleImputer  # only the child that trains needs it
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    x, y = train.xy()
    assert x.columns[:3] == ["taste_0", "taste_1", "taste_2"]
    return make_pipeline(SimpleImputer(), LogisticRegression(C=p.c, max_iter=1000)).fit(x.to_numpy(), y.to_numpy())


factory.data_gate(tickets, notes, outcomes, require=[checks.schema, checks.quarantined_at_most(0.10)])
factory.data_gate(Tell, require=[checks.schema])
factory.training_gate(again, require=[checks.completed, checks.packaged])
factory.model_gate(again, require=[checks.no_leak, auc.lower() >= 0.6])
factory.release_gate(again, require=[checks.lineage_closed, checks.target_healthy])
factory.release(again, to="local", latency="2s")
'''
INPUTS = [*(f"taste_{n}" for n in range(3)), "has_photo", *(f"newest_{n}" for n in range(4)), "had_photo"]


def single(value):
    return struct.unpack("f", struct.pack("f", value))[0]


def taste_of(number):
    return None if number % 10 == 3 else [single((number * 7) % 41 / 10), -0.0, single(0.1 * number)]


def body_of(number):
    return [single((number * 7) % 41 / 7), 2.0**-149, -1.5, float(number)]


@pytest.fixture(scope="module")
def once(tmp_path_factory):
    """A factory that was run to a released model."""
    path = tmp_path_factory.mktemp("desk")
    place = Place(path / "desk", path / "home")
    place.folder.mkdir()
    (place.folder / "factory.py").write_text(CODE)
    with pytest.MonkeyPatch.context() as surroundings:
        surroundings.setenv("ANDON_HOME", str(place.home))
        surroundings.setenv("ANDON_AS", "ada")
        write_settings(place.folder, "desk", ID)
        found_trust(load_settings(place.folder), SystemClock().now_ns())
        told = []
        result = run_line(place.folder, (), as_of="2024-01-01", tell=told.append)
        assert result.exit_code == 0, told
    return place


@pytest.fixture
def desk(once, tmp_path, monkeypatch):
    shutil.copytree(once.folder, tmp_path / "desk")
    shutil.copytree(once.home, tmp_path / "home")
    monkeypatch.setenv("ANDON_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ANDON_AS", "ada")
    return Place(tmp_path / "desk", tmp_path / "home")


class Served:
    """A worker whose application is asked in this process."""

    def __init__(self, place: Place, metrics: Path) -> None:
        self._worker = Worker(server_settings(load_settings(place.folder), "local"), "w1")
        self._worker.settle(60)
        self._app = App("desk", self._worker.routes, Metrics("w1", metrics))

    def ask(self, entity: dict, **more: object) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://desk") as client:
                body = json.dumps({"entity": entity, "explain": True, **more}).encode()
                return await client.post("/predict/desk/again", content=body)

        return asyncio.run(send())

    def close(self) -> None:
        self._worker.routes["again"].log.drain(close=True)
        self._worker._held.close()


def logged(place):
    (worker,) = workers_of(load_settings(place.folder))
    return [one for batch in worker.batches() for one in predictions_in(batch)]


def bits(values):
    return None if values is None else [struct.pack("<d", value) for value in values]


def asked_at(number):
    return START_NS + number * DAY_NS // 10 + HOUR_NS // 2


def test_questions_are_answered_from_the_same_bits_and_lead_back_to_their_rows(desk, tmp_path):
    """An embedding that came as 32-bit floats is what the model learned from, is asked with, and logged by."""
    served = Served(desk, tmp_path / "metrics")
    numbers = [200, 203, 204, 251]
    for number in numbers:
        answer = served.ask({"ticket": f"t{number}"}, asked=iso(asked_at(number)))
        assert answer.status_code == 200, answer.text
        features = answer.json()["features"]
        assert bits(features["taste"]) == bits(taste_of(number))
        assert features["has_photo"] is (number % 4 == 0)
        product = number % 3 == 0
        newest = max(n for n in range(number) if (n % 3 == 0) == product and n % 100 != 50)
        assert bits(features["newest"]) == bits(body_of(newest))
        assert features["had_photo"] is (newest % 4 != 0)
    own = {"ticket": "new", "product": "phone", "words": "Hélas\0", "taste": [0.1, 2, -0.0], "photo": "/wAB"}
    answer = served.ask(own, asked=iso(asked_at(300)))
    assert answer.status_code == 200, answer.text
    assert bits(answer.json()["features"]["taste"]) == bits([single(0.1), 2.0, -0.0])
    bare = served.ask({**own, "taste": None, "photo": None}, asked=iso(asked_at(300)))
    assert (bare.json()["features"]["taste"], bare.json()["features"]["has_photo"]) == (None, False)
    served.close()

    records = {str(one.entity["ticket"]): one for one in logged(desk)}
    assert list(records["t200"].inputs) == INPUTS
    said = [one for one in logged(desk) if one.entity["ticket"] == "new"]
    assert dict(said[0].entity) == {**own, "taste": (single(0.1), 2.0, -0.0)}
    assert [said[0].inputs[f"taste_{n}"] for n in range(3)] == [single(0.1), 2.0, -0.0]
    assert [said[1].inputs[f"taste_{n}"] for n in range(3)] == [None] * 3
    skew = skew_of(desk.folder, "", "", 100)
    assert skew.is_clean
    assert (skew.predictions, skew.given, skew.compared) == (6, 0, 6 * len(INPUTS))

    whole = lineage_of(desk.folder, records["t200"].id)
    traced = json.loads(json.dumps(whole.to_json()))["prediction"]
    assert (traced["differing"], traced["unknown"]) == ([], [])
    features = {one["name"]: one for one in traced["features"]}
    assert bits(features["taste"]["value"]) == bits(taste_of(200))
    assert traced["question"]["values"]["words"] == "It broke again é\n200"
    assert traced["question"]["values"]["photo"].endswith("(3 bytes)")
    (told,) = features["newest"]["rows"]
    assert json.loads(told["values"]["body"]) == features["newest"]["value"]
    (origin,) = [one for one in traced["derived"] if one["row"] == told["row"]]
    assert (origin["differing"], origin["spine"]["contract"]) == ([], "Note")
    assert "  taste = [0.6, -0, 20] (3 numbers)" in whole.lines, "\n".join(whole.lines)
    for one in said:
        again = json.loads(json.dumps(lineage_of(desk.folder, one.id).to_json()))["prediction"]
        assert (again["differing"], again["unknown"]) == ([], [])
        assert again["entity"]["photo"] == one.entity["photo"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("taste", [0.1, 0.2]),
        ("taste", [0.1, 0.2, 0.3, 0.4]),
        ("taste", [0.1, None, 0.3]),
        ("taste", [1e300, 0, 0]),
        ("taste", ["1", 0, 0]),
        ("taste", [True, 0, 0]),
        ("taste", "[1, 2, 3]"),
        ("taste", 1.5),
        ("words", [1.0]),
        ("words", 5),
        ("words", None),
        ("photo", "/wA"),
        ("photo", "é"),
        ("photo", [1.0]),
    ],
)
def test_a_question_with_a_broken_value_names_its_column(desk_served, name, value):
    own = {"ticket": "new", "product": "phone", "words": "x", "taste": [1, 2, 3], "photo": "/wAB"}
    assert desk_served.ask(own).status_code == 200
    answer = desk_served.ask({**own, name: value})
    assert answer.status_code == 422, answer.text
    error = answer.json()["error"]
    assert (error["code"], error["message"].split(" ")[0]) == ("serve.wrong-type", name)


@pytest.fixture(scope="module")
def desk_served(once, tmp_path_factory):
    path = tmp_path_factory.mktemp("served")
    shutil.copytree(once.folder, path / "desk")
    with pytest.MonkeyPatch.context() as surroundings:
        surroundings.setenv("ANDON_HOME", str(once.home))
        served = Served(Place(path / "desk", once.home), path / "metrics")
        yield served
        served.close()


def test_rows_that_were_set_aside_are_shown_as_they_came(desk):
    found = quarantine_of(desk.folder, "Note", 2)
    assert sorted(found.reasons) == [["body.present", "5"], ["body.type", "5"]]
    assert found.rows[0][found.columns.index("body")] == "[1.0, 2.0]"
    assert quarantine_of(desk.folder, "Ticket", 2).total == 0


def test_a_question_is_explained_before_anybody_asks(desk):
    found = explain_features(desk.folder, "t200", "", "local", iso(asked_at(200)))
    assert [found.values[f"taste_{n}"] for n in range(3)] == taste_of(200)
    assert [contract for contract, _, _ in found.rows["newest"]] == ["Told"]


def test_the_snapshot_and_the_package_have_a_number_a_column(desk):
    with open_factory(desk.folder) as opened:
        ((digest,),) = desk.sql("select digest from manifests where kind = 'snapshot'")
        fit = pl.read_parquet(opened.blobs.local(opened.database.manifests.get(digest).object("fit.parquet").sha256))
    assert fit.columns[: len(INPUTS)] == INPUTS
    assert [fit.schema[name] for name in ("taste_0", "newest_3")] == [pl.Float32, pl.Float32]
    number = fit["_key.ticket"].str.slice(1).cast(pl.Int64).to_list()
    assert [bits(row) for row in fit.select(INPUTS[:3]).rows() if None not in row] == [
        bits(taste_of(each)) for each in number if taste_of(each) is not None
    ]


@pytest.mark.parametrize("kind", ["words", "photo"])
def test_a_text_or_a_blob_as_a_feature_is_refused_where_the_factory_is_declared(desk, kind):
    """Nothing is dropped silently: whoever writes it hears at once what models take."""
    desk.rewrite("factory.py", lambda code: code.replace("    taste = Ticket.taste", f"    taste = Ticket.{kind}"))
    with pytest.raises(UsageError) as error:
        describe(desk.folder)
    assert error.value.code == "factory.not-numeric"
    assert "vector()" in error.value.fix


def test_a_label_is_no_vector(desk):
    desk.rewrite("factory.py", lambda code: code.replace("label=is_reopened", "label=Ticket.taste"))
    with pytest.raises(UsageError) as error:
        describe(desk.folder)
    assert (error.value.code, error.value.found) == ("factory.label", "vector")
