"""A team's session with Dagster: assets and checks materialised by its command, its daemon and its web server."""

import json
import os
import pickle
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version as version_of
from pathlib import Path

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
VERSION = f"dagster {version_of('dagster')}"
UP_WITHIN_S = 180
HEAVY = [[40.0, 19.0]]


class UnexpectedError(Exception):
    """Dagster did not do what it does when nobody attacks it."""


@dataclass(frozen=True)
class Said:
    """What a process left: its exit code and its words."""

    code: int
    words: str

    @property
    def why(self) -> str:
        """The words that say why it failed; else its last ones."""
        lines = [line.strip() for line in self.words.splitlines() if line.strip()] or [""]
        reasons = [line for line in lines if line.startswith("dagster.")]
        return (reasons or lines)[-1][:200]


@dataclass(frozen=True)
class Line:
    """An instance of Dagster in a folder of its own, and the file that is served."""

    work: Path

    @property
    def home(self) -> Path:
        """Dagster's own folder, with its storage."""
        return self.work / "dagster"

    @property
    def served(self) -> Path:
        """The file that is served."""
        return self.work / "served.pickle"

    @property
    def stored_model(self) -> Path:
        """Where Dagster's own input and output manager keeps the model."""
        return self.home / "storage" / "model"

    def environment(self, sign: float = 1.0) -> dict[str, str]:
        """What Dagster's processes find."""
        self.home.mkdir(exist_ok=True)
        ours = {
            "DAGSTER_HOME": str(self.home),
            "DAGSTER_DISABLE_TELEMETRY": "1",
            "PARCELS": str(self.work / "parcels.csv"),
            "SERVED": str(self.served),
            "SIGN": str(sign),
        }
        return {**os.environ, **ours, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}

    def materialize(self, selection: str, *, sign: float = 1.0, file: str = "gated.py") -> Said:
        """Run some assets with their checks."""
        command = [str(BIN / "dagster"), "asset", "materialize", "--select", selection, "-f", file]
        done = subprocess.run(
            command,
            env=self.environment(sign),
            cwd=HERE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=600,
        )
        return Said(done.returncode, done.stdout)

    def asked(self) -> float | None:
        """What the served model says of a heavy parcel; `None` where none is served."""
        if not self.served.exists():
            return None
        return round(float(pickle.loads(self.served.read_bytes()).predict_proba(HEAVY)[0][1]), 6)

    @contextmanager
    def servers(self, file: str) -> Iterator[str]:
        """Dagster's daemon and its web server; gives the address."""
        port = free_port()
        commands = (
            [str(BIN / "dagster-webserver"), "-f", file, "-h", "127.0.0.1", "-p", str(port)],
            [str(BIN / "dagster-daemon"), "run", "-f", file],
        )
        with (self.work / "servers.log").open("w") as log:
            started = [
                subprocess.Popen(
                    command, env=self.environment(), cwd=HERE, stdout=log, stderr=log, start_new_session=True
                )
                for command in commands
            ]
            try:
                self._wait(f"http://127.0.0.1:{port}/server_info")
                yield f"http://127.0.0.1:{port}"
            finally:
                for one in started:
                    with suppress(ProcessLookupError):  # it may have ended by itself
                        os.killpg(one.pid, signal.SIGTERM)
                for one in started:
                    one.wait(timeout=60)

    def _wait(self, url: str) -> None:
        deadline = time.monotonic() + UP_WITHIN_S
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(url, timeout=2):
                    return
            except OSError:
                time.sleep(0.3)
        raise UnexpectedError((self.work / "servers.log").read_text()[-2000:])


def post(url: str, body: dict[str, object]) -> int:
    """Send JSON; gives the status."""
    question = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(question, timeout=60) as answer:
        return int(answer.status)


def free_port() -> int:
    """A port of the loopback address that nobody uses."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
