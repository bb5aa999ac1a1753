"""Where the line stands: what is published, what runs or waits and for whom, what targets serve, what runs did."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from andon.adapters.keys import verifier
from andon.contracts.policy import Finding
from andon.contracts.wire import from_json, to_json
from andon.gates.request import serving_ref
from andon.kernel.canonical import Json
from andon.kernel.clock import SECOND_NS
from andon.kernel.digest import Digest, short
from andon.kernel.errors import AndonError
from andon.line.serve.folder import ServeFolder
from andon.line.serve.routing import table_in_force
from andon.line.serve.sealing import table_opener
from andon.registry.ports import Ref
from andon.runtime.run import Attempt, Run
from andon.runtime.tables import moved_on
from andon.wiring.calls.finding import find_run
from andon.wiring.calls.reminding import NOBODY, Due, who_is_due
from andon.wiring.calls.showing import id_shown, mebibytes, moment, moment_in, short_or_none
from andon.wiring.calls.waivers import standing_waivers
from andon.wiring.factory import Opened, open_factory
from andon.wiring.trust import current_root, ending

RECENT: Final = 1_000


@dataclass(frozen=True, slots=True)
class Status:
    """Where a factory stands, as rows for people.

    Attributes:
        datasets: Name, rows, up to when, version.
        runs: The newest of each subject and all that are not over: id, subject, state, stage, since, waits for.
        targets: Target, model, what it serves, since when, what it served before.
        waived: What people took upon themselves and is in force now, in a sentence; empty for nothing.
        waits: Which gate waits since when for whom by name, a sentence each.
        behind: Which derived dataset is older than what it is derived from, a sentence each.
        policy: That the trust root ends soon, or has ended, in a sentence; empty while there is time.
    """

    factory: str
    headline: str
    waived: str
    waits: list[str]
    behind: list[str]
    policy: str
    datasets: list[list[str]]
    runs: list[list[str]]
    targets: list[list[str]]
    whole: Mapping[str, Json]
    tier: str

    def to_json(self) -> dict[str, Json]:
        """The status for programs, with whole digests."""
        return {
            "factory": self.factory,
            "headline": self.headline,
            "behind": [*self.behind],
            "policy": self.policy,
            **self.whole,
            "tier": self.tier,
        }


@dataclass(frozen=True, slots=True)
class Logs:
    """What one run did: a row an attempt, and why it ended where it did not end well."""

    headline: str
    rows: list[list[str]]
    error: list[str]
    run: Run
    attempts: tuple[Attempt, ...]

    def to_json(self) -> dict[str, Json]:
        """The run and its attempts for programs."""
        return {"run": to_json(self.run), "attempts": [to_json(attempt) for attempt in self.attempts]}


def status_of(folder: Path) -> Status:
    """Where the factory of a folder stands.

    Raises:
        AndonError: There is no factory, or its records cannot be read.
    """
    with open_factory(folder) as opened:
        name = opened.settings.name
        published = opened.database.refs.with_prefix(f"dataset/{name}/")
        runs = _standing(opened.database.runs.recent(name, RECENT))
        serving = [_served(opened, ref) for ref in opened.database.refs.with_prefix(f"serving/{name}/")]
        datasets = [_dataset(opened, ref) for ref in published]
        waivers, due = standing_waivers(opened), who_is_due(opened)
        return Status(
            factory=name,
            headline=_headline(name, len(datasets), runs, len(serving)),
            waived=waivers.headline,
            waits=_waits(due),
            behind=_behind(opened, published),
            policy=ending(current_root(opened.settings), opened.clock.now_ns()),
            datasets=datasets,
            runs=[_run_row(run) for run in runs],
            targets=[one.row() for one in serving],
            whole={
                "datasets": [{"name": ref.name.split("/", 2)[2], "version": ref.digest} for ref in published],
                "runs": [to_json(run) for run in runs],
                "targets": [to_json(one) for one in serving],
                "due": [to_json(one) for one in due],
                "active_waivers": len(waivers.active),
                "waivers": [to_json(one) for one in waivers.active],
            },
            tier=opened.standing.means,
        )


def logs_of(folder: Path, run: str) -> Logs:
    """What a run did, attempt by attempt; the newest run where none is named.

    Raises:
        UsageError: No run has such an id, or more than one.
    """
    with open_factory(folder) as opened:
        found = find_run(opened, run)
        attempts = tuple(opened.database.attempts.of_run(found.id))
        now_ns = opened.clock.now_ns()
    headline = f"{found.kind} run of {found.subject}, started {moment(found.started_ns)} by {found.started_by}"
    return Logs(
        headline=f"{headline}: {found.state} at {found.stage} ({found.id})",
        rows=[_attempt_row(attempt, now_ns) for attempt in attempts],
        error=_why(found),
        run=found,
        attempts=attempts,
    )


@dataclass(frozen=True, slots=True)
class Served:
    """What a target serves.

    Attributes:
        release: As signed decisions say; empty where its name stands where none put it.
        before: What it served before, empty for nothing.
        problem: What is shown instead, where the records and what answers do not agree.
    """

    target: str
    model: str
    release: Digest
    since_ns: int
    before: Digest
    problem: str

    def row(self) -> list[str]:
        """The row for people."""
        serves = self.problem or short_or_none(self.release)
        return [self.target, self.model, serves, moment(self.since_ns), short_or_none(self.before)]


def _served(opened: Opened, ref: Ref) -> Served:
    model, target = ref.name.rsplit("/", 2)[1:]
    before = [move.digest for move in opened.database.refs.history(ref.name)][:-1]
    release, problem = "", ""
    try:
        release = opened.gatekeeper.serving(model, target)
        problem = _off_the_record(opened, release, model, target)
    except AndonError as error:
        problem = f"{error.message} ({error.code})"
    return Served(target, model, release, ref.moved_ns, before[-1] if before else "", problem)


def _off_the_record(opened: Opened, release: Digest, model: str, target: str) -> str:
    """What is wrong where the servers follow another release than the one the ledger names; empty when they agree.

    A rollback moves the servers first and is recorded after.
    """
    folder = ServeFolder(opened.settings.serving(target) / model)
    if not folder.cell.exists():
        return ""
    table, at = table_in_force(folder, table_opener(current_root(opened.settings), verifier))
    answers = table.slots[at.place].release
    return "" if answers == release else f"{short(answers)}, and the ledger says {short_or_none(release)}"


def is_serving(opened: Opened, release: Digest, model: str, target: str) -> bool:
    """Whether a target serves a release, as its name says."""
    ref = opened.database.refs.get(serving_ref(opened.settings.name, model, target))
    return ref is not None and ref.digest == release


def _dataset(opened: Opened, ref: Ref) -> list[str]:
    name = ref.name.split("/", 2)[2]
    try:
        version = opened.database.manifests.get(ref.digest)
    except AndonError as error:
        return [name, "?", error.code, short_or_none(ref.digest)]
    rows = sum(item.rows or 0 for item in version.content)
    return [name, str(rows), moment_in(version.facts, "until_ns"), short_or_none(ref.digest)]


def _behind(opened: Opened, published: Sequence[Ref]) -> list[str]:
    current = {ref.name.split("/", 2)[2]: ref.digest for ref in published}
    found = []
    for name, digest in current.items():
        try:
            moved = moved_on(opened.database.manifests.get(digest), opened.database.manifests.get, current)
        except AndonError:
            continue  # its row says so
        if moved:
            found.append(
                f"{name} is older than {', '.join(moved)}, from which it is derived; derive it again: andon run"
            )
    return found


def _standing(runs: list[Run]) -> list[Run]:
    """Every run that is not over, and the newest of each subject; the newest first."""
    newest: dict[tuple[str, str], str] = {}
    for run in runs:
        newest.setdefault((run.kind, run.subject), run.id)
    return [run for run in runs if not run.is_over or newest[run.kind, run.subject] == run.id]


def _waits(due: Sequence[Due]) -> list[str]:
    people: dict[tuple[str, int], list[str]] = {}
    for one in due:
        people.setdefault((one.gate, one.since_ns), []).append(
            "nobody who could sign" if one.person == NOBODY else one.person
        )
    return [
        f"{gate} waits since {moment(since_ns)} for {' or '.join(dict.fromkeys(names))}"
        for (gate, since_ns), names in people.items()
    ]


def _headline(name: str, datasets: int, runs: list[Run], targets: int) -> str:
    waiting = [run for run in runs if run.state == "waiting"]
    working = sum(run.state == "running" for run in runs)
    failed = sum(run.state in ("failed", "refused") for run in runs)
    parts = [f"{datasets} published", f"{targets} served"]
    parts += [f"{working} at work"] if working else []
    parts += [f"{failed} failed or refused"] if failed else []
    parts += [f"waits for {'; '.join(dict.fromkeys(run.waiting_for for run in waiting))}"] if waiting else []
    return f"Factory {name}: {', '.join(parts)}"


def _run_row(run: Run) -> list[str]:
    subject = f"{run.kind} {run.subject}"
    return [id_shown(run.id), subject, run.state, run.stage, moment(run.since_ns), run.waiting_for]


def _attempt_row(attempt: Attempt, now_ns: int) -> list[str]:
    seconds = ((attempt.ended_ns or now_ns) - attempt.started_ns) / SECOND_NS
    record = attempt.record
    result = short_or_none(str(record["output"])) if "output" in record else _told(record.get("error", ""))
    memory = mebibytes(record.get("peak_bytes", ""))
    return [attempt.stage, str(attempt.number), attempt.state, f"{seconds:.2f}", memory, result]


def _told(error: Json) -> str:
    if isinstance(error, Mapping):
        return f"{error.get('message', '')} ({error.get('code', '')})"
    return str(error)


def _why(run: Run) -> list[str]:
    """Why a run stands where it does, a line each."""
    lines = [f"It waits for {run.waiting_for}."] if run.state == "waiting" else []
    if run.error is not None:
        lines.append(_told(run.error))
        lines += [f"  {name}: {run.error[name]}" for name in ("at", "found", "fix") if run.error.get(name)]
    refused = run.facts.get("refused")
    for item in refused if isinstance(refused, list) else []:
        finding = from_json(Finding, item)
        place = f" for {finding.slice}" if finding.slice else ""
        lines.append(f"{finding.criterion.text()}{place} does not hold: {finding.why}")
    return lines
