"""What a runner hands over, and the messages around it: copied, limited, ordinary, and of no use to whoever lies."""

import json
import os
import socket
import struct
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.kernel.canonical import dumps
from andon.kernel.errors import AndonError, InputError, RefusedError, WaitingError
from andon.runtime.children import Job
from andon.wiring.apart_settings import Apart, Runner
from andon.wiring.sockets.apart_children import ApartChildren
from andon.wiring.sockets.frames import Frames
from andon.wiring.sockets.handover import plain_names, send_file, take_file

LIMIT = 1 << 16
MINUTE_NS = 60_000_000_000


@pytest.fixture
def ends():
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with Frames(ours, LIMIT) as near, Frames(theirs, LIMIT) as far:
        yield near, far


def refusal(action) -> str:
    with pytest.raises(AndonError) as refused:
        action()
    return refused.value.code


def handed(ends, file: int, name: str = "model") -> None:
    ends[1].send({"file": name}, 1.0, file)


def test_whoever_still_holds_an_output_and_rewrites_it_changes_nothing(ends, tmp_path):
    output = tmp_path / "model"
    output.write_bytes(b"what was measured")
    with output.open("r+b", buffering=0) as held:
        send_file(ends[1], "model", output)
        take_file(ends[0], "model", tmp_path / "taken")
        held.write(b"something else!!!")
    assert (tmp_path / "taken").read_bytes() == b"what was measured"
    assert (tmp_path / "taken").stat().st_ino != output.stat().st_ino


def test_what_is_taken_begins_at_the_beginning_wherever_the_sender_stands_in_it(ends, tmp_path):
    output = tmp_path / "model"
    output.write_bytes(b"all of it")
    file = os.open(output, os.O_RDONLY)
    os.lseek(file, 4, os.SEEK_SET)
    handed(ends, file)
    take_file(ends[0], "model", tmp_path / "taken")
    os.close(file)
    assert (tmp_path / "taken").read_bytes() == b"all of it"


def test_an_input_cannot_be_written_through_the_file_that_is_handed_over(ends, tmp_path):
    stored = tmp_path / "object"
    stored.write_bytes(b"stored")
    send_file(ends[0], "fit.parquet", stored)
    _, file = ends[1].receive_file(1.0)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.write(file, b"x")
    os.close(file)


def test_only_ordinary_files_are_handed_over_and_taken(ends, tmp_path):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("/etc/passwd")
    (tmp_path / "folder").mkdir()
    for name in ("fifo", "link", "folder", "missing"):
        assert refusal(lambda name=name: send_file(ends[1], name, tmp_path / name)) == "handover.not-a-file"
    for number, path in enumerate((tmp_path / "fifo", tmp_path / "folder", Path("/dev/zero"))):
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        handed(ends, file)
        assert refusal(lambda n=number: take_file(ends[0], "model", tmp_path / f"t{n}")) == "handover.not-a-file"
        os.close(file)


def test_an_output_longer_than_the_limit_is_refused_however_short_it_says_it_is(ends, tmp_path):
    output = tmp_path / "model"
    with output.open("wb") as file:
        file.truncate(1 << 40)  # a hole: nothing on the disk, a terabyte to read
    send_file(ends[1], "model", output)
    assert refusal(lambda: take_file(ends[0], "model", tmp_path / "t", limit_bytes=4 << 20)) == "handover.not-a-file"


def test_a_file_under_another_name_or_none_at_all_is_refused(ends, tmp_path):
    output = tmp_path / "model"
    output.write_bytes(b"x")
    with output.open("rb") as file:
        handed(ends, file.fileno(), "record.json")
    assert refusal(lambda: take_file(ends[0], "model", tmp_path / "a")) == "frames.malformed"
    ends[1].send({"file": "model"}, 1.0)
    assert refusal(lambda: take_file(ends[0], "model", tmp_path / "b")) == "frames.malformed"


@given(st.text(max_size=20))
def test_no_name_of_a_file_leads_out_of_its_folder(name):
    try:
        plain_names((name,))
    except InputError:
        return
    assert (Path("/spool") / name).parent == Path("/spool")
    assert name not in (".", "..")


@pytest.mark.parametrize("names", [("a", "a"), ("../a",), ("",), (".hidden",), ("a/b",), ("a\0b",), ("x" * 300,)])
def test_names_that_are_none_are_refused(names):
    assert refusal(lambda: plain_names(names)) == "frames.malformed"


@given(st.binary(max_size=200))
def test_garbage_is_refused_and_nothing_else_happens(data):
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with Frames(ours, LIMIT) as near:
        theirs.sendall(data)
        theirs.close()
        try:
            value = near.receive(1.0)
        except AndonError:
            return
        (length,) = struct.unpack(">I", data[:4])
        assert dumps(value) == data[4 : 4 + length]


def test_a_message_longer_than_the_limit_is_refused_before_it_is_read(ends):
    ends[1]._connection.sendall(struct.pack(">I", LIMIT + 1))
    assert refusal(lambda: ends[0].receive(1.0)) == "frames.malformed"


