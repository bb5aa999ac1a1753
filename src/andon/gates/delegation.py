"""A person lets another speak for them in one role, for a time; the two count once."""

from collections.abc import Iterable
from dataclasses import dataclass

from andon.attest.statement import DELEGATION, Statement, Subject
from andon.attest.trust_root import Principal, TrustRoot, holds, roles
from andon.contracts.wire import from_json, to_json
from andon.gates.said import Said, members
from andon.gates.signers import person_behind, revoked_by
from andon.kernel.digest import Digest, of_value
from andon.kernel.errors import InputError


@dataclass(frozen=True, slots=True)
class Delegation:
    """What a person signs who lets another speak for them.

    Attributes:
        domain: The trust domain whose keys and roles are meant.
        delegate: Name of the person who may speak.
        role: The one role in which they may; whoever signs must hold it.
        until_ns: Until when, in nanoseconds UTC.
        time_ns: When it was signed, in nanoseconds UTC.
    """

    domain: str
    factory: str
    delegate: str
    role: str
    until_ns: int
    reason: str
    time_ns: int


@dataclass(frozen=True, slots=True)
class Lent:
    """A delegation that holds: on whose authority, and the statement that says so."""

    delegator: Principal
    digest: Digest


def delegation_statement(delegation: Delegation) -> Statement:
    """The statement that a person signs."""
    identity = of_value([delegation.domain, delegation.factory, delegation.delegate, delegation.role])
    return Statement(
        (Subject(f"delegation:{delegation.delegate}", identity),), DELEGATION, members(to_json(delegation))
    )


def read_delegation(statement: Statement) -> Delegation:
    """The delegation in a statement, without believing it.

    Raises:
        InputError: It is not one, or its subject is not what it says.
    """
    delegation = from_json(Delegation, statement.predicate)
    if delegation_statement(delegation).subjects != statement.subjects:
        raise InputError(
            "gates.subject-mismatch",
            "This delegation's subject is not the one its values are about.",
            found=delegation.delegate,
            fix="Make it again: andon delegate.",
        )
    return delegation


def lent_to(
    person: Principal, role: str, said: Iterable[Said], root: TrustRoot, *, signed_ns: int, now_ns: int
) -> Lent | None:
    """The newest delegation by which a person may speak in a role, if one holds.

    The delegator must hold the role themselves, when they delegated and now: authority that was lent cannot be lent on.

    Args:
        person: Who spoke.
        role: In which role.
        said: Statements, delegations and revocations among them, in the order of the ledger.
        root: Who is who.
        signed_ns: When they spoke; the delegation must be in the ledger by then.
        now_ns: The moment of counting; it must not have ended or been revoked by then.
    """
    known = list(said)
    if role not in roles(root):
        return None
    for one in reversed(known):
        if one.statement.predicate_type != DELEGATION or one.logged_ns > signed_ns:
            continue
        lent = _lent(one, person, role, known, root, now_ns)
        if lent:
            return lent
    return None


def _lent(one: Said, person: Principal, role: str, known: list[Said], root: TrustRoot, now_ns: int) -> Lent | None:
    delegator = person_behind(one, root)
    try:
        delegation = one.read_as(read_delegation)
    except InputError:
        return None
    if isinstance(delegator, str) or delegator.name == person.name:
        return None
    is_meant = (delegation.domain, delegation.factory, delegation.delegate, delegation.role) == (
        root.domain,
        root.factory,
        person.name,
        role,
    )
    is_over = now_ns >= delegation.until_ns or revoked_by(one.digest, known, root, now_ns)
    holds_it = holds(root, delegator, role, one.logged_ns) and holds(root, delegator, role, now_ns)
    return Lent(delegator, one.digest) if is_meant and holds_it and not is_over else None
