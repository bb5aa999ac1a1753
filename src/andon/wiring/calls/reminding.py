"""Reminders: who a gate waits for and since when, and telling each of them once an interval."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from andon.attest.trust_root import TrustRoot
from andon.contracts.wire import to_json
from andon.gates.signoff import ANY_ROLE, Count
from andon.kernel.canonical import Json, dumps, loads
from andon.kernel.digest import Digest, of_value
from andon.kernel.errors import AndonError
from andon.line.serve.folder import hold, replace_file
from andon.wiring.calls.approving import Waiting, of_run, roles_of, waiting_runs
from andon.wiring.calls.showing import moment, named_rows
from andon.wiring.factory import Opened, open_factory
from andon.wiring.remind_settings import Remind

NAMES = ("person", "gate", "role", "since", "missing", "told")
WITHIN_S: Final = 30.0
NOBODY: Final = "-"  # no name that a person can have


@dataclass(frozen=True, slots=True)
class Due:
    """One person for whom one gate waits.

    Attributes:
        person: Who could sign; `NOBODY` where no person (left) has the role.
        subject: Digest of what is to be signed.
        since_ns: Since when the gate waits, in nanoseconds UTC.
        missing: What the gate lacks, in words.
        told: When this person was told last, or why they could not be; empty where nobody tells.
    """

    person: str
    gate: str
    role: str
    subject: Digest
    since_ns: int
    missing: str
    told: str = ""

    @property
    def identity(self) -> Digest:
        """The same person, gate and subject are the same reminder."""
        return of_value([self.person, self.gate, self.role, self.subject])

    def row(self) -> list[str]:
        """The row for people."""
        return [self.person, self.gate, self.role, moment(self.since_ns), self.missing, self.told]


@dataclass(frozen=True, slots=True)
class Reminders:
    """Everybody who is due, those first for whom a gate waits longest."""

    due: tuple[Due, ...]

    @property
    def rows(self) -> list[list[str]]:
        """Person, gate, role, since, missing, told."""
        return [one.row() for one in self.due]

    @property
    def exit_code(self) -> int:
        """3 when somebody is due, else 0."""
        return 3 if self.due else 0

    def to_json(self) -> list[Json]:
        """Everybody for programs."""
        return named_rows(NAMES, self.rows)


def remind(folder: Path) -> Reminders:
    """Say who is due, and tell each of them by the command of the settings, if it was not done lately.

    Raises:
        AndonError: The records cannot be read.
    """
    with open_factory(folder) as opened:
        due = who_is_due(opened)
        wanted = opened.settings.remind
        if not wanted.notify:
            return Reminders(due)
        place = opened.settings.database.parent / "reminders.json"
        with hold(place.with_suffix(".lock")) as is_mine:
            if not is_mine:  # another andon is telling them right now
                return Reminders(due)
            told = dict(_told(place))
            now_ns = opened.clock.now_ns()
            said = [_tell(one, wanted, told, opened, now_ns) for one in due]
            ids = {one.identity for one in due}
            replace_file(place, dumps({name: text for name, text in told.items() if name in ids}))
        return Reminders(tuple(said))


def who_is_due(opened: Opened) -> tuple[Due, ...]:
    """Every person who could give what a waiting gate lacks, and did not yet; a line too where there is none."""
    root = opened.gatekeeper.keeping.record.root()
    found: list[Due] = []
    for run in waiting_runs(opened):
        try:
            waiting = of_run(opened, run)
        except AndonError:
            continue  # it waits for something else than people, or cannot be judged; `andon run` says what
        for count in waiting.counts:
            found += list(_due(opened, root, waiting, count)) or _for_nobody(waiting, count)
    return tuple(sorted(found, key=lambda one: (one.since_ns, one.gate, one.person)))


def _due(opened: Opened, root: TrustRoot, waiting: Waiting, count: Count) -> Iterator[Due]:
    if count.is_met:
        return
    spoke = {part for name, _ in count.approved for part in name.split(" for ")} | set(count.rejected)
    for person in root.principals:
        if person.kind != "person" or person.name in spoke or person.name in waiting.request.excluded:
            continue
        held = roles_of(opened, root, person, [count.rule.role])
        if count.rule.role in held or (count.rule.role == ANY_ROLE and held):
            missing = count.missing().partition(" (")[0]
            subject = waiting.request.subject.digest
            yield Due(person.name, waiting.gate, count.rule.role, subject, waiting.run.since_ns, missing)


def _for_nobody(waiting: Waiting, count: Count) -> list[Due]:
    """A gate that waits for people of whom there are none must not look as if it did not wait."""
    if count.is_met or count.rejected:  # who rejected has answered
        return []
    role, subject = count.rule.role, waiting.request.subject.digest
    missing = count.missing().partition(" (")[0]
    why = "nobody could sign; an owner names somebody: andon key add NAME --role " + (
        "ROLE" if role == ANY_ROLE else role
    )
    return [Due(NOBODY, waiting.gate, role, subject, waiting.run.since_ns, missing, why)]


def _told(place: Path) -> Mapping[str, str]:
    """When each reminder was sent last; what cannot be read counts as nothing, so that nobody is left untold."""
    try:
        value = loads(place.read_bytes())
    except (OSError, AndonError):
        return {}
    return {name: str(text) for name, text in value.items()} if isinstance(value, dict) else {}


def _tell(one: Due, wanted: Remind, told: dict[str, str], opened: Opened, now_ns: int) -> Due:
    if one.person == NOBODY:
        return one
    last = told.get(one.identity, "")
    if last.isdecimal() and now_ns - int(last) < wanted.every_ns:
        return replace(one, told=moment(int(last)))
    problem = _sent(one, wanted, opened)
    if problem:
        return replace(one, told=f"not told: {problem}")
    told[one.identity] = str(now_ns)
    return replace(one, told=moment(now_ns))


def _sent(one: Due, wanted: Remind, opened: Opened) -> str:
    """Run the command for one reminder; what went wrong, empty for nothing. It sees none of andon's own variables."""
    text = json.dumps({"factory": opened.settings.name, **_members(to_json(one))}, ensure_ascii=False)
    surroundings = {name: value for name, value in os.environ.items() if not name.startswith("ANDON_")}
    try:
        done = subprocess.run(
            wanted.notify,
            input=text.encode(),
            env=surroundings,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=WITHIN_S,
            check=False,
        )
    except OSError as error:
        return error.strerror or "the command cannot be started"
    except subprocess.TimeoutExpired:
        return f"no end within {WITHIN_S:g} s"
    return "" if done.returncode == 0 else f"exit {done.returncode} {done.stderr.decode(errors='replace').strip()[:80]}"


def _members(value: Json) -> dict[str, Json]:
    return {name: item for name, item in value.items() if name != "told"} if isinstance(value, dict) else {}
