"""How trust begins and goes on: the first trust root by its fingerprint, each next one by two quorums of people."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from andon.attest.envelope import Envelope, sign, signers_of
from andon.attest.reading import malformed
from andon.attest.trust_json import fingerprint, from_bytes, to_bytes
from andon.attest.trust_root import KeyState, TrustRoot
from andon.kernel.clock import iso
from andon.kernel.digest import Digest, parse
from andon.kernel.errors import IntegrityError
from andon.kernel.signing import PublicKey, Signer, Verifier

PAYLOAD_TYPE: Final = "application/vnd.andon.trust-root+json"
MakeVerifier = Callable[[PublicKey], Verifier]
_MOST_READ: Final = 64
_ENDINGS: Final = ("active", "retired", "compromised")


@dataclass(frozen=True, slots=True)
class Quorum:
    """Who of one version signed a trust root, and who else can.

    Attributes:
        version: The version whose people are asked.
        needed: How many different people must sign.
        signed: Those who did, by name.
        others: Those who can and did not, by name.
    """

    version: int
    needed: int
    signed: tuple[str, ...]
    others: tuple[str, ...]

    @property
    def is_reached(self) -> bool:
        """Whether enough people signed."""
        return len(self.signed) >= self.needed

    def text(self) -> str:
        """How it stands, in words for a person."""
        said = (
            f"version {self.version}: {len(self.signed)} of {self.needed} signed ({', '.join(self.signed) or 'nobody'})"
        )
        return (
            said if self.is_reached else f"{said}; missing {self.needed - len(self.signed)} of {', '.join(self.others)}"
        )


def seal_root(root: TrustRoot, signers: Sequence[Signer]) -> Envelope:
    """Sign a trust root; `andon.attest.envelope.with_signature` adds the others' signatures.

    Raises:
        IntegrityError: It holds a name or a time that could not be read back.
    """
    payload = to_bytes(root)
    from_bytes(payload)
    return sign(PAYLOAD_TYPE, payload, signers)


def verify_first(envelope: Envelope, pinned: Digest, verifier: MakeVerifier) -> TrustRoot:
    """The first trust root, if it is the pinned one and its own quorum signed it.

    Args:
        envelope: The sealed root.
        pinned: Its fingerprint, from elsewhere than the envelope.
        verifier: Makes the check of one key.

    Raises:
        IntegrityError: It is malformed, another one, not version 1, or not signed by its quorum.
    """
    root = _open(envelope)
    if _fingerprint_in(envelope.payload) != parse(pinned):
        raise _refuse("not-pinned", "This is not the trust root that was pinned.", fingerprint(root))
    if root.version != 1:
        raise _refuse("not-first", "Trust begins with version 1 of the trust root.", f"version {root.version}")
    _check_quorum(root, _signed((root,), envelope, verifier))
    return root


def verify_next(current: TrustRoot, envelope: Envelope, verifier: MakeVerifier) -> TrustRoot:
    """The trust root after the current one, if the quorums of both signed it. People are counted, not keys.

    Args:
        current: The verified root before it.
        envelope: The sealed next root.
        verifier: Makes the check of one key.

    Raises:
        IntegrityError: It is malformed, not the next version, of another domain or factory, not signed by one of the
            quorums, or it drops, moves or revives a key.
    """
    root = check_next(current, envelope)
    signed = _signed((current, root), envelope, verifier)
    for version in (current, root):
        _check_quorum(version, signed)
    return root


def check_next(current: TrustRoot, envelope: Envelope) -> TrustRoot:
    """What would be the trust root after the current one, if enough people signed it; signatures are not looked at.

    Raises:
        IntegrityError: It is malformed, not the next version, of another domain or factory, or it drops, moves or
            revives a key.
    """
    root = _open(envelope)
    if root.version != current.version + 1:
        raise _refuse("not-next", "This is not the next trust root.", f"version {root.version} after {current.version}")
    if (root.domain, root.factory) != (current.domain, current.factory):
        raise _refuse("of-another", "This trust root is of another factory.", f"{root.domain} {root.factory}")
    _check_keys(current, root)
    return root


def quorum_of(root: TrustRoot, envelope: Envelope, verifier: MakeVerifier) -> Quorum:
    """Who of a version's people signed an envelope. People are counted, not keys.

    Args:
        root: The version whose people are asked.
        envelope: What they signed, such as the next version.
        verifier: Makes the check of one key.
    """
    return _quorum(root, _signed((root,), envelope, verifier))


def verify_versions(envelopes: Iterable[Envelope], pinned: Digest, verifier: MakeVerifier) -> tuple[TrustRoot, ...]:
    """Every trust root of a chain that begins with the pinned one, the first one first.

    Raises:
        IntegrityError: There is none, or one of them does not follow from the one before.
    """
    roots: list[TrustRoot] = []
    for envelope in envelopes:
        first = not roots
        roots.append(verify_first(envelope, pinned, verifier) if first else verify_next(roots[-1], envelope, verifier))
    if not roots:
        raise _refuse("missing", "There is no trust root.", "no versions")
    return tuple(roots)


def verify_chain(envelopes: Iterable[Envelope], pinned: Digest, verifier: MakeVerifier) -> TrustRoot:
    """The newest trust root of a chain that begins with the pinned one.

    Raises:
        IntegrityError: There is none, or one of them does not follow from the one before.
    """
    return verify_versions(envelopes, pinned, verifier)[-1]


def _open(envelope: Envelope) -> TrustRoot:
    if envelope.payload_type != PAYLOAD_TYPE:
        raise malformed("trust root", f"payload type {envelope.payload_type!r:.60}")
    return _root_in(envelope.payload)


@lru_cache(maxsize=_MOST_READ)
def _root_in(payload: bytes) -> TrustRoot:
    """The trust root in a payload; the same bytes always are the same one, whoever signed them."""
    return from_bytes(payload)


@lru_cache(maxsize=_MOST_READ)
def _fingerprint_in(payload: bytes) -> Digest:
    return fingerprint(_root_in(payload))


def _signed(versions: Sequence[TrustRoot], envelope: Envelope, verifier: MakeVerifier) -> frozenset[str]:
    """The ids of the keys that signed an envelope, of all keys that may sign for one of these versions."""
    may = {key_id for root in versions for key_id in root.root_keys}
    keys = (key.public for root in versions for principal in root.principals for key in principal.keys)
    return signers_of(envelope, {public.key_id: verifier(public) for public in keys if public.key_id in may})


def _quorum(root: TrustRoot, signed: Collection[str]) -> Quorum:
    """Whose keys, of those that may sign for a version, are among the ones that signed."""
    owners = {key.public.key_id: principal.name for principal in root.principals for key in principal.keys}
    everybody = {owners[key_id] for key_id in root.root_keys}
    people = {owners[key_id] for key_id in root.root_keys if key_id in signed}
    return Quorum(root.version, root.quorum, tuple(sorted(people)), tuple(sorted(everybody - people)))


def _check_quorum(root: TrustRoot, signed: Collection[str]) -> None:
    """Refuse what fewer different people of this root signed than its quorum."""
    quorum = _quorum(root, signed)
    if not quorum.is_reached:
        people = ", ".join(quorum.signed) or "nobody"
        found = f"{len(quorum.signed)} of {quorum.needed} people of version {root.version}: {people}"
        raise _refuse("no-quorum", "Too few people signed this trust root.", found)


def _check_keys(current: TrustRoot, root: TrustRoot) -> None:
    """Keys stay, with whom they are: otherwise what was signed in the past would be somebody else's, or nobody's."""
    after = {key.public.key_id: (principal.name, key) for principal in root.principals for key in principal.keys}
    for principal in current.principals:
        for key in principal.keys:
            name, now = after.get(key.public.key_id, ("", None))
            if now is None or name != principal.name:
                raise _refuse(
                    "key-dropped", "A key left its principal.", f"{key.public.key_id[:12]} of {principal.name}"
                )
            if not _may_become(key, now):
                ended = f"{key.state} since {iso(key.since_ns)}, then {now.state} since {iso(now.since_ns)}"
                found = f"{key.public.key_id[:12]} of {principal.name}: {ended}"
                raise _refuse("key-revived", "The past of a key was changed.", found)


def _may_become(key: KeyState, now: KeyState) -> bool:
    if "compromised" in (key.state, now.state) and key.state != "active":
        # It may turn out to be compromised since earlier; later, what is void already would stand again.
        return now.state == "compromised" and now.since_ns <= key.since_ns
    if key.state == now.state:
        return key.since_ns == now.since_ns
    return _ENDINGS.index(now.state) > _ENDINGS.index(key.state)


def _refuse(what: str, message: str, found: str) -> IntegrityError:
    return IntegrityError(
        f"trust.{what}",
        message,
        place="trust root",
        found=found,
        fix="Get the right version from who keeps the trust root, or have it signed again.",
    )
