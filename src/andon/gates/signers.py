"""Who stands behind a signed statement: a person, a gate, or nobody whose word counts."""

from collections.abc import Iterable

from andon.attest.statement import REVOCATION
from andon.attest.trust_root import GATE_ROLE, Principal, TrustRoot, holds, principals_of
from andon.gates.refusal import refuse
from andon.gates.said import Said
from andon.kernel.digest import Digest
from andon.kernel.errors import RefusedError


def person_behind(one: Said, root: TrustRoot) -> Principal | str:
    """The one person whose key signed a statement when it came into the ledger; or why there is none, in words."""
    found = principals_of(root, one.keys, one.logged_ns, witnessed_ns=one.witnessed_ns)
    if len(found) != 1:
        return f"statement {one.index} is signed by {'several principals' if found else 'no key that counts'}"
    (principal,) = found
    if principal.kind != "person":
        return f"{principal.name}: a service never signs off"
    return principal


def gate_behind(one: Said, root: TrustRoot) -> str:
    """The name of the gatekeeper whose key signed a statement when it came into the ledger.

    Raises:
        RefusedError: No key of a service that held the role `gate` then signed it (`gates.signer-not-gate`).
    """
    for principal in principals_of(root, one.keys, one.logged_ns, witnessed_ns=one.witnessed_ns):
        if principal.kind == "service" and holds(root, principal, GATE_ROLE, one.logged_ns):
            return principal.name
    raise refuse(
        "gates.signer-not-gate",
        "This statement was not signed by a gate's key.",
        one.digest,
        "a signature by no service that held the role gate",
    )


def revoked_by(digest: Digest, said: Iterable[Said], root: TrustRoot, now_ns: int) -> bool:
    """Whether a gate signed, until a moment, that something counts no more.

    Args:
        digest: What may have been revoked.
        said: Statements, revocations among them.
        root: Who is who.
        now_ns: The moment.
    """
    return any(_revokes(one, digest, root) for one in said if one.logged_ns <= now_ns)


def _revokes(one: Said, digest: Digest, root: TrustRoot) -> bool:
    if one.statement.predicate_type != REVOCATION or one.subjects != (digest,):
        return False
    try:
        gate_behind(one, root)
    except RefusedError:
        return False
    return True
