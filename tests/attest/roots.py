"""Trust roots of every shape, for properties that must hold of all."""

import hashlib

from hypothesis import strategies as st

from andon.attest.trust_root import Demand, Floor, KeyState, Principal, RoleInterval, TrustRoot, Waivable
from andon.contracts.policy import Criterion
from andon.kernel.digest import of_bytes
from andon.kernel.signing import public_key

names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._@/-]{0,12}", fullmatch=True)
words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
maybe = words | st.just("")
moments = st.integers(0, 2**63 - 1)
people = names.filter(lambda role: role not in ("gate", "log", "witness"))
gates = st.sampled_from(["data", "training", "model", "release", "data:flights", "model:late", "release:x.y-z"])
demands = st.lists(
    st.builds(
        Demand,
        gate=gates,
        criterion=st.builds(
            Criterion,
            metric=words.filter(lambda metric: not metric.startswith("factory:")),
            op=st.sampled_from(["ge", "le"]),
            bound=st.floats(allow_nan=False, allow_infinity=False),
            side=st.sampled_from(["point", "lower", "upper"]),
            by=maybe,
            min_n=st.integers(0, 2**53 - 1),
            baseline=st.sampled_from(["", "champion"]),
            slice=maybe,
            severity=st.sampled_from(["block", "warn"]),
        ),
    ),
    max_size=2,
).map(tuple)
asked = st.dictionaries(people, st.integers(1, 9), max_size=3).map(lambda found: tuple(found.items()))
floors = st.builds(
    Floor,
    target=names,
    production=st.just(False),
    gates=st.lists(gates, min_size=1, max_size=3, unique=True).map(tuple),
    signoffs=asked,
    owner=maybe,
    tier=st.sampled_from(["T0", "T1", "T2"]),
    criteria=demands,
    policies=st.dictionaries(gates, st.binary().map(of_bytes), max_size=2).map(lambda found: tuple(found.items())),
    waivable=st.lists(
        st.builds(Waivable, gate=gates, metric=words, role=people, longest_ns=st.integers(1, 2**63 - 1)),
        max_size=2,
        unique_by=lambda one: (one.gate, one.metric),
    ).map(tuple),
    first_criteria=demands,
    first_signoffs=asked,
    looks=st.none() | st.integers(1, 2**53 - 1),
    witnesses=st.integers(0, 1),
)


@st.composite
def intervals(draw, roles):
    begin = draw(moments.filter(lambda ns: ns < 2**63 - 1))
    return RoleInterval(draw(roles), begin, draw(st.none() | st.integers(begin + 1, 2**63 - 1)))


@st.composite
def trust_roots(draw):
    called = draw(st.lists(names, min_size=2, max_size=4, unique=True))
    principals, persons = [], []
    for number, name in enumerate(called):
        kind = (
            draw(st.sampled_from(["person", "service"]))
            if 0 < number < len(called) - 1
            else ("person", "service")[number > 0]
        )
        states = draw(st.lists(st.sampled_from(["active", "retired", "compromised"]), max_size=3))
        states = ["active", *states] if number == 0 else states
        keys = tuple(
            KeyState(public_key(hashlib.sha256(f"{number} {i}".encode()).digest()), state, draw(moments))
            for i, state in enumerate(states)
        )
        roles = people if kind == "person" else st.sampled_from(["gate", "log", "witness"])
        held = draw(st.lists(intervals(roles), max_size=2))
        if number == len(called) - 1:
            held.append(RoleInterval("witness", draw(moments)))
        principals.append(Principal(name, kind, keys, tuple(held)))
        persons += [(name, key) for key in keys if kind == "person" and key.state == "active"]
    root_keys = draw(st.lists(st.sampled_from(persons), min_size=1, unique_by=lambda one: one[1].public.key_id))
    return TrustRoot(
        version=draw(st.integers(1, 2**53 - 1)),
        domain=draw(names),
        factory=draw(names),
        expires_ns=draw(moments),
        quorum=draw(st.integers(1, len({name for name, _ in root_keys}))),
        root_keys=tuple(key.public.key_id for _, key in root_keys),
        principals=tuple(principals),
        floors=tuple(draw(st.lists(floors, max_size=2, unique_by=lambda floor: floor.target))),
    )
