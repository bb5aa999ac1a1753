"""The trust root: who may say what, with which keys, and what each target asks for at least."""

import math
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Final, Literal

from andon.contracts.policy import Criterion, Tier
from andon.kernel.digest import Digest
from andon.kernel.errors import IntegrityError, RefusedError
from andon.kernel.signing import PublicKey, Verifier

PrincipalKind = Literal["person", "service"]
KeyStatus = Literal["active", "retired", "compromised"]
GATE_ROLE: Final = "gate"
LOG_ROLE: Final = "log"
WITNESS_ROLE: Final = "witness"
SERVICE_ROLES: Final = frozenset({GATE_ROLE, LOG_ROLE, WITNESS_ROLE})
FACTORY_METRIC: Final = "factory:"


@dataclass(frozen=True, slots=True)
class KeyState:
    """A key and what has become of it.

    Attributes:
        public: The key.
        state: `active` signs from `since_ns` on; what a `retired` key signed before `since_ns` stands; of what a
            `compromised` key signed, only what a witness saw before `since_ns` stands: whoever has the key may have
            written any other time.
        since_ns: When this state began.
    """

    public: PublicKey
    state: KeyStatus
    since_ns: int

    def is_valid(self, at_ns: int, witnessed_ns: int | None = None) -> bool:
        """Whether what the ledger recorded from this key at that time stands.

        Args:
            at_ns: When the ledger says that it recorded it.
            witnessed_ns: When a witness saw the ledger with it, at the earliest; `None` where no witness did.
        """
        match self.state:
            case "active":
                return at_ns >= self.since_ns
            case "retired":
                return at_ns < self.since_ns
            case "compromised":
                return witnessed_ns is not None and witnessed_ns < self.since_ns


@dataclass(frozen=True, slots=True)
class RoleInterval:
    """A role from one moment until just before another; `None` means until further notice."""

    role: str
    from_ns: int
    until_ns: int | None = None

    def covers(self, at_ns: int) -> bool:
        """Whether the role was held at that time."""
        return self.from_ns <= at_ns and (self.until_ns is None or at_ns < self.until_ns)


@dataclass(frozen=True, slots=True)
class Principal:
    """A person or a service, with keys and roles. Services hold the roles `gate` and `log` only, people never do."""

    name: str
    kind: PrincipalKind
    keys: tuple[KeyState, ...]
    roles: tuple[RoleInterval, ...] = ()


@dataclass(frozen=True, slots=True)
class Demand:
    """A criterion that a target adds to a gate, whatever the factory asks there.

    Attributes:
        gate: A kind, such as `model`, for every gate of that kind; or one gate, such as `model:late`.
        criterion: What must hold; only what andon itself measured can satisfy it.
    """

    gate: str
    criterion: Criterion

    def is_about(self, gate: str) -> bool:
        """Whether it is added to this gate."""
        return self.gate in (gate, gate.partition(":")[0])


@dataclass(frozen=True, slots=True)
class Waivable:
    """A criterion that a person may take upon themselves, where a target allows it.

    Attributes:
        gate: A kind or one gate, as in a `Demand`.
        metric: The criterion's metric.
        role: Who may sign such a waiver.
        longest_ns: How long a waiver may last at most, in nanoseconds.
    """

    gate: str
    metric: str
    role: str
    longest_ns: int

    def is_about(self, gate: str, metric: str) -> bool:
        """Whether a criterion on this metric of this gate may be waived."""
        return self.metric == metric and self.gate in (gate, gate.partition(":")[0])


@dataclass(frozen=True, slots=True)
class Floor:
    """What a target asks for at least; a factory can ask for more, never for less.

    Attributes:
        target: Where releases are served.
        production: Whether it is one that matters to others; it then needs a gatekeeper of its own, tier T1 or more.
        gates: Names of the gates that must have passed; at least one.
        signoffs: Pairs of a role and how many different people of it must sign.
        owner: Who answers for this floor: a person or a role, in words.
        tier: The least trust tier at which anything moves forward there.
        criteria: What is added to gates.
        policies: Pairs of a gate and the digest of the one policy that a factory may declare for it.
        waivable: What people may take upon themselves there; nothing else.
        first_criteria: What is added while the target has no champion, in place of what compares with one.
        first_signoffs: Whose sign-off is added while the target has no champion.
        looks: How many looks there may be at overlapping evaluation rows, each a model judged on some of them; `None`
            for any number.
        witnesses: How many different witnesses must have cosigned the ledger before anything moves forward.
    """

    target: str
    production: bool
    gates: tuple[str, ...]
    signoffs: tuple[tuple[str, int], ...] = ()
    owner: str = ""
    tier: Tier = "T0"
    criteria: tuple[Demand, ...] = ()
    policies: tuple[tuple[str, Digest], ...] = ()
    waivable: tuple[Waivable, ...] = ()
    first_criteria: tuple[Demand, ...] = ()
    first_signoffs: tuple[tuple[str, int], ...] = ()
    looks: int | None = None
    witnesses: int = 0


