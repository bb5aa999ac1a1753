"""Keeping a target up: serve its releases until told to stop, and go back to the release before."""

import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from andon.kernel.canonical import Json
from andon.kernel.digest import Digest, short
from andon.kernel.errors import AndonError, UsageError
from andon.line.serve.routing import Moved, table_in_force
from andon.wiring.factory import open_factory
from andon.wiring.served import ServerSettings, opener_of
from andon.wiring.serving import flip_back, start, status, stop
from andon.wiring.settings import load_settings
from andon.wiring.targets import server_settings

LOOK_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class RolledBack:
    """A target that answers with an earlier release.

    Attributes:
        release: What answers now.
        before: What answered until now.
        flip_ms: From the order to the moment from which every new request is answered by the earlier release.
        record: What became of recording it, in words.
    """

    release: Digest
    before: Digest
    flip_ms: float
    record: str

    @property
    def release_short(self) -> str:
        """The release for people."""
        return short(self.release)

    def to_json(self) -> dict[str, Json]:
        """The rollback for programs."""
        return {"release": self.release, "before": self.before, "flip_ms": self.flip_ms, "record": self.record}


def serve_target(folder: Path, target: str, *, host: str, port: int, workers: int, tell: Callable[[str], None]) -> None:
    """Serve a target until this process is told to stop; requests that were begun are answered.

    Raises:
        UsageError: Nothing was released there, or the address may not be used.
    """
    settings = load_settings(folder)
    if settings.gatekeeper:
        raise UsageError(
            "up.apart",
            "The servers of this factory have an OS user and a folder of their own.",
            place=str(settings.folder),
            found=f"a gatekeeper at {settings.gatekeeper}",
            fix="Start them there, as that user: andon up -C FOLDER",
        )
    wanted = replace(server_settings(settings, target), host=host, port=port, workers=workers)
    if not wanted.serve_folders():
        raise UsageError(
            "up.nothing-released",
            "Nothing is released to this target yet.",
            place=target,
            fix="Run the line first: andon run",
        )
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    running = start(wanted)
    try:
        for model in running.models:
            tell(
                f"{target} answers at {running.url}/predict/{settings.name}/{model} and {running.url}/v2/models/{model}"
            )
        tell("Stop with Ctrl-C.")
        while not stopping.wait(LOOK_S):
            if not status(wanted).is_running:
                raise UsageError(
                    "up.ended", "The server ended.", place=str(wanted.written / "server.log"), fix="Look into its log."
                )
    finally:
        stop(wanted)


def roll_back(folder: Path, model: str, target: str, *, to: str, reason: str, person: str) -> RolledBack:
    """Let a target answer with a release that it answered with before: at once, recorded after.

    The move needs neither a server nor the control database. Recording it does; where that fails, the target answers
    with the earlier release all the same, and the result says what to do.

    Raises:
        UsageError: There is nothing to go back to, or it is not clear which model is meant.
        RefusedError: The release was never admitted there, or is no safer one.
    """
    began = time.monotonic()
    settings = load_settings(folder)
    wanted = server_settings(settings, target)
    name = model or _only_model(wanted)
    release = _release_named(wanted, name, to) if to else ""
    moved = flip_back(wanted, name, release)
    flip_ms = (time.monotonic() - began) * 1000
    return RolledBack(
        moved.release, moved.before, flip_ms, _recorded(folder, moved, target, person or settings.person, reason)
    )


def _recorded(folder: Path, moved: Moved, target: str, person: str, reason: str) -> str:
    try:
        with open_factory(folder) as opened:
            receipt = opened.gatekeeper.rollback(
                target=target, to=moved.release, by=person, reason=reason or "no reason given"
            )
    except AndonError as error:
        return f"Not recorded yet ({error.code}: {error.message}) Run the same command again to record it."
    return f"Recorded as {short(receipt.statement)}."


def _only_model(settings: ServerSettings) -> str:
    names = sorted(status(settings).models)
    if len(names) == 1:
        return names[0]
    raise UsageError(
        "rollback.which",
        "Which model should go back?",
        place=settings.target,
        found=", ".join(names) or "nothing was released here",
        fix="Name it: andon rollback MODEL",
    )


def _release_named(settings: ServerSettings, model: str, text: str) -> Digest:
    """The release of the target's routing table whose digest begins so; needs no database."""
    table, _ = table_in_force(settings.serve_folder(model), opener_of(settings))
    releases = [slot.release for slot in table.slots]
    found = [
        release for release in releases if release.removeprefix("sha256:").startswith(text.removeprefix("sha256:"))
    ]
    if len(found) == 1:
        return found[0]
    raise UsageError(
        "rollback.unknown-release",
        "The target keeps no such release ready." if not found else "More than one release begins so.",
        place=f"{model} on {settings.target}",
        found=", ".join(short(release) for release in releases),
        fix="Name one of those found.",
    )
