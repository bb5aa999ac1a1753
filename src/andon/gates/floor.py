"""What a gate asks for once a target's floor is added to what its factory asks for, and where the factory asks less."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, get_args

from andon.attest.trust_root import Demand, Floor, TrustRoot
from andon.contracts.declaration import Declaration
from andon.contracts.policy import Criterion, GateKind, Policy, SignOffRule
from andon.contracts.stricter import covers, full_text
from andon.kernel.clock import SECOND_NS

DEFAULT_WITHIN_NS: Final = 30 * 86_400 * SECOND_NS
_KINDS: Final = get_args(GateKind)
_DAY_NS: Final = 86_400 * SECOND_NS


@dataclass(frozen=True, slots=True)
class Weaker:
    """A rule of a floor that a factory's gates do not keep by themselves.

    Attributes:
        target: Whose floor it is.
        owner: Who answers for the floor.
        gate: The gate it is about, such as `model:late`.
        rule: What the floor asks for, in words.
        declared: What the factory asks for there, in words.
        is_error: Whether nothing can be released while it is so; otherwise the floor's rule is added to the gate.
    """

    target: str
    owner: str
    gate: str
    rule: str
    declared: str
    is_error: bool = False


def effective_policy(policy: Policy, floor: Floor | None, *, has_champion: bool) -> Policy:
    """What a gate really asks for: the factory's policy and the floor, and nothing said twice.

    A criterion is left out only where another one of the result refuses, and leaves to people, whatever it would; two
    that differ in how many rows they need, or in severity, may so both stand. The factory's come first, in its order.

    Args:
        policy: What the factory declares for the gate.
        floor: The floor of the target; `None` where the gate leads to no target.
        has_champion: Whether the target serves a model already; while it does not, the floor's demands of a first
            release are added.
    """
    if floor is None:
        return policy
    criteria = added_criteria(floor, policy.gate, has_champion=has_champion)
    people = added_people(floor, policy.gate, has_champion=has_champion)
    if not criteria and not people:
        return policy
    return replace(
        policy,
        criteria=_joined(policy.criteria, criteria),
        signoffs=_people((*policy.signoffs, *people)) if people else policy.signoffs,
    )


def added_criteria(floor: Floor, gate: str, *, has_champion: bool) -> tuple[Criterion, ...]:
    """The criteria that a floor adds to a gate."""
    demands: tuple[Demand, ...] = (*floor.criteria, *(() if has_champion else floor.first_criteria))
    return tuple(demand.criterion for demand in demands if demand.is_about(gate))


def added_people(floor: Floor, gate: str, *, has_champion: bool) -> tuple[SignOffRule, ...]:
    """The people that a floor adds to a gate; only a release is signed off for a target."""
    if gate.partition(":")[0] != "release":
        return ()
    asked = (*floor.signoffs, *(() if has_champion else floor.first_signoffs))
    return tuple(SignOffRule(role, people, DEFAULT_WITHIN_NS) for role, people in asked)


def weaker_than(declaration: Declaration, root: TrustRoot) -> tuple[Weaker, ...]:
    """Every rule of a floor that a factory does not keep by itself, target by target, in the order of the declaration.

    Args:
        declaration: What the factory declares.
        root: The verified trust root.
    """
    floors = {floor.target: floor for floor in root.floors}
    found: list[Weaker] = []
    for target in dict.fromkeys(release.target for release in declaration.releases):
        if target in floors:
            found += _weaker_for(declaration, floors[target])
        else:
            known = ", ".join(floors) or "none"
            found.append(Weaker(target, "", "", "a floor for this target", f"targets with a floor: {known}", True))
    return tuple(found)


def _weaker_for(declaration: Declaration, floor: Floor) -> Iterator[Weaker]:
    leading = _gates_to(declaration, floor.target)
    declared = {policy.gate: policy for policy in declaration.gates}
    yield from _missing_gates(floor, leading, declared)
    for gate, digest in floor.policies:
        policy = declared.get(gate)
        found = policy.digest() if policy else "no such gate"
        if found != digest and (gate in leading or gate.startswith("data:")):
            yield _weaker(floor, gate, f"the policy {digest}", found, is_error=True)
    for gate in (gate for gate in leading if gate in declared):
        yield from _weaker_criteria(floor, declared[gate])
        yield from _weaker_people(floor, declared[gate])


def _gates_to(declaration: Declaration, target: str) -> tuple[str, ...]:
    """The gates on the way to a target: of everything that brings rows, and of the models that are released there."""
    models = dict.fromkeys(release.model for release in declaration.releases if release.target == target)
    data = tuple(f"data:{origin.name}" for origin in declaration.origins)
    return data + tuple(f"{kind}:{model}" for model in models for kind in _KINDS if kind != "data")


def _missing_gates(floor: Floor, leading: Sequence[str], declared: Iterable[str]) -> Iterator[Weaker]:
    for gate in floor.gates:
        kind, _, subject = gate.partition(":")
        if kind not in _KINDS:
            yield _weaker(floor, gate, f"a gate of the kind {kind}", "no such kind exists", is_error=True)
        elif subject and kind != "data" and gate not in leading:
            continue  # a gate of a model that is not released there
        else:
            wanted = [gate] if subject else [one for one in leading if one.startswith(f"{kind}:")]
            for one in wanted:
                if one not in declared:
                    yield _weaker(floor, one, "this gate", "no such gate", is_error=True)


def _weaker_criteria(floor: Floor, policy: Policy) -> Iterator[Weaker]:
    always = added_criteria(floor, policy.gate, has_champion=True)
    for criterion in dict.fromkeys(added_criteria(floor, policy.gate, has_champion=False)):
        if any(covers(own, criterion) for own in policy.criteria):
            continue
        near = [full_text(own) for own in policy.criteria if own.metric == criterion.metric]
        first = "" if criterion in always else ", for a first release"
        declared = "; ".join(near) or f"nothing about {criterion.metric}"
        yield _weaker(floor, policy.gate, full_text(criterion) + first, declared)


def _weaker_people(floor: Floor, policy: Policy) -> Iterator[Weaker]:
    own = {rule.role: rule for rule in _people(policy.signoffs)}
    always = added_people(floor, policy.gate, has_champion=True)
    for rule in dict.fromkeys(added_people(floor, policy.gate, has_champion=False)):
        mine = own.get(rule.role)
        if mine is None or mine.people < rule.people or mine.within_ns > rule.within_ns:
            first = "" if rule in always else ", for a first release"
            yield _weaker(floor, policy.gate, _sign_off(rule) + first, _sign_off(mine) if mine else "nobody")


def _joined(own: Sequence[Criterion], added: Sequence[Criterion]) -> tuple[Criterion, ...]:
    kept = list(own)
    for criterion in added:
        if not any(covers(one, criterion) for one in kept):
            kept = [one for one in kept if not covers(criterion, one)] + [criterion]
    return tuple(kept)


def _people(rules: Iterable[SignOffRule]) -> tuple[SignOffRule, ...]:
    """One rule a role: the most people, and the shortest time."""
    strictest: dict[str, SignOffRule] = {}
    for rule in rules:
        known = strictest.get(rule.role, rule)
        strictest[rule.role] = SignOffRule(
            rule.role, max(known.people, rule.people), min(known.within_ns, rule.within_ns)
        )
    return tuple(strictest.values())


def _weaker(floor: Floor, gate: str, rule: str, declared: str, *, is_error: bool = False) -> Weaker:
    return Weaker(floor.target, floor.owner, gate, rule, declared, is_error)


def _sign_off(rule: SignOffRule) -> str:
    return f"{rule.people} of {rule.role} within {rule.within_ns / _DAY_NS:g} d"
