"""The process of one server: it holds the socket of a target and keeps its workers alive."""

import json
import os
import sys
from pathlib import Path
from typing import Final

from andon.adapters.asgi.supervisor import Handles, Supervisor, listen, url_of
from andon.kernel.errors import AndonError, ConflictError
from andon.line.serve.folder import hold, replace_file
from andon.wiring.served import ServerSettings, read_server_settings

APART_UMASK: Final = 0o027  # the gatekeeper, in the group of the folder, reads the log
ALONE_UMASK: Final = 0o077


def main(arguments: list[str]) -> int:
    """Run a server with the settings in a file; prints its URL once all workers listen."""
    try:
        _serve(Path(arguments[0]))
    except AndonError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


def _serve(path: Path) -> None:
    settings = read_server_settings(path)
    os.umask(APART_UMASK if settings.is_apart else ALONE_UMASK)
    folder = settings.written
    folder.mkdir(parents=True, exist_ok=True)
    with hold(folder / "server.lock", 0o640) as is_ours:
        if not is_ours:
            raise ConflictError(
                "serve.already-runs", "A server of this target runs already.", place=str(folder), fix="Use that one."
            )
        listener = listen(settings.host, settings.port)
        url = url_of(listener)
        said = folder / "server.json"

        def command(name: str, handles: Handles) -> list[str]:
            numbers = [str(number) for number in (handles.listener, handles.lifeline, handles.ready)]
            return [sys.executable, "-P", "-m", "andon.wiring.processes.worker", str(path), name, *numbers]

        def on_ready(workers: dict[str, int]) -> None:
            _say(said, url, settings, workers)

        try:
            Supervisor(listener, command, settings.workers, on_ready).run()
        finally:
            said.unlink(missing_ok=True)
            listener.close()


def _say(path: Path, url: str, settings: ServerSettings, workers: dict[str, int]) -> None:
    replace_file(path, json.dumps({"pid": os.getpid(), "url": url, "workers": workers}).encode())
    sys.stdout.write(f"andon serves {settings.factory} on {settings.target} at {url}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
