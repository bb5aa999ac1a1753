"""What people sign comes into the ledger here: sign-offs, waivers, annulments and delegations."""

from andon.attest import envelope as envelopes
from andon.attest.statement import ANNULMENT, DELEGATION, GATE_VERDICT, SIGNOFF, WAIVER, Statement
from andon.attest.trust_root import Principal, TrustRoot, holds, roles
from andon.gates import annulment as annulments
from andon.gates.annulment import Annulment, read_annulment
from andon.gates.delegation import Delegation, read_delegation
from andon.gates.keeping import Keeping
from andon.gates.refusal import refuse
from andon.gates.said import Said, read_statement
from andon.gates.signers import gate_behind, person_behind
from andon.gates.signoff import SignOff, read_signoff
from andon.gates.verdict import Verdict, read_verdict
from andon.gates.waiver import Waiver, read_waiver, why_not
from andon.kernel.digest import Digest, of_bytes
from andon.kernel.errors import InputError, RefusedError


def hand_in(keeping: Keeping, envelope: envelopes.Envelope) -> Digest:
    """Append what a person signed, and give its digest; the very same again changes nothing.

    Raises:
        InputError: It is nothing that people sign, is about another factory, or about something unknown.
        RefusedError: No person of the trust root signed it, or this person may not.
    """
    record, statement = keeping.record, read_statement(envelope)
    root = record.root()
    record.check_memory()
    value = _read(statement)
    data = envelopes.to_json(envelope)
    digest = of_bytes(data)
    keys = envelopes.signers_of(envelope, record.verifiers(root))
    said = Said(digest, data, statement, keys, record.ledger.rows.size(), keeping.clock.now_ns())
    person = _person(said, root)
    if (value.domain, value.factory) != (root.domain, root.factory):
        raise InputError(
            "gates.other-factory",
            "This was signed for another factory.",
            found=f"{value.domain} {value.factory}",
            fix=f"Sign it for {root.factory}.",
        )
    with keeping.units.begin() as unit:
        if any(one.digest == digest for one in record.statements.about(statement.subjects[0].digest)):
            return digest
        _check(keeping, value, said, person, root)
        record.add(unit, envelope)
    keeping.remember(root)
    return digest


def _read(statement: Statement) -> SignOff | Waiver | Annulment | Delegation:
    match statement.predicate_type:
        case _ if statement.predicate_type == SIGNOFF:
            return read_signoff(statement)
        case _ if statement.predicate_type == WAIVER:
            return read_waiver(statement)
        case _ if statement.predicate_type == ANNULMENT:
            return read_annulment(statement)
        case _ if statement.predicate_type == DELEGATION:
            return read_delegation(statement)
        case other:
            raise InputError(
                "gates.not-for-people",
                "This is nothing that people sign.",
                found=other,
                fix="Hand in a sign-off, a waiver, an annulment or a delegation.",
            )


def _person(said: Said, root: TrustRoot) -> Principal:
    person = person_behind(said, root)
    if isinstance(person, str):
        raise RefusedError(
            "gates.not-a-person",
            "Only a person of the trust root signs this.",
            found=person,
            fix="Sign it yourself, with a key that the trust root names.",
        )
    return person


def _check(
    keeping: Keeping,
    value: SignOff | Waiver | Annulment | Delegation,
    said: Said,
    person: Principal,
    root: TrustRoot,
) -> None:
    """Refuse at once what could never count."""
    match value:
        case SignOff():
            keeping.manifests.get(said.subjects[0])
        case Waiver():
            _check_waiver(keeping, value, said, root)
        case Annulment():
            _check_annulment(keeping, value, said, person, root)
        case Delegation():
            _check_delegation(value, person, root, keeping.clock.now_ns())


def _check_waiver(keeping: Keeping, waiver: Waiver, said: Said, root: TrustRoot) -> None:
    verdict = _verdict(keeping, waiver.verdict, root)
    known = [*keeping.record.known((verdict.subject, verdict.content), root), said]
    failed = [f for f in verdict.findings if (f.criterion, f.slice) == (waiver.criterion, waiver.slice)]
    problem = "its verdict says nothing of this criterion and slice"
    if failed:
        problem = why_not(
            said, verdict.question(), failed[0], known, root, excluded=verdict.excluded, now_ns=said.logged_ns
        )
    if problem:
        raise refuse(
            "gates.waiver-refused",
            "This waiver cannot count.",
            waiver.gate,
            problem,
            "See what the target's floor lets whom waive: andon policy show.",
        )


def _check_annulment(keeping: Keeping, annulment: Annulment, said: Said, person: Principal, root: TrustRoot) -> None:
    verdict = _verdict(keeping, annulment.verdict, root)
    problem = annulments.why_not(person, verdict, root, said.logged_ns)
    if annulment.gate != verdict.gate or not annulment.reason.strip():
        problem = "it names another gate, or no reason"
    expected = {verdict.subject, verdict.content, annulment.verdict}
    if problem or set(said.subjects) != expected:
        raise refuse(
            "gates.annulment-refused",
            "This annulment cannot count.",
            annulment.gate,
            problem or "it is about other artefacts than the verdict",
            "Have two people sign it who did not make this work: andon annul.",
        )


def _check_delegation(delegation: Delegation, person: Principal, root: TrustRoot, now_ns: int) -> None:
    people = {one.name for one in root.principals if one.kind == "person"}
    problem = ""
    if delegation.role not in roles(root) or not holds(root, person, delegation.role, now_ns):
        problem = f"{person.name} does not have the role {delegation.role}"
    elif delegation.delegate not in people - {person.name}:
        problem = f"{delegation.delegate} is no other person of the trust root"
    elif delegation.until_ns <= now_ns or not delegation.reason.strip():
        problem = "it has ended already, or gives no reason"
    if problem:
        raise refuse(
            "gates.delegation-refused",
            "This delegation cannot count.",
            delegation.delegate,
            problem,
            "Lend a role that you have to another person, for a time.",
        )


def _verdict(keeping: Keeping, digest: Digest, root: TrustRoot) -> Verdict:
    said = keeping.record.get(digest, root)
    if said.statement.predicate_type != GATE_VERDICT:
        raise InputError("gates.not-a-verdict", "This is no verdict.", place=digest, fix="See them: andon gates.")
    gate_behind(said, root)
    return read_verdict(said.statement)
