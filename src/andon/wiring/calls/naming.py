"""Naming a person: a next version of the trust root has them, with roles and the public half of their key."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from andon.adapters.keys import generate_key
from andon.adapters.trust_folder import HomeFolder
from andon.attest.trust_root import SERVICE_ROLES, KeyState, Principal, RoleInterval, TrustRoot
from andon.kernel.clock import SystemClock
from andon.kernel.errors import InputError, UsageError
from andon.kernel.signing import PublicKey
from andon.wiring.calls.policy import believed_from, check_signer, put_forward
from andon.wiring.calls.policy_shown import Put
from andon.wiring.calls.rotation import signers_named
from andon.wiring.signing import person_signer


def name_in_policy(
    folder: Path, name: str, roles: Sequence[str], public: PublicKey | None, *, person: str = "", key_uri: str = ""
) -> tuple[Put, PublicKey]:
    """Propose a version in which somebody is named, signed at once by the owner who acts, and by nobody else.

    Args:
        folder: The factory's folder.
        name: What they are called from now on.
        roles: What they may sign as; roles of services are refused.
        public: Their key, where its private half is elsewhere; else one is made here.
        person: The owner who names them; by default who acts.
        key_uri: Where the owner's key is; by default their key file.

    Raises:
        UsageError: The person is there already, or the roles or the name are none that people have.
        InputError: Who acts is no owner.
        AndonError: The owner's key cannot be used, or something else is proposed.
    """
    believed = believed_from(folder)
    current = believed.current
    _check_named(current, name, roles)
    owner = person or believed.settings.person
    owners = signers_named(current)
    if owner not in owners:
        raise InputError(
            "key.no-owner",
            "Only an owner names further people.",
            place=owner,
            found=f"owners: {', '.join(owners)}",
            fix=f"Ask {' or '.join(owners)}; or act as one of them, with their key: --as {owners[0]}",
        )
    signer = person_signer(believed.settings, owner, key_uri)
    check_signer(signer, owner, current, current)
    now_ns = SystemClock().now_ns()
    key = public or generate_key(HomeFolder(believed.settings.home).key(name))
    held = tuple(RoleInterval(role, now_ns) for role in roles)
    principals = (*current.principals, Principal(name, "person", (KeyState(key, "active", now_ns),), held))
    grown = replace(current, version=current.version + 1, principals=principals)
    return put_forward(believed, grown, (signer,)), key


def _check_named(root: TrustRoot, name: str, roles: Sequence[str]) -> None:
    if any(principal.name == name for principal in root.principals):
        raise UsageError(
            "key.person-exists",
            f"{name} is in the trust root already.",
            found=name,
            fix="Use another name; roles and keys change by andon policy show --toml, an edit, andon policy propose.",
        )
    if not roles or SERVICE_ROLES & set(roles):
        raise UsageError(
            "key.no-role",
            "A person needs a role, and not one of the services'.",
            found=", ".join(roles) or "no role",
            fix="Name one: andon key add grace --role operations",
        )
    if not name.isidentifier():
        raise UsageError("key.not-a-name", "This is not a name.", found=repr(name), fix="Use letters, digits and _.")
