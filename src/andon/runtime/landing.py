"""The raw rows of a source, brought by a keyless child and kept: asked of its function, or read from what it reads."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar, cast

from andon.contracts.dataset import DatasetContract
from andon.contracts.declaration import Source
from andon.contracts.reading import Account, FileRead, Reading, variables_of
from andon.contracts.wire import from_json, to_json
from andon.kernel.canonical import Json, dumps, loads
from andon.kernel.errors import WaitingError
from andon.runtime.batches import LANDED
from andon.runtime.children import Job, Outcome
from andon.runtime.handed import FetchArguments, FilesRead, ReadArguments
from andon.runtime.line import Line
from andon.runtime.steps import Tell, telling
from andon.store.manifest import Manifest, Object

T = TypeVar("T")
READ_LIMIT_NS: Final = 3_600_000_000_000
PAUSES_S: Final = (1.0, 5.0, 25.0)
UNREACHABLE: Final = "source.unreachable"
FILES: Final = "files"
READ_BEFORE: Final = "read_before"
VERSION: Final = "version"
READ: Final = (FILES, VERSION)
"""What a batch says of the files or the table that it was read from; nothing where a function brought its rows."""
_LEFT_TOLD: Final = 5


@dataclass(frozen=True, slots=True)
class Landed:
    """What a source brought.

    Attributes:
        rows: The raw rows in the store; `None` where there is nothing new to read.
        account: What was read of a source without a function; empty for one that has a function.
    """

    rows: Object | None
    account: Account

    def identity(self) -> Json:
        """What decides which facts a batch gets: the files with their bytes, or the version of a table."""
        return [*([file.name, file.sha256] for file in self.account.files), self.account.version]

    def facts(self, version: Manifest | None) -> dict[str, Json]:
        """What a batch says of where its rows come from; nothing for a function's."""
        found: dict[str, Json] = {}
        if self.account.files:
            found[FILES] = [to_json(file) for file in self.account.files]
        if self.account.version:
            found[VERSION] = self.account.version
        before = None if version is None else next(iter(version.inputs_of("batch")), None)
        return {**found, READ_BEFORE: before} if found and before else found


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows of a source are wanted.

    Attributes:
        version: The dataset so far, whose batches say what was read before; `None` where everything is wanted.
    """

    source: Source
    contract: DatasetContract
    version: Manifest | None
    since_ns: int | None
    until_ns: int


def land_rows(line: Line, wanted: Wanted, tell: Tell) -> Landed:
    """Have rows brought, and keep them.

    Raises:
        WaitingError: The source cannot be reached (`source.unreachable`).
        AndonError: What the child refused, or what the user's code raised, with file and line.
    """
    return brought(line, wanted, tell, lambda outcome: _kept(line, wanted.source.name, outcome, tell))


def brought(line: Line, wanted: Wanted, tell: Tell, use: Callable[[Outcome], T]) -> T:
    """Have rows brought, and use what the child left; a source that cannot be reached is asked again, a few times.

    Raises:
        WaitingError: It cannot be reached (`source.unreachable`).
        AndonError: What the child refused, or what the user's code raised, with file and line.
    """
    name = wanted.source.name
    for pause_s in (*PAUSES_S, None):
        try:
            with line.scratch() as folder, _ran(line, wanted, folder, tell) as outcome:
                return use(outcome)
        except WaitingError as error:
            if pause_s is None or error.code != UNREACHABLE:
                raise
            tell(f"{name}: {error.message} {error.found} Asked again in {pause_s:g} s.")
            line.wait(pause_s)
    raise AssertionError


def files_read(line: Line, version: Manifest | None) -> tuple[FileRead, ...]:
    """The files that the batches of a dataset were read from, the last one read of each name."""
    found: dict[str, FileRead] = {}
    batch = None if version is None else next(iter(version.inputs_of("batch")), None)
    while batch is not None:
        manifest = line.records.manifests.get(batch)
        for file in files_of(manifest):
            found.setdefault(file.name, file)
        batch = cast("str | None", manifest.facts.get(READ_BEFORE))
    return tuple(found[name] for name in sorted(found))


def files_of(batch: Manifest) -> tuple[FileRead, ...]:
    """The files that one batch was read from, in the order of their rows."""
    told = cast("list[Json]", batch.facts.get(FILES, []))
    return tuple(from_json(FileRead, one) for one in told)


def _ran(line: Line, wanted: Wanted, folder: Path, tell: Tell) -> AbstractContextManager[Outcome]:
    source = wanted.source
    reads = source.reads
    arguments: Mapping[str, Json]
    inputs: dict[str, Path] = {}
    if reads is None:
        arguments = _plain(ReadArguments(source.name, source.function, wanted.since_ns, wanted.until_ns))
    else:
        inputs = {"seen.json": folder / "seen.json"}
        inputs["seen.json"].write_bytes(dumps(to_json(FilesRead(files_read(line, wanted.version)))))
        arguments = _plain(_fetch(line, wanted, reads))
    job = Job(
        verb="read" if reads is None else "fetch",
        factory=line.code,
        inputs=inputs,
        arguments=arguments,
        limit_ns=READ_LIMIT_NS,
        threads=1,
        variables=() if reads is None else variables_of(reads),
    )
    return line.children.run(job, telling(source.name, tell))


def _fetch(line: Line, wanted: Wanted, reads: Reading) -> FetchArguments:
    batch = None if wanted.version is None else next(iter(wanted.version.inputs_of("batch")), None)
    facts = {} if batch is None else line.records.manifests.get(batch).facts
    needed = set(wanted.contract.identity)
    return FetchArguments(
        source=wanted.source.name,
        reads=reads,
        since_ns=wanted.since_ns,
        until_ns=wanted.until_ns,
        now_ns=line.clock.now_ns(),
        settle_ns=wanted.source.settle_ns,
        version=str(facts.get(VERSION, "")),
        nullable=tuple(one.name for one in wanted.contract.columns if one.nullable and one.name not in needed),
    )


def _kept(line: Line, name: str, outcome: Outcome, tell: Tell) -> Landed:
    told, rows = outcome.folder / "account.json", outcome.folder / LANDED
    account = from_json(Account, loads(told.read_bytes())) if told.exists() else Account()
    for left in account.left[:_LEFT_TOLD]:
        tell(f"{name}: {left.name} is left aside: {left.why}")
    if len(account.left) > _LEFT_TOLD:
        tell(f"{name}: {len(account.left) - _LEFT_TOLD} more files are left aside")
    if not rows.exists():
        return Landed(None, account)
    stored = line.records.blobs.put_file(rows)
    return Landed(Object(sha256=stored.digest, bytes=stored.size_bytes, rows=None, name=LANDED), account)


def _plain(arguments: ReadArguments | FetchArguments) -> Mapping[str, Json]:
    return cast("Mapping[str, Json]", to_json(arguments))
