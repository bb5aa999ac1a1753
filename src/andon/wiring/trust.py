"""Keys and trust root of a factory: made once, read and verified by everybody who relies on them."""

from typing import Final

from andon.adapters.keys import generate_key, load_signer, verifier
from andon.adapters.trust_folder import FolderRoots, HomeFolder
from andon.attest.succession import seal_root, verify_chain
from andon.attest.trust_json import fingerprint
from andon.attest.trust_root import (
    GATE_ROLE,
    LOG_ROLE,
    Floor,
    KeyState,
    Principal,
    RoleInterval,
    TrustRoot,
)
from andon.kernel.clock import SECOND_NS, iso
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
