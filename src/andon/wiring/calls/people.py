"""People: naming them in the trust root, and signing for what a gate waits for."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from andon.adapters.keys import load_signer
from andon.adapters.trust_folder import HomeFolder
from andon.attest.statement import seal
from andon.attest.trust_root import TrustRoot
from andon.contracts.policy import Policy
from andon.gates.request import JudgeRequest, Question
from andon.gates.signoff import ANY_ROLE, SignOff, signoff_statement
from andon.kernel.canonical import Json
from andon.kernel.clock import SystemClock
from andon.kernel.errors import UsageError
from andon.runtime.advance import request_of
from andon.runtime.run import Run
from andon.wiring.factory import Opened, open_factory
from andon.wiring.settings import load_settings
from andon.wiring.trust import add_person, current_root


@dataclass(frozen=True, slots=True)
class Named:
    """A person who may sign from now on."""

    version: int
    key: Path

    def to_json(self) -> dict[str, Json]:
        """The person for programs."""
        return {"root_version": self.version, "key": str(self.key)}


@dataclass(frozen=True, slots=True)
class People:
    """Everybody in the trust root, a row for each key."""

    rows: list[list[str]]

    def to_json(self) -> list[Json]:
        """Everybody for programs."""
        names = ("principal", "kind", "roles", "key", "state")
        return [dict(zip(names, row, strict=True)) for row in self.rows]


@dataclass(frozen=True, slots=True)
class Signed:
    """A sign-off that stands in the ledger.

    Attributes:
        entry: Its place there.
        note: Why it will not count when the gate judges; empty when nothing speaks against it.
    """

    person: str
    role: str
    gate: str
    subject: str
    statement: str
    entry: int
    note: str

    def to_json(self) -> dict[str, Json]:
        """The sign-off for programs."""
        return {name: getattr(self, name) for name in self.__slots__}


def name_person(folder: Path, person: str, roles: Sequence[str]) -> Named:
    """Make a key for a person and name them in the trust root.

    Raises:
        AndonError: They are there already, or the owner's key is not here.
    """
    settings = load_settings(folder)
    root = add_person(settings, person, roles, SystemClock().now_ns())
    return Named(root.version, HomeFolder(settings.home).key(person))


def people_of(folder: Path) -> People:
    """Everybody in the trust root."""
    root = current_root(load_settings(folder))
    return People(
        [
            [
                principal.name,
                principal.kind,
                ", ".join(interval.role for interval in principal.roles),
                key.public.key_id[:12],
                key.state,
            ]
            for principal in root.principals
            for key in principal.keys
        ]
    )


def sign_waiting(folder: Path, gate: str, *, person: str, role: str, reason: str, is_rejection: bool) -> Signed:
    """Sign for what a gate waits for, with a person's own key.

    Raises:
        UsageError: Nothing waits, or it is not clear what.
        InputError: The person's key is not on this machine.
        RefusedError: The key is not one of a person in the trust root.
    """
    with open_factory(folder) as opened:
        run = _waiting_run(opened, gate)
        line = opened.line(opened.declaration(run.declaration))
        request = request_of(line, run)
        who = person or opened.settings.person
        root = current_root(opened.settings)
        statement = signoff_statement(
            request.question(),
            SignOff(
                domain=root.domain,
                factory=root.factory,
                gate=request.policy.gate,
                target=request.target,
                decision="reject" if is_rejection else "approve",
                evidence=request.evidence.digest(),
                policy=request.policy.digest(),
                role=role or _role(root, who, request.policy, request.question()),
                reason=reason,
                time_ns=opened.clock.now_ns(),
            ),
        )
        envelope = seal(statement, load_signer(_key(opened, root, who)))
        digest = opened.gatekeeper.sign_off(envelope)
        stored = opened.database.statements.get(digest)
        chosen = str(statement.predicate["role"])
        note = "" if is_rejection else _why_it_does_not_count(request, who, chosen)
        return Signed(who, chosen, request.policy.gate, request.subject.digest, digest, stored.index, note)


def _why_it_does_not_count(request: JudgeRequest, person: str, role: str) -> str:
    wanted = [rule.role for rule in request.policy.signoffs if rule.role != ANY_ROLE]
    if person in request.excluded:
        roles = " and ".join(wanted) or "any role"
        return f"It does not count: {person} started the run. Somebody else of {roles} must sign."
    if wanted and role not in wanted:
        return f"It does not count: the gate asks for {' and '.join(wanted)}."
    return ""


def _waiting_run(opened: Opened, gate: str) -> Run:
    runs = [run for run in opened.database.runs.recent(opened.settings.name, 1000) if run.state == "waiting"]
    matching = [run for run in runs if not gate or gate == f"{run.stage.removesuffix(' gate')}:{run.subject}"]
    if len(matching) == 1:
        return matching[0]
    waiting = ", ".join(f"{run.stage.removesuffix(' gate')}:{run.subject}" for run in runs)
    if not matching:
        raise UsageError(
            "approve.nothing-waits",
            "No gate waits for people here." if not gate else f"The gate {gate} does not wait for people.",
            found=waiting or "nothing waits",
            fix="Run the line first: andon run",
        )
    raise UsageError("approve.which", "More than one gate waits.", found=waiting, fix="Name one: andon approve GATE")


def _role(root: TrustRoot, person: str, policy: Policy, question: Question) -> str:
    """The role that the gate asks for and the person has, if that is clear."""
    held = {interval.role for principal in root.principals if principal.name == person for interval in principal.roles}
    wanted = {rule.role for rule in policy.signoffs} - {ANY_ROLE}
    fitting = sorted(held & wanted) or sorted(held)
    if len(fitting) == 1:
        return fitting[0]
    raise UsageError(
        "approve.role",
        f"In which role does {person} sign for {question.gate}?",
        found=f"{person} has {', '.join(sorted(held)) or 'no role'}; the gate asks for {', '.join(sorted(wanted))}",
        fix="Name it with --role, or sign as somebody else with --as.",
    )


def _key(opened: Opened, root: TrustRoot, person: str) -> Path:
    path = opened.home.key(person)
    if path.exists() and any(one.name == person and one.kind == "person" for one in root.principals):
        return path
    known = [one.name for one in root.principals if one.kind == "person"]
    raise UsageError(
        "approve.no-key",
        f"There is no key of {person} here.",
        place=str(path),
        found=f"people in the trust root: {', '.join(known)}",
        fix="Sign as one of them with --as NAME, or name a new person: andon key add NAME --role ROLE",
    )
