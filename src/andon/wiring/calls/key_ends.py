"""Ending a key: retired, or compromised since a moment; a next version of the trust root says so."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

from andon.attest.trust_root import KeyState, TrustRoot
from andon.kernel.errors import UsageError
from andon.wiring.calls.policy import believed_from, check_signer, put_forward
from andon.wiring.calls.policy_shown import Put
from andon.wiring.calls.rotation import signers_named
from andon.wiring.signing import person_signer

Ending = Literal["retired", "compromised"]


def end_key(folder: Path, key: str, state: Ending, since_ns: int, *, person: str, key_uri: str = "") -> Put:
    """Propose a version in which a key has ended, signed at once by who acts if they may sign versions.

    Args:
        folder: The factory's folder.
        key: Its id, or how it begins.
        state: `retired`, or `compromised`: then only what a witness saw before stands.
        since_ns: Since when, in nanoseconds UTC.
        person: Who acts; by default who is acting on this machine.
        key_uri: Where their own key is; by default their key file.

    Raises:
        UsageError: No key, or more than one, begins so; or without it too few people could sign versions.
        AndonError: The key ended before, or something else is proposed.
    """
    believed = believed_from(folder)
    current = believed.current
    key_id = _key_id(current, key)
    root = _ended(current, key_id, state, since_ns)
    who = person or believed.settings.person
    signer = person_signer(believed.settings, who, key_uri) if who in signers_named(current, root) else None
    if signer is not None:
        check_signer(signer, who, current, root)
    return put_forward(believed, root, (signer,) if signer else ())


def _key_id(root: TrustRoot, wanted: str) -> str:
    known = {key.public.key_id: one.name for one in root.principals for key in one.keys}
    found = [key_id for key_id in known if wanted and key_id.startswith(wanted.lower())]
    if len(found) != 1:
        raise UsageError(
            "key.unknown" if not found else "key.which",
            "No key of the trust root has this id." if not found else "More than one key begins so.",
            found=", ".join(f"{key_id[:12]} of {known[key_id]}" for key_id in found) or wanted,
            fix="See them: andon key list",
        )
    return found[0]


def _ended(root: TrustRoot, key_id: str, state: Ending, since_ns: int) -> TrustRoot:
    """The next version, in which a key has ended and signs no version any more."""

    def ended(key: KeyState) -> KeyState:
        return replace(key, state=state, since_ns=since_ns) if key.public.key_id == key_id else key

    left = tuple(one for one in root.root_keys if one != key_id)
    people = {one.name for one in root.principals for key in one.keys if key.public.key_id in left}
    if len(people) < root.quorum:
        raise UsageError(
            "key.last-owner",
            "Without this key too few people could sign versions of the trust root.",
            found=f"{len(people)} of {root.quorum} people left: {', '.join(sorted(people)) or 'nobody'}",
            fix="First give its owner another key, or name another owner: andon policy show --toml, then propose",
        )
    principals = tuple(replace(one, keys=tuple(ended(key) for key in one.keys)) for one in root.principals)
    return replace(root, version=root.version + 1, root_keys=left, principals=principals)
