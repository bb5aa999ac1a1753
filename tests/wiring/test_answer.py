"""Calls of others: a closed list, strict arguments, the person that the kernel names, and a socket nobody can clog."""

import inspect
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
import types
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from typing import Literal, Union, get_args, get_origin, get_type_hints

import pytest

from andon.contracts.wire import from_json, to_json
from andon.kernel.errors import AndonError, RefusedError, UsageError
from andon.store.errors import StorageError
from andon.wiring.answer import PUBLIC, answer_call
from andon.wiring.ask import ask
from andon.wiring.refusals import refusal_from_json, refusal_to_json
from andon.wiring.sockets.frames import connect

HERE = Path("/nowhere")


@dataclass(frozen=True, slots=True)
class Seen:
    """What a call was given."""

    person: str
    words: tuple[str, ...]
    many: int


def seen(folder: Path, words: Sequence[str], *, person: str, many: int, tell: Callable[[str], None]) -> Seen:
    """A call like any other."""
    tell(f"in {folder}")
    return Seen(person, tuple(words), many)


CALLS = {"seen": seen}


def asked(**changes: object) -> dict:
    return {"call": "seen", "arguments": {"words": ["a"], "person": "", "many": 3, **changes}}


def refusal(request: object, person: str = "ada") -> str:
    with pytest.raises(AndonError) as refused:
        answer_call(request, HERE, person, lambda _: None, CALLS)
    return refused.value.code


def test_a_call_is_made_for_the_person_whom_the_kernel_names():
    told = []
    for request in (asked(), asked(person="ada")):
        answer = answer_call(request, HERE, "ada", told.append, CALLS)
        assert answer == {"person": "ada", "words": ["a"], "many": 3}
    assert told == ["in /nowhere"] * 2
    assert refusal(asked(person="grace")) == "gatekeeper.other-person"


@pytest.mark.parametrize(
    "request_",
    [
        None,
        [],
        {"call": "seen"},
        {"call": "seen", "arguments": []},
        {"call": "seen", "arguments": {}, "as": "grace"},
        asked(folder="/etc"),
        asked(tell="x"),
        asked(words="abc"),
        asked(words=["a", 1]),
        asked(words=None),
        asked(many=True),
        asked(many="3"),
        asked(many=3.0),
    ],
)
def test_a_request_that_is_not_exactly_one_is_refused(request_):
    assert refusal(request_) == "frames.malformed"


@pytest.mark.parametrize("name", ["", "open_factory", "answer_call", "__import__", 7, None, "Seen", "seen "])
def test_whatever_is_not_on_the_list_is_not_called(name):
    assert refusal({"call": name, "arguments": {}}) == "gatekeeper.unknown-call"


@pytest.mark.parametrize("call", PUBLIC.values(), ids=PUBLIC)
def test_a_public_call_takes_and_gives_only_what_can_be_carried(call):
    hints = get_type_hints(call)
    names = list(inspect.signature(call).parameters)
    assert hints[names[0]] is Path
    for name in names[1:]:
        if get_origin(hints[name]) is not Callable:
            assert can_be_carried(hints[name]), (call.__name__, name)
    assert hints["return"] is bytes or is_dataclass(hints["return"])
    assert hints["return"] is bytes or can_be_carried(hints["return"])


def can_be_carried(hint: object) -> bool:
    """Whether `contracts.wire` brings values of a type to the other side as they were; never a path."""
    kind = get_origin(hint)
    if kind is Literal:
        return True
    if kind in (Mapping, dict):
        value = get_args(hint)[1]
        return get_origin(value) in (Union, types.UnionType) or can_be_carried(value)
    if kind in (Union, types.UnionType, tuple, list, Sequence):
        return all(can_be_carried(one) for one in get_args(hint) if one not in (type(None), Ellipsis))
    if is_dataclass(hint):
        hints = get_type_hints(hint)
        return all(can_be_carried(hints[name]) for name in hint.__dataclass_fields__)  # type: ignore[union-attr]
    return hint in (str, int, float, bool, bytes)


def test_without_a_gatekeeper_a_call_is_made_here(tmp_path):
    assert ask(seen, tmp_path, ["a"], person="", many=1, tell=lambda _: None) == Seen("", ("a",), 1)


