"""The online store of a running server: damaged, rebuilt, and never a silent zero."""

from dataclasses import replace
from pathlib import Path

import lmdb
import pytest

from andon.kernel.errors import UsageError
from andon.line.serve.feeding import HELD
from andon.wiring.calls.rebuilding import rebuild_online
from andon.wiring.online import open_online
from andon.wiring.serving import start, stop
from tests.factories.online_servers import PASSWORD, postgres_server, redis_server
from tests.wiring.serving_world import ask, new_factory, wait_for

KEY = {"entity": {"flight": "AA1"}, "asked": "2013-07-01T00:00:00Z", "explain": True}
ROW = {"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP64", "data": [100, 3.5]}]}


@pytest.fixture(scope="module")
def factory(tmp_path_factory):
    made = new_factory(tmp_path_factory.mktemp("online"))
    made.promote(made.admit_model(1))
    made.publish()
    yield made
    stop(made.settings)
    made.database.close()


@pytest.fixture
def url(factory):
    return started(factory)


def started(factory) -> str:
    """The address of a server that has fed its online store."""
    url = start(factory.settings).url
    wait_for(lambda: predict(url)[0] == 200, seconds=120)
    return url


def predict(url: str) -> tuple[int, dict]:
    return ask(f"{url}/predict/flights/late", KEY)


def blocks(folder: Path) -> dict[bytes, bytes]:
    with lmdb.open(str(folder)) as store, store.begin() as read:
        return dict(read.cursor())


def test_a_damaged_block_is_told_with_its_place_and_a_rebuild_mends_it(factory, url):
    code, good = predict(url)
    assert (code, good["features"]) == (200, {"distance": 100, "wind": 3.5})
    before = blocks(factory.settings.online)
    with lmdb.open(str(factory.settings.online), map_size=1 << 38) as store, store.begin(write=True) as write:
        for key, data in before.items():
            if not key.startswith(b"\0"):
                write.put(key, data[:40] + bytes([data[40] ^ 4]) + data[41:])
                write.put(b"\1stray", b"nobody wrote this")
    answers: list[tuple[int, dict]] = []
    wait_for(lambda: answers.append(predict(url)) or answers[-1][0] == 503)  # each worker looks again within a second
    answer = answers[-1][1]
    assert answer["error"]["code"] == "online.damaged"
    assert "holds for Schedule" in answer["error"]["message"]
    assert ask(f"{url}/v2/models/late/infer", ROW)[0] == 200, "complete rows need no store"
    told: list[str] = []
    made = rebuild_online(factory.settings, told.append).rebuilt
    assert (made.blocks, made.differing, made.removed) == (2, 2, 1)
    assert len(told) == made.parts == 1
    assert predict(url)[1]["features"] == good["features"]
    assert blocks(factory.settings.online) == before
    assert rebuild_online(factory.settings, told.append).rebuilt.differing == 0


def test_a_file_of_noise_is_refused_and_made_anew(factory, url):
    good = predict(url)[1]["features"]
    before = blocks(factory.settings.online)
    stop(factory.settings)
    file = factory.settings.online / "data.mdb"
    file.write_bytes(b"\x5a" * file.stat().st_size)
    again = start(factory.settings).url
    code, answer = predict(again)
    assert (code, answer["error"]["code"]) == (503, "serve.no-features")
    assert "online.damaged" in answer["error"]["found"]
    with pytest.raises(UsageError) as error:
        rebuild_online(factory.settings, str)
    assert error.value.code == "rebuild.in-use"
    stop(factory.settings)
    made = rebuild_online(factory.settings, str)
    assert made.was_unreadable
    assert {k: v for k, v in blocks(factory.settings.online).items() if k != HELD} == {
        k: v for k, v in before.items() if k != HELD
    }
    assert predict(started(factory))[1]["features"] == good


def test_a_store_that_is_gone_comes_back_by_itself(factory, url):
    good = predict(url)[1]["features"]
    stop(factory.settings)
    for path in factory.settings.online.iterdir():
        path.unlink()
    assert predict(started(factory))[1]["features"] == good


@pytest.fixture(scope="module", params=[postgres_server, redis_server], ids=["postgres", "redis"])
def shared(request, tmp_path_factory, monkeypatch_module):
    """Servers whose online store is a database server; its URL, with the password, stands in the environment only."""
    with request.param() as server:
        monkeypatch_module.setenv("SHARED_ONLINE", server.url)
        made = new_factory(tmp_path_factory.mktemp("shared"))
        made.online_url = "env:SHARED_ONLINE"
        made.promote(made.admit_model(1))
        made.publish()
        yield made
        stop(made.settings)
        made.database.close()


@pytest.fixture(scope="module")
def monkeypatch_module():
    with pytest.MonkeyPatch.context() as surroundings:
        yield surroundings


def test_servers_may_share_an_online_store(shared):
    url = started(shared)
    assert predict(url)[1]["features"] == {"distance": 100, "wind": 3.5}
    shared.publish(distance=250)
    wait_for(lambda: predict(url)[1]["features"]["distance"] == 250, seconds=120)
    assert not shared.settings.online.exists(), "nothing of it lies here"
    made = rebuild_online(shared.settings, str).rebuilt
    assert (made.blocks, made.differing, made.removed) == (2, 0, 0)
    written = (shared.settings.written / "server-settings.json").read_text()
    assert "SHARED_ONLINE" in written
    assert PASSWORD not in written


@pytest.mark.parametrize(("said", "code"), [("mysql://x", "online.unknown-store"), ("env:NOT_SET", "online.no-url")])
def test_a_store_that_cannot_be_is_refused_when_it_is_opened(factory, said, code):
    with pytest.raises(UsageError) as error:
        open_online(replace(factory.settings, online_url=said))
    assert error.value.code == code


def test_a_server_runs_nothing_that_lies_where_it_is_started(factory, tmp_path, monkeypatch):
    """Code that nobody judged would answer in the place of what was released."""
    stop(factory.settings)
    marker = tmp_path / "ran"
    for name in ("polars", "lmdb", "msgspec", "uvicorn", "andon"):
        (tmp_path / f"{name}.py").write_text(f"open({str(marker)!r}, 'a').write({name!r})\n")
    monkeypatch.chdir(tmp_path)
    assert predict(started(factory))[0] == 200
    assert not marker.exists()
