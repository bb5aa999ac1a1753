"""The trust root for people: shown, compared, proposed, signed; verified on their own machine, from their own pin."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from andon.adapters.keys import verifier
from andon.adapters.trust_folder import HomeFolder
from andon.attest import envelope as envelopes
from andon.attest.envelope import Envelope, sign
from andon.attest.succession import check_next, quorum_of, seal_root, verify_versions
from andon.attest.trust_changes import changes
from andon.attest.trust_json import fingerprint
from andon.attest.trust_root import TrustRoot
from andon.attest.trust_toml import from_toml
from andon.kernel.clock import SECOND_NS, SystemClock
from andon.kernel.digest import parse
from andon.kernel.errors import InputError, IntegrityError, RefusedError, UsageError
from andon.kernel.signing import Signer
from andon.wiring.ask import ask
from andon.wiring.calls.policy_shown import Differences, History, Put, Shown
from andon.wiring.calls.rotation import (
    TrustChain,
    Withdrawn,
    hand_in_root,
    nothing_proposed,
    propose_root,
    signers_named,
    trust_chain,
    withdraw_root,
)
from andon.wiring.calls.showing import moment
from andon.wiring.settings import Settings, load_settings
from andon.wiring.signing import person_signer

_DAY_NS: Final = 86_400 * SECOND_NS


@dataclass(frozen=True, slots=True)
class Believed:
    """The versions that hold from the pinned one on, and what is proposed."""

    settings: Settings
    roots: tuple[TrustRoot, ...]
    envelopes: tuple[Envelope, ...]
    proposed: Envelope | None

    @property
    def current(self) -> TrustRoot:
        """The version in force."""
        return self.roots[-1]

    def version(self, number: int) -> TrustRoot:
        """A version, or what is proposed as the next one."""
        if 1 <= number <= len(self.roots):
            return self.roots[number - 1]
        if number == len(self.roots) + 1 and self.proposed is not None:
            return check_next(self.current, self.proposed)
        raise UsageError(
            "policy.no-version",
            "There is no such version of the trust root.",
            found=f"version {number}; 1 to {len(self.roots)} are there",
            fix="See them: andon policy history",
        )


def policy_of(folder: Path, version: int | None = None) -> Shown:
    """A version of the trust root, by default the one in force.

    Raises:
        UsageError: There is no such version.
        InputError: No fingerprint is pinned on this machine.
        IntegrityError: The versions do not follow from the pinned one.
    """
    believed = believed_from(folder)
    root = believed.current if version is None else believed.version(version)
    days = (root.expires_ns - SystemClock().now_ns()) / _DAY_NS
    return Shown(root, fingerprint(believed.roots[0]), days, len(believed.roots) + 1 if believed.proposed else 0)


def policy_history(folder: Path) -> History:
    """Every version of the trust root, the newest first.

    Raises:
        AndonError: They do not follow from the one that is pinned on this machine.
    """
    believed = believed_from(folder)
    rows = []
    before = believed.roots[0]
    for root, envelope in zip(believed.roots, believed.envelopes, strict=True):
        people = {name for one in (before, root) for name in quorum_of(one, envelope, verifier).signed}
        rows.append([str(root.version), moment(root.expires_ns), ", ".join(sorted(people)), fingerprint(root)])
        before = root
    return History(rows[::-1])


def policy_diff(folder: Path, old: int | None = None, new: int | None = None) -> Differences:
    """What two versions differ in; by default what is proposed and what is in force, else the last two.

    Raises:
        UsageError: There is no such version, or only one.
        AndonError: The versions do not follow from the one that is pinned on this machine.
    """
    believed = believed_from(folder)
    last = len(believed.roots) + (1 if believed.proposed else 0)
    after = last if new is None else new
    return _differences(believed, after - 1 if old is None else old, after)


def propose_policy(folder: Path, toml: str, place: str) -> Put:
    """Propose the next version of the trust root, as somebody wrote it; it is in force once enough people signed it.

    Args:
        folder: The factory's folder.
        toml: The file's text, edited from the version in force.
        place: What the file is called, for refusals.

    Raises:
        InputError: It says something that means nothing, or it has expired already.
        UsageError: It was edited from another version than the one in force, or changes nothing.
        AndonError: It could not follow the version in force, or something else is proposed.
    """
    believed = believed_from(folder)
    current, wanted = believed.current, from_toml(toml, place)
    if wanted.version not in (current.version, current.version + 1):
        raise UsageError(
            "policy.other-version",
            "This file was not written from the version in force.",
            place=place,
            found=f"version {wanted.version}, and {current.version} is in force",
            fix="Begin again with: andon policy show --toml",
        )
    wanted = replace(wanted, version=current.version + 1)
    if wanted == replace(current, version=wanted.version):
        raise UsageError(
            "policy.unchanged", "This file changes nothing.", place=place, fix="Edit it first, then propose it."
        )
    if wanted.is_expired(SystemClock().now_ns()):
        raise InputError(
            "policy.expired",
            "This version would have expired already.",
            place=f"{place}: expires",
            found=moment(wanted.expires_ns),
            fix="Give it a moment to come.",
        )
    return put_forward(believed, wanted, ())


def sign_policy(folder: Path, *, person: str, key_uri: str = "") -> Put:
    """Sign what is proposed with a person's own key; when enough people of both versions did, it is in force.

    Args:
        folder: The factory's folder.
        person: Who signs; by default who acts.
        key_uri: Where their key is; by default their key file.

    Raises:
        UsageError: Nothing is proposed.
        RefusedError: The key is not one that may sign versions, or not this person's.
        AndonError: What is proposed could not follow, or something else was proposed meanwhile.
    """
    believed = believed_from(folder)
    if believed.proposed is None:
        raise nothing_proposed(believed.current)
    who = person or believed.settings.person
    root = check_next(believed.current, believed.proposed)
    signer = person_signer(believed.settings, who, key_uri)
    check_signer(signer, who, believed.current, root)
    mine = sign(believed.proposed.payload_type, believed.proposed.payload, (signer,))
    found = _differences(believed, believed.current.version, root.version)
    return Put(found, ask(hand_in_root, folder, envelopes.to_json(mine).decode()), who)


def withdraw_policy(folder: Path, *, person: str) -> Withdrawn:
    """Withdraw what is proposed, with the signatures it has.

    Raises:
        UsageError: Nothing is proposed.
        RefusedError: The trust root names no such person.
    """
    return ask(withdraw_root, folder, person or load_settings(folder).person)


def pin_policy(folder: Path, spoken: str) -> Shown:
    """Pin the fingerprint of the first version on this machine, as its owner told it on another way than the files.

    Args:
        folder: The factory's folder.
        spoken: The fingerprint, with or without `sha256:`, spaces or dashes.

    Raises:
        InputError: It is no fingerprint.
        IntegrityError: The factory's trust root is another one, or does not follow from it; nothing is pinned then.
        ConflictError: Another one is pinned here.
    """
    settings = load_settings(folder)
    pinned = parse(f"sha256:{''.join(spoken.lower().removeprefix('sha256:').replace('-', ' ').split())}")
    verify_versions(_envelopes(ask(trust_chain, folder)), pinned, verifier)
    HomeFolder(settings.home).pin(pinned)
    return policy_of(folder)


def believed_from(folder: Path) -> Believed:
    """The versions of a factory, verified from the one pinned on this machine.

    Raises:
        InputError: No fingerprint is pinned here, or there is no trust root.
        IntegrityError: A version does not follow from the one before, or a newer one was seen here.
    """
    settings = load_settings(folder)
    chain = ask(trust_chain, folder)
    found = _envelopes(chain)
    home = HomeFolder(settings.home)
    roots = verify_versions(found, home.pinned(), verifier)
    remembered = home.load(settings.origin)
    if remembered and len(roots) < remembered.root_version:
        raise IntegrityError(
            "policy.rolled-back",
            "A newer trust root was seen on this machine.",
            place=str(settings.trust),
            found=f"version {len(roots)} after {remembered.root_version}",
            fix="Restore the newest trust root.",
        )
    return Believed(settings, roots, found, _envelope(chain.proposed) if chain.proposed else None)


def _envelopes(chain: TrustChain) -> tuple[Envelope, ...]:
    return tuple(_envelope(text) for text in chain.versions)


def _envelope(text: str) -> Envelope:
    return envelopes.from_json(text.encode())


def _differences(believed: Believed, old: int, new: int) -> Differences:
    is_proposed = new > len(believed.roots)
    before, after = believed.version(old), believed.version(new)
    quorums: tuple[str, ...] = ()
    if is_proposed and believed.proposed is not None:
        quorums = tuple(quorum_of(root, believed.proposed, verifier).text() for root in (believed.current, after))
    return Differences(old, new, is_proposed, changes(before, after), quorums)


def put_forward(believed: Believed, root: TrustRoot, signers: Sequence[Signer]) -> Put:
    """Propose a version, with the signatures of some keys already on it.

    Raises:
        IntegrityError: It could not follow the version in force.
        ConflictError: Something else is proposed already.
    """
    sealed = seal_root(root, signers)
    check_next(believed.current, sealed)
    standing = ask(propose_root, believed.settings.folder, envelopes.to_json(sealed).decode())
    found = Differences(believed.current.version, root.version, True, changes(believed.current, root))
    names = {key.public.key_id: one.name for one in root.principals for key in one.keys}
    return Put(found, standing, ", ".join(names[one.key_id] for one in signers))


def check_signer(signer: Signer, person: str, current: TrustRoot, root: TrustRoot) -> None:
    """Refuse a key that would not count, before it signs."""
    keys = {key_id for one in (current, root) for key_id in one.root_keys}
    owners = {key.public.key_id: one.name for who in (current, root) for one in who.principals for key in one.keys}
    if signer.key_id not in keys or owners[signer.key_id] != person:
        raise RefusedError(
            "policy.not-a-signer",
            "This key does not sign versions of the trust root for this person.",
            place=person,
            found=f"key {signer.key_id[:12]} of {owners.get(signer.key_id, 'nobody here')}",
            fix=f"Ask {' or '.join(signers_named(current, root))}.",
        )