@dataclass(frozen=True, slots=True)
class TrustRoot:
    """One version of the trust root.

    Attributes:
        version: 1, 2, 3 and so on, without a gap.
        domain: The trust domain.
        factory: The factory it speaks for.
        expires_ns: From when on it allows no forward move.
        quorum: How many different people must sign a trust root.
        root_keys: Ids of the keys that may sign it; active keys of people named here.
        principals: Everybody.
        floors: Every target.
    """

    version: int
    domain: str
    factory: str
    expires_ns: int
    quorum: int
    root_keys: tuple[str, ...]
    principals: tuple[Principal, ...]
    floors: tuple[Floor, ...]

    def __post_init__(self) -> None:
        """Refuse a root that contradicts itself.

        Raises:
            IntegrityError: A name or a key stands there twice, a quorum cannot be reached, a role is held by the wrong
                kind of principal, an interval is empty, or a floor asks for nothing.
        """
        if self.version < 1:
            raise _inconsistent("version", str(self.version))
        _all_differ("principals", (principal.name for principal in self.principals))
        _all_differ("keys", (key.public.key_id for one in self.principals for key in one.keys))
        _all_differ("targets", (floor.target for floor in self.floors))
        for principal in self.principals:
            _check_roles(principal)
        known = sum(1 for one in self.principals if any(held.role == WITNESS_ROLE for held in one.roles))
        for floor in self.floors:
            _check_floor(floor, known)
        _check_quorum(self)

    def is_expired(self, now_ns: int) -> bool:
        """Whether it is too old for a forward move; what runs keeps running."""
        return now_ns >= self.expires_ns


def principal_of(root: TrustRoot, key_id: str, at_ns: int, *, witnessed_ns: int | None = None) -> Principal:
    """Who a key speaks for, in what the ledger recorded at a time, and a witness saw at another, if one did.

    Raises:
        RefusedError: The key is not in the trust root, or was not valid then.
    """
    for principal in root.principals:
        for key in principal.keys:
            if key.public.key_id == key_id:
                if key.is_valid(at_ns, witnessed_ns):
                    return principal
                raise _refused(
                    "key-not-valid", "This key does not count.", key_id[:12], f"{key.state} key of {principal.name}"
                )
    raise _refused("unknown-key", "This key is not in the trust root.", key_id[:12], f"version {root.version}")


def principals_of(
    root: TrustRoot, key_ids: Collection[str], at_ns: int, *, witnessed_ns: int | None = None
) -> tuple[Principal, ...]:
    """The different principals behind verified keys, by name; unknown keys and those not valid then are left out."""
    found = {
        principal.name: principal
        for principal in root.principals
        for key in principal.keys
        if key.public.key_id in key_ids and key.is_valid(at_ns, witnessed_ns)
    }
    return tuple(found[name] for name in sorted(found))


def holds(root: TrustRoot, principal: Principal, role: str, at_ns: int) -> bool:
    """Whether a principal of this root held a role at a time.

    Raises:
        RefusedError: The principal is not one of this root's, or nobody here ever had or needed such a role.
    """
    if principal not in root.principals:
        raise _refused(
            "unknown-principal", "This principal is not in the trust root.", principal.name, f"version {root.version}"
        )
    if any(interval.role == role and interval.covers(at_ns) for interval in principal.roles):
        return True
    if role not in roles(root):
        raise _refused("unknown-role", "This role is not in the trust root.", role, ", ".join(sorted(roles(root))))
    return False


def holders(root: TrustRoot, role: str, at_ns: int) -> tuple[Principal, ...]:
    """Everybody who held a role at a time, in the root's order.

    Raises:
        RefusedError: Nobody here ever had or needed such a role.
    """
    return tuple(one for one in root.principals if holds(root, one, role, at_ns))


def roles(root: TrustRoot) -> frozenset[str]:
    """Every role that somebody has or had, that a floor needs, or that services have."""
    held = {interval.role for principal in root.principals for interval in principal.roles}
    asked = {role for floor in root.floors for role, _ in (*floor.signoffs, *floor.first_signoffs)}
    return SERVICE_ROLES | held | asked | {one.role for floor in root.floors for one in floor.waivable}


def floor_of(root: TrustRoot, target: str) -> Floor:
    """What a target asks for.

    Raises:
        RefusedError: The target is not in the trust root, so nothing may be served there.
    """
    for floor in root.floors:
        if floor.target == target:
            return floor
    known = ", ".join(floor.target for floor in root.floors)
    raise _refused("unknown-target", "This target is not in the trust root.", target, f"targets: {known}")


