"""The prediction log as it lies in the serve folders: closed batches and open journals, read while servers write."""

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, cast

import polars as pl

from andon.adapters.asgi.records import PackedRecords
from andon.contracts.prediction import Prediction, Said
from andon.kernel.errors import InputError, IntegrityError
from andon.line.serve.folder import ServeFolder
from andon.line.serve.journal import Journal
from andon.line.serve.records import Batch, batches_in, gaps_of, read_batch
from andon.line.serve.upkeep import status_path
from andon.wiring.settings import Settings

_JOURNAL: Final = "open.journal"


@dataclass(frozen=True, slots=True)
class Worker:
    """The log of one worker of one model on one target."""

    target: str
    model: str
    name: str
    folder: Path

    def batches(self) -> list[Batch]:
        """Its closed batches, in order."""
        return batches_in(self.folder)

    def open_records(self) -> list[Prediction]:
        """What stands in its journal now and in no batch yet; its own file is left alone, because it may be written."""
        path = self.folder / _JOURNAL
        with TemporaryDirectory() as copies:
            copy = Path(copies) / _JOURNAL
            try:
                shutil.copyfile(path, copy)
            except FileNotFoundError:
                return []
            found = Journal(copy, PackedRecords()).records()
        closed = max((batch.last for batch in self.batches()), default=0)
        return [one for one in found if one.number > closed]

    def lost(self) -> int:
        """How many predictions were given a number, as the worker says itself, and stand in no batch or journal."""
        ranges = [(one.number, one.number) for one in self.open_records()]
        ranges += [(batch.first, batch.last) for batch in self.batches()]
        issued = max([self._issued(), *(last for _, last in ranges)])
        return sum(last - first + 1 for first, last in gaps_of(ranges, issued))

    def _issued(self) -> int:
        try:
            said = json.loads(status_path(ServeFolder(self.folder.parent.parent), self.name).read_bytes())
        except (OSError, ValueError):
            return 0  # it has said nothing yet
        issued = said.get("issued") if isinstance(said, dict) else 0
        return issued if isinstance(issued, int) else 0


@dataclass(frozen=True, slots=True)
class Logged:
    """A prediction and where it is written down, in words for people."""

    prediction: Prediction
    target: str
    place: str


def workers_of(settings: Settings, target: str = "", model: str = "") -> list[Worker]:
    """The logs of all workers, or of those of one target or one model."""
    serving = settings.served(target or "any").parent
    targets = [target] if target else sorted(path.name for path in serving.glob("*") if path.is_dir())
    return [
        Worker(name, folder.root.name, log.name, log)
        for name in targets
        for folder in _folders(settings, name)
        if not model or folder.root.name == model
        for log in _logs(folder)
    ]


def _folders(settings: Settings, target: str) -> list[ServeFolder]:
    """What servers of a target wrote, a folder for each model."""
    return [ServeFolder(path.parent) for path in sorted(settings.served(target).glob("*/log"))]


def find_prediction(settings: Settings, prediction_id: str) -> Logged:
    """A prediction by its id, from a batch whose bytes were checked or from an open journal.

    Raises:
        InputError: It stands in no log.
        IntegrityError: The batch that has it is not what was closed.
    """
    workers = workers_of(settings)
    for worker in workers:
        # The journal first: a batch that is closed meanwhile is then found among the batches.
        for one in worker.open_records():
            if one.id == prediction_id:
                return Logged(one, worker.target, f"the open journal of worker {worker.name}, in no closed batch yet")
        for batch in worker.batches():
            if prediction_id in _ids(batch):
                found = next(one for one in predictions_in(batch) if one.id == prediction_id)
                return Logged(found, worker.target, f"batch {batch.digest} of worker {worker.name}")
    raise InputError(
        "look.unknown-prediction",
        "This prediction stands in no log of this factory.",
        place=prediction_id,
        found=f"{len(workers)} logs with {sum(len(worker.batches()) for worker in workers)} closed batches",
        fix="Check the id; a server writes its predictions within a second, and says in /metrics how many it lost.",
    )


def predictions_in(batch: Batch) -> Iterator[Prediction]:
    """The predictions of a closed batch, after checking its bytes.

    Raises:
        IntegrityError: The bytes are not those that were closed.
    """
    frame = read_batch(batch).with_columns(pl.col("asked", "answered").to_physical())
    for row in frame.iter_rows(named=True):
        yield Prediction(
            id=row["id"],
            worker=row["worker"],
            number=row["number"],
            asked_ns=row["asked"],
            answered_ns=row["answered"],
            release=row["release"],
            model=row["model"],
            entity=_entity(row["entity"]),
            inputs=row.get("inputs") or {},
            outputs=tuple(row["outputs"]),
            state=cast("Mapping[str, str]", json.loads(row["state"])),
        )


def _entity(text: str) -> Mapping[str, Said]:
    said = cast("Mapping[str, Said | list[float]]", json.loads(text))
    return {name: tuple(value) if isinstance(value, list) else value for name, value in said.items()}


def _ids(batch: Batch) -> frozenset[str]:
    """The ids in a batch; its bytes are checked by whoever then reads it."""
    try:
        return frozenset(pl.read_parquet(batch.path, columns=["id"])["id"])
    except (OSError, pl.exceptions.PolarsError) as error:
        raise IntegrityError(
            "serve.batch-damaged",
            "This batch of the prediction log cannot be read.",
            place=str(batch.path),
            found=f"{type(error).__name__}: {error}"[:200],
            fix="Put the file back from a backup; if there is none, its numbers are lost and must be reported so.",
        ) from error


def _logs(folder: ServeFolder) -> list[Path]:
    return sorted(path for path in folder.log.glob("*") if path.is_dir())
