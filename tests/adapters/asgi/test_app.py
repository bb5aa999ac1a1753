"""The web application in this process: types, malformed requests, models that answer nonsense."""

import asyncio
import json
import os
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from andon.adapters.asgi.app import App
from andon.adapters.asgi.metrics import Metrics, prometheus_text
from andon.adapters.asgi.records import PackedRecords
from andon.adapters.asgi.wire import INFER
from andon.contracts.routing import Position
from andon.kernel.errors import InputError
from andon.line.serve.cell import Cell
from andon.line.serve.entity import SpineRows
from andon.line.serve.following import Follower, Sources
from andon.line.serve.log import Limits, PredictionLog
from andon.line.serve.predict import Serving, Spine
from andon.line.serve.route import Desk, Route
from andon.line.serve.routing import promote
from tests.fakes.online import TablePoint
from tests.line.serve.world import PLAN, SPINE, Linear, World, patience, prediction, spine_rows, table

NOW_NS = 1_800_000_000_000_000_000


class Nonsense:
    """A model that was fine when it was loaded."""

    def predict(self, matrix: np.ndarray) -> np.ndarray:
        return np.full(len(matrix), np.nan)


@dataclass(frozen=True)
class Published:
    """Implements `andon.line.serve.ports.FeatureSource` on rows in memory."""

    point: TablePoint
    rows: SpineRows
    state: dict[str, str]

    @contextmanager
    def look(self):
        yield self

    def find(self, keys, asked_ns):
        return self.rows.find(keys, asked_ns)

    def features(self, values, asked_ns):
        return self.point.all_features(values, asked_ns)


class Site:
    """One worker's application without a process of its own."""

    def __init__(self, root: Path) -> None:
        self.world = World(root)
        self.release = self.world.shelf.add(0.5)
        world = self.world
        promote(
            world.folder,
            world.sealed(table(1, self.release)),
            world.open_table,
            check_alone=world.check_alone,
            patience=patience(),
            now_ns=lambda: 1,
        )
        rows = spine_rows([{"flight": "AA1", "asked": 5, "distance": 100, "speed": 3.5, "_known_at": 5}])
        published = Published(TablePoint(PLAN, {}), SpineRows(SPINE, rows), {"Schedule": "sha256:" + "5" * 64})

        def prepare(loaded, state):
            return Serving(loaded, Spine(SPINE, "asked"), published)

        sources = Sources(world.shelf, world.open_table, world.open_state, prepare)
        self.follower = Follower(world.folder, "w0", sources, lambda: NOW_NS)
        self.follower.refresh()
        log = PredictionLog(world.folder.log / "w0", PackedRecords(), lambda: NOW_NS, Limits(held=10**6))
        count = iter(range(10**9))
        self.route = Route(self.follower, log, Desk("w0", lambda: NOW_NS, lambda _: f"id-{next(count)}"))
        self.app = App("flights", {"late": self.route}, Metrics("w0", root / "metrics"))

    def ask(self, method: str, path: str, body: object = None, *, raw: bytes | None = None) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=True)
            async with httpx.AsyncClient(transport=transport, base_url="http://site") as client:
                content = raw if raw is not None else (None if body is None else json.dumps(body).encode())
                return await client.request(method, path, content=content)

        return asyncio.run(send())


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return Site(tmp_path_factory.mktemp("site"))


def infer(site: Site, *inputs: dict, **more: object) -> httpx.Response:
    return site.ask("POST", "/v2/models/late/infer", {"inputs": list(inputs), **more})


def tensor(name: str, datatype: str, data: list, shape: list[int] | None = None) -> dict:
    return {"name": name, "shape": [len(data)] if shape is None else shape, "datatype": datatype, "data": data}


def expected(rows) -> list[float]:
    return Linear(0.5).predict(np.array(rows, dtype=float)).tolist()