def verifiers_of(root: TrustRoot, verifier: Callable[[PublicKey], Verifier]) -> dict[str, Verifier]:
    """Who checks the signatures of every key that the root names, by key id.

    Ended keys are among them, because what they signed in their time may stand: ask `principals_of` with the ledger's
    time, and with a witness's.

    Args:
        root: The verified trust root.
        verifier: Makes the check of one key, such as `andon.adapters.keys.verifier`.
    """
    return {key.public.key_id: verifier(key.public) for principal in root.principals for key in principal.keys}


def uncompromised_verifiers_of(root: TrustRoot, verifier: Callable[[PublicKey], Verifier]) -> dict[str, Verifier]:
    """Who checks the signatures of every key that is not compromised: for what stands outside the ledger.

    Args:
        root: The verified trust root.
        verifier: Makes the check of one key.
    """
    keys = (key for principal in root.principals for key in principal.keys if key.state != "compromised")
    return {key.public.key_id: verifier(key.public) for key in keys}


def _check_roles(principal: Principal) -> None:
    for interval in principal.roles:
        if (interval.role in SERVICE_ROLES) != (principal.kind == "service"):
            raise _inconsistent(f"principal {principal.name}", f"a {principal.kind} with the role {interval.role}")
        if interval.until_ns is not None and interval.until_ns <= interval.from_ns:
            raise _inconsistent(f"principal {principal.name}", f"role {interval.role} that ends before it begins")


def _check_floor(floor: Floor, known_witnesses: int) -> None:
    place = f"floor of {floor.target}"
    _check_demands(floor, place)
    if floor.production and floor.tier == "T0":
        raise _inconsistent(place, "production at tier T0, where every process of one user can read every key")
    if not 0 <= floor.witnesses <= known_witnesses:
        raise _inconsistent(place, f"{floor.witnesses} witnesses of {known_witnesses}")
    if floor.looks is not None and floor.looks < 1:
        raise _inconsistent(place, f"{floor.looks} looks")
    if not floor.gates:
        raise _inconsistent(place, "no gates")
    _all_differ(f"{place}, gates", floor.gates)
    _all_differ(f"{place}, sign-offs", (role for role, _ in floor.signoffs))
    _all_differ(f"{place}, sign-offs of a first release", (role for role, _ in floor.first_signoffs))
    for role, people in (*floor.signoffs, *floor.first_signoffs):
        if people < 1 or role in SERVICE_ROLES:
            raise _inconsistent(place, f"{people} sign-offs by {role}")


def _check_demands(floor: Floor, place: str) -> None:
    _all_differ(f"{place}, policies", (gate for gate, _ in floor.policies))
    _all_differ(f"{place}, waivable", (f"{one.gate} {one.metric}" for one in floor.waivable))
    for demand in (*floor.criteria, *floor.first_criteria):
        criterion = demand.criterion
        if not demand.gate or not criterion.metric or not math.isfinite(criterion.bound) or criterion.min_n < 0:
            raise _inconsistent(place, f"{demand.gate!r}: {criterion.text()}")
        if criterion.metric.startswith(FACTORY_METRIC):
            raise _inconsistent(place, f"{criterion.metric}, which the factory measures itself")
    for one in floor.waivable:
        if not one.role or one.role in SERVICE_ROLES or one.longest_ns <= 0:
            raise _inconsistent(place, f"{one.metric}, waived by {one.role!r} for {one.longest_ns} ns")


def _check_quorum(root: TrustRoot) -> None:
    _all_differ("root_keys", root.root_keys)
    active = {
        key.public.key_id: principal.name
        for principal in root.principals
        for key in principal.keys
        if principal.kind == "person" and key.state == "active"
    }
    for key_id in root.root_keys:
        if key_id not in active:
            raise _inconsistent("root_keys", f"{key_id[:12]}, which is no active key of a person here")
    people = {active[key_id] for key_id in root.root_keys}
    if not 1 <= root.quorum <= len(people):
        raise _inconsistent("quorum", f"{root.quorum} of {len(people)} people")


def _all_differ(place: str, values: Iterable[str]) -> None:
    seen: set[str] = set()
    for value in values:
        if not value or value in seen:
            raise _inconsistent(place, f"{value!r} empty or twice")
        seen.add(value)


def _inconsistent(place: str, found: str) -> IntegrityError:
    return IntegrityError(
        "trust.inconsistent",
        "This trust root contradicts itself.",
        place=place,
        found=found,
        fix="Write a new version that is consistent and have it signed.",
    )


def _refused(what: str, message: str, place: str, found: str) -> RefusedError:
    return RefusedError(
        f"trust.{what}",
        message,
        place=place,
        found=found,
        fix="Use one that is there, or have a new version of the trust root signed.",
    )
