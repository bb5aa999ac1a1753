"""What a target serves, told only by signed admissions and rollbacks."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, TypeVar, cast

from andon.attest.statement import ADMISSION, RELEASE, REVOCATION, ROLLBACK, Statement, Subject
from andon.attest.trust_root import TrustRoot
from andon.contracts.policy import Tier
from andon.contracts.wire import from_json, to_json
from andon.gates.said import Said, members
from andon.gates.signers import gate_behind
from andon.gates.verdict import Moved
from andon.kernel.digest import Digest
from andon.kernel.errors import InputError, RefusedError


@dataclass(frozen=True, slots=True)
class Bound:
    """A release was put together, on top of what the target then served."""

    domain: str
    factory: str
    model_name: str
    target: str
    release: Digest
    predecessor: Digest
    root_version: int
    time_ns: int


@dataclass(frozen=True, slots=True)
class Admission:
    """A release may be served on a target.

    Attributes:
        model: Digest of its model.
        relied: Digests of the statements that the admission rests on.
        root: Digest of the trust root it was judged under.
        tier: The trust tier at which it was admitted.
        publish: The name it moved.
    """

    domain: str
    factory: str
    model_name: str
    target: str
    release: Digest
    model: Digest
    relied: tuple[Digest, ...]
    root: Digest
    root_version: int
    tier: Tier
    publish: Moved
    time_ns: int


@dataclass(frozen=True, slots=True)
class Rollback:
    """A release admitted before serves again.

    Attributes:
        release: What serves from now on.
        instead_of: What served until now.
        admission: Digest of the admission that allows it.
        by: Who asked for it.
        publish: The name it moved.
    """

    domain: str
    factory: str
    model_name: str
    target: str
    release: Digest
    instead_of: Digest
    admission: Digest
    by: str
    reason: str
    publish: Moved
    time_ns: int


@dataclass(frozen=True, slots=True)
class Revocation:
    """Something counts no more: a release must not be served anywhere, a waiver or a delegation not be relied on.

    Attributes:
        revoked: Digest of the release, or of the statement.
    """

    domain: str
    factory: str
    revoked: Digest
    by: str
    reason: str
    time_ns: int


Decision = Bound | Admission | Rollback | Revocation
_TYPES: dict[type[Decision], str] = {
    Bound: RELEASE,
    Admission: ADMISSION,
    Rollback: ROLLBACK,
    Revocation: REVOCATION,
}
D = TypeVar("D", Bound, Admission, Rollback, Revocation)


def decision_statement(decision: Decision) -> Statement:
    """The statement that the gatekeeper signs: about the release, or about what is revoked."""
    return Statement((_subject(decision),), _TYPES[type(decision)], members(to_json(decision)))


def read_decision(kind: type[D], one: Said, root: TrustRoot) -> D | None:
    """A decision of this kind that a gate of this domain and factory signed; `None` for anything else."""
    if one.statement.predicate_type != _TYPES[kind]:
        return None
    try:
        gate_behind(one, root)
        decision = cast("D", one.read_as(_READERS[kind]))
    except (InputError, RefusedError):
        return None
    is_ours = (decision.domain, decision.factory) == (root.domain, root.factory)
    return decision if is_ours and one.subjects == (_subject(decision).digest,) else None


def _reader(kind: type[Decision]) -> Callable[[Statement], Decision]:
    return lambda statement: from_json(kind, statement.predicate)


_READERS: Final = {kind: _reader(kind) for kind in _TYPES}


def _subject(decision: Decision) -> Subject:
    if isinstance(decision, Revocation):
        return Subject("revoked", decision.revoked)
    return Subject("release", decision.release)


def serving(said: Iterable[Said], root: TrustRoot, *, model_name: str, target: str) -> Admission | Rollback | None:
    """The newest decision about what a target serves; `None` when it never served anything.

    Args:
        said: All admissions and rollbacks.
        root: Who is who.
        model_name: Whose releases are meant.
        target: The target.
    """
    newest: Admission | Rollback | None = None
    for one in sorted(said, key=lambda one: one.index):
        decision = read_decision(Admission, one, root) or read_decision(Rollback, one, root)
        if decision and (decision.model_name, decision.target) == (model_name, target):
            newest = decision
    return newest


def admission_of(
    said: Iterable[Said], root: TrustRoot, *, release: Digest, target: str
) -> tuple[Said, Admission] | None:
    """The newest admission of a release to a target, if it ever was admitted."""
    newest: tuple[Said, Admission] | None = None
    for one in sorted(said, key=lambda one: one.index):
        decision = read_decision(Admission, one, root)
        if decision and (decision.release, decision.target) == (release, target):
            newest = (one, decision)
    return newest
