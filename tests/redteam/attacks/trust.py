"""Attacks on the beginning of trust: trust roots put back, replaced, grown by too few, or contradicting themselves."""

from dataclasses import replace

from andon.adapters.keys import generate_key, load_signer
from andon.attest import envelope as envelopes
from andon.attest.statement import PAYLOAD_TYPE, seal
from andon.attest.succession import seal_root, verify_chain
from andon.attest.trust_json import to_bytes
from andon.attest.trust_root import Demand, KeyState, Principal, RoleInterval, Waivable
from andon.attest.trust_toml import from_toml, to_toml
from andon.contracts.policy import Criterion
from andon.gates.verdict import verdict_statement
from tests.gates.world import DAY_NS, START_NS, TARGET
from tests.redteam.catalogue import Ground, Tried, attack, refused, together, tried, variants
from tests.redteam.moves import admission, bound, grow_root, hand_in, loading


def with_mallory(root, world) -> tuple[Principal, ...]:
    """Everybody, and mallory with every role a person can have."""
    key = KeyState(load_signer(world.home.key("mallory")).public, "active", 0)
    return (*root.principals, Principal("mallory", "person", (key,), (RoleInterval("operations", 0),)))


@attack(
    "38a", "Put an older trust root back, in which somebody still has a role", "trust folder", "gates.root-rolled-back"
)
def rolled_back(ground: Ground) -> Tried:
    world = ground.at("bound")
    ends = RoleInterval("operations", START_NS, START_NS + 1)
    changed = (replace(one, roles=(ends,)) if one.name == "bo" else one for one in world.root.principals)
    grow_root(world, principals=tuple(changed))
    bound(world, latency_ns=1)
    (world.path / "trust" / "root-000002.json").unlink()
    return admission(world)


@attack("38b", "Put an older root back on a machine that remembers nothing", "trust folder", "gates.root-rolled-back")
def rolled_back_unremembered(ground: Ground) -> Tried:
    world = ground.at("bound")
    grow_root(world)
    bound(world, latency_ns=1)
    (world.path / "trust" / "root-000002.json").unlink()
    (world.path / "home" / "remembered.json").unlink()
    return admission(world)


@attack("38c", "Grow the trust root by a key that may not sign it", "trust folder", "trust.no-quorum")
def grown_by_stranger(ground: Ground) -> Tried:
    world = ground.at("bound")
    root = world.root
    grow_root(world, ("mallory",), principals=with_mallory(root, world))
    world.keeper = world.keeper_signed_by("gatekeeper")
    return tried(world.approve, "mallory is somebody")


@attack(
    "38d", "Grow the trust root by the old quorum alone, or by the new one alone", "trust folder", "trust.no-quorum"
)
def half_a_quorum(ground: Ground) -> Tried:
    def grown(signer, **changes):
        world = ground.at("bound")
        keys = {one.name: one.keys[0].public.key_id for one in world.root.principals}
        changes = {name: tuple(keys[one] for one in value) for name, value in changes.items()}
        grow_root(world, (signer,), **changes)
        return tried(world.approve, "the new root is believed")

    return together((grown("al", root_keys=("bo",)), grown("bo", root_keys=("bo",))))


@attack("38e", "Reach a quorum of two with two keys of one person", "trust folder", "trust.no-quorum")
def quorum_of_one(ground: Ground) -> Tried:
    world = ground.at("bound")
    people = {one.name: one for one in world.root.principals}
    keys = tuple(one.public.key_id for name in ("al", "bo") for one in people[name].keys)
    grow_root(world, ("al", "bo", "bo2"), quorum=2, root_keys=keys)
    assert not refused(lambda: world.root)
    grow_root(world, ("bo", "bo2"))
    return tried(world.approve, "one person made a trust root")


@attack("38f", "Replace the first trust root by one's own", "trust folder", "trust.not-pinned")
def another_beginning(ground: Ground) -> Tried:
    world = ground.at("approved")
    root = replace(world.root, principals=with_mallory(world.root, world))
    path = world.path / "trust" / "root-000001.json"
    path.unlink()
    world.roots.add(1, seal_root(root, [load_signer(world.home.key("al"))]))
    return admission(world)


@attack("38g", "Make a server begin with another trust root", "serve folder", "trust.not-pinned")
def server_with_another(ground: Ground) -> Tried:
    world = ground.at("admitted")
    return loading(lambda: world.load(fingerprint=world.made.model))