def test_a_gatekeeper_whose_folder_others_write_is_not_believed(tmp_path):
    (tmp_path / "andon.toml").write_text(
        '[factory]\nname = "parcels"\nid = "01890000-0000-7000-8000-000000000001"\n'
        f'[state]\ngatekeeper = "unix:{tmp_path}/gate.sock"\n'
    )
    with pytest.raises(AndonError) as absent:
        ask(seen, tmp_path, [], person="", many=1, tell=lambda _: None)
    assert (absent.value.code, absent.value.exit_code) == ("gatekeeper.absent", 3)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "gate.sock"))
        listener.listen()
        tmp_path.chmod(0o777)
        with pytest.raises(RefusedError) as refused:
            ask(seen, tmp_path, [], person="", many=1, tell=lambda _: None)
    assert refused.value.code == "gatekeeper.other-user"


def test_a_refusal_travels_as_it_is_and_a_rooms_own_kind_as_the_kind_it_belongs_to():
    for error in (UsageError("a.b", "m", place="p", found="f", fix="x"), StorageError("store.disk-full", "m")):
        there = refusal_from_json(refusal_to_json(error))
        assert (there.code, there.to_json(), there.exit_code) == (error.code, error.to_json(), error.exit_code)
        assert isinstance(error, type(there))


def test_what_is_carried_comes_back_as_it_was():
    value = Seen("ada", ("a", "b"), 3)
    assert from_json(Seen, to_json(value)) == value


SERVER = """
import sys
from pathlib import Path
from andon.wiring.sockets.frames import Frames
from andon.wiring.sockets.listening import Listener, serve_connections

def answer(connection):
    with Frames(connection, 1 << 16) as frames:
        value = frames.receive(2.0)
        if value == "die":
            raise SystemError("as told")
        frames.send({"answer": value}, 5.0)

serve_connections(Listener(Path(sys.argv[1]), 8), lambda uid: sys.argv[2] == "all", answer)
"""


@pytest.fixture
def listening(tmp_path):
    """A process that answers what it is asked, at most 8 at a time and 4 of one user."""
    path = tmp_path / "it.sock"
    with subprocess.Popen([sys.executable, "-c", SERVER, str(path), "all"], stderr=subprocess.DEVNULL) as process:
        while " 00010000 0001 01 " not in row_of(path):  # the file is there a moment before anybody listens
            assert process.poll() is None
            time.sleep(0.01)
        yield path
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    assert not path.exists()


def row_of(path: Path) -> str:
    """What the kernel says of a socket: among others 00010000 0001 01, a stream on which somebody listens."""
    rows = Path("/proc/net/unix").read_text().splitlines()
    return next((row for row in rows if row.endswith(f" {path}")), "")


def says(path: Path, value: object) -> object:
    with connect(str(path), 1 << 16) as frames:
        frames.send(value, 5.0)
        return frames.receive(10.0)


def raw(path: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(path))
    return connection


def test_garbage_a_crash_and_a_client_that_dies_harm_nobody_else(listening):
    for data in (b"", b"\0\0\0", struct.pack(">I", 0xFFFFFFFF), struct.pack(">I", 4) + b"nope", os.urandom(500)):
        with raw(listening) as client:
            client.sendall(data)
    with connect(str(listening), 1 << 16) as frames:
        frames.send("die", 5.0)
    assert answered_in_the_end(listening)


def test_clients_that_say_nothing_are_dropped_and_take_only_their_users_share(listening):
    silent = [raw(listening) for _ in range(4)]
    time.sleep(0.3)
    with connect(str(listening), 1 << 16) as frames:
        assert frames.receive(5.0)["refused"]["code"] == "socket.busy"
    assert answered_in_the_end(listening)
    for one in silent:
        one.close()


def answered_in_the_end(path: Path) -> bool:
    """Whether a call is answered once those that hang were given up."""
    deadline = time.monotonic() + 20
    while "answer" not in (found := said_or_refused(path)):
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
    return True


def said_or_refused(path: Path) -> dict:
    with connect(str(path), 1 << 16) as frames:
        with suppress(AndonError):  # it was refused before it asked
            frames.send("now?", 5.0)
        return dict(json.loads(json.dumps(frames.receive(10.0))))


def test_a_second_process_does_not_take_the_socket_from_the_first(listening):
    second = subprocess.run(
        [sys.executable, "-c", SERVER, str(listening), "all"], capture_output=True, text=True, check=False, timeout=60
    )
    assert "socket.taken" in second.stderr
    assert says(listening, 1) == {"answer": 1}


def test_a_socket_is_not_put_where_others_could_replace_it(tmp_path):
    tmp_path.chmod(0o777)
    found = subprocess.run(
        [sys.executable, "-c", SERVER, str(tmp_path / "it.sock"), "all"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "socket.open-folder" in found.stderr
