"""What it costs to admit a release that rests on twelve statements, to load it from its bundle, and to roll back."""

import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from made import END, andon, found
from measured import Result, against, tell

from andon.adapters.keys import verifier
from andon.gates.request import Receipt
from andon.kernel.digest import Digest, of_bytes
from andon.kernel.signing import Signer
from andon.runtime.advance import request_of
from andon.wiring.factory import Opened, open_factory
from andon.wiring.served import BundledReleases, serve_folders
from andon.wiring.serving import flip_back
from andon.wiring.targets import server_settings

STATEMENTS, ROUNDS = 12, 5
TARGET = "local"
ALONE = "checks.target_healthy]"
WITH_PEOPLE = 'checks.target_healthy, SignOff("operations", people=1, within="5d")]'
WINDOWS = ((80, ("orders",)), (60, ("orders", "outcomes")), (40, ("orders", "outcomes")))  # days before the end
WAITS_FOR_PEOPLE = 3
WARM_ROUNDS = 40
DATABASE = Path(".andon") / "control.db"


@dataclass(frozen=True)
class Plant:
    """A factory's folder with that of its keys, and the release that waits for admission there."""

    folder: Path
    home: Path
    release: Digest = ""

    def andon(self, *words: str, person: str = "", expect: int = 0) -> None:
        andon(self.folder, self.home, *words, person=person, expect=expect)

    def run(self, *words: str, expect: int = 0) -> None:
        self.andon("run", *words, "--as-of", END.isoformat(), expect=expect)

    def copied_to(self, path: Path) -> "Plant":
        shutil.copytree(self.folder, path / "plant")
        shutil.copytree(self.home, path / "home")
        return replace(self, folder=path / "plant", home=path / "home")

    @contextmanager
    def opened(self) -> Iterator[Opened]:
        os.environ["ANDON_HOME"] = str(self.home)
        with open_factory(self.folder) as opened:
            yield opened


@dataclass(frozen=True)
class Admitted:
    """A factory whose release was admitted just now, and how long that and its parts took, in milliseconds.

    Attributes:
        cold_ms: The first admission of a process, as that of a command is.
        warm_ms: The least of some more by the same gatekeeper, as one that serves others makes them.
        hash_ms: sha256 of the model's bytes.
        proofs_ms: As many ed25519 checks as the admission rests on statements.
        entries: How long the ledger is.
    """

    plant: Plant
    receipt: Receipt
    cold_ms: float
    warm_ms: float
    hash_ms: float
    proofs_ms: float
    entries: int


