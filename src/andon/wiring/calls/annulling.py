"""Annulments: two people say that an evaluation was broken, so that its verdict counts no more."""

from collections.abc import Iterable
from pathlib import Path

from andon.attest.statement import ANNULMENT, GATE_VERDICT
from andon.attest.trust_root import TrustRoot
from andon.gates.annulment import PEOPLE, Annulment, annulled_by, annulment_statement, read_annulment, why_not
from andon.gates.said import Said
from andon.gates.verdict import Verdict, read_verdict
from andon.kernel.digest import Digest
from andon.kernel.errors import UsageError
from andon.wiring.calls.approving import person_named
from andon.wiring.calls.drafts import Draft, draft_of, listed
from andon.wiring.factory import Opened, open_factory

_SHORTEST = 4


def propose_annulment(folder: Path, verdict: str, *, person: str, reason: str) -> Draft:
    """What each of two people would sign to say that an evaluation was broken.

    Args:
        folder: The factory's folder.
        verdict: Digest of the verdict, or its beginning; or a gate, for its newest verdict.
        person: Who is to sign; empty for who is acting.
        reason: What was broken.

    Raises:
        UsageError: There is no such verdict, or no reason.
    """
    if not reason.strip():
        raise UsageError("annul.no-reason", "An annulment needs a reason.", fix="Say what was broken: --reason '...'")
    with open_factory(folder) as opened:
        root = opened.gatekeeper.keeping.record.root()
        said, found = _verdict_named(opened, verdict)
        who = person_named(root, person or opened.settings.person)
        now_ns = opened.clock.now_ns()
        annulment = Annulment(root.domain, root.factory, said.digest, found.gate, reason, now_ns)
        problem = why_not(who, found, root, now_ns)
        note = f"It cannot count: {problem}." if problem else ""
        return draft_of(who.name, annulment_statement(annulment, found), note)


def note_on_annulment(opened: Opened, said: Said) -> str:
    """How many people say so by now, and what that means."""
    record = opened.gatekeeper.keeping.record
    root, annulment = record.root(), read_annulment(said.statement)
    verdict = read_verdict(record.get(annulment.verdict, root).statement)
    people = annulled_by(verdict, annulment.verdict, record.of_types(root, ANNULMENT), root)
    if len(people) >= PEOPLE:
        return ""
    return f"{PEOPLE - len(people)} more must say so before the verdict counts no more; so far: {listed(people)}."


def annulled_in(said: Iterable[Said], verdict: Digest, root: TrustRoot) -> str:
    """Who annulled a verdict and why, in words; empty where fewer than two people did, so that it stands.

    Args:
        said: Statements, the verdict and all annulments among them.
        verdict: The verdict's digest.
        root: Who is who.
    """
    known = list(said)
    annulments = [one for one in known if one.statement.predicate_type == ANNULMENT and verdict in one.subjects]
    if len(annulments) < PEOPLE:
        return ""
    (judged,) = [one for one in known if one.digest == verdict]
    people = annulled_by(read_verdict(judged.statement), verdict, annulments, root)
    reasons = dict.fromkeys(read_annulment(one.statement).reason for one in annulments)
    return f"{' and '.join(people)}: {'; '.join(reasons)}" if len(people) >= PEOPLE else ""


def _verdict_named(opened: Opened, text: str) -> tuple[Said, Verdict]:
    record = opened.gatekeeper.keeping.record
    said = record.of_types(record.root(), GATE_VERDICT)
    asked = text.removeprefix("sha256:")
    by_gate = [one for one in said if one.statement.predicate.get("gate") == text][-1:]
    by_digest = [
        one for one in said if len(asked) >= _SHORTEST and one.digest.removeprefix("sha256:").startswith(asked)
    ]
    found = by_gate or by_digest
    if len(found) == 1:
        return found[0], read_verdict(found[0].statement)
    gates = dict.fromkeys(str(one.statement.predicate.get("gate")) for one in said)
    raise UsageError(
        "annul.unknown-verdict",
        "There is no such verdict." if not found else "More than one verdict begins so.",
        place=text,
        found=f"gates that spoke: {listed(list(gates), 'none')}",
        fix="Name a gate, for its newest verdict, or the digest that andon gates GATE --json shows.",
    )
