"""Delegations: a person lets another speak for them in one role, for a time."""

from dataclasses import dataclass
from pathlib import Path

from andon.attest.statement import DELEGATION, REVOCATION
from andon.gates.delegation import Delegation, delegation_statement, read_delegation
from andon.gates.said import Said
from andon.gates.signers import person_behind, revoked_by
from andon.kernel.canonical import Json
from andon.kernel.clock import duration_ns
from andon.kernel.digest import Digest, short
from andon.kernel.errors import InputError, UsageError
from andon.wiring.calls.approving import person_named
from andon.wiring.calls.drafts import Draft, draft_of, listed
from andon.wiring.calls.showing import moment, named_rows
from andon.wiring.factory import open_factory

NAMES = ("delegation", "from", "to", "role", "until", "state", "reason")


@dataclass(frozen=True, slots=True)
class Delegations:
    """Every delegation, the newest first: digest, from, to, role, until, state, reason."""

    rows: list[list[str]]

    def to_json(self) -> list[Json]:
        """The delegations for programs."""
        return named_rows(NAMES, self.rows)


def propose_delegation(folder: Path, delegate: str, *, person: str, role: str, lasts: str, reason: str) -> Draft:
    """What a person would sign to let another speak for them.

    Args:
        folder: The factory's folder.
        delegate: Who is to speak.
        person: Who lets them; empty for who is acting.
        role: In which role; the person must hold it themselves.
        lasts: For how long, such as `7d`.
        reason: Why.

    Raises:
        UsageError: One of them is nobody of the trust root, they are the same, or the person does not hold the role.
    """
    with open_factory(folder) as opened:
        root = opened.gatekeeper.keeping.record.root()
        now_ns = opened.clock.now_ns()
        who = person_named(root, person or opened.settings.person)
        to = person_named(root, delegate)
        held = [interval.role for interval in who.roles if interval.covers(now_ns)]
        if to == who or role not in held:
            raise UsageError(
                "delegate.not-theirs",
                "Nobody delegates to themselves, or what is not theirs.",
                found=f"{who.name} has {listed(held, 'no role')} and delegates {role} to {to.name}",
                fix="Name a role that the person holds themselves, and another person.",
            )
        delegation = Delegation(
            domain=root.domain,
            factory=root.factory,
            delegate=to.name,
            role=role,
            until_ns=now_ns + duration_ns(lasts),
            reason=reason,
            time_ns=now_ns,
        )
        return draft_of(who.name, delegation_statement(delegation))


def delegations_of(folder: Path) -> Delegations:
    """Every delegation, and whether it still holds."""
    with open_factory(folder) as opened:
        record = opened.gatekeeper.keeping.record
        root, now_ns = record.root(), opened.clock.now_ns()
        said = record.of_types(root, DELEGATION, REVOCATION)
        rows = []
        for one in reversed(said):
            if one.statement.predicate_type == DELEGATION:
                delegator = person_behind(one, root)
                name = delegator if isinstance(delegator, str) else delegator.name
                rows.append(
                    _row(one, name, state_of(one, now_ns, is_revoked=revoked_by(one.digest, said, root, now_ns)))
                )
        return Delegations(rows)


def state_of(one: Said, now_ns: int, *, is_revoked: bool) -> str:
    """Whether a delegation is active, expired or revoked."""
    try:
        delegation = read_delegation(one.statement)
    except InputError:
        return "unreadable"
    if is_revoked:
        return "revoked"
    return "expired" if now_ns >= delegation.until_ns else "active"


def _row(one: Said, delegator: str, state: str) -> list[str]:
    values = one.statement.predicate
    until = moment(int(str(values.get("until_ns", "0"))))
    digest: Digest = one.digest
    return [
        short(digest),
        delegator,
        str(values.get("delegate")),
        str(values.get("role")),
        until,
        state,
        str(values.get("reason")),
    ]
