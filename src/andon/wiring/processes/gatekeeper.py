"""The process of a gatekeeper with an OS user of its own: it owns records, keys and store, and answers people."""

import os
import socket
import stat
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

from andon.kernel.errors import AndonError, InputError, UsageError
from andon.wiring.answer import answer_call
from andon.wiring.apart_settings import Apart
from andon.wiring.ask import REQUEST_BYTES, SEND_S
from andon.wiring.factory import open_factory
from andon.wiring.refusals import refusal_to_json
from andon.wiring.settings import FILE, Settings, acting_as, load_settings
from andon.wiring.sockets.frames import Frames
from andon.wiring.sockets.listening import Listener, serve_connections

AT_ONCE: Final = 32
REQUEST_S: Final = 10.0
UMASK: Final = 0o027
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH


def serve_calls(folder: Path, tell: Callable[[str], None]) -> None:
    """Answer calls of other OS users until told to stop.

    Raises:
        AndonError: The folder is not one of a gatekeeper of its own, others may write what it relies on, or its
            records and keys cannot be opened.
    """
    os.umask(UMASK)
    settings = load_settings(folder)
    apart = checked(settings)
    with open_factory(settings.folder):
        pass  # records, keys and trust root are in order, or it is said here and not to the first who asks
    settings.database.chmod(0o600)  # servers may read what lies beside it, and not this
    listener = Listener(apart.socket, AT_ONCE)
    tell(f"Answers for {settings.name} at {apart.socket}: {', '.join(sorted(apart.people.values()))}.")
    serve_connections(listener, lambda uid: uid in apart.people, partial(_answer, apart, settings.folder))


def checked(settings: Settings) -> Apart:
    """How the gatekeeper of a folder listens, if it stands apart from those it does not trust.

    Raises:
        UsageError: It is none, shares its OS user with somebody, or others may write its settings.
    """
    if settings.apart is None:
        raise UsageError(
            "gatekeeper.not-apart",
            "This folder is not one of a gatekeeper with an OS user of its own.",
            place=str(settings.folder / FILE),
            found="no [gatekeeper]",
            fix="See how it is set up: andon gatekeeper setup --print",
        )
    own = os.getuid()
    others = {**settings.apart.people}
    others.setdefault(settings.apart.runner.uid, "the runner")
    others.setdefault(settings.apart.measurer.uid, "the measurer")
    if own in others:
        raise UsageError(
            "gatekeeper.same-user",
            f"The gatekeeper has the same OS user as {others[own]}, who could read its keys.",
            found=f"user {own}",
            fix="Start it as an OS user of its own, which nobody else is and which runs nothing else.",
        )
    for path in (settings.folder, settings.folder / FILE):
        found = path.stat()
        if found.st_uid not in (own, 0) or found.st_mode & _OTHERS_WRITE:
            raise UsageError(
                "gatekeeper.open-settings",
                "Others may write what the gatekeeper is told.",
                place=str(path),
                found=f"owner {found.st_uid}, mode {stat.S_IMODE(found.st_mode):o}",
                fix="Let it belong to the gatekeeper's OS user or to root, and be writable by nobody else.",
            )
    return settings.apart


def _answer(apart: Apart, folder: Path, connection: socket.socket) -> None:
    """Answer the one call that comes over a connection; whatever goes wrong is said there."""
    with Frames(connection, REQUEST_BYTES) as frames:
        person = apart.people[frames.peer_uid]
        acting_as(person)
        try:
            answer = answer_call(frames.receive(REQUEST_S), folder, person, partial(_tell, frames))
            frames.send({"answer": answer}, SEND_S)
        except BrokenPipeError:
            sys.stderr.write(f"{person} left before the answer.\n")
        except AndonError as error:
            _say_refusal(frames, error)
        except Exception as error:  # noqa: BLE001  # whoever asks must hear of it, and nothing of what is inside
            traceback.print_exc()
            _say_refusal(frames, _failed(error))


def _failed(error: Exception) -> InputError:
    return InputError(
        "gatekeeper.failed",
        "The call failed.",
        found=type(error).__name__,
        fix="Look into the gatekeeper's log; what was finished before is kept.",
    )


def _tell(frames: Frames, text: str) -> None:
    """Say how far the work is; a call whose asker is gone ends here, where nothing is half done.

    Raises:
        BrokenPipeError: Nobody is there any more.
    """
    try:
        frames.send({"told": text}, SEND_S)
    except AndonError as error:
        raise BrokenPipeError(str(error)) from error


def _say_refusal(frames: Frames, error: AndonError) -> None:
    with suppress(AndonError):
        frames.send({"refused": refusal_to_json(error)}, SEND_S)