@pytest.mark.parametrize(
    ("datatype", "data", "numbers"),
    [
        ("FP64", [1.5, -2], [1.5, -2.0]),
        ("FP64", [1.5, None], [1.5, np.nan]),
        ("FP32", [0.1, 2], [float(np.float32(0.1)), 2.0]),
        ("INT64", [1, -(2**53)], [1.0, -(2.0**53)]),
        ("INT8", [-128, 127], [-128.0, 127.0]),
        ("UINT16", [0, 65535], [0.0, 65535.0]),
        ("BOOL", [True, False], [1.0, 0.0]),
        ("BYTES", ["1.5", "-2e3"], [1.5, -2000.0]),
    ],
)
def test_each_datatype_is_read_as_the_numbers_it_says(site, datatype, data, numbers):
    answer = infer(site, tensor("distance", datatype, data), tensor("speed", "FP64", [0.0, 0.0], [2, 1]))
    assert answer.status_code == 200, answer.text
    assert answer.json()["outputs"][0]["data"] == expected([[number, 0.0] for number in numbers])


def test_one_tensor_holds_all_columns_flat_or_nested(site):
    rows = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
    nested = infer(site, tensor("x", "FP64", rows, [3, 2]), id="mine")
    flat = infer(site, tensor("x", "FP64", [v for row in rows for v in row], [3, 2]))
    assert nested.json()["outputs"] == flat.json()["outputs"]
    assert nested.json()["outputs"][0] == {
        "name": "predictions",
        "shape": [3],
        "datatype": "FP64",
        "data": expected(rows),
    }
    assert nested.json()["id"] == "mine"
    assert len(nested.json()["parameters"]["prediction_ids"].split(",")) == 3
    assert nested.json()["model_version"] == site.release


@pytest.mark.parametrize(
    "inputs",
    [
        [],
        [tensor("distance", "FP64", [1.0])],
        [tensor("distance", "FP64", [1.0]), tensor("distance", "FP64", [1.0])],
        [tensor("distance", "FP64", [1.0]), tensor("other", "FP64", [1.0])],
        [tensor("distance", "FP64", [1.0]), tensor("speed", "FP64", [1.0, 2.0])],
        [tensor("x", "FP64", [1.0, 2.0], [1, 3])],
        [tensor("x", "FP64", [1.0], [1, 2])],
        [tensor("x", "FP64", [1.0, 2.0, 3.0], [1, 2])],
        [tensor("x", "FP64", [[1.0, [2.0]]], [1, 2])],
        [tensor("x", "FP64", [1.0, "2"], [1, 2])],
        [tensor("x", "FP64", [], [0, 2])],
        [tensor("x", "FP64", [1.0, 2.0], [-1, -2])],
        [tensor("x", "FP64", [1.0] * 4, [10**9, 2])],
        [tensor("x", "FP16", [1.0, 2.0], [1, 2])],
        [tensor("x", "FP32", [1.0, 1e300], [1, 2])],
        [tensor("x", "INT8", [1, 128], [1, 2])],
        [tensor("x", "INT64", [1, 2**53 + 1], [1, 2])],
        [tensor("x", "INT64", [1.0, 2.0], [1, 2])],
        [tensor("x", "BOOL", [1, 0], [1, 2])],
        [tensor("x", "BYTES", ["a", "b"], [1, 2])],
        [{**tensor("x", "FP64", [1.0, 2.0], [1, 2]), "extra": 1}],
        [{"name": "x", "shape": [1, 2], "datatype": "FP64"}],
    ],
)
def test_inputs_that_are_not_the_models_are_refused_in_words(site, inputs):
    answer = infer(site, *inputs)
    assert answer.status_code in (400, 422)
    assert isinstance(answer.json()["error"], str)
    assert answer.json()["fix"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v2", 200),
        ("GET", "/v2/", 200),
        ("GET", "/v2/health/live", 200),
        ("GET", "/v2/health/ready", 200),
        ("GET", "/v2/models/late", 200),
        ("GET", "/v2/models/late/ready", 200),
        ("GET", "/v2/models/other", 404),
        ("GET", "/v2/models/late/versions/x", 404),
        ("GET", "/v2/models/late/nothing", 404),
        ("POST", "/v2/models/late", 405),
        ("GET", "/v2/models/late/infer", 405),
        ("POST", "/v2/health/live", 405),
        ("GET", "/predict/flights/late", 405),
        ("POST", "/predict/others/late", 404),
        ("GET", "/", 404),
        ("GET", "/v2x", 404),
        ("GET", "/..%2f..%2fetc/passwd", 404),
        ("GET", "/metrics", 200),
    ],
)
def test_every_path_answers_as_it_should(site, method, path, status):
    assert site.ask(method, path).status_code == status


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "inputs",
                    "entity",
                    "asked",
                    "explain",
                    "name",
                    "shape",
                    "datatype",
                    "data",
                    "flight",
                    "distance",
                    "id",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=14,
)
NEAR = st.fixed_dictionaries(
    {
        "inputs": st.lists(
            st.fixed_dictionaries(
                {
                    "name": st.sampled_from(["x", "distance", "speed"]),
                    "shape": st.lists(st.integers(-2, 4) | st.just(2**70), max_size=3),
                    "datatype": st.sampled_from(["FP64", "FP32", "INT64", "BOOL", "BYTES", "FP16", ""]),
                    "data": st.lists(
                        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4), max_size=8
                    ),
                }
            ),
            max_size=3,
        )
    }
)
PATHS = st.sampled_from(["/v2/models/late/infer", "/predict/flights/late"])


