"""What a gatekeeper with an OS user of its own is told in `andon.toml`: its socket, who may speak, who runs code."""

import pwd
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from andon.kernel.errors import InputError

SCHEME: Final = "unix:"
SOCKET_BYTES: Final = 107  # the longest path that the system takes for a socket


@dataclass(frozen=True, slots=True)
class Runner:
    """Who runs user code.

    Attributes:
        socket: Where they listen.
        uid: The OS user whose answers are taken; whoever else listens there is refused.
    """

    socket: Path
    uid: int


@dataclass(frozen=True, slots=True)
class Apart:
    """A gatekeeper with an OS user of its own.

    Attributes:
        socket: Where it listens.
        people: Who speaks, by the OS user that the kernel sees at the other end; whoever is not here is refused.
        runner: Runs user code.
        measurer: Asks packaged models, where the runner should not: then user code never shares an OS user with it.
        key: URI of the gate key, where it is on a token; empty for the file in the folder of keys.
    """

    socket: Path
    people: Mapping[int, str]
    runner: Runner
    measurer: Runner
    key: str = ""


def read_apart(path: Path, gatekeeper: Mapping[str, object], people: Mapping[str, object]) -> Apart:
    """Read the tables `[gatekeeper]` and `[people]`.

    Raises:
        InputError: Something is missing, unknown or doubled, or names a user that this machine does not have.
    """
    known = {"socket", "runner", "runner_user", "measurer", "measurer_user", "key"}
    if odd := sorted(set(gatekeeper) - known):
        raise _malformed(path, f"{odd[0]!r} in [gatekeeper]")
    runner = Runner(socket_path(path, gatekeeper.get("runner")), user_id(path, gatekeeper.get("runner_user")))
    measurer = runner
    if "measurer" in gatekeeper:
        measurer = Runner(socket_path(path, gatekeeper["measurer"]), user_id(path, gatekeeper.get("measurer_user")))
    persons: dict[int, str] = {}
    for person, user in people.items():
        uid = user_id(path, user)
        if uid in persons:
            raise _malformed(path, f"{person} and {persons[uid]} are the same OS user")
        if not person.isidentifier():
            raise _malformed(path, f"{person!r} in [people]")
        persons[uid] = person
    if not persons:
        raise _malformed(path, "nobody in [people]")
    key = gatekeeper.get("key", "")
    if not isinstance(key, str):
        raise _malformed(path, f"key = {key!r}")
    return Apart(socket_path(path, gatekeeper.get("socket")), persons, runner, measurer, key)


def socket_path(path: Path, value: object) -> Path:
    """The path behind `unix:/some/where.sock`.

    Raises:
        InputError: It is none, not absolute, or longer than the system takes.
    """
    text = value.removeprefix(SCHEME) if isinstance(value, str) and value.startswith(SCHEME) else ""
    if not text.startswith("/") or len(text.encode()) > SOCKET_BYTES or "\0" in text:
        raise _malformed(path, f"{value!r} for a socket; it is written unix:/path, at most {SOCKET_BYTES} bytes")
    return Path(text)


def user_id(path: Path, value: object) -> int:
    """The number of an OS user, given by name or number.

    Raises:
        InputError: There is no such user.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    try:
        return pwd.getpwnam(str(value)).pw_uid
    except KeyError as error:
        raise _malformed(path, f"no user {value!r} on this machine") from error


def _malformed(path: Path, found: str) -> InputError:
    return InputError(
        "settings.malformed",
        "This settings file says something that means nothing.",
        place=str(path),
        found=found,
        fix="Known are [gatekeeper] socket, runner, runner_user, measurer, measurer_user, key; [people] NAME = USER.",
    )
