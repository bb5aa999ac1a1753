"""Whose cosignatures count: the witnesses that the trust root names, each key for its own time."""

from collections.abc import Callable

from andon.attest.trust_root import WITNESS_ROLE, KeyState, RoleInterval, TrustRoot
from andon.kernel.signing import PublicKey, Verifier
from andon.ledger.cosignature import WitnessKey


def witness_keys(root: TrustRoot, verifier: Callable[[PublicKey], Verifier]) -> tuple[WitnessKey, ...]:
    """The keys of all services that have or had the role `witness`, with the time in which their word counts.

    A key counts while its service holds the role: an active one from its own beginning, a retired one until its end.
    What a compromised key signed never counts, because a time under it may be a lie.

    Args:
        root: The verified trust root.
        verifier: Makes the check of one key, such as `andon.adapters.keys.verifier`.
    """
    return tuple(
        WitnessKey(principal.name, verifier(key.public), *_time_of(key, role))
        for principal in root.principals
        for role in principal.roles
        for key in principal.keys
        if role.role == WITNESS_ROLE and key.state != "compromised"
    )


def _time_of(key: KeyState, role: RoleInterval) -> tuple[int, int | None]:
    if key.state == "active":
        return max(role.from_ns, key.since_ns), role.until_ns
    return role.from_ns, key.since_ns if role.until_ns is None else min(role.until_ns, key.since_ns)