def test_whoever_sends_a_byte_now_and_then_is_given_up_in_time(ends):
    def drip() -> None:
        for byte in struct.pack(">I", 100) + b"x" * 20:
            ends[1]._connection.sendall(bytes([byte]))
            threading.Event().wait(0.05)

    dripping = threading.Thread(target=drip)
    dripping.start()
    assert refusal(lambda: ends[0].receive(0.3)) == "frames.lost"
    dripping.join()


def test_whoever_reads_nothing_is_given_up_in_time(ends):
    assert refusal(lambda: ends[0].send("x" * (8 << 20), 0.3)) == "frames.lost"


class FakeRunner:
    """A runner at a socket that says what it is told to say, whatever it is asked."""

    def __init__(self, path: Path, *says: object) -> None:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._says = says
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        with Frames(connection, LIMIT) as frames:
            frames.receive(5.0)
            for one in self._says:
                if isinstance(one, Path):
                    send_file(frames, one.name, one)
                else:
                    frames.send(one, 5.0)
        self._listener.close()

    def join(self) -> None:
        self._thread.join()


def children(tmp_path: Path, uid: int) -> tuple[ApartChildren, Path]:
    at = tmp_path / "run.sock"
    runner = Runner(at, uid)
    return ApartChildren(Apart(tmp_path / "g.sock", {}, runner, runner), tmp_path / "spool"), at


JOB = Job("declare", None, {}, {}, MINUTE_NS)


def test_what_a_runner_made_lies_in_the_gatekeepers_own_folder(tmp_path):
    output = tmp_path / "declaration.json"
    output.write_bytes(b"{}")
    apart, at = children(tmp_path, os.getuid())
    done = {"done": {"seconds": 1.5, "peak_bytes": 7, "outputs": ["declaration.json"]}}
    runner = FakeRunner(at, {"progress": {"step": 1, "of": 2, "seconds": 0.5, "metrics": {"loss": 1}}}, done, output)
    heard = []
    with apart.run(JOB, heard.append) as outcome:
        assert (outcome.folder / "declaration.json").read_bytes() == b"{}"
        assert outcome.folder.is_relative_to(tmp_path / "spool")
        assert (outcome.seconds, outcome.peak_bytes) == (1.5, 7)
    assert [one.metrics for one in heard] == [{"loss": 1.0}]
    assert list((tmp_path / "spool").iterdir()) == []
    runner.join()


@pytest.mark.parametrize(
    "says",
    [
        {"done": {"seconds": 1.0, "peak_bytes": 1, "outputs": ["../../control.db"]}},
        {"done": {"seconds": 1.0, "peak_bytes": 1, "outputs": ["model"]}},
        {"done": {"seconds": 1.0, "peak_bytes": 1}},
        {"done": [], "progress": []},
        {"progress": {"step": 1, "of": 2, "seconds": 0.5, "metrics": {"loss": "low"}}},
        {"verdict": "PASSED"},
        ["done"],
        7,
    ],
)
def test_a_runner_that_does_not_keep_to_the_form_is_refused(tmp_path, says):
    apart, at = children(tmp_path, os.getuid())
    runner = FakeRunner(at, says)
    assert refusal(lambda: apart.run(JOB, lambda _: None).__enter__()) in (
        "frames.malformed",
        "frames.lost",
        "wire.malformed",
    )
    runner.join()
    assert list((tmp_path / "spool").iterdir()) == []


def test_a_refusal_of_user_code_comes_back_as_it_was_raised(tmp_path):
    apart, at = children(tmp_path, os.getuid())
    told = {"kind": "ConflictError", "code": "factory.edited", "message": "m", "place": "p", "found": "f", "fix": "x"}
    runner = FakeRunner(at, {"refused": told})
    with pytest.raises(AndonError) as refused, apart.run(JOB, lambda _: None):
        pass
    assert (type(refused.value).__name__, refused.value.code, refused.value.place) == (
        "ConflictError",
        "factory.edited",
        "p",
    )
    runner.join()


def test_an_absent_runner_is_waited_for_and_another_user_in_its_place_is_refused(tmp_path):
    apart, at = children(tmp_path, os.getuid() + 1)
    with pytest.raises(WaitingError) as waiting, apart.run(JOB, lambda _: None):
        pass
    assert waiting.value.code == "runner.absent"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(at))
    listener.listen()
    with pytest.raises(RefusedError) as refused, apart.run(JOB, lambda _: None):
        pass
    assert refused.value.code == "runner.other-user"
    listener.close()


def test_a_message_is_canonical_json(ends):
    ends[0].send({"b": 1, "a": [True, None]}, 1.0)
    (length,) = struct.unpack(">I", ends[1]._connection.recv(4))
    assert json.loads(ends[1]._connection.recv(length)) == {"a": [True, None], "b": 1}


def test_models_are_asked_by_the_measurer_and_user_code_goes_to_the_runner(tmp_path):
    said = {"done": {"seconds": 1.0, "peak_bytes": 1, "outputs": []}}
    runner, measurer = (Runner(tmp_path / name, os.getuid()) for name in ("run.sock", "ask.sock"))
    apart = ApartChildren(Apart(tmp_path / "g.sock", {}, runner, measurer), tmp_path / "spool")
    for job, asked in ((JOB, measurer), (replace(JOB, factory=tmp_path / "factory.py"), runner)):
        listening = FakeRunner(asked.socket, said)
        with apart.run(job, lambda _: None):
            listening.join()
        asked.socket.unlink()
