"""Running the line in the foreground: sources first, then what is derived from them, then the models they feed."""

import errno
import json
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from andon.contracts.dataset import DatasetContract, contract_from_json
from andon.contracts.declaration import Declaration, Derivation, Source
from andon.contracts.wire import to_json
from andon.kernel.canonical import Json
from andon.kernel.clock import parse_iso
from andon.kernel.digest import Digest
from andon.kernel.errors import AndonError, UsageError
from andon.kernel.ids import system_entropy
from andon.kernel.trace import new_trace
from andon.runtime.drive import Order, run_to_rest
from andon.runtime.line import Line
from andon.runtime.run import Run, RunKind
from andon.runtime.steps import Tell
from andon.runtime.tables import (
    contracts_of_model,
    contracts_read_by,
    moved_on,
    open_version,
    published,
    published_as_of,
)
from andon.store.errors import StorageError
from andon.wiring.calls.declaring import declare_and_keep
from andon.wiring.factory import Opened, open_factory
from andon.wiring.settings import load_settings

EXIT_DONE: Final = 0
EXIT_WAITS: Final = 3
EXIT_REFUSED: Final = 4
TRACE_BYTES: Final = 24
SCARCE_BYTES: Final = 1 << 20
FULL: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass(frozen=True, slots=True)
class LineResult:
    """Where every run of one command stands.

    Attributes:
        runs: In the order they were run.
        questions: For each model that was released, how to ask it: a line for people.
    """

    runs: tuple[Run, ...]
    questions: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        """0 when everything is done, 3 when a run waits for people, 4 when a gate refused."""
        states = {run.state for run in self.runs}
        if "refused" in states:
            return EXIT_REFUSED
        return EXIT_WAITS if "waiting" in states else EXIT_DONE

    def rows(self) -> list[list[str]]:
        """One row a run, for people."""
        return [
            [run.id[-12:], f"{run.kind} {run.subject}", run.state, run.stage, run.waiting_for or _result(run)]
            for run in self.runs
        ]

    def hints(self) -> list[str]:
        """What to do next."""
        waiting = [run for run in self.runs if run.state == "waiting"]
        refused = [run for run in self.runs if run.state == "refused"]
        lines = [f"Next: andon approve {_gate(run)} --as PERSON" for run in waiting if run.stage.endswith(" gate")]
        lines += [f"Why: andon gates {_gate(run)}" for run in refused]
        return lines + list(self.questions)

    def to_json(self) -> dict[str, Json]:
        """Everything for programs."""
        return {"runs": [to_json(run) for run in self.runs], "exit_code": self.exit_code}


def run_line(folder: Path, subjects: Sequence[str], *, as_of: str, tell: Tell) -> LineResult:
    """Bring sources up to date and take models through the line, as far as gates and people let them.

    Nothing is derived and no model is run from a dataset that was refused at its data gate, or waits there: it would be
    made without what came last.

    Args:
        folder: The factory's folder.
        subjects: Sources, derivations and models to run; all of them when empty.
        as_of: ISO time up to which data is seen; empty means where an unfinished run stands, else now.
        tell: Takes progress.

    Raises:
        UsageError: A subject is not declared, or the time is none.
        AndonError: A stage failed; what was finished before is kept.
    """
    with _disk_understood(folder), open_factory(folder) as opened:
        declaration, digest = declare_and_keep(opened.settings, opened.children, opened.blobs)
        _check_subjects(declaration, subjects)
        line = opened.line(declaration)
        orders = _Orders(opened, line, digest, opened.settings.person, as_of)
        runs, blocked = _bring_rows(line, orders, subjects, tell)
        for model in declaration.models:
            wanted = not subjects or model.name in subjects
            if wanted and not blocked & set(contracts_of_model(declaration, model)):
                order = orders.model(model.name)
                _tell_stale(line, order, tell)
                runs.append(run_to_rest(line, order, tell, time.sleep))
        released = [run for run in runs if run.kind == "model" and run.state == "done"]
        return LineResult(tuple(runs), tuple(_how_to_ask(line, run) for run in released))


def _bring_rows(line: Line, orders: "_Orders", subjects: Sequence[str], tell: Tell) -> tuple[list[Run], set[str]]:
    """Run sources and derivations, and give the contracts whose newest rows did not come in."""
    runs: list[Run] = []
    blocked: set[str] = set()
    for origin in line.declaration.origins:
        lacking = sorted(blocked & set(contracts_read_by(line.declaration, origin)))
        if subjects and origin.name not in subjects:
            continue
        if lacking:
            what = "derived" if isinstance(origin, Derivation) else "brought in"
            tell(f"{origin.name}: not {what}, because {', '.join(lacking)} did not come in")
        else:
            runs.append(run_to_rest(line, orders.rows(origin), tell, time.sleep))
        if lacking or runs[-1].state != "done":
            blocked.add(origin.contract)
    return runs, blocked


