"""Sign-offs: what a waiting gate asks a person, and whether what they signed counts."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from andon.attest.statement import DELEGATION, REVOCATION
from andon.attest.trust_root import Principal, TrustRoot
from andon.gates.delegation import lent_to
from andon.gates.request import JudgeRequest
from andon.gates.said import Said
from andon.gates.signoff import ANY_ROLE, Count, SignOff, read_signoff, signoff_statement
from andon.kernel.errors import UsageError
from andon.runtime.advance import request_of
from andon.runtime.run import Run
from andon.wiring.calls.drafts import Draft, draft_of, listed
from andon.wiring.factory import Opened, open_factory

RECENT: Final = 1_000


@dataclass(frozen=True, slots=True)
class Waiting:
    """A gate that waits, and how its people stand."""

    run: Run
    request: JudgeRequest
    counts: tuple[Count, ...]

    @property
    def gate(self) -> str:
        """The gate's name."""
        return gate_of(self.run)

    def roles(self) -> tuple[str, ...]:
        """The roles that it asks for; `*` for any."""
        return tuple(one.rule.role for one in self.counts)


def waiting_question(folder: Path, gate: str, *, person: str, role: str, is_rejection: bool, reason: str) -> Draft:
    """What a person would sign for, or against, what a gate waits for.

    Args:
        folder: The factory's folder.
        gate: The gate, such as `release:late`; empty for the only one that waits.
        person: Who is to sign; empty for who is acting.
        role: In which role; empty for the one that is asked for and that they have.
        is_rejection: Whether they sign against it.
        reason: Why; a rejection needs one.

    Raises:
        UsageError: Nothing waits, it is not clear what or in which role, or the person is nobody of the trust root.
    """
    if is_rejection and not reason.strip():
        fix = "Say why: andon approve --reject --reason '...'"
        raise UsageError("approve.no-reason", "A rejection needs a reason, for those who mend it.", fix=fix)
    with open_factory(folder) as opened:
        waiting = of_run(opened, _waiting_run(opened, gate))
        root = opened.gatekeeper.keeping.record.root()
        who = person_named(root, person or opened.settings.person)
        question = opened.gatekeeper.question(waiting.request)
        chosen = role or _role(opened, root, who, waiting)
        signoff = SignOff(
            domain=root.domain,
            factory=root.factory,
            gate=waiting.request.policy.gate,
            target=waiting.request.target,
            decision="reject" if is_rejection else "approve",
            evidence=question.evidence,
            policy=question.policy,
            role=chosen,
            reason=reason,
            time_ns=opened.clock.now_ns(),
        )
        note = "" if is_rejection else _in_vain(waiting, who.name, chosen)
        return draft_of(who.name, signoff_statement(question, signoff), note)


def note_on_signoff(opened: Opened, said: Said, person: str) -> str:
    """Why a person's sign-off does not count, as the gate would count now; empty when it does, or rejects."""
    signoff = read_signoff(said.statement)
    if signoff.decision == "reject":
        return ""
    for run in waiting_runs(opened):
        waiting = of_run(opened, run)
        if waiting.request.subject.digest == said.subjects[0] and waiting.request.policy.gate == signoff.gate:
            return _why_uncounted(waiting.counts, said, person)
    return f"No gate {signoff.gate} waits for this any more."


def waiting_runs(opened: Opened) -> list[Run]:
    """The runs that wait, the newest first."""
    return [run for run in opened.database.runs.recent(opened.settings.name, RECENT) if run.state == "waiting"]


def of_run(opened: Opened, run: Run) -> Waiting:
    """What a waiting run's gate is asked, and how its people stand.

    Raises:
        UsageError: The run does not stand at a gate.
    """
    request = request_of(opened.line(opened.declaration(run.declaration)), run)
    return Waiting(run, request, opened.gatekeeper.counts(request))