def main() -> None:
    """Take a release to its admission, and admit it again and again, with the records put back each time."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        plant = approved(place / "first")
        least = admitted(plant.copied_to(place / "second"), plant)
        commit_ms = least_commit_ms(place / "floor.db")
        loads = [loaded_ms(least) for _ in range(ROUNDS)]
        released_again(least.plant)
        moves = [rolled_back_ms(least.plant.copied_to(place / f"back-{number}")) for number in range(ROUNDS)]
        flipped, recorded = (min(times) for times in zip(*moves, strict=True))
    floor_is = f"{STATEMENTS} ed25519 checks and sha256 of the model's bytes."
    commit_is = "One commit of SQLite that waits for the disk."
    tell(
        *admission_results(least, commit_ms),
        against("bundle_load", "ms", min(loads), least.proofs_ms + least.hash_ms, floor_is, note="No database."),
        against("rollback_flip", "ms", flipped, commit_ms, commit_is, note="The next request is answered so."),
        against("rollback_record", "ms", recorded, commit_ms, commit_is, note="After the flip."),
    )


def approved(place: Path) -> Plant:
    """A factory whose release passed every gate and was signed off, and is not admitted yet."""
    made = found(
        place, lambda code: code.replace(ALONE, WITH_PEOPLE).replace("    Params,", "    Params,\n    SignOff,")
    )
    plant = Plant(made, place / "home")
    plant.andon("key", "add", "grace", "--role", "operations")
    for days, sources in WINDOWS:
        plant.andon("run", *sources, "--as-of", (END - timedelta(days=days)).isoformat())
    plant.run(expect=WAITS_FOR_PEOPLE)
    plant.andon("approve", "--reason", "looked at the report", person="grace")
    with plant.opened() as opened:
        (run,) = [one for one in opened.database.runs.recent("plant", 100) if one.state == "waiting"]
        judged = opened.gatekeeper.judge(request_of(opened.line(opened.declaration(run.declaration)), run))
        assert judged.outcome == "PASSED", judged
        return replace(plant, release=str(run.facts["release"]))


def admitted(plant: Plant, before: Plant) -> Admitted:
    """Admit the release of a factory that is just opened, and again with its records as they were before."""
    with plant.opened() as opened:
        taken = []
        for number in range(WARM_ROUNDS + 1):
            if number:
                put_back(plant, before)
            begun = time.perf_counter_ns()
            receipt = opened.gatekeeper.admit(plant.release, TARGET)
            taken.append((time.perf_counter_ns() - begun) / 1e6)
        manifests, record = opened.database.manifests, opened.gatekeeper.keeping.record
        (model,) = [item.digest for item in manifests.get(plant.release).inputs if item.role == "model"]
        objects = [opened.blobs.read(item.sha256) for item in manifests.get(model).content]
        said = record.get(receipt.statement, record.root())
        relied = said.statement.predicate["relied"]
        assert isinstance(relied, list | tuple)
        assert len(relied) == STATEMENTS, len(relied)
        return Admitted(
            plant=plant,
            receipt=receipt,
            cold_ms=taken[0],
            warm_ms=min(taken[1:]),
            hash_ms=least_ms(lambda: [of_bytes(data) for data in objects]),
            proofs_ms=least_ms(checks(opened.gate_key)),
            entries=said.index + 1,
        )


def put_back(plant: Plant, before: Plant) -> None:
    """Restore control database and memory to how they were before the admission, under the open gatekeeper."""
    with (
        closing(sqlite3.connect(before.folder / DATABASE)) as good,
        closing(sqlite3.connect(plant.folder / DATABASE, isolation_level=None)) as now,
    ):
        ((schema,),) = now.execute("PRAGMA schema_version")
        good.backup(now)
        # A backup says that the tables are others now. They are not: who has them in mind need not read them again.
        now.execute(f"PRAGMA schema_version = {schema:d}")
    for path in before.home.rglob("remembered.json"):
        shutil.copy(path, plant.home / path.relative_to(before.home))


def admission_results(least: Admitted, commit_ms: float) -> tuple[Result, Result]:
    """The admission against what it cannot do without: by a gatekeeper that runs, and by a command."""
    floor = least.proofs_ms + least.hash_ms + commit_ms
    floor_is = f"{STATEMENTS} ed25519 checks, sha256 of the model's bytes, one commit that waits for the disk."
    name, note = f"admission_{STATEMENTS}_statements", f"Wall time over {least.entries} ledger entries."
    budget = round(10 + least.hash_ms, 1)
    return (
        against(name, "ms", least.warm_ms, floor, floor_is, at_most=budget, note=f"{note} Budget: 10 ms and hashing."),
        against(f"{name}_first", "ms", least.cold_ms, floor, floor_is, note="The first one of a process."),
    )


def loaded_ms(one: Admitted) -> float:
    """How long a server takes to check a release that it never saw, from its bundle and its bytes."""
    with one.plant.opened() as opened:
        settings = server_settings(opened.settings, TARGET)
        if not serve_folders(Path(settings.folder)):
            (run,) = opened.database.runs.recent("plant", 1)
            opened.line(opened.declaration(run.declaration)).targets.promote(one.receipt)
    (folder,) = serve_folders(Path(settings.folder))
    begun = time.perf_counter_ns()
    BundledReleases(folder, settings).load(one.plant.release)
    return (time.perf_counter_ns() - begun) / 1e6


def released_again(plant: Plant) -> None:
    """Release a second version, so that there is something to go back from."""
    path = plant.folder / "factory.py"
    path.write_text(path.read_text().replace("leaves: int = 15", "leaves: int = 12"))
    plant.run("late", expect=WAITS_FOR_PEOPLE)
    plant.andon("approve", "--reason", "looked at the report", person="grace")
    plant.run("late")


def rolled_back_ms(plant: Plant) -> tuple[float, float]:
    """How long it takes until the release before answers the next request, and then to record that."""
    with plant.opened() as opened:
        settings = server_settings(opened.settings, TARGET)
        begun = time.perf_counter_ns()
        moved = flip_back(settings, "late")
        flipped = time.perf_counter_ns()
        assert moved.release == plant.release, moved
        opened.gatekeeper.rollback(target=TARGET, to=moved.release, by="grace", reason="measured")
        return (flipped - begun) / 1e6, (time.perf_counter_ns() - flipped) / 1e6


def checks(signer: Signer) -> Callable[[], object]:
    """As many checks of different signatures as the admission rests on statements."""
    check = verifier(signer.public)
    signed = [(signer.sign(data), data) for data in (b"%d" % number * 1000 for number in range(STATEMENTS))]
    assert all(check.verify(signature, data) for signature, data in signed)
    return lambda: [check.verify(signature, data) for signature, data in signed]


def least_commit_ms(path: Path) -> float:
    """One row, as durably as the control database keeps it, on a connection that stays open."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL").close()
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE done (what TEXT)")
        return least_ms(lambda: connection.execute("INSERT INTO done VALUES ('one')"))


def least_ms(work: Callable[[], object]) -> float:
    """The least wall time of some rounds, as many as the admission has, in milliseconds."""
    least = float("inf")
    for _ in range(WARM_ROUNDS):
        begun = time.perf_counter_ns()
        work()
        least = min(least, (time.perf_counter_ns() - begun) / 1e6)
    return least


if __name__ == "__main__":
    main()
