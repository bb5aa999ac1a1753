"""The next version of the trust root, where the factory is: proposed, signed by one after another, then in force."""

from dataclasses import dataclass
from pathlib import Path

from andon.adapters.keys import verifier
from andon.adapters.trust_folder import FolderRoots
from andon.attest import envelope as envelopes
from andon.attest.envelope import Envelope, signers_of
from andon.attest.succession import Quorum, check_next, quorum_of, verify_next
from andon.attest.trust_json import fingerprint
from andon.attest.trust_root import TrustRoot
from andon.contracts.wire import to_json
from andon.kernel.canonical import Json
from andon.kernel.digest import Digest
from andon.kernel.errors import ConflictError, IntegrityError, RefusedError, UsageError
from andon.kernel.signing import Verifier
from andon.wiring.settings import Settings, load_settings
from andon.wiring.trust import current_root


@dataclass(frozen=True, slots=True)
class TrustChain:
    """All versions of the trust root as they were signed; whoever asks verifies them from their own pin.

    Attributes:
        versions: The envelopes as canonical text, the first version first.
        proposed: The envelope of what is proposed as the next one; empty where nothing is.
    """

    versions: tuple[str, ...]
    proposed: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How a proposed version stands.

    Attributes:
        version: Which one it is, or would be.
        fingerprint: Identity of what is proposed.
        quorums: Who of the version in force signed it, and who of the proposed one.
        is_in_force: Whether both quorums were reached, so that it is a version now.
    """

    version: int
    fingerprint: Digest
    quorums: tuple[Quorum, ...]
    is_in_force: bool

    def to_json(self) -> dict[str, Json]:
        """How it stands, for programs."""
        return {
            "version": self.version,
            "fingerprint": self.fingerprint,
            "in_force": self.is_in_force,
            "quorums": [to_json(one) for one in self.quorums],
        }


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A version that is no longer proposed."""

    version: int

    def to_json(self) -> dict[str, Json]:
        """The version for programs."""
        return {"withdrawn": self.version}


def trust_chain(folder: Path) -> TrustChain:
    """All versions of the trust root, and what is proposed as the next one. Nothing is verified here.

    Raises:
        InputError: There is no trust root.
    """
    roots = FolderRoots(load_settings(folder).trust)
    versions = roots.envelopes()
    proposed = roots.proposal(len(versions) + 1)
    return TrustChain(tuple(map(_text, versions)), _text(proposed) if proposed else "")


def propose_root(folder: Path, envelope: str) -> Standing:
    """Keep what is proposed as the next version, with the signatures it carries.

    Args:
        folder: The factory's folder.
        envelope: The sealed next version, as canonical text; it may carry no signature yet.

    Raises:
        IntegrityError: It could not follow the version in force.
        ConflictError: Something else is proposed already.
    """
    settings = load_settings(folder)
    roots, proposed = FolderRoots(settings.trust), _read(envelope)
    with roots.alone():
        current = current_root(settings)
        root = check_next(current, proposed)
        known = roots.proposal(root.version)
        if known is not None and known.payload != proposed.payload:
            raise ConflictError(
                "policy.proposal-waits",
                "Another next version is proposed already.",
                found=f"version {root.version}, {fingerprint(check_next(current, known))}",
                fix="Sign it or withdraw it first: andon policy diff, andon policy withdraw",
            )
        return _keep(settings, current, root, (known or _bare(proposed), proposed))


def hand_in_root(folder: Path, envelope: str) -> Standing:
    """Add signatures to what is proposed; when both quorums are reached, it is the version in force.

    Args:
        folder: The factory's folder.
        envelope: The very bytes that are proposed, with signatures, as canonical text.

    Raises:
        UsageError: Nothing is proposed.
        IntegrityError: These are other bytes than the proposed ones.
        RefusedError: None of the signatures is by somebody who may sign versions.
    """
    settings = load_settings(folder)
    roots, signed = FolderRoots(settings.trust), _read(envelope)
    with roots.alone():
        current = current_root(settings)
        proposed = roots.proposal(current.version + 1)
        if proposed is None:
            raise nothing_proposed(current)
        if (signed.payload_type, signed.payload) != (proposed.payload_type, proposed.payload):
            raise IntegrityError(
                "policy.other-proposal",
                "This signs something else than what is proposed.",
                place=f"version {current.version + 1}",
                found=fingerprint(check_next(current, signed)),
                fix="Look at what is proposed now, and sign that: andon policy diff, andon policy sign",
            )
        root = check_next(current, proposed)
        if not signers_of(signed, _checks(current, root)):
            raise RefusedError(
                "policy.not-a-signer",
                "Nobody who may sign versions signed this.",
                found=", ".join(one.key_id[:12] for one in signed.signatures) or "no signature",
                fix=f"Ask {' or '.join(signers_named(current, root))}.",
            )
        return _keep(settings, current, root, (proposed, signed))