@contextmanager
def _disk_understood(folder: Path) -> Iterator[None]:
    """Tell a full or failing disk as what it is, whichever write it was that found no room.

    A child that finds none can only fail in words of its own, so the room that is left decides.

    Raises:
        StorageError: The disk is full or fails; what was finished is kept.
    """
    try:
        yield
    except BrokenPipeError:
        raise  # nobody reads what is told any more; the disk has no part in it
    except (OSError, AndonError) as error:
        if isinstance(error, StorageError):
            raise
        left_bytes = _room(load_settings(folder).spool)
        if left_bytes < SCARCE_BYTES or getattr(error, "errno", 0) in FULL:
            raise StorageError(
                "run.disk-full",
                "There is no room left for the work; nothing was half written.",
                place=str(folder.resolve()),
                found=f"{left_bytes} bytes of free space; {error}",
                fix="Free some space or raise the quota, then run again: what is finished is kept.",
            ) from error
        if isinstance(error, OSError):
            raise StorageError(
                "run.disk-failed",
                "A file of the factory cannot be read or written.",
                place=str(error.filename or folder.resolve()),
                found=error.strerror or type(error).__name__,
                fix="Check that this user may read and write it and that the disk is healthy, then run again.",
            ) from error
        raise


def _room(folder: Path) -> int:
    """Bytes that may still be written where a folder is, or will be."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


@dataclass(frozen=True, slots=True)
class _Orders:
    """Makes the orders of one command."""

    opened: Opened
    line: Line
    declaration: Digest
    starter: str
    as_of: str

    def rows(self, origin: Source | Derivation) -> Order:
        """Bring a source up to the moment asked for, or derive a dataset; what that reads is pinned."""
        as_of_ns = self._moment("ingest", origin.name)
        pinned = self._pinned(contracts_read_by(self.line.declaration, origin), as_of_ns, origin.name)
        return self._order("ingest", origin.name, as_of_ns, {"datasets": pinned} if pinned else {})

    def model(self, model: str) -> Order:
        """Take a model through the line, on the dataset versions of that moment."""
        contracts = contracts_of_model(self.line.declaration, self.line.model(model))
        as_of_ns = self._moment("model", model)
        return self._order("model", model, as_of_ns, {"datasets": self._pinned(contracts, as_of_ns, model)})

    def _pinned(self, contracts: Sequence[str], as_of_ns: int, needed_by: str) -> dict[str, Json]:
        """The version of each contract at a moment."""
        pinned: dict[str, Json] = {}
        for contract in contracts:
            version = published_as_of(self.line, contract, as_of_ns)
            if version is None:
                raise UsageError(
                    "run.nothing-published",
                    f"Nothing is published yet of {contract}, which {needed_by} needs.",
                    place=contract,
                    fix="Run its source first: andon run",
                )
            pinned[contract] = version.digest
        return pinned

    def _order(self, kind: RunKind, subject: str, as_of_ns: int, facts: dict[str, Json]) -> Order:
        return Order(
            kind=kind,
            subject=subject,
            as_of_ns=as_of_ns,
            started_by=self.starter,
            declaration=self.declaration,
            traceparent=new_trace(system_entropy(TRACE_BYTES)),
            facts=facts,
        )

    def _moment(self, kind: RunKind, subject: str) -> int:
        """The moment asked for; else where an unfinished run of this declaration stands; else now."""
        if self.as_of:
            return parse_iso(self.as_of)
        found = self.line.records.runs.find(self.line.factory, kind, subject, ("running", "waiting"))
        left = [run for run in found if run.declaration == self.declaration]
        return left[0].as_of_ns if left else self.opened.clock.now_ns()


def _check_subjects(declaration: Declaration, subjects: Sequence[str]) -> None:
    known = [one.name for one in (*declaration.origins, *declaration.models)]
    for subject in subjects:
        if subject not in known:
            raise UsageError(
                "run.unknown-subject",
                f"The factory has no source, derivation or model {subject!r}.",
                found=", ".join(known),
                fix="Name one of those found.",
            )


def _tell_stale(line: Line, order: Order, tell: Tell) -> None:
    """Say which pinned datasets were derived from earlier versions than those of the order's moment."""
    versions = {name: published_as_of(line, name, order.as_of_ns) for name in line.contracts}
    current = {name: version.digest for name, version in versions.items() if version}
    for contract, digest in cast("Mapping[str, str]", order.facts["datasets"]).items():
        behind = moved_on(line.records.manifests.get(digest), line.records.manifests.get, current)
        if behind:
            tell(f"{order.subject}: {contract} is older than {', '.join(behind)}, from which it is derived")


def _gate(run: Run) -> str:
    return f"{run.stage.removesuffix(' gate')}:{run.subject}"


def _result(run: Run) -> str:
    return str(run.facts.get("result", ""))


def _how_to_ask(line: Line, run: Run) -> str:
    """The first question to a served model, ready to be pasted."""
    features = line.feature_set(line.model(run.subject).features)
    contract = contract_from_json(cast("dict[str, Json]", line.declaration.contracts[features.spine]))
    entity = json.dumps(_newest_entity(line, contract), ensure_ascii=False, default=str).replace("'", "'\\''")
    url = f"http://127.0.0.1:8080/predict/{line.factory}/{run.subject}"
    question = f'{{"entity": {entity}}}'
    return f"Serve it with: andon up\nThen ask: curl -s {url} -H 'content-type: application/json' -d '{question}'"


def _newest_entity(line: Line, contract: DatasetContract) -> dict[str, Json]:
    """The keys of the newest row that is published: somebody whom the model can be asked about."""
    version = published(line, contract.name)
    keys = contract.of_role("key")
    if version is None:
        return dict.fromkeys(keys, "...")
    times = contract.of_role("event_time")
    rows = open_version(line, version, contract.name)
    newest = (rows.sort(times, maintain_order=True) if times else rows).select(keys).tail(1).collect()
    return dict(next(newest.iter_rows(named=True), {}))