@given(PATHS, JSON | NEAR)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_json_makes_the_server_fail(site, path, body):
    answer = site.ask("POST", path, body)
    assert answer.status_code < 500, answer.text
    assert "Traceback" not in answer.text
    json.loads(answer.text)


@given(PATHS, st.binary(max_size=60))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_bytes_make_the_server_fail(site, path, body):
    assert 400 <= site.ask("POST", path, raw=body).status_code < 500


def test_nesting_without_end_is_refused(site):
    assert site.ask("POST", "/v2/models/late/infer", raw=b"[" * 200_000).status_code == 400


def test_a_question_by_key_and_one_with_all_columns_get_the_same_answer(site):
    by_key = site.ask("POST", "/predict/flights/late", {"entity": {"flight": "AA1"}, "explain": True}).json()
    whole = {"entity": {"flight": "AA1", "distance": 100, "speed": 3.5}}
    assert site.ask("POST", "/predict/flights/late", whole).json()["prediction"] == by_key["prediction"]
    assert by_key["features"] == {"distance": 100, "speed": 3.5}
    assert by_key["prediction"] == expected([[100, 3.5]])[0]


def test_a_model_that_answers_nan_gives_an_error_and_never_an_answer(site, tmp_path):
    sick = Site(tmp_path)
    serving = sick.follower.serving()
    loaded = type(serving.loaded)(
        serving.loaded.release, serving.loaded.model, serving.loaded.facts, serving.loaded.package, Nonsense()
    )
    sick.follower._serving = Serving(loaded, serving.spine, serving.features, packed=serving.packed)
    issued = sick.route.log.issued
    for answer in (
        infer(sick, tensor("x", "FP64", [1.0, 2.0], [1, 2])),
        sick.ask("POST", "/predict/flights/late", {"entity": {"flight": "AA1"}}),
    ):
        assert answer.status_code == 503
        assert "package.bad-answer" in answer.text
    assert sick.route.log.issued == issued


def test_a_golden_answer_that_differs_makes_the_worker_not_ready(tmp_path):
    sick = Site(tmp_path)
    other = sick.world.shelf.objects[sick.world.shelf.add(9.0)]["package.json"]
    sick.world.shelf.objects[sick.release]["package.json"] = other
    late = Follower(sick.world.folder, "w1", sick.follower._sources, lambda: NOW_NS)
    late.refresh()
    app = App("flights", {"late": Route(late, sick.route.log, sick.route._desk)}, Metrics("w1", tmp_path))
    sick.app = app
    ready = sick.ask("GET", "/v2/health/ready")
    assert ready.status_code == 503
    assert "package.golden-differs" in ready.text
    assert infer(sick, tensor("x", "FP64", [1.0, 2.0], [1, 2])).status_code == 503
    assert sick.ask("GET", "/v2/models/late/ready").status_code == 503


