"""A real server on this machine: promoted, asked, rolled back, killed and lied to."""

import http.client
import json
import os
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from andon.kernel.errors import AndonError, RefusedError, UsageError
from andon.line.serve.folder import ServeFolder
from andon.line.serve.records import batches_in, gaps_of, read_batch
from andon.wiring.served import BundledReleases, ServerSettings, bundle_path
from andon.wiring.serving import flip_back, promote_release, start, status, stop
from andon.wiring.worker import Worker
from tests.wiring.serving_world import ask, new_factory, wait_for

ROW = {"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP64", "data": [100, 3.5]}]}
KEY = {"entity": {"flight": "AA1"}, "asked": "2013-07-01T00:00:00Z"}


class Served:
    """A factory with release `a` then `b` promoted on a running server."""

    def __init__(self, path: Path) -> None:
        self.factory = new_factory(path)
        self.a = self.factory.admit_model(1)
        self.b = self.factory.admit_model(2)
        self.factory.promote(self.a)
        self.dataset = self.factory.publish()
        self.settings = self.factory.settings
        self.url = start(self.settings).url
        stranger = {"entity": {"flight": "nobody"}}
        wait_for(lambda: self.predict(stranger)[0] == 404, seconds=120)  # its features are there
        self.factory.promote(self.b)

    @property
    def folder(self) -> ServeFolder:
        return ServeFolder(Path(self.settings.folder) / "late")

    def predict(self, body=None) -> tuple[int, dict]:
        return ask(f"{self.url}/predict/flights/late", body or KEY)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    world = Served(tmp_path_factory.mktemp("served"))
    yield world
    stop(world.settings)
    world.factory.database.close()


@pytest.fixture(scope="module")
def still(tmp_path_factory):
    """A factory with two admitted releases and no server."""
    factory = new_factory(tmp_path_factory.mktemp("still"))
    factory.receipts = [factory.admit_model(3), factory.admit_model(4)]
    yield factory
    factory.database.close()


def test_every_answer_says_what_made_it(served):
    code, answer = served.predict({**KEY, "explain": True})
    assert code == 200
    assert (answer["release"], answer["asked"]) == (served.b.release, "2013-07-01T00:00:00Z")
    assert answer["features"] == {"distance": 100, "wind": 3.5}
    code, row = ask(f"{served.url}/v2/models/late/versions/{served.b.release}/infer", ROW)
    assert (code, row["model_version"], row["parameters"]["model"]) == (200, served.b.release, answer["model"])
    assert row["outputs"][0]["data"] == [answer["prediction"]]
    assert row["id"] != answer["id"]


def test_both_workers_are_ready_and_say_so_without_being_asked(served):
    assert ask(f"{served.url}/v2/health/ready")[1]["ready"] is True
    wait_for(lambda: {one["release"] for one in status(served.settings).models["late"]} == {served.b.release})
    assert len(status(served.settings).models["late"]) == 2


def test_a_rollback_under_load_fails_no_request_and_no_later_one_is_answered_by_the_old_release(served):
    stop_now, failures, seen = threading.Event(), [], []

    def hammer() -> None:
        place = urlsplit(served.url)
        connection = http.client.HTTPConnection(place.hostname, place.port, timeout=20)
        while not stop_now.is_set():
            begun = time.monotonic()
            connection.request("POST", "/v2/models/late/infer", json.dumps(ROW))
            answer = connection.getresponse()
            body = json.loads(answer.read())
            if answer.status != 200:
                failures.append(body)
            seen.append((begun, body.get("model_version")))
        connection.close()

    flips = []
    with ThreadPoolExecutor(4) as pool:
        working = [pool.submit(hammer) for _ in range(4)]
        for _ in range(5):
            time.sleep(0.15)
            assert flip_back(served.settings, "late").release == served.a.release
            flips.append((time.monotonic(), served.a.release))
            time.sleep(0.15)
            served.factory.promote(served.b)
            flips.append((time.monotonic(), served.b.release))
        stop_now.set()
        for one in working:
            one.result()
    assert failures == []
    assert len(seen) > 50
    changes = [*flips, (float("inf"), "")]
    for (since, release), (until, _) in zip(flips, changes[1:], strict=True):
        # The next move begins before it returns: leave its last stretch out.
        inside = [version for begun, version in seen if since <= begun < until - 0.14]
        assert set(inside) <= {release}, (release, set(inside))


def test_the_numbers_of_a_killed_worker_go_on_and_its_gap_is_known(served):
    victim = next(one for one in status(served.settings).models["late"] if one["worker"] == "w0")
    log = served.folder.log / "w0"

    def burst(count: int) -> None:
        with httpx.Client() as client:
            for _ in range(count):
                client.post(f"{served.url}/v2/models/late/infer", json=ROW, headers={"Connection": "close"})

    burst(10)
    os.kill(victim["pid"], signal.SIGKILL)
    issued = int.from_bytes((log / "number").read_bytes(), "little")
    assert served.predict()[0] == 200

    def again() -> dict:
        return next(one for one in status(served.settings).models["late"] if one["worker"] == "w0")

    def has_gone_on() -> bool:
        burst(4)  # the system chooses which worker answers
        return again()["pid"] != victim["pid"] and again()["issued"] > issued

    wait_for(has_gone_on, 90)
    lost = {n for first, last in again()["gaps"] for n in range(first, last + 1)}
    assert all(n <= issued for n in lost)


