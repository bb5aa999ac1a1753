"""Serving as the command line asks for it: start, stop and look at a server; promote, roll back and publish."""

import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from andon.adapters.asgi.supervisor import listen
from andon.adapters.files import FileBlobs
from andon.adapters.keys import verifier
from andon.contracts.routing import Generation, Slot
from andon.gates.request import Receipt
from andon.kernel.clock import SystemClock
from andon.kernel.digest import Digest
from andon.kernel.errors import AndonError, RefusedError, UsageError
from andon.kernel.signing import Signer
from andon.line.serve.folder import ServeFolder, is_held, replace_file, state_path
from andon.line.serve.routing import POLL_S, Moved, Patience, flip, promote, table_in_force
from andon.line.serve.sealing import seal_state, seal_table, state_opener
from andon.line.serve.state import ServedDataset, publish_state
from andon.line.serve.succession import first_table, next_table
from andon.wiring.revocations import revoked_on
from andon.wiring.served import (
    BundledReleases,
    ServerSettings,
    bundle_path,
    opener_of,
    root_of,
    write_server_settings,
)

START_S: Final = 60.0
PROMOTE_S: Final = 120.0
_PAUSE_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """How a server is.

    Attributes:
        url: Where it answers; empty when it does not run.
        models: By model, what each of its workers last said of itself.
    """

    is_running: bool
    pid: int
    url: str
    models: Mapping[str, tuple[Mapping[str, object], ...]]


def start(settings: ServerSettings) -> ServerStatus:
    """Start a server in the background and wait until all its workers listen.

    Raises:
        UsageError: The address may not be used (`serve.not-loopback`, `serve.port-taken`), or the server did not come
            up; its last words say why.
    """
    folder = settings.written
    if is_held(folder / "server.lock"):
        return status(settings)
    listen(settings.host, settings.port).close()  # what cannot work is said at once, not in the server's log
    path = folder / "server-settings.json"
    write_server_settings(settings, path)
    log = folder / "server.log"
    written = log.stat().st_size if log.exists() else 0
    pid = _spawn([sys.executable, "-P", "-m", "andon.wiring.processes.server", str(path)], log)
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and not _has_ended(pid):
        found = status(settings)
        if found.is_running and found.url and found.pid == pid:
            return found
        time.sleep(_PAUSE_S)
    if not _has_ended(pid):
        os.kill(pid, signal.SIGTERM)
    raise UsageError(
        "serve.not-started",
        "The server did not come up.",
        place=str(log),
        found=log.read_bytes()[written:].decode(errors="replace")[-800:],
        fix="Mend what the log says, then start it again.",
    )


def stop(settings: ServerSettings, wait_s: float = 30.0) -> bool:
    """End a server after it answered what it began; tells whether one ran.

    Raises:
        UsageError: It does not end (`serve.not-stopped`).
    """
    folder = settings.written
    if not is_held(folder / "server.lock"):
        return False
    pid = status(settings).pid
    if not pid:
        raise UsageError(
            "serve.still-starting", "The server is just starting or ending.", place=str(folder), fix="Ask again."
        )
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + wait_s
    while is_held(folder / "server.lock"):
        if time.monotonic() > deadline:
            raise UsageError(
                "serve.not-stopped", "The server does not end.", place=str(folder), fix="Look into its log."
            )
        time.sleep(_PAUSE_S)
    _has_ended(pid)
    return True


def status(settings: ServerSettings) -> ServerStatus:
    """How a server is, from the files that it and its workers leave; needs neither of them."""
    folder = settings.written
    said = _read(folder / "server.json") if is_held(folder / "server.lock") else {}
    models = {
        one.root.name: tuple(_read(path) for path in sorted(one.workers.glob("*.json")))
        for one in settings.serve_folders()
    }
    pid = said.get("pid", 0)
    return ServerStatus(bool(said), pid if isinstance(pid, int) else 0, str(said.get("url", "")), models)