@attack("38h", "Leave a version of the trust root out", "trust folder", "trust.not-next")
def a_gap(ground: Ground) -> Tried:
    world = ground.at("bound")
    grow_root(world, version=world.root.version + 2)
    return tried(world.approve, "the gap is not seen")


@attack("38i", "Begin with a version that is not the first", "trust folder", "trust.not-first")
def not_first(ground: Ground) -> Tried:
    from andon.adapters.keys import verifier
    from andon.attest.trust_json import fingerprint

    world = ground.at("bound")
    later = replace(world.root, version=2)
    envelope = seal_root(later, [load_signer(world.home.key("al"))])
    return tried(lambda: verify_chain([envelope], fingerprint(later), verifier), "trust begins later")


@attack("38j", "Continue with the trust root of another factory", "trust folder", "trust.of-another")
def another_factorys(ground: Ground) -> Tried:
    world = ground.at("bound")
    grow_root(world, factory="parcels")
    return tried(world.approve, "it is believed")


@attack("38k", "Drop a person's key, or move it to somebody else", "trust folder", "trust.key-dropped")
def dropped_key(ground: Ground) -> Tried:
    def dropped():
        world = ground.at("bound")
        grow_root(world, principals=tuple(one for one in world.root.principals if one.name != "cy"))
        return tried(world.approve, "cy's rejections are nobody's")

    def moved():
        world = ground.at("bound")
        people = {one.name: one for one in world.root.principals}
        cy = replace(people["cy"], keys=())
        di = replace(people["di"], keys=(*people["di"].keys, *people["cy"].keys))
        swapped = {"cy": cy, "di": di}
        grow_root(world, principals=tuple(swapped.get(one.name, one) for one in world.root.principals))
        return tried(world.approve, "cy's word is di's")

    return together((dropped(), moved()))


def states(world, name: str, state: str, since_ns: int):
    """Everybody, with the keys of one person in another state."""
    return tuple(
        replace(one, keys=tuple(replace(key, state=state, since_ns=since_ns) for key in one.keys))
        if one.name == name
        else one
        for one in world.root.principals
    )


@attack("38l", "Revive a key that was retired, or change since when", "trust folder", "trust.key-revived")
def revived_key(ground: Ground) -> Tried:
    def to(state, since_ns):
        world = ground.at("bound")
        grow_root(world, principals=states(world, "cy", "retired", START_NS))
        assert not refused(world.approve)
        grow_root(world, principals=states(world, "cy", state, since_ns))
        return tried(lambda: world.approve("bo", reason="again"), "the past was changed")

    return together((to("active", 0), to("retired", START_NS + DAY_NS)))


@attack("38m", "Sign with a key that was retired, or that was compromised", "key files", "gates.not-a-person")
def ended_key(ground: Ground) -> Tried:
    def after(state):
        world = ground.at("bound")
        grow_root(world, principals=states(world, "bo", state, START_NS))
        world.clock.now += DAY_NS
        return tried(lambda: hand_in(world, world.signoff("bo")), f"a {state} key counts")

    return together((after("retired"), after("compromised")))


@attack("38n", "Deploy under a trust root that has expired", "clock", "gates.root-expired")
def expired(ground: Ground) -> Tried:
    world = ground.at("approved")
    grow_root(world, expires_ns=world.clock.now + 1)
    return admission(world)


@attack(
    "38o", "Ask for a gate of a kind that nobody knows, so that nothing is asked", "trust folder", "gates.unknown-gate"
)
def unknown_gate(ground: Ground) -> Tried:
    world = ground.at("bound")
    floors = tuple(
        replace(one, gates=(*one.gates, "vibes")) if one.target == TARGET else one for one in world.root.floors
    )
    grow_root(world, floors=floors)
    return admission(bound(world, latency_ns=1))


@attack(
    "38p", "Demand the gate of a source that no batch came from, and deploy without", "trust folder", "gates.no-pass"
)
def missing_source_gate(ground: Ground) -> Tried:
    world = ground.at("bound")
    floors = tuple(
        replace(one, gates=(*one.gates, "data:weather")) if one.target == TARGET else one for one in world.root.floors
    )
    grow_root(world, floors=floors)
    return admission(bound(world, latency_ns=1))


@attack("38q", "Take every version of the trust root away", "trust folder", "trust.missing")
def no_root(ground: Ground) -> Tried:
    world = ground.at("approved")
    for path in (world.path / "trust").iterdir():
        path.unlink()
    return admission(world)


