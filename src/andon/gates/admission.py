"""May this release be served on this target, now? Every proof again, and whatever is missing is named."""

from dataclasses import dataclass

from andon.attest.statement import REVOCATION
from andon.attest.trust_root import Floor, TrustRoot, floor_of
from andon.contracts.policy import Tier
from andon.gates.chain import Chain, Proven
from andon.gates.gated import reaches
from andon.gates.proving import check_chain
from andon.gates.refusal import refuse
from andon.kernel.clock import iso
from andon.kernel.digest import Digest
from andon.kernel.errors import RefusedError
from andon.ledger.memory import Remembered
from andon.ledger.verify import Report
from andon.ledger.witnessing import Witnessed, check_witnessed


@dataclass(frozen=True, slots=True)
class World:
    """What an admission must know beside the chain itself.

    Attributes:
        ledger: The audit of the whole ledger, made just now.
        remembered: What was seen of the ledger and of the trust root before; `None` the very first time.
        serving: The release the target serves now, as the ledger proves it; empty when there is none.
        now_ns: The time now, in nanoseconds UTC.
        tier: The trust tier at which this gatekeeper runs.
        witnessed: What the witnesses said to the audited head; `None` where nobody asked them.
    """

    ledger: Report
    remembered: Remembered | None
    serving: Digest
    now_ns: int
    tier: Tier = "T0"
    witnessed: Witnessed | None = None


def admit(chain: Chain, world: World) -> Proven:
    """Say whether a release may move forward; returns what was proved, and on which statements it rests.

    Raises:
        RefusedError: A proof is missing or does not hold; code, place and `fix` say which, and who can give it.
    """
    check_world(chain.root, world)
    check_floor(floor_of(chain.root, chain.target), world)
    check_unrevoked(chain)
    proven = check_chain(chain)
    if proven.facts.predecessor != world.serving:
        raise refuse(
            "gates.predecessor-moved",
            "The target serves another release than when this one was bound.",
            chain.target,
            world.serving or "nothing",
            "Bind the release again, on top of what is served now.",
        )
    return proven


def check_unrevoked(chain: Chain) -> None:
    """Refuse a release that was revoked.

    Raises:
        RefusedError: It was (`gates.revoked`).
    """
    for one in chain.about(chain.release):
        if one.statement.predicate_type == REVOCATION and one.subjects == (chain.release,):
            raise revoked(chain.release)


def revoked(release: Digest) -> RefusedError:
    """The refusal of a revoked release."""
    return refuse("gates.revoked", "This release was revoked.", release, "a revocation", "Bind a new release.")


def check_world(root: TrustRoot, world: World) -> None:
    """Check the trust root, the ledger and the clock, before anything that rests on them is read.

    Raises:
        RefusedError: The trust root is older than one seen (`gates.root-rolled-back`) or has expired
            (`gates.root-expired`), the ledger is not what it was (`ledger.*`), or the clock is behind it
            (`gates.clock-behind`).
    """
    _check_root(root, world)
    _check_ledger(world)


def check_floor(floor: Floor, world: World) -> None:
    """Check what a target demands of the gatekeeper and of the ledger's witnesses.

    Raises:
        RefusedError: The tier is too low (`gates.tier-too-low`), too few witnesses cosigned (`ledger.unwitnessed`), or
            they contradict this machine's clock (`ledger.clock-off`).
    """
    if not reaches(world.tier, floor.tier):
        raise refuse(
            "gates.tier-too-low",
            f"The target {floor.target} needs a gatekeeper at trust tier {floor.tier} or more.",
            floor.target,
            world.tier,
            "Set the gatekeeper up as a process and a user of its own: docs/tiers.md.",
        )
    if floor.witnesses:
        _check_witnessed(floor, world)


def _check_witnessed(floor: Floor, world: World) -> None:
    """The audited ledger itself must be cosigned: a head before it would leave what came after it to one key."""
    if world.witnessed is None or world.witnessed.head.size != world.ledger.size:
        raise refuse(
            "ledger.unwitnessed",
            f"The target {floor.target} needs {floor.witnesses} witnesses of the whole ledger.",
            world.ledger.origin,
            f"{world.witnessed.head.size if world.witnessed else 0} of {world.ledger.size} entries shown to them",
            "Try again: something was decided meanwhile.",
        )
    check_witnessed(world.witnessed, floor.witnesses, world.now_ns)


def _check_root(root: TrustRoot, world: World) -> None:
    known = world.remembered.root_version if world.remembered else 0
    if root.version < known:
        raise refuse(
            "gates.root-rolled-back",
            "A newer trust root was seen before.",
            root.domain,
            f"version {root.version} after {known}",
            "Restore the newest trust root.",
        )
    if root.is_expired(world.now_ns):
        raise refuse(
            "gates.root-expired",
            "The trust root has expired.",
            root.domain,
            iso(root.expires_ns),
            "Have the holders of the root keys sign a new version.",
        )


def _check_ledger(world: World) -> None:
    if not world.ledger.is_sound:
        first = world.ledger.findings[0]
        raise RefusedError(
            first.code,
            "The ledger is not what it was.",
            place=first.place,
            found=first.found,
            fix="Stop, and run andon audit verify; restore the ledger from a copy that verifies.",
        )
    if world.ledger.last_ns is not None and world.now_ns < world.ledger.last_ns:
        raise refuse(
            "gates.clock-behind",
            "This machine's clock is behind the last entry of the ledger.",
            world.ledger.origin,
            f"{world.ledger.last_ns - world.now_ns} ns behind",
            "Set the clock right, then try again.",
        )
