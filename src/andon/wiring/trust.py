"""Keys and trust root of a factory: made once, read and verified by everybody who relies on them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from andon.adapters.keys import generate_key, load_signer, verifier
from andon.adapters.trust_folder import FolderRoots, HomeFolder
from andon.attest.succession import seal_root, verify_chain
from andon.attest.trust_json import fingerprint
from andon.attest.trust_root import (
    GATE_ROLE,
    LOG_ROLE,
    SERVICE_ROLES,
    Floor,
    KeyState,
    Principal,
    RoleInterval,
    TrustRoot,
)
from andon.kernel.clock import SECOND_NS, iso
from andon.kernel.errors import InputError, UsageError
from andon.kernel.signing import PublicKey
from andon.wiring.settings import Settings

GATEKEEPER: Final = "gatekeeper"
LOG: Final = "ledger"
OWNER_ROLE: Final = "owner"
LOCAL_TARGET: Final = "local"
GATES: Final = ("data", "training", "model", "release")
DAY_NS: Final = 86_400 * SECOND_NS
YEAR_NS: Final = 365 * DAY_NS
SOON_DAYS: Final = 30
_RENEW: Final = "Its owners renew it: andon policy show --toml, a later moment, andon policy propose and sign"


def found_trust(settings: Settings, now_ns: int) -> TrustRoot:
    """Make the keys of a new factory and its first trust root, and pin the root's fingerprint beside the keys.

    The person who founds it owns it: only the owner's key can name further people. The target `local` asks for the four
    gates and for no people; a factory's own gates may ask for them.

    Raises:
        AndonError: Keys are there already, or cannot be written.
    """
    home = HomeFolder(settings.home)
    since = KeyState(generate_key(home.key(settings.person)), "active", now_ns)
    owner = Principal(settings.person, "person", (since,), (RoleInterval(OWNER_ROLE, now_ns),))
    services = tuple(
        Principal(
            name, "service", (KeyState(generate_key(home.key(name)), "active", now_ns),), (RoleInterval(role, now_ns),)
        )
        for name, role in ((GATEKEEPER, GATE_ROLE), (LOG, LOG_ROLE))
    )
    root = TrustRoot(
        version=1,
        domain=settings.id,
        factory=settings.name,
        expires_ns=now_ns + YEAR_NS,
        quorum=1,
        root_keys=(since.public.key_id,),
        principals=(owner, *services),
        floors=(Floor(LOCAL_TARGET, production=False, gates=GATES, owner=settings.person),),
    )
    FolderRoots(settings.trust).add(1, seal_root(root, [load_signer(home.key(settings.person))]))
    home.pin(fingerprint(root))
    return root


def current_root(settings: Settings) -> TrustRoot:
    """The newest version of the trust root, verified from the pinned one on.

    Raises:
        InputError: There is none, or none is pinned on this machine.
        IntegrityError: A version does not follow from the one before.
    """
    envelopes = FolderRoots(settings.trust).envelopes()
    return verify_chain(envelopes, HomeFolder(settings.home).pinned(), verifier)


def ending(root: TrustRoot, now_ns: int) -> str:
    """That a trust root ends soon, or has ended, in a sentence; empty while there is time."""
    days = (root.expires_ns - now_ns) / DAY_NS
    if days <= 0:
        return f"The trust root expired {iso(root.expires_ns)}: nothing moves forward. {_RENEW}"
    return f"The trust root expires in {days:.0f} days. {_RENEW}" if days < SOON_DAYS else ""


def add_person(
    settings: Settings, name: str, roles: Sequence[str], now_ns: int, *, public: PublicKey | None = None
) -> TrustRoot:
    """Name a person, with roles, in a new version of the trust root, which the owner signs.

    Args:
        settings: Of the factory.
        name: What they are called from now on.
        roles: What they may sign as; roles of services are refused.
        now_ns: From when on.
        public: Their key, where its private half is elsewhere; else one is made here.

    Raises:
        UsageError: The person is there already, or the roles or the name are none that people have.
        InputError: The owner's key is not on this machine.
    """
    root = current_root(settings)
    if any(principal.name == name for principal in root.principals):
        raise UsageError(
            "key.person-exists", f"{name} is in the trust root already.", found=name, fix="Use another name."
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
    home = HomeFolder(settings.home)
    signers = [load_signer(home.key(owner)) for owner in _owners(root) if home.key(owner).exists()]
    if len(signers) < root.quorum:
        raise InputError(
            "key.no-owner",
            "Only the owners can name further people, and their keys are not here.",
            place=str(home.keys),
            found=f"{len(signers)} of {root.quorum} owners' keys",
            fix=f"Ask {' or '.join(_owners(root))}; where several must sign: andon policy show --toml, then propose.",
        )
    person = Principal(
        name,
        "person",
        (KeyState(public or generate_key(home.key(name)), "active", now_ns),),
        tuple(RoleInterval(role, now_ns) for role in roles),
    )
    grown = replace(root, version=root.version + 1, principals=(*root.principals, person))
    FolderRoots(settings.trust).add(grown.version, seal_root(grown, signers))
    return grown


def _owners(root: TrustRoot) -> list[str]:
    return [
        principal.name
        for principal in root.principals
        if any(key.public.key_id in root.root_keys for key in principal.keys)
    ]
