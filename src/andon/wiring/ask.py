"""Having a call answered: in this process, or by the gatekeeper where a factory has one with an OS user of its own."""

import base64
import inspect
import stat
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import is_dataclass
from pathlib import Path
from typing import Concatenate, Final, ParamSpec, TypeVar, cast, get_type_hints

from andon.contracts.wire import from_json, to_json
from andon.kernel.canonical import Json
from andon.kernel.errors import AndonError, InputError, RefusedError, UsageError, WaitingError
from andon.wiring.refusals import refusal_from_json
from andon.wiring.settings import load_settings
from andon.wiring.sockets.frames import Frames, connect, malformed

ANSWER_BYTES: Final = 256 << 20
REQUEST_BYTES: Final = 16 << 20
SEND_S: Final = 30.0
P = ParamSpec("P")
R = TypeVar("R")
Tell = Callable[[str], None]


def ask(call: Callable[Concatenate[Path, P], R], folder: Path, *args: P.args, **kwargs: P.kwargs) -> R:
    """Have a public call answered about the factory of a folder.

    Where the factory's settings name a gatekeeper, it is asked, and it knows by the kernel's word which OS user asks.
    Arguments and answer travel as canonical JSON; a callable argument takes lines of progress and stays here.

    Raises:
        AndonError: What the call refuses, or that no gatekeeper answers (`gatekeeper.absent`).
    """
    try:
        socket = load_settings(folder).gatekeeper
    except AndonError:
        return call(folder, *args, **kwargs)  # whatever is wrong with the settings, the call itself tells
    if socket is None:
        return call(folder, *args, **kwargs)
    bound = inspect.signature(call).bind(folder, *args, **kwargs)
    bound.apply_defaults()
    given = dict(list(bound.arguments.items())[1:])
    tellers = [cast("Tell", value) for value in given.values() if callable(value)]
    arguments = {name: _sent(name, value) for name, value in given.items() if not callable(value)}
    with _connected(socket) as frames:
        with suppress(InputError):  # who is not heard was refused, and reads why
            frames.send({"call": call.__name__, "arguments": arguments}, SEND_S)
        answer = _wait(frames, tellers)
    return cast("R", _received(get_type_hints(call)["return"], answer))


def _sent(name: str, value: object) -> Json:
    if isinstance(value, Path):
        raise UsageError(
            "gatekeeper.path",
            "The gatekeeper takes no paths.",
            place=name,
            found=str(value),
            fix="Ask for it without that option.",
        )
    return base64.b64encode(value).decode() if isinstance(value, bytes) else to_json(value)


def _received(kind: type[object], answer: Json) -> object:
    if is_dataclass(kind):
        return from_json(kind, answer)
    if kind is bytes and isinstance(answer, str):
        return base64.b64decode(answer, validate=True)
    raise malformed(f"an answer of {kind!r}")


def _wait(frames: Frames, tellers: list[Tell]) -> Json:
    """The answer; what is told before it is passed on."""
    while True:
        said = frames.receive(None)
        if not isinstance(said, Mapping) or len(said) != 1:
            raise malformed(repr(said))
        match next(iter(said.items())):
            case "told", text:
                for tell in tellers:
                    tell(str(text))
            case "refused", error:
                raise refusal_from_json(error)
            case "answer", value:
                return value
            case other:
                raise malformed(repr(other))


def _connected(socket: Path) -> Frames:
    """A connection to the gatekeeper, and to nobody who put a socket in its place.

    Raises:
        WaitingError: It does not run.
        RefusedError: Somebody else than the owner of the socket's folder listens, or others may write that folder.
    """
    try:
        found = socket.parent.stat()
        frames = connect(str(socket), ANSWER_BYTES)
    except OSError as error:
        raise WaitingError(
            "gatekeeper.absent",
            "The gatekeeper of this factory does not answer.",
            place=str(socket),
            found=error.strerror or type(error).__name__,
            fix="Start it as its own OS user: andon gatekeeper serve",
        ) from error
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) or frames.peer_uid != found.st_uid:
        with frames:
            raise RefusedError(
                "gatekeeper.other-user",
                "Somebody else may be listening in the gatekeeper's place.",
                place=str(socket),
                found=f"user {frames.peer_uid}; folder of user {found.st_uid}, mode {stat.S_IMODE(found.st_mode):o}",
                fix="Put the socket into a folder that belongs to the gatekeeper's OS user and nobody else may write.",
            )
    return frames