def gate_of(run: Run) -> str:
    """The gate at which a run stands."""
    return f"{run.stage.removesuffix(' gate')}:{run.subject}"


def person_named(root: TrustRoot, name: str) -> Principal:
    """The person of that name.

    Raises:
        UsageError: The trust root names no such person (`approve.no-key`).
    """
    for principal in root.principals:
        if (principal.name, principal.kind) == (name, "person"):
            return principal
    people = [one.name for one in root.principals if one.kind == "person"]
    raise UsageError(
        "approve.no-key",
        f"The trust root names no person {name}.",
        place=f"version {root.version}",
        found=f"people in the trust root: {listed(people)}",
        fix="Sign as one of them with --as NAME, or name a new person: andon key add NAME --role ROLE",
    )


def roles_of(opened: Opened, root: TrustRoot, person: Principal, asked: Sequence[str]) -> list[str]:
    """The roles in which a person may speak now: their own, and those asked for that were lent to them."""
    now_ns = opened.clock.now_ns()
    own = [interval.role for interval in person.roles if interval.covers(now_ns)]
    lent = opened.gatekeeper.keeping.record.of_types(root, DELEGATION, REVOCATION)
    return own + [
        role
        for role in asked
        if role not in (ANY_ROLE, *own) and lent_to(person, role, lent, root, signed_ns=now_ns, now_ns=now_ns)
    ]


def _in_vain(waiting: Waiting, person: str, role: str) -> str:
    """Why a sign-off would be made in vain, as far as it can be told before; empty for nothing."""
    wanted = [one for one in waiting.roles() if one != ANY_ROLE]
    if person in waiting.request.excluded:
        somebody = " and ".join(wanted) or "any role"
        return f"It does not count: {person} started the run. Somebody else of {somebody} must sign."
    if wanted and role not in wanted and ANY_ROLE not in waiting.roles():
        return f"It does not count: the gate asks for {' and '.join(wanted)}."
    return ""


def _why_uncounted(counts: Sequence[Count], said: Said, person: str) -> str:
    if any(said.digest == digest for one in counts for _, digest in one.approved):
        return ""
    whys = [
        why.partition(": ")[2] for one in counts for why in one.uncounted if why.partition(":")[0].split()[0] == person
    ]
    wanted = " and ".join(one.rule.role for one in counts if one.rule.role != ANY_ROLE)
    return f"It does not count: {listed(list(dict.fromkeys(whys)), 'nobody is asked')}." + (
        f" Somebody else of {wanted} must sign." if wanted else ""
    )


def _waiting_run(opened: Opened, gate: str) -> Run:
    runs = waiting_runs(opened)
    matching = [run for run in runs if not gate or gate == gate_of(run)]
    if len(matching) == 1:
        return matching[0]
    waiting = ", ".join(map(gate_of, runs))
    if not matching:
        raise UsageError(
            "approve.nothing-waits",
            "No gate waits for people here." if not gate else f"The gate {gate} does not wait for people.",
            found=waiting or "nothing waits",
            fix="Name one of those that wait." if waiting else "Run the line first: andon run",
        )
    raise UsageError("approve.which", "More than one gate waits.", found=waiting, fix="Name one: andon approve GATE")


def _role(opened: Opened, root: TrustRoot, person: Principal, waiting: Waiting) -> str:
    """The role that the gate asks for and the person has, if that is clear."""
    held = set(roles_of(opened, root, person, waiting.roles()))
    wanted = set(waiting.roles()) - {ANY_ROLE}
    fitting = sorted(held & wanted) or sorted(held)
    if len(fitting) == 1:
        return fitting[0]
    raise UsageError(
        "approve.role",
        f"In which role does {person.name} sign for {waiting.gate}?",
        found=f"{person.name} has {listed(sorted(held), 'no role')}; the gate asks for {listed(sorted(wanted))}",
        fix="Name it with --role, or sign as somebody else with --as.",
    )
