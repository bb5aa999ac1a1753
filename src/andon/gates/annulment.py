"""A broken evaluation is corrected by two people: its verdict counts no more, and is shown for ever."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from andon.attest.statement import ANNULMENT, GATE_VERDICT, Statement, Subject
from andon.attest.trust_root import Principal, TrustRoot
from andon.contracts.wire import from_json, to_json
from andon.gates.said import Said, members
from andon.gates.signers import person_behind
from andon.gates.verdict import Verdict, read_verdict
from andon.kernel.digest import Digest
from andon.kernel.errors import InputError

PEOPLE: Final = 2


@dataclass(frozen=True, slots=True)
class Annulment:
    """What each of two people signs who say that an evaluation was broken.

    Attributes:
        domain: The trust domain whose keys and roles are meant.
        verdict: Digest of the verdict that is to count no more.
        reason: What was broken.
        time_ns: When it was signed, in nanoseconds UTC.
    """

    domain: str
    factory: str
    verdict: Digest
    gate: str
    reason: str
    time_ns: int


def annulment_statement(annulment: Annulment, verdict: Verdict) -> Statement:
    """The statement that a person signs: about what the verdict is about, and about the verdict.

    Args:
        annulment: What is signed.
        verdict: The verdict whose digest `annulment` names.
    """
    subjects = [Subject(annulment.gate, verdict.subject)]
    if verdict.content != verdict.subject:
        subjects.append(Subject("content", verdict.content))
    subjects.append(Subject("verdict", annulment.verdict))
    return Statement(tuple(subjects), ANNULMENT, members(to_json(annulment)))


def read_annulment(statement: Statement) -> Annulment:
    """The annulment in a statement, without believing it.

    Raises:
        InputError: It is not one, or it is not about the verdict it names.
    """
    annulment = from_json(Annulment, statement.predicate)
    if statement.subjects[-1] != Subject("verdict", annulment.verdict):
        raise InputError(
            "gates.subject-mismatch",
            "This annulment is not about the verdict it names.",
            place=annulment.gate,
            found=statement.subjects[-1].digest,
            fix="Make it again: andon annul.",
        )
    return annulment


def annulled_by(verdict: Verdict, digest: Digest, said: Iterable[Said], root: TrustRoot) -> tuple[str, ...]:
    """The different people who annulled a verdict and may do so: those who made the work may not, whatever their role.

    Args:
        verdict: The verdict.
        digest: Its digest.
        said: Statements, annulments among them.
        root: Who is who, and whose sign-off the target asks for: where it asks for any, only those people may.
    """
    people: dict[str, None] = {}
    for one in said:
        if one.statement.predicate_type != ANNULMENT or digest not in one.subjects:
            continue
        person = person_behind(one, root)
        try:
            annulment = one.read_as(read_annulment)
        except InputError:
            continue
        is_meant = (annulment.domain, annulment.factory, annulment.gate, annulment.verdict) == (
            root.domain,
            root.factory,
            verdict.gate,
            digest,
        )
        if is_meant and not isinstance(person, str) and not why_not(person, verdict, root, one.logged_ns):
            people[person.name] = None
    return tuple(people)


def why_not(person: Principal, verdict: Verdict, root: TrustRoot, at_ns: int) -> str:
    """Why a person may not annul a verdict; empty when they may."""
    if person.name in verdict.excluded:
        return f"{person.name} made this work or started the run"
    held = {interval.role for interval in person.roles if interval.covers(at_ns)}
    floors = [floor for floor in root.floors if floor.target == verdict.target]
    asked = {role for floor in floors for role, _ in (*floor.signoffs, *floor.first_signoffs)}
    if not held or (asked and held.isdisjoint(asked)):
        return f"{person.name} has no role that may: {', '.join(sorted(asked)) or 'any'}"
    return ""


def standing(said: Iterable[Said], root: TrustRoot) -> list[Said]:
    """Everything but the verdicts that two people annulled."""
    known = list(said)
    if all(one.statement.predicate_type != ANNULMENT for one in known):
        return known
    return [one for one in known if not _is_annulled(one, known, root)]


def _is_annulled(one: Said, known: list[Said], root: TrustRoot) -> bool:
    if one.statement.predicate_type != GATE_VERDICT:
        return False
    try:
        verdict = one.read_as(read_verdict)
    except InputError:
        return False
    return len(annulled_by(verdict, one.digest, known, root)) >= PEOPLE