def test_a_failure_of_andon_itself_shows_nothing_of_its_inside(site):
    class Broken:
        follower = None

    app = App("flights", {"late": Broken()}, Metrics("w0", Path("none")))
    broken = object.__new__(Site)
    broken.app = app
    answer = broken.ask("GET", "/v2/models/late")
    assert (answer.status_code, answer.json()["code"]) == (500, "serve.unexpected")
    assert "Traceback" not in answer.text


def test_records_survive_the_journal_and_others_are_refused():
    codec = PackedRecords()
    for one in (prediction(1), prediction(2, inputs={"x": 1, "y": True, "z": None}, outputs=(0.5, 0.5))):
        assert codec.decode(codec.encode(one)) == one
    for data in (b"", b"\xc1", codec.encode(prediction(1))[:-3]):
        with pytest.raises(ValueError):  # noqa: PT011  # whatever the reason, that is what the journal asks for
            codec.decode(data)


def test_metrics_of_all_workers_are_one_text(tmp_path):
    one, two = Metrics("w0", tmp_path), Metrics("w1", tmp_path)
    one.count("late", "sha256:1", 200, 3)
    two.count("late", 'sha"\\\n', 422, 0)
    one.leave()
    text = two.text()
    assert 'andon_requests_total{model="late",release="sha256:1",status="200",worker="w0"} 1' in text
    assert 'andon_predictions_total{model="late",release="sha256:1",worker="w0"} 3' in text
    assert 'release="sha\\"\\\\\\n",status="422",worker="w1"} 1' in text
    assert text.count("# TYPE andon_requests_total counter") == 1
    (tmp_path / "w0.json").write_text("{")
    assert 'worker="w0"' not in two.text()
    assert prometheus_text([]).endswith("\n")


def vectors() -> Path:
    given_folder = os.environ.get("ANDON_VECTORS")
    folder = Path(given_folder) if given_folder else Path(__file__).parents[4] / "shared" / "vectors"
    found = folder / "open-inference" / "open_inference_rest.yaml"
    if not found.exists():
        message = f"the published vectors are not there: {found}"
        pytest.fail(message) if os.environ.get("CI") == "true" else pytest.skip(message)
    return found


def required_members(text: str, name: str) -> tuple[set[str], set[str]]:
    """Required and known members of one schema of the OpenAPI file, read by its indentation."""
    lines = text.splitlines()
    start = lines.index(f"    {name}:")
    block = []
    for line in lines[start + 1 :]:
        if line.strip() and len(line) - len(line.lstrip()) <= 4:
            break
        block.append(line)
    at = block.index("      properties:") if "      properties:" in block else len(block)
    known = {line.strip()[:-1] for line in block[at:] if line.startswith("        ") and line[8] not in " -"}
    start = block.index("      required:") if "      required:" in block else len(block)
    required = {line.strip()[2:] for line in block[start + 1 :] if line.startswith("        - ")}
    return required, known


def test_answers_have_the_members_that_the_published_interface_wants(site):
    text = vectors().read_text()
    row = tensor("x", "FP64", [1.0, 2.0], [1, 2])
    good = infer(site, row).json()
    pairs = [
        ("metadata_server_response", site.ask("GET", "/v2").json()),
        ("metadata_model_response", site.ask("GET", "/v2/models/late").json()),
        ("metadata_tensor", site.ask("GET", "/v2/models/late").json()["inputs"][0]),
        ("inference_response", good),
        ("response_output", good["outputs"][0]),
    ]
    for name, value in pairs:
        required, known = required_members(text, name)
        assert required, name
        assert required <= set(value) <= known, name
    assert "error:\n          type: string" in text[text.index("    inference_error_response:") :]
    assert isinstance(infer(site).json()["error"], str)
    required, known = required_members(text, "inference_request")
    assert INFER.decode(json.dumps({"inputs": [row], "outputs": [{"name": "predictions"}]})).inputs
    assert {"id", "parameters", "inputs", "outputs"} == known
    assert required == {"inputs"}