@attack("38r", "Give a server a bundle without its trust root", "serve folder", "trust.missing")
def bundle_without_root(ground: Ground) -> Tried:
    from andon.gates.bundle import check_bundle, read_bundle

    world = ground.at("admitted")
    bundle = replace(read_bundle(world.blobs.read(world.made.bundle)), root={})
    return loading(lambda: check_bundle(bundle, TARGET, world.blobs.read, world.trust()))


@attack("36a", "Hand in a sign-off under another payload type", "command line", "gates.statement-damaged")
def another_payload_type(ground: Ground) -> Tried:
    world = ground.at("bound")
    said = world.signoff("bo")
    signer = load_signer(world.home.key("bo"))
    other = envelopes.sign("application/json", said.payload, (signer,))
    return tried(lambda: hand_in(world, other), "taken")


@attack("36b", "Take a signed statement for a trust root", "trust folder", "attest.malformed")
def statement_as_root(ground: Ground) -> Tried:
    world = ground.at("bound")
    statement = seal(verdict_statement(world.release_verdict()), load_signer(world.home.key("al")))
    root = envelopes.sign(PAYLOAD_TYPE, to_bytes(replace(world.root, version=2)), (load_signer(world.home.key("al")),))

    def put(envelope):
        copy = ground.at("bound")
        copy.roots.add(2, envelope)
        return copy

    attempts = {"a statement": statement, "a root of another type": root}
    return variants({name: lambda one=one: put(one).approve() for name, one in attempts.items()})


def contradictions(root, stranger) -> dict[str, dict[str, object]]:
    """Trust roots that contradict themselves, as changes to one that does not."""
    al, bo, *others = root.principals
    floor = root.floors[0]
    two_roles = replace(bo, roles=(RoleInterval("gate", 0),))
    backwards = replace(bo, roles=(RoleInterval("operations", 5, 4),))
    service = next(one for one in root.principals if one.name == "trainer")
    clerk = replace(service, roles=(RoleInterval("operations", 0),))
    return {
        "version 0": {"version": 0},
        "a name twice": {"principals": (*root.principals, replace(bo, keys=()))},
        "a key twice": {"principals": (al, replace(bo, keys=al.keys), *others)},
        "a target twice": {"floors": (*root.floors, floor)},
        "a person as gate": {"principals": (al, two_roles, *others)},
        "a service as operator": {"principals": tuple(clerk if one is service else one for one in root.principals)},
        "a role backwards": {"principals": (al, backwards, *others)},
        "no gates": {"floors": (replace(floor, gates=()),)},
        "a gate twice": {"floors": (replace(floor, gates=("data", "data")),)},
        "nobody signs": {"floors": (replace(floor, signoffs=(("operations", 0),)),)},
        "a service signs": {"floors": (replace(floor, signoffs=(("gate", 1),)),)},
        "root keys twice": {"root_keys": (*root.root_keys, *root.root_keys)},
        "a root key of nobody": {"root_keys": (*root.root_keys, stranger)},
        "a quorum of nobody": {"quorum": 0},
        "a quorum of many": {"quorum": 9},
        "production at T0": {"floors": (replace(floor, production=True),)},
        "witnesses nobody has": {"floors": (replace(floor, witnesses=3),)},
        "no looks": {"floors": (replace(floor, looks=0),)},
    }


@attack("38s", "Have a trust root signed that contradicts itself", "trust folder", "trust.inconsistent")
def inconsistent(ground: Ground) -> Tried:
    world = ground.at("bound")
    root, stranger = world.root, generate_key(world.home.key("stranger")).key_id
    changes = contradictions(root, stranger)
    return variants({name: lambda one=one: replace(root, **one) for name, one in changes.items()})


@attack(
    "38t",
    "Ask about people, keys and roles that the trust root does not know",
    "python",
    "trust.unknown-key",
    "trust.key-not-valid",
    "trust.unknown-principal",
    "trust.unknown-role",
)
def unknown_names(ground: Ground) -> Tried:
    from andon.attest.trust_root import holds, principal_of

    world = ground.at("bound")
    root = world.root
    bo = next(one for one in root.principals if one.name == "bo")
    nobody = replace(bo, name="nobody")
    return variants(
        {
            "a key": lambda: principal_of(root, "0" * 64, START_NS),
            "a key too early": lambda: principal_of(root, bo.keys[0].public.key_id, 0),
            "a principal": lambda: holds(root, nobody, "operations", START_NS),
            "a role": lambda: holds(root, bo, "king", START_NS),
        }
    )


