"""A factory in a folder of its own, worked with as a person would: by the command `andon`, in real processes."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from typer.testing import CliRunner

PARCELS = Path(__file__).parent / "parcels" / "factory.py"
ANDON = (str(Path(sys.executable).with_name("andon")),)
KILLED_AT = (sys.executable, "-P", str(Path(__file__).with_name("killed_at.py")))
START = datetime(2023, 11, 14, tzinfo=UTC)
AS_OF = "2024-01-10"
ROWS = 600
WAIT_S = 900  # a machine may have much else to do
NOBODY = "PEOPLE: list[SignOff] = []"
SOMEBODY = 'PEOPLE = [SignOff("operations", people=1, within="5d")]'


@dataclass(frozen=True)
class Answer:
    """What a command left: its exit code and its words."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> dict[str, str]:
        """The refusal that `--json` printed."""
        return json.loads(self.out)["error"]


@dataclass(frozen=True)
class Place:
    """A factory's folder, and beside it the folder of its keys."""

    folder: Path
    home: Path

    def environment(self, person: str = "ada") -> dict[str, str]:
        """The surroundings of a command."""
        return {**os.environ, "ANDON_HOME": str(self.home), "ANDON_AS": person}

    def start(self, *words: str, through: Sequence[str] = ANDON) -> subprocess.Popen[str]:
        """A command at work, in a process group of its own.

        Args:
            words: What follows `andon` on the command line.
            through: What the command line begins with instead.
        """
        return subprocess.Popen(
            [*through, *words, "-C", str(self.folder)],
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def andon(self, *words: str, through: Sequence[str] = ANDON) -> Answer:
        """What a command says."""
        with self.start(*words, through=through) as process:
            return answer_of(process)

    def run(self, *words: str, through: Sequence[str] = ANDON) -> Answer:
        """What running the line says."""
        return self.andon("run", "--as-of", AS_OF, *words, through=through)

    def is_clean(self) -> bool:
        """Whether the audit finds everything as it was recorded, and no half-written file is left in the store.

        It is asked so often that it gets no process of its own.
        """
        from andon.cli.main import app  # only who asks needs it

        answer = CliRunner().invoke(app, ["audit", "verify", "-C", str(self.folder)], env=self.environment())
        assert answer.exit_code == 0, answer.output
        return True

    def sql(self, query: str, *values: object) -> list[tuple]:
        """A query of the control database, past andon."""
        with sqlite3.connect(self.folder / ".andon" / "control.db", timeout=30) as database:
            found = database.execute(query, values).fetchall()
        database.close()
        return found

    def digests(self) -> set[tuple[str, str]]:
        """Kind and digest of every artefact, but of reports on a training: those say how long it took."""
        found = self.sql("select kind, digest, body from manifests")
        return {(kind, digest) for kind, digest, body in found if json.loads(body)["facts"].get("of") != "training"}

    def entries(self) -> int:
        """How long the ledger is."""
        return self.sql("select count(*) from ledger_leaves")[0][0]

    def calls(self) -> Counter[str]:
        """How often the user's functions ran."""
        path = self.folder / "calls.txt"
        return Counter(path.read_text().split()) if path.exists() else Counter()

    def rewrite(self, name: str, change: Callable[[str], str]) -> None:
        """Change a file of the factory."""
        path = self.folder / name
        text = path.read_text()
        changed = change(text)
        assert changed != text
        path.write_text(changed)

    def copied_to(self, path: Path) -> "Place":
        """The same factory elsewhere, with its own copy of everything."""
        shutil.copytree(self.folder, path / "parcels", symlinks=True)
        shutil.copytree(self.home, path / "home")
        return Place(path / "parcels", path / "home")

    @property
    def served(self) -> list[Path]:
        """The releases that the target has been given."""
        return sorted((self.folder / ".andon" / "serve").glob("*/*/bundles/*"))


def answer_of(process: subprocess.Popen[str]) -> Answer:
    """What a command at work says in the end; never a traceback."""
    try:
        out, err = process.communicate(timeout=WAIT_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    assert "Traceback" not in err + out, err
    return Answer(process.returncode, out, err)


def found_parcels(path: Path) -> Place:
    """A new factory in an empty folder; nothing has run."""
    place = Place(path / "parcels", path / "home")
    place.folder.mkdir(parents=True)
    (place.folder / "factory.py").write_text(PARCELS.read_text())
    write_rows(place.folder)
    answer = place.andon("init", "parcels")
    assert answer.code == 0, answer.err
    return place


def write_rows(folder: Path) -> None:
    """The sources: ten parcels a day, of which every hundredth is too heavy to be true, and their deliveries."""
    sent, delivered = ["parcel,sent,depot,weight"], ["parcel,delivered,depot,late_min"]
    for number in range(ROWS):
        depot, weight = ("north" if number % 3 else "south"), (number * 7) % 41
        moment = START + number * timedelta(hours=2, minutes=24)
        late = (weight - 20) * 5 + (number * 13) % 31 - 15
        sent.append(f"p{number},{moment.isoformat()},{depot},{99 if number % 100 == 50 else weight}")
        delivered.append(f"p{number},{(moment + timedelta(hours=6)).isoformat()},{depot},{late}")
    (folder / "sent.csv").write_text("\n".join(sent) + "\n")
    (folder / "delivered.csv").write_text("\n".join(delivered) + "\n")