def withdraw_root(folder: Path, person: str) -> Withdrawn:
    """Forget what is proposed as the next version, with its signatures; also where it was damaged.

    Raises:
        UsageError: Nothing is proposed.
        RefusedError: This is nobody whom the trust root names.
    """
    settings = load_settings(folder)
    roots = FolderRoots(settings.trust)
    with roots.alone():
        current = current_root(settings)
        people = [one.name for one in current.principals if one.kind == "person"]
        if person not in people:
            raise RefusedError(
                "policy.stranger",
                "Only people in the trust root withdraw a proposal.",
                found=person,
                fix=f"Ask {' or '.join(people)}.",
            )
        if not roots.withdraw(current.version + 1):
            raise nothing_proposed(current)
        return Withdrawn(current.version + 1)


def nothing_proposed(current: TrustRoot) -> UsageError:
    """The refusal to sign or withdraw where nothing is proposed."""
    return UsageError(
        "policy.nothing-proposed",
        "No next version of the trust root is proposed.",
        found=f"version {current.version} is in force",
        fix="Propose one: andon policy show --toml > policy.toml; edit it; andon policy propose policy.toml",
    )


def signers_named(*roots: TrustRoot) -> list[str]:
    """Everybody who may sign one of these versions, by name."""
    named = {(key.public.key_id, one.name) for root in roots for one in root.principals for key in one.keys}
    keys = {key_id for root in roots for key_id in root.root_keys}
    return sorted({name for key_id, name in named if key_id in keys})


def _keep(settings: Settings, current: TrustRoot, root: TrustRoot, said: tuple[Envelope, Envelope]) -> Standing:
    """Keep a proposal with the signatures of both envelopes that count, and put it in force if they are enough."""
    merged = _merged(said, current, root)
    standing = _standing(current, root, merged)
    roots = FolderRoots(settings.trust)
    if not standing.is_in_force:
        roots.propose(root.version, merged)
        return standing
    roots.add(verify_next(current, merged, verifier).version, merged)
    roots.withdraw(root.version)
    return standing


def _standing(current: TrustRoot, root: TrustRoot, envelope: Envelope) -> Standing:
    quorums = (quorum_of(current, envelope, verifier), quorum_of(root, envelope, verifier))
    return Standing(root.version, fingerprint(root), quorums, all(one.is_reached for one in quorums))


def _merged(said: tuple[Envelope, Envelope], current: TrustRoot, root: TrustRoot) -> Envelope:
    """One envelope with every signature that one of those who may sign made; what others wrote is left out."""
    checks = _checks(current, root)
    signatures = {
        one.key_id: one
        for envelope in said
        for one in envelope.signatures
        if one.key_id in signers_of(envelope, checks)
    }
    return Envelope(said[0].payload_type, said[0].payload, tuple(signatures.values()))


def _checks(current: TrustRoot, root: TrustRoot) -> dict[str, Verifier]:
    keys = {key.public.key_id: key.public for one in (current, root) for who in one.principals for key in who.keys}
    return {key_id: verifier(keys[key_id]) for key_id in (*current.root_keys, *root.root_keys)}


def _bare(envelope: Envelope) -> Envelope:
    return Envelope(envelope.payload_type, envelope.payload, ())


def _read(text: str) -> Envelope:
    return envelopes.from_json(text.strip().encode())


def _text(envelope: Envelope) -> str:
    return envelopes.to_json(envelope).decode()