def governed(root):
    """A trust root whose first floor demands something in every way."""
    auc = Criterion("auc", "ge", 0.9, side="lower", min_n=5)
    floor = replace(
        root.floors[0],
        criteria=(Demand("model", auc),),
        waivable=(Waivable("model", "auc", "operations", 7 * DAY_NS),),
        policies=(("model:late", "sha256:" + "0" * 64),),
        looks=3,
    )
    return replace(root, floors=(floor, *root.floors[1:]))


MISSPELT = {
    "no TOML": ("version = 1", "version = "),
    "a member nobody knows": ("quorum = 1", "quorum = 1\nquorum_of_one = true"),
    "a member less": ('domain = "tests.example"', ""),
    "a name that is none": ('factory = "flights"', 'factory = "no name!"'),
    "a version in words": ("version = 1", 'version = "one"'),
    "a negative quorum": ("quorum = 1", "quorum = -1"),
    "a moment in words": ('expires = "2028-01-15T08:00:00Z"', 'expires = "soon"'),
    "a kind of its own": ('kind = "person"', 'kind = "robot"'),
    "a key that is none": ('root_keys = [\n  "ed25519:', 'root_keys = [\n  "rsa:'),
    "a truth in words": ("production = false", 'production = "no"'),
    "gates that are no list": ('gates = ["data", "training", "model", "release"]', 'gates = "data"'),
    "a gate that is no text": ('gates = ["data",', "gates = [1,"),
    "sign-offs in words": ("signoffs = {}", 'signoffs = { operations = "two" }'),
    "policies that are no table": ("policies = {", "policies = [] # {"),
    "a policy that is no text": ('policies = { "model:late" = "', 'policies = { "model:late" = 1 } # "'),
    "criteria that are no list": ("criteria = [\n", "criteria = 7 # [\n"),
    "a bound in words": ("at_least = 0.9", 'at_least = "high"'),
    "a bound without end": ("at_least = 0.9", "at_least = inf"),
    "no bound": ("at_least = 0.9, ", ""),
    "both bounds": ("at_least = 0.9", "at_least = 0.9, at_most = 1.0"),
    "a length in words": ('longest = "7d"', 'longest = "long"'),
    "principals that are no tables": ("[[floor]]", "[floor]"),
    "a number that is true": ("looks = 3", "looks = true"),
    "nested too deep": ("version = 1", "version = " + "[" * 3000),
    "too long": ("version = 1", "version = 1 #" + "x" * (1 << 20)),
}


@attack(
    "46k",
    "Propose a trust root in words that are not what they seem",
    "command line",
    "policy.malformed",
    "policy.not-toml",
    "trust.inconsistent",
)
def misspelt_roots(ground: Ground) -> Tried:
    world = ground.at("founded")
    good = to_toml(governed(world.root))
    assert from_toml(good) == governed(world.root)
    assert all(old in good for old, _ in MISSPELT.values()), [old for old, _ in MISSPELT.values() if old not in good]
    return variants(
        {name: lambda old=old, new=new: from_toml(good.replace(old, new, 1)) for name, (old, new) in MISSPELT.items()}
    )


@attack("38v", "Put the demands of a floor so that they demand nothing", "trust folder", "trust.inconsistent")
def hollow_demands(ground: Ground) -> Tried:
    root = ground.at("founded").root
    floor = root.floors[0]
    auc = Criterion("auc", "ge", 0.9)
    wide = Waivable("model", "auc", "operations", 7 * DAY_NS)
    floors = {
        "of no gate": {"criteria": (Demand("", auc),)},
        "of no metric": {"criteria": (Demand("model", replace(auc, metric="")),)},
        "without bound": {"criteria": (Demand("model", replace(auc, bound=float("nan"))),)},
        "on negative rows": {"criteria": (Demand("model", replace(auc, min_n=-1)),)},
        "measured by the factory": {"criteria": (Demand("model", replace(auc, metric="factory:auc")),)},
        "waived by a service": {"waivable": (replace(wide, role="gate"),)},
        "waived by nobody": {"waivable": (replace(wide, role=""),)},
        "waived for no time": {"waivable": (replace(wide, longest_ns=0),)},
        "waived twice": {"waivable": (wide, wide)},
        "pinned twice": {"policies": (("model:late", "x"), ("model:late", "y"))},
        "first people nobody": {"first_signoffs": (("operations", 0),)},
        "first people twice": {"first_signoffs": (("operations", 1), ("operations", 2))},
        "people twice": {"signoffs": (("operations", 1), ("operations", 2))},
    }
    return variants(
        {name: lambda one=one: replace(root, floors=(replace(floor, **one),)) for name, one in floors.items()}
    )
