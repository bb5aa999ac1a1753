"""A person's session with a small real factory: the command `andon` in real processes, and its server over HTTP."""

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

ANDON = str(Path(sys.executable).with_name("andon"))
AS_OF = "2024-01-10"
WAITS_FOR_PEOPLE, REFUSED = 3, 4
UP_WITHIN_S = 120
ADDRESS = re.compile(r"http://[^/\s]+")
CODE = re.compile(r"\b[a-z]+\.[a-z]+(-[a-z]+)*\b")
VERSION = f"andon {version('andon')}"
HEAVY = "p568"  # of 40 kg, sent on the evening of 9 January
ASKED = "2024-01-09T20:12:00+00:00"


class UnexpectedError(Exception):
    """The line did not do what it does when nobody attacks it."""


@dataclass(frozen=True)
class Said:
    """What a command left: its exit code and its words."""

    code: int
    words: str

    @property
    def refusal(self) -> str:
        """The code of the refusal that `--json` printed; empty when there is none."""
        try:
            found = json.loads(self.words)
        except ValueError:
            return ""
        return str(found["error"]["code"]) if isinstance(found, dict) and "error" in found else ""


@dataclass(frozen=True)
class Line:
    """A factory in a folder of its own, founded by olga; ada and grace are both of operations."""

    work: Path

    @property
    def folder(self) -> Path:
        return self.work / "parcels"

    def andon(self, *words: str, person: str = "ada", expect: int | None = None) -> Said:
        """Run a command as a person; insist on its exit code where one is named."""
        variables = {**os.environ, "ANDON_HOME": str(self.work / "home"), "ANDON_AS": person, "NO_COLOR": "1"}
        done = subprocess.run(
            [ANDON, *words], cwd=self.folder, env=variables, capture_output=True, text=True, check=False
        )
        if expect is not None and done.returncode != expect:
            raise UnexpectedError(f"andon {' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}")
        return Said(done.returncode, done.stdout or done.stderr)

    def found(self) -> None:
        """Make the factory."""
        self.folder.mkdir(parents=True)
        shutil.copy(Path(__file__).with_name("factory.py"), self.folder)
        shutil.copy(self.work / "parcels.csv", self.folder)
        self.andon("init", "parcels", person="olga", expect=0)
        for person in ("ada", "grace"):
            self.andon("key", "add", person, "--role", "operations", person="olga", expect=0)

    def train_with(self, sign: float) -> None:
        """Have the next model trained upside down, or the right way up again."""
        path = self.folder / "factory.py"
        text = Path(__file__).with_name("factory.py").read_text()
        path.write_text(text.replace("sign: float = 1.0", f"sign: float = {sign}"))

    def run(self, expect: int | None = None) -> Said:
        """Run the line as far as its gates let it."""
        return self.andon("run", "--as-of", AS_OF, "--json", expect=expect)

    def sql(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """What somebody with the database file can do to it, its guards taken away first."""
        with closing(sqlite3.connect(self.folder / ".andon" / "control.db", timeout=30)) as database:
            if not query.startswith("select"):
                for (guard,) in database.execute("select name from sqlite_master where type = 'trigger'").fetchall():
                    database.execute(f"drop trigger {guard}")
            found = database.execute(query, values).fetchall()
            database.commit()
        return found

    def run_set_to(self, step: str, **facts: object) -> str:
        """Set the newest model run to a step by hand, which no command does, and run on; the code of the refusal.

        Args:
            step: The step at which the run shall stand.
            facts: What the steps before would have left there.
        """
        ((run, found),) = self.sql("select id, facts from runs where kind = 'model' order by sequence desc limit 1")
        said = json.dumps(json.loads(found) | facts, sort_keys=True, separators=(",", ":")).encode()
        self.sql(
            "update runs set state = 'running', waiting_for = '', stage = ?, facts = ? where id = ?", step, said, run
        )
        return self.run().refusal

    def wrong(self) -> list[str]:
        """The codes of what `andon audit verify` finds wrong, each once."""
        found = re.findall(rf"WRONG\s+({CODE.pattern})", self.andon("audit", "verify").words)
        return list(dict.fromkeys(one[0] for one in found))

    def model_objects(self) -> list[Path]:
        """The file of each model's bytes, the oldest model first."""
        bodies = [
            json.loads(body)
            for (body,) in self.sql("select body from manifests where kind = 'model' order by sequence")
        ]
        names = [next(one["sha256"] for one in body["content"] if one["name"] == "model") for body in bodies]
        hexes = [name.removeprefix("sha256:") for name in names]
        return [self.folder / ".andon" / "store" / name[:2] / name for name in hexes]

    @contextmanager
    def server(self) -> Iterator[str]:
        """`andon up` on a free port; gives its address, or nothing where it refuses to start."""
        variables = {**os.environ, "ANDON_HOME": str(self.work / "home"), "ANDON_AS": "ada"}
        with (self.work / "up.log").open("w+") as log:
            running = subprocess.Popen(
                [ANDON, "up", "--port", "0"], cwd=self.folder, env=variables, stdout=log, stderr=log
            )
            try:
                yield self._address(running)
            finally:
                running.send_signal(signal.SIGTERM)
                running.wait(timeout=60)

    def _address(self, running: "subprocess.Popen[bytes]") -> str:
        deadline = time.monotonic() + UP_WITHIN_S
        while time.monotonic() < deadline:
            has_ended = running.poll() is not None
            if found := ADDRESS.search(self._log()):
                return found[0]
            if has_ended:
                return ""
            time.sleep(0.1)
        raise UnexpectedError(f"the server did not come up: {self._log()}")

    def _log(self) -> str:
        return (self.work / "up.log").read_text()

    def asked(self) -> tuple[float | None, str]:
        """What a server that starts now answers for a heavy parcel: the prediction, or the code of its refusal."""
        with self.server() as url:
            if not url:
                found = CODE.search(self._log())
                return None, found[0] if found else ""
            body = json.dumps({"entity": {"parcel": HEAVY}, "asked": ASKED}).encode()
            question = urllib.request.Request(f"{url}/predict/parcels/late", body, {"content-type": "application/json"})
            try:
                with urllib.request.urlopen(question, timeout=60) as answer:
                    return float(json.load(answer)["prediction"]), ""
            except urllib.error.HTTPError as error:
                return None, str(json.load(error)["error"]["code"])


def released(work: Path) -> Line:
    """A factory whose first model passed its gates, was signed off by grace, and is served."""
    line = Line(work)
    line.found()
    line.run(expect=WAITS_FOR_PEOPLE)
    line.andon("approve", "--reason", "looked at the report", person="grace", expect=0)
    line.run(expect=0)
    return line