def promote_release(settings: ServerSettings, receipt: Receipt, gate_key: Signer) -> Moved:
    """Have an admitted release loaded and checked by every worker, then let it answer.

    With no server running, the release is loaded and checked here instead.

    Raises:
        RefusedError: A worker cannot load it; the release before goes on answering.
        AndonError: The release may not be served, or the route is being changed.
    """
    folder = settings.serve_folder(receipt.model_name)
    folder.make()
    bundle = FileBlobs(Path(settings.store)).read(receipt.bundle)
    path = bundle_path(folder, receipt.release)
    path.parent.mkdir(exist_ok=True)
    replace_file(path, bundle)
    table = _table(folder, settings, receipt)
    releases = BundledReleases(folder, settings)

    def check_alone(table: Generation) -> None:
        for slot in table.slots:
            _check_slot(releases, slot)

    return promote(
        folder,
        seal_table(table, gate_key),
        opener_of(settings),
        check_alone=check_alone,
        patience=Patience(time.sleep, int(PROMOTE_S / POLL_S)),
        now_ns=SystemClock().now_ns,
    )


def flip_back(settings: ServerSettings, model_name: str, release: Digest = "") -> Moved:
    """Fall back at once to a release that answered before; needs no server and no database.

    Args:
        settings: Those of the server.
        model_name: The model.
        release: Which one; empty for the one that answered before.

    Raises:
        UsageError: There is nothing to fall back to.
        RefusedError: The routing table does not name this release as a safer one, or it was revoked.
        AndonError: There is no valid routing table.
    """
    folder = settings.serve_folder(model_name)
    open_table = opener_of(settings)
    revoked = revoked_on(Path(settings.folder), root_of(settings))
    if release in revoked:
        raise RefusedError(
            "serve.revoked",
            "This release was revoked, so nothing falls back to it.",
            place=f"{model_name} on {settings.target}",
            found=release,
            fix="Name another that answered before, or release another version.",
        )
    if not release:
        table, at = table_in_force(folder, open_table)
        later = [place for place in table.safer if place > at.place or at.place == table.champion]
        safer = [place for place in later if table.slots[place].release not in revoked]
        if not safer:
            raise UsageError(
                "serve.nothing-before",
                "There is no release to fall back to.",
                place=f"{model_name} on {settings.target}",
                found=table.slots[at.place].release,
                fix="Release another version first: change the model, then andon run.",
            )
        release = table.slots[safer[0]].release
    return flip(folder, release, open_table, SystemClock().now_ns())


def publish_datasets(settings: ServerSettings, datasets: tuple[ServedDataset, ...], gate_key: Signer) -> None:
    """Let the workers of a target answer from these dataset versions, in a file that the gatekeeper signs.

    Raises:
        AndonError: Somebody else is publishing, or the state that is there is damaged or nobody's of this factory.
    """
    path = state_path(Path(settings.folder))
    publish_state(path, datasets, state_opener(root_of(settings), verifier), lambda state: seal_state(state, gate_key))


def _table(folder: ServeFolder, settings: ServerSettings, receipt: Receipt) -> Generation:
    if not folder.cell.exists():
        return first_table(receipt.factory, receipt.model_name, settings.target, receipt.release)
    try:
        table, at = table_in_force(folder, opener_of(settings))
    except AndonError as error:
        if folder.routing.exists():
            raise
        if error.code != "serve.no-route":
            raise
        return first_table(receipt.factory, receipt.model_name, settings.target, receipt.release)
    return next_table(table, at, receipt.release, revoked_on(Path(settings.folder), root_of(settings)))


def _check_slot(releases: BundledReleases, slot: Slot) -> None:
    try:
        releases.load(slot.release)
    except AndonError as error:
        if slot.role == "champion":
            raise
        raise RefusedError(
            "serve.no-way-back",
            "A release that this one would be rolled back to cannot be loaded.",
            place=slot.release,
            found=str(error),
            fix="Mend it first: a release is promoted only when the way back is open.",
        ) from error


def _spawn(command: list[str], log: Path) -> int:
    """Start a process that outlives this one, in a session of its own, and return its id."""
    opened = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    files = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(log), opened, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    return os.posix_spawn(command[0], command, os.environ, file_actions=files, setsid=True)


def _has_ended(pid: int) -> bool:
    """Whether a process ended; takes its exit status if it is ours."""
    try:
        return os.waitpid(pid, os.WNOHANG) != (0, 0)
    except ChildProcessError:
        return not _lives(pid)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _read(path: Path) -> Mapping[str, object]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