def test_a_worker_refuses_a_model_with_a_flipped_byte_and_health_says_why(served):
    bad = served.factory.admit_model(5)
    manifest = served.factory.database.manifests.get(served.factory.made.model)
    path = served.factory.blobs.local(manifest.object("model").sha256)
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)
    with pytest.raises(RefusedError) as error:
        served.factory.promote(bad)
    assert error.value.code == "serve.worker-refused"
    assert "store.object-damaged" in error.value.found
    assert served.predict()[1]["release"] == served.b.release


def test_a_new_dataset_version_reaches_the_answers(served):
    version = served.factory.publish(distance=650)
    body = {**KEY, "explain": True}

    def all_new() -> bool:
        return all(served.predict(body)[1]["features"]["distance"] == 650 for _ in range(6))

    wait_for(all_new)
    assert version != served.dataset
    served.factory.publish()


@pytest.mark.parametrize(
    ("body", "code", "name"),
    [
        ({"entity": {"flight": "ZZ"}}, 404, "serve.unknown-entity"),
        ({"entity": {"flight": 5}}, 422, "serve.wrong-type"),
        ({"entity": {"flight": "AA1"}, "asked": "2999-01-01"}, 422, "serve.future"),
        ({"entity": {"flight": "AA1"}, "asked": "2013-06-30"}, 404, "serve.unknown-entity"),
        ({"entity": {"flight": "AA1"}, "asked": "noon"}, 422, "time.not-a-time"),
        ({"entity": {"flight": "AA1", "distance": 5}}, 422, "serve.missing-column"),
        ({"entity": {}}, 422, "serve.missing-column"),
        ({"entity": {"flight": "AA1"}, "other": 1}, 400, "http.malformed"),
        ({}, 400, "http.malformed"),
    ],
)
def test_a_wrong_question_is_refused_with_code_and_fix(served, body, code, name):
    found, answer = ask(f"{served.url}/predict/flights/late", body)
    assert (found, answer["error"]["code"]) == (code, name)
    assert answer["error"]["fix"]


def test_a_body_that_is_too_large_is_refused(served):
    with httpx.Client() as client:
        answer = client.post(f"{served.url}/predict/flights/late", content=b" " * (5 << 20))
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "http.too-large")


def test_a_second_server_of_the_target_is_not_started(served):
    assert start(served.settings).url == served.url


def test_a_rollback_needs_no_server_and_no_database(still):
    for receipt in still.receipts:
        still.promote(receipt)
    (still.path / "control.db").rename(still.path / "away")
    try:
        moved = flip_back(still.settings, "late")
    finally:
        (still.path / "away").rename(still.path / "control.db")
    assert (moved.before, moved.release) == (still.receipts[1].release, still.receipts[0].release)
    with pytest.raises(RefusedError):
        flip_back(still.settings, "late", still.receipts[1].release)
    with pytest.raises(UsageError) as error:
        flip_back(still.settings, "late")
    assert error.value.code == "serve.nothing-before"


def test_without_its_bundle_or_with_anothers_a_release_is_not_loaded(still):
    for receipt in still.receipts:
        still.promote(receipt)
    folder = ServeFolder(Path(still.settings.folder) / "late")
    releases = BundledReleases(folder, still.settings)
    first, second = (bundle_path(folder, receipt.release) for receipt in still.receipts)
    good = first.read_bytes()
    assert releases.load(still.receipts[0].release).release == still.receipts[0].release
    for data in (None, b"", good[:-20], second.read_bytes(), good.replace(b'"payload":"e', b'"payload":"f', 1)):
        first.unlink(missing_ok=True)
        if data is not None:
            first.write_bytes(data)
        with pytest.raises(AndonError):
            releases.load(still.receipts[0].release)
    first.write_bytes(good)


def test_a_worker_with_an_unknown_trust_root_serves_nothing(still):
    settings = still.settings
    wrong = replace(settings, fingerprint="sha256:" + "0" * 64)
    with pytest.raises(AndonError):
        Worker(wrong, "w0")
    with pytest.raises(AndonError):
        promote_release(wrong, still.receipts[0], object())


def test_another_machines_address_is_refused(still):
    open_to_all = ServerSettings(**{**_members(still.settings), "host": "0.0.0.0", "workers": 1})
    with pytest.raises(UsageError) as error:
        start(open_to_all)
    assert error.value.code == "serve.not-loopback"


def test_a_port_that_is_taken_is_said_at_once(still):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = replace(still.settings, port=taken.getsockname()[1], workers=1)
        with pytest.raises(UsageError) as error:
            start(settings)
    assert error.value.code == "serve.port-taken"
    assert "0 for any free one" in error.value.fix


def test_the_log_is_closed_and_complete_when_a_server_ends(tmp_path_factory):
    factory = new_factory(tmp_path_factory.mktemp("ended"))
    factory.promote(factory.admit_model(6))
    factory.publish()
    settings = ServerSettings(**{**_members(factory.settings), "workers": 1})
    url = start(settings).url
    stranger = {"entity": {"flight": "nobody"}}
    wait_for(lambda: ask(f"{url}/predict/flights/late", stranger)[0] == 404, seconds=120)  # its features are there
    for _ in range(7):
        assert ask(f"{url}/predict/flights/late", KEY)[0] == 200
    assert stop(settings)
    assert not stop(settings)
    assert not status(settings).is_running
    log = Path(settings.folder) / "late" / "log" / "w0"
    [batch] = batches_in(log)
    frame = read_batch(batch)
    assert frame["number"].to_list() == list(range(1, 8))
    assert frame["entity"].unique().to_list() == ['{"flight":"AA1"}']
    assert gaps_of([(batch.first, batch.last)], 7) == []
    factory.database.close()


def _members(settings: ServerSettings) -> dict:
    return {name: getattr(settings, name) for name in settings.__dataclass_fields__}
