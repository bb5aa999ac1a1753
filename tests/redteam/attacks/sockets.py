"""Attacks on a gatekeeper that is an OS user of its own: over its socket, past it, and at its process."""

import json
import os
import socket
import struct
from collections.abc import Callable
from contextlib import suppress

from tests.factories.tiers import USERS, Apart
from tests.redteam.catalogue import Ground, Tried, attack
from tests.redteam.tier_one import MOVES

ASK = """
import json, sys
from andon.kernel.errors import AndonError
from andon.wiring.sockets.frames import connect
try:
    with connect(sys.argv[1], 1 << 20) as frames:
        frames.send(json.loads(sys.argv[2]), 5.0)
        while "told" in (said := frames.receive(30.0)):
            pass
    print(json.dumps(said))
except (AndonError, OSError) as error:
    print(json.dumps({"refused": {"code": getattr(error, "code", "lost")}}))
"""


def ask(apart: Apart, user: str, call: object, path: str = "") -> str:
    """What the gatekeeper says to a call that a user makes by hand: the code of its refusal, empty for an answer."""
    answer = apart.python(user, ASK, path or str(apart.socket), json.dumps(call))
    assert answer.code == 0, answer.err
    said = json.loads(answer.out)
    return said["refused"]["code"] if "refused" in said else ""


def asked(ground: Ground, user: str, *calls: object, path: str = "") -> Tried:
    """Calls that must each be refused."""
    assert ground.apart is not None
    codes = [ask(ground.apart, user, call, path) for call in calls]
    return Tried(
        tuple(json.dumps(call)[:80] for call, code in zip(calls, codes, strict=True) if not code),
        tuple(code for code in codes if code),
    )


def call(name: str, **arguments: object) -> dict[str, object]:
    return {"call": name, "arguments": arguments}


@attack(
    "51a",
    "Speak to the gatekeeper as an OS user whom it does not know",
    "socket",
    "socket.unknown-user",
    "frames.lost",
    needs="apart",
)
def unknown_user(ground: Ground) -> Tried:
    return asked(ground, "eve", call("status_of"), call("run_line"))


@attack("51b", "Ask in the name of somebody else", "socket", "gatekeeper.other-person", needs="apart")
def in_anothers_name(ground: Ground) -> Tried:
    return asked(
        ground,
        "ada",
        call("withdraw_root", person="grace"),
        call("revoke", kind="release", text="0", person="grace", reason="x"),
    )


@attack("51c", "Ask for what the gatekeeper does for nobody", "socket", "gatekeeper.unknown-call", needs="apart")
def closed_list(ground: Ground) -> Tried:
    names = ("add_person", "open_factory", "__import__", "answer_call", "seal", "", 7)
    return asked(ground, "ada", *({"call": name, "arguments": {}} for name in names))


@attack(
    "51d", "Ask with paths, members and types that the call does not take", "socket", "frames.malformed", needs="apart"
)
def malformed_calls(ground: Ground) -> Tried:
    return asked(
        ground,
        "ada",
        call("status_of", folder="/etc"),
        {"call": "status_of"},
        {"call": "status_of", "arguments": []},
        [],
        call("logs_of", run=7, nothing="x"),
    )


@attack(
    "51e",
    "Send garbage, half a message, or one without end, and see whether others are still answered",
    "socket",
    "gatekeeper answers",
    needs="apart",
)
def garbage(ground: Ground) -> Tried:
    apart = ground.apart
    assert apart is not None
    held = []
    for data in (b"\xff" * 64, struct.pack(">I", 1 << 31), struct.pack(">I", 100) + b"{", b""):
        peer = _as(apart, "ada", lambda: _connected(apart))
        with suppress(OSError):
            peer.sendall(data)
        held.append(peer)
    answer = apart.andon("ada", "status")
    for peer in held:
        peer.close()
    return Tried(() if answer.code in (0, 3) else ("nobody is answered",), ("gatekeeper answers",))


def _connected(apart: Apart) -> socket.socket:
    peer = socket.socket(socket.AF_UNIX)
    peer.connect(str(apart.socket))
    return peer


def _as(apart: Apart, user: str, action: Callable[[], socket.socket]) -> socket.socket:
    """Connect as a user: the kernel notes the user at that moment."""
    os.seteuid(USERS[user])
    try:
        return action()
    finally:
        os.seteuid(0)


@attack(
    "51f",
    "Speak to the runner as if one were the gatekeeper",
    "socket",
    "socket.unknown-user",
    "lost",
    "frames.lost",
    needs="apart",
)
def speak_to_the_runner(ground: Ground) -> Tried:
    assert ground.apart is not None
    return asked(ground, "ada", {"job": "x"}, path=str(ground.apart.runner_socket))


@attack("51g", "Listen in the gatekeeper's place", "socket", "denied", needs="apart")
def in_its_place(ground: Ground) -> Tried:
    apart = ground.apart
    assert apart is not None
    code = (
        "import os, sys\n"
        "for what in (lambda: os.unlink(sys.argv[1]), lambda: os.rename(sys.argv[1], sys.argv[1] + 'x')):\n"
        "    try: what(); print('done')\n"
        "    except PermissionError: pass\n"
    )
    answers = [apart.python(user, code, str(apart.socket)) for user in ("ada", "runner", "server", "eve")]
    return Tried(tuple("the socket is gone" for one in answers if one.out), ("denied",))


@attack("51h", "Kill the gatekeeper, or look into its memory", "socket", "denied", needs="apart")
def at_its_process(ground: Ground) -> Tried:
    apart = ground.apart
    assert apart is not None
    pid = str(apart.processes["gatekeeper"].pid)
    moves = json.dumps([("kill", pid), ("trace", pid), ("read", f"/proc/{pid}/environ")])
    reached = [
        f"{user} could {one}"
        for user in ("ada", "runner", "server", "eve")
        for one in json.loads(apart.python(user, MOVES, moves).out)
    ]
    return Tried(tuple(reached), ("denied",))


@attack(
    "51i",
    "Keep an output file of user code open, and write to it once it is stored",
    "user code",
    "denied",
    needs="apart",
)
def descriptor_kept(ground: Ground) -> Tried:
    """What is stored is the gatekeeper's own copy: no file of the store is anybody else's, or has a second name."""
    apart = ground.apart
    assert apart is not None
    stored = [path for path in (apart.state / ".andon" / "store").rglob("*") if path.is_file()]
    assert stored
    found = [path.name for path in stored if path.stat().st_uid != USERS["gate"] or path.stat().st_nlink != 1]
    return Tried(tuple(found), ("denied",))


@attack("51j", "Approve one's own model over the socket", "socket", "exit 3", needs="apart")
def own_work_over_socket(ground: Ground) -> Tried:
    apart = ground.apart
    assert apart is not None
    signed = apart.andon("ada", "approve", "release:late", "--as", "ada", "--role", "owner", "--reason", "mine")
    assert signed.code == 0, signed.err
    answer = apart.run("ada")
    return Tried(() if answer.code == 3 else ("it went forward",), ("exit 3",) if answer.code == 3 else ())
