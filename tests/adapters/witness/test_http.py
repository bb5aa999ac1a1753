"""A witness over real HTTP: the protocol's statuses, and a ledger that asks it."""

import http.client
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import replace

import pytest

from andon.adapters.keys import generate_key, load_signer, verifier
from andon.adapters.witness.client import HttpWitness, http_witness
from andon.adapters.witness.folder import WitnessFolder
from andon.kernel.errors import AndonError, ConflictError, RefusedError, UsageError
from andon.ledger.checkpoint import parse, sign
from andon.ledger.cosignature import WitnessKey, cosignatures
from andon.ledger.witness import MAX_REQUEST_BYTES, Shown, WitnessConflictError, write_request

ORIGIN = "example.com/flights"


@contextmanager
def serving(folder):
    """The witness of a folder in a process of its own, as its operator starts it; gives its URL."""
    command = [
        sys.executable,
        "-c",
        "from andon.cli.witness import app; app()",
        "serve",
        "--folder",
        str(folder),
        "--listen",
        "127.0.0.1:0",
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        said = process.stdout.readline().decode()
        assert "http://" in said, process.stderr.read().decode()
        yield said.split()[-1], process
    finally:
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=20)
        assert process.returncode in (0, -signal.SIGKILL), err.decode()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One witness for all tests: its folder, its key, and where it answers."""
    kept = WitnessFolder(tmp_path_factory.mktemp("witness") / "w1", verifier)
    kept.found("w1")
    generate_key(kept.key)
    key = WitnessKey("w1", verifier(load_signer(kept.key).public))
    with serving(kept.folder) as (url, _):
        yield kept, key, http_witness("w1", url)


@pytest.fixture
def served(shared, world):
    """A ledger of nine entries, and a witness that knows it, over HTTP."""
    world.grow(9)
    kept, key, witness = shared
    world.make_known(kept)
    return world, kept, key, witness


def shown(world, old, new):
    return Shown(old, world.ledger.prove_growth(old, new), world.ledger.checkpoints.at(new))


def post(url, body, path="/add-checkpoint", method="POST"):
    host, port = url.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    connection.request(method, path, body)
    answer = connection.getresponse()
    found = answer.status, answer.headers["Content-Type"], answer.read()
    connection.close()
    return found


def test_a_ledger_is_witnessed_over_http_as_it_grows(served):
    world, kept, key, witness = served
    asked = replace(world.ledger, witnesses=(witness,))
    for size in (9, 12, 12, 30):
        world.grow(size)
        found = asked.witnessed(world.database.units, [key])
        assert (found.head.size, list(found.times), found.failures) == (size, ["w1"], ())
        assert kept.load(world.origin) == found.head
    assert asked.witnessed_ns(10, [key]) is not None
    assert "\n— w1 " in asked.prove(3)


def test_every_refusal_has_the_status_of_the_protocol(served):
    world, _, key, witness = served
    body = write_request(shown(world, 0, 4))
    status, _, answer = post(witness.url, body)
    assert status == 200
    assert [one.name for one in cosignatures(world.ledger.checkpoints.at(4), [key], answer.decode())] == ["w1"]
    assert post(witness.url, body) == (409, "text/x.tlog.size", b"4\n")
    forged = sign(parse(world.ledger.checkpoints.at(9)), world.key("mallory"))
    other = sign(replace(world.ledger.head(), origin="example.com/other"), world.signer)
    assert post(witness.url, write_request(replace(shown(world, 4, 9), note=forged)))[0] == 403
    assert post(witness.url, write_request(Shown(0, (), other)))[0] == 404
    assert post(witness.url, write_request(replace(shown(world, 4, 9), proof=())))[0] == 422
    assert post(witness.url, write_request(Shown(9, (), world.ledger.checkpoints.at(4))))[0] == 400
    for spoilt in (b"", b"\xff\xfe", body[:40], body.replace(b"old 0", b"old 00")):
        assert post(witness.url, spoilt)[0] == 400
    assert post(witness.url, b"x" * (MAX_REQUEST_BYTES + 1))[0] == 413
    assert post(witness.url, body, path="/other")[0] == 404
    assert post(witness.url, None, method="GET")[0] == 405
    assert post(witness.url, write_request(shown(world, 4, 9)))[0] == 200


def test_the_client_tells_a_conflict_from_a_refusal_from_nobody_there(served):
    world, _, _, witness = served
    with pytest.raises(WitnessConflictError) as caught:
        witness.cosign(shown(world, 4, 9))
    assert caught.value.size == 0
    with pytest.raises(RefusedError, match=r"witness\.refused"):
        witness.cosign(replace(shown(world, 0, 9), note=sign(world.ledger.head(), world.key("mallory"))))
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with pytest.raises(ConflictError, match=r"witness\.unreachable"):
        HttpWitness("w2", f"http://127.0.0.1:{port}").cosign(shown(world, 0, 9))


def test_many_at_once_get_one_order_and_one_memory(served):
    """Of several who show a greater head from the same size, one is first and the others are told where it stands."""
    world, kept, _, witness = served
    answers = []
    bodies = [write_request(shown(world, 0, size)) for size in range(1, 10)]
    threads = [threading.Thread(target=lambda b=body: answers.append(post(witness.url, b))) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(status for status, _, _ in answers) == [200] + [409] * 8
    size = kept.load(world.origin).size
    assert {body for status, _, body in answers if status == 409} == {b"%d\n" % size}


def test_a_fork_shown_to_two_witnesses_over_http_is_cosigned_by_one_of_them(served, tmp_path):
    """Two witnesses, and a ledger whose database was copied and went on differently: no head gets both words."""
    world, _, one, first = served
    kept, _, two = world.witness("w2")
    with serving(kept.folder) as (url, _):
        second = http_witness("w2", url)
        both = replace(world.ledger, witnesses=(first, second))
        assert set(both.witnessed(world.database.units, [one, two]).times) == {"w1", "w2"}
        fork = type(world)(copied(world, tmp_path / "fork"), world.origin)
        world.grow(11)
        fork_entries(fork, 11)
        assert list(replace(world.ledger, witnesses=(first,)).witnessed(world.database.units, [one, two]).times) == [
            "w1"
        ]
        found = replace(fork.ledger, witnesses=(first, second)).witnessed(fork.database.units, [one, two])
        fork.database.close()
    assert list(found.times) == ["w2"]
    assert [(name, error.code) for name, error in found.failures] == [("w1", "ledger.witness-forked")]


def copied(world, path):
    import shutil
    import sqlite3
    from contextlib import closing

    path.mkdir()
    shutil.copytree(world.path / "keys", path / "keys")
    with (
        closing(sqlite3.connect(world.path / "control.db")) as live,
        closing(sqlite3.connect(path / "control.db")) as new,
    ):
        live.backup(new)
    return path


def fork_entries(fork, size):
    from andon.kernel.digest import of_bytes

    while (now := fork.ledger.rows.size()) < size:
        with fork.database.units.begin() as unit:
            fork.ledger.append(unit, "rollback", of_bytes(b"fork %d" % now))


def test_a_witness_that_was_killed_remembers(world):
    world.grow(9)
    kept, _, _ = world.witness("w1")
    with serving(kept.folder) as (url, process):
        assert post(url, write_request(shown(world, 0, 7)))[0] == 200
        process.kill()
        process.wait()
    with serving(kept.folder) as (url, _):
        assert post(url, write_request(shown(world, 0, 9))) == (409, "text/x.tlog.size", b"7\n")


def test_one_folder_is_one_witness(served):
    _, kept, _, _ = served
    with pytest.raises(ConflictError, match=r"witness\.busy"), kept.writing():
        pass


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\xff\xff", "witness.bad-answer"),
        (b"HTTP/1.1 409 C\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n7\n", "witness.refused"),
        (b"HTTP/1.1 409 C\r\nContent-Type: text/x.tlog.size\r\nContent-Length: 3\r\n\r\n07\n", "witness.refused"),
        (b"HTTP/1.1 500 E\r\nContent-Length: 0\r\n\r\n", "witness.refused"),
        (b"nonsense\r\n\r\n", "witness.unreachable"),
        (b"", "witness.unreachable"),
    ],
)
def test_whatever_answers_in_a_witnesss_place_is_refused_with_a_code(world, answer, code):
    world.grow(3)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer_once, args=(listener, answer))
        thread.start()
        with pytest.raises(AndonError) as caught:
            HttpWitness("w1", f"http://127.0.0.1:{listener.getsockname()[1]}", 2.0).cosign(shown(world, 0, 3))
        thread.join()
    assert caught.value.code == code


def answer_once(listener, answer):
    connection, _ = listener.accept()
    with connection:
        connection.recv(65536)
        time.sleep(0.05)
        connection.sendall(answer)


@pytest.mark.parametrize("url", ["", "ftp://w", "http://", "http://h:x", "https://a@h/", "https://h/?q", "w.example"])
def test_what_is_no_url_of_a_witness_is_refused(url):
    with pytest.raises(UsageError, match=r"witness\.not-a-url"):
        http_witness("w1", url)
