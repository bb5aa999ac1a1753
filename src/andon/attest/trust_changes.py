"""What two versions of the trust root differ in, in words: who came and went, what got stricter, what got weaker."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, get_args

from andon.attest.trust_json import to_bytes
from andon.attest.trust_root import Demand, Floor, KeyState, Principal, RoleInterval, TrustRoot, Waivable
from andon.attest.trust_toml import duration_text
from andon.contracts.policy import Tier
from andon.contracts.stricter import asked, covers, full_text
from andon.kernel.clock import iso

Kind = Literal["stricter", "weaker", "came", "went", "ended", "changed"]
_TIERS: Final = get_args(Tier)
_ID_SHOWN: Final = 12


@dataclass(frozen=True, slots=True)
class Change:
    """One thing in which a version differs from another.

    Attributes:
        kind: What it means for who relies on the root.
        text: What it is, in words.
    """

    kind: Kind
    text: str


def changes(old: TrustRoot, new: TrustRoot) -> tuple[Change, ...]:
    """Everything in which a version differs from another, the whole root first, then people, then targets.

    Args:
        old: The version before.
        new: The version after.
    """
    found = [*_whole(old, new), *_principals(old, new), *_floors(old, new)]
    same = replace(old, version=new.version)
    if not found and to_bytes(same) != to_bytes(new):
        found.append(Change("changed", "the order in which things are written"))
    return tuple(found)


def floor_changes(old: Floor, new: Floor) -> tuple[Change, ...]:
    """Everything in which the floor of a target differs from what it was."""
    where = f"{new.target}: "
    return tuple(Change(one.kind, where + one.text) for one in _floor(old, new))


def _whole(old: TrustRoot, new: TrustRoot) -> Iterator[Change]:
    for what, before, after in (("domain", old.domain, new.domain), ("factory", old.factory, new.factory)):
        if before != after:
            yield Change("changed", f"{what} {after} instead of {before}")
    if old.expires_ns != new.expires_ns:
        yield Change("changed", f"expires {iso(new.expires_ns)} instead of {iso(old.expires_ns)}")
    yield from _number("people who must sign a version", old.quorum, new.quorum)
    owners = {key.public.key_id: one.name for root in (old, new) for one in root.principals for key in one.keys}
    for key_id in new.root_keys:
        if key_id not in old.root_keys:
            yield Change("came", f"{owners[key_id]} may sign versions, with key {key_id[:_ID_SHOWN]}")
    for key_id in old.root_keys:
        if key_id not in new.root_keys:
            yield Change("went", f"{owners[key_id]} may no longer sign versions with key {key_id[:_ID_SHOWN]}")


def _principals(old: TrustRoot, new: TrustRoot) -> Iterator[Change]:
    before = {one.name: one for one in old.principals}
    after = {one.name: one for one in new.principals}
    for name, one in after.items():
        if name in before:
            yield from _principal(before[name], one)
        else:
            roles = ", ".join(_role(role) for role in one.roles) or "no role"
            yield Change("came", f"{name}, a {one.kind}, as {roles}, with {len(one.keys)} key{_s(one.keys)}")
    for name, one in before.items():
        if name not in after:
            yield Change("went", f"{name}, a {one.kind}, with {len(one.keys)} key{_s(one.keys)}")


def _principal(old: Principal, new: Principal) -> Iterator[Change]:
    if old.kind != new.kind:
        yield Change("changed", f"{new.name} is a {new.kind} instead of a {old.kind}")
    keys = {key.public.key_id: key for key in old.keys}
    for key in new.keys:
        known = keys.pop(key.public.key_id, None)
        if known is None:
            yield Change("came", f"{new.name}: {_key(key)}")
        elif known != key:
            kind: Kind = "changed" if key.state == "active" else "ended"
            yield Change(kind, f"{new.name}: {_key(key)}, which was {known.state} since {iso(known.since_ns)}")
    for key in keys.values():
        yield Change("went", f"{new.name}: {_key(key)}")
    for role in new.roles:
        if role not in old.roles:
            yield Change("came", f"{new.name}: {_role(role)}")
    for role in old.roles:
        if role not in new.roles:
            yield Change("went", f"{new.name}: {_role(role)}")


def _floors(old: TrustRoot, new: TrustRoot) -> Iterator[Change]:
    before = {floor.target: floor for floor in old.floors}
    for floor in new.floors:
        known = before.pop(floor.target, None)
        if known is not None:
            yield from floor_changes(known, floor)
            continue
        what = "a production target" if floor.production else "a target"
        yield Change("came", f"{floor.target}, {what} of {floor.owner or 'nobody'}: {', '.join(floor.gates)}")
        yield from floor_changes(Floor(floor.target, floor.production, floor.gates, owner=floor.owner), floor)
    for target in before:
        yield Change("went", f"{target}: nothing may move forward there any more")


def _floor(old: Floor, new: Floor) -> Iterator[Change]:
    if old.production != new.production:
        yield Change("stricter" if new.production else "weaker", f"production {'yes' if new.production else 'no'}")
    if old.owner != new.owner:
        yield Change("changed", f"owner {new.owner or 'nobody'} instead of {old.owner or 'nobody'}")
    if old.tier != new.tier:
        is_higher = _TIERS.index(new.tier) > _TIERS.index(old.tier)
        yield Change("stricter" if is_higher else "weaker", f"tier {new.tier} instead of {old.tier}")
    yield from _gates(old.gates, new.gates)
    yield from _people("", dict(old.signoffs), dict(new.signoffs))
    yield from _demands("", old.criteria, new.criteria)
    yield from _policies(dict(old.policies), dict(new.policies))
    yield from _waivable(old.waivable, new.waivable)
    yield from _demands(", for a first release", old.first_criteria, new.first_criteria)
    yield from _people(", for a first release", dict(old.first_signoffs), dict(new.first_signoffs))
    yield from _looks(old.looks, new.looks)
    yield from _number("witnesses", old.witnesses, new.witnesses)


def _people(where: str, old: dict[str, int], new: dict[str, int]) -> Iterator[Change]:
    for role in dict.fromkeys((*old, *new)):
        yield from _number(f"sign-offs by {role}{where}", old.get(role, 0), new.get(role, 0))


def _demands(where: str, old: Sequence[Demand], new: Sequence[Demand]) -> Iterator[Change]:
    """Criteria added, dropped, and those that ask the same thing of the same gate with another bound."""
    dropped = [demand for demand in old if demand not in new]
    for demand in (one for one in new if one not in old):
        said = f"{demand.gate} asks {full_text(demand.criterion)}{where}"
        before = next((one for one in dropped if _is_same(one, demand)), None)
        if before is None:
            yield Change("stricter" if demand.criterion.severity == "block" else "changed", said)
            continue
        dropped.remove(before)
        kind: Kind = "changed"
        if covers(demand.criterion, before.criterion):
            kind = "stricter"
        elif covers(before.criterion, demand.criterion):
            kind = "weaker"
        yield Change(kind, f"{said} instead of {full_text(before.criterion)}")
    for demand in dropped:
        said = f"{demand.gate} no longer asks {full_text(demand.criterion)}{where}"
        yield Change("weaker" if demand.criterion.severity == "block" else "changed", said)


def _is_same(one: Demand, other: Demand) -> bool:
    return one.gate == other.gate and asked(one.criterion) == asked(other.criterion)


def _policies(old: dict[str, str], new: dict[str, str]) -> Iterator[Change]:
    for gate in dict.fromkeys((*old, *new)):
        if old.get(gate) == new.get(gate):
            continue
        if gate not in old:
            yield Change("stricter", f"{gate} only under the policy {new[gate]}")
        elif gate not in new:
            yield Change("weaker", f"{gate} under any policy, no longer only {old[gate]}")
        else:
            yield Change("changed", f"{gate} only under the policy {new[gate]} instead of {old[gate]}")


def _waivable(old: Sequence[Waivable], new: Sequence[Waivable]) -> Iterator[Change]:
    before = {(one.gate, one.metric): one for one in old}
    for one in new:
        known = before.pop((one.gate, one.metric), None)
        said = f"{one.gate} {one.metric} may be waived by {one.role}, for {duration_text(one.longest_ns)} at most"
        if known is None:
            yield Change("weaker", said)
        elif known.role != one.role:
            yield Change("changed", f"{said}, instead of {known.role} for {duration_text(known.longest_ns)}")
        elif known.longest_ns != one.longest_ns:
            kind: Kind = "weaker" if one.longest_ns > known.longest_ns else "stricter"
            yield Change(kind, f"{said}, instead of {duration_text(known.longest_ns)}")
    for one in before.values():
        yield Change("stricter", f"{one.gate} {one.metric} may no longer be waived")


def _looks(old: int | None, new: int | None) -> Iterator[Change]:
    if old == new:
        return
    is_stricter = new is not None and (old is None or new < old)
    text = f"{'any number of' if new is None else new} models judged on the same rows"
    yield Change("stricter" if is_stricter else "weaker", f"{text}, instead of {'any number' if old is None else old}")


def _number(what: str, old: int, new: int) -> Iterator[Change]:
    if old != new:
        yield Change("stricter" if new > old else "weaker", f"{what}: {new} instead of {old}")


def _gates(old: Sequence[str], new: Sequence[str]) -> Iterator[Change]:
    for gate in new:
        if gate not in old:
            yield Change("stricter", f"asks for the gate {gate}")
    for gate in old:
        if gate not in new:
            yield Change("weaker", f"no longer asks for the gate {gate}")


def _key(key: KeyState) -> str:
    return f"key {key.public.key_id[:_ID_SHOWN]} {key.state} since {iso(key.since_ns)}"


def _role(role: RoleInterval) -> str:
    until = "" if role.until_ns is None else f" until {iso(role.until_ns)}"
    return f"{role.role} from {iso(role.from_ns)}{until}"


def _s(items: Sequence[object]) -> str:
    return "" if len(items) == 1 else "s"