def test_a_question_that_no_features_can_be_made_for_says_what_is_missing(tmp_path):
    bare = Site(tmp_path)
    serving = bare.follower.serving()
    bare.follower._serving = Serving(serving.loaded, problem="Schedule is not served yet", packed=serving.packed)
    answer = bare.ask("POST", "/predict/flights/late", {"entity": {"flight": "AA1"}})
    assert answer.status_code == 503
    assert answer.json()["error"]["found"] == "Schedule is not served yet"
    with pytest.raises(InputError):
        bare.route.answer_entities([{"flight": "AA1"}], None, bare.follower.serving())


def test_several_entities_are_answered_like_each_alone(site):
    rows = [{"flight": "AA1"}, {"flight": "new", "distance": 7, "speed": None}, {"flight": "AA1"}]
    whole = site.ask("POST", "/predict/flights/late", {"entities": rows, "explain": True}).json()
    alone = [site.ask("POST", "/predict/flights/late", {"entity": row, "explain": True}).json() for row in rows]
    assert [(one["prediction"], one["features"]) for one in whole["predictions"]] == [
        (one["prediction"], one["features"]) for one in alone
    ]
    assert len({one["id"] for one in whole["predictions"]}) == 3
    assert {name: whole[name] for name in ("model", "release", "sequence")} == {
        name: alone[0][name] for name in ("model", "release", "sequence")
    }


@pytest.mark.parametrize(
    ("body", "status", "code", "at"),
    [
        ({"entities": [{"flight": "AA1"}, {"flight": "nobody"}]}, 404, "serve.unknown-entity", "entities[1]"),
        (
            {"entities": [{"flight": "AA1"}, {"flight": "AA1"}, {"fligt": 1}]},
            422,
            "serve.unknown-column",
            "entities[2]",
        ),
        ({"entities": [{"flight": "nobody"}]}, 404, "serve.unknown-entity", None),
        ({"entities": []}, 422, "http.too-many-rows", None),
        ({"entities": [{"flight": "AA1"}] * 20_000}, 422, "http.too-many-rows", None),
        ({"entities": [{"flight": "AA1"}], "entity": {"flight": "AA1"}}, 400, "http.malformed", None),
        ({"explain": True}, 400, "http.malformed", None),
    ],
)
def test_one_wrong_entity_of_several_is_named_and_nothing_is_answered(site, body, status, code, at):
    issued = site.route.log.issued
    answer = site.ask("POST", "/predict/flights/late", body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.json()["error"].get("at") == at
    assert site.route.log.issued == issued


def test_an_answer_names_the_release_and_sequence_that_the_cell_points_to_now(tmp_path):
    site = Site(tmp_path)
    world, first = site.world, site.release
    second = world.shelf.add(1.5)
    promote(
        world.folder,
        world.sealed(table(2, second, first)),
        world.open_table,
        check_alone=world.check_alone,
        patience=patience(each=site.follower.refresh),
        now_ns=lambda: 2,
    )
    site.follower.refresh()
    cell = Cell(world.folder.cell)
    tensors = tensor("x", "FP64", [1.0, 2.0], [1, 2])
    for place, release in ((0, second), (1, first), (0, second)):
        cell.move(Position(2, place))
        said = infer(site, tensors).json()
        assert said["model_version"] == said["parameters"]["release"] == release
        assert said["parameters"]["sequence"] == 2
        assert site.ask("POST", "/predict/flights/late", {"entity": {"flight": "AA1"}}).json()["release"] == release
    cell.close()


def test_a_release_asked_for_by_name_gets_the_answer_of_the_short_path(site):
    body = {"inputs": [tensor("x", "FP64", [1.0, 2.0], [1, 2])]}
    named = site.ask("POST", f"/v2/models/late/versions/{site.release}/infer", body).json()
    assert named["outputs"] == site.ask("POST", "/v2/models/late/infer", body).json()["outputs"]
    assert site.ask("POST", "/v2/models/late/versions/sha256:0/infer", body).status_code == 404
