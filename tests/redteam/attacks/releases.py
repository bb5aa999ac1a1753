"""Attacks on releases: changed after the approval, taken to other targets, revoked and served again."""

from tests.gates.world import TARGET
from tests.redteam.catalogue import Ground, Tried, attack, together, tried, variants
from tests.redteam.moves import admission, loading, was_admitted

CHAIN = ("batch", "dataset", "snapshot", "model", "report", "release")


@attack("22a", "Change the deployment's configuration after the approval", "python", "gates.not-bound", "gates.no-pass")
def configuration(ground: Ground) -> Tried:
    world = ground.at("approved")
    world.made.release = world.add(world.release(world.the("model"), latency_ns=9_000_000_000))
    return admission(world)


@attack(
    "22b",
    "Edit the release's manifest in the database after the approval",
    "control database",
    "registry.manifest-damaged",
)
def edited_release(ground: Ground) -> Tried:
    def edit(part):
        world = ground.at("approved")
        old = world.the(part).to_bytes()
        new = old.replace(b'"contract":""', b'"contract":"sha256:' + b"0" * 64 + b'"')
        assert world.sql("update manifests set body = ? where digest = ?", new, getattr(world.made, part)) == 1
        return admission(world)

    return together(edit(part) for part in CHAIN)


@attack("39a", "Deploy a revoked release", "python", "gates.revoked")
def revoked_admitted(ground: Ground) -> Tried:
    world = ground.at("approved")
    revoke(world)
    return admission(world)


@attack("39b", "Load a revoked release, whose bundle is right", "serve folder", "gates.revoked")
def revoked_loaded(ground: Ground) -> Tried:
    world = ground.at("admitted")
    revoke(world)
    return loading(world.load)


@attack("39c", "Roll back to a revoked release", "python", "gates.revoked")
def revoked_rolled_back(ground: Ground) -> Tried:
    world = ground.at("admitted")
    first = world.made.release
    world.build_bound(weights=b"second", rows=b"more rows").build_approved().admit()
    world.made.release = first
    revoke(world)
    back = {"target": TARGET, "to": first, "by": "bo", "reason": "slow"}
    return tried(lambda: world.keeper.rollback(**back), "it serves again")


@attack("39d", "Hide the revocation in the database, then deploy", "control database", "gates.revoked")
def hidden_revocation(ground: Ground) -> Tried:
    world = ground.at("approved")
    digest = revoke(world)
    hide = "delete from statement_subjects where statement = (select position from statements where digest = ?)"
    assert world.sql(hide, digest) == 1
    return admission(world)


@attack("39e", "Roll back to a release that this target never served", "python", "gates.not-admitted")
def never_served(ground: Ground) -> Tried:
    world = ground.at("approved")
    back = {"target": TARGET, "to": world.made.release, "by": "bo", "reason": "slow"}
    return tried(lambda: world.keeper.rollback(**back), "it serves")


@attack(
    "39f", "Revoke or roll back in nobody's name, in a service's, or without a reason", "python", "gates.who-and-why"
)
def nameless(ground: Ground) -> Tried:
    world = ground.at("admitted")
    back = {"target": TARGET, "to": world.made.release}
    who = {
        "a service": ("gatekeeper", "x"),
        "a stranger": ("mallory", "x"),
        "no reason": ("bo", " "),
        "nobody": ("", "x"),
    }
    return variants(
        {
            name: lambda by=by, why=why: world.keeper.rollback(by=by, reason=why, **back)
            for name, (by, why) in who.items()
        }
    )


def revoke(world) -> str:
    return world.keeper.revoke(digest=world.made.release, by="cy", reason="trained on data we may not use")


@attack("37a", "Take a release for one target to another", "python", "gates.other-target")
def staging_to_production(ground: Ground) -> Tried:
    world = ground.at("approved")
    return tried(
        lambda: world.keeper.admit(world.made.release, "strict"), "admitted there", lambda: was_admitted(world)
    )


@attack("37b", "Load on one target what was admitted to another", "serve folder", "gates.not-admitted")
def loaded_elsewhere(ground: Ground) -> Tried:
    world = ground.at("admitted")
    return loading(lambda: world.load("strict"))


@attack("5a", "Rename the target, so that no floor is known for it", "python", "trust.unknown-target")
def renamed_target(ground: Ground) -> Tried:
    world = ground.at("approved")
    release = world.release(world.the("model"), target="prod-eu")
    request = world.release_request(release, target="prod-eu")
    return variants(
        {
            "admit": lambda: world.keeper.admit(world.made.release, "prod-eu"),
            "bind": lambda: world.keeper.bind(release),
            "judge": lambda: world.keeper.judge(request),
        }
    )


@attack(
    "5b",
    "Bind a release for another factory, under another trust root, or in nobody's name",
    "python",
    "gates.release-malformed",
    "gates.predecessor-moved",
)
def malformed_release(ground: Ground) -> Tried:
    world = ground.at("bound")
    facts = {
        "another factory": {"factory": "parcels"},
        "another trust root": {"root_version": 2},
        "nobody": {"initiators": ()},
        "another predecessor": {"predecessor": world.made.model},
    }
    model = world.the("model")
    return variants(
        {name: lambda one=one: world.keeper.bind(world.release(model, **one)) for name, one in facts.items()}
    )


@attack("39g", "Revoke what nobody can revoke: a verdict, a rejection, a model", "python", "gates.not-revocable")
def not_revocable(ground: Ground) -> Tried:
    world = ground.at("approved")
    rejection = world.approve("cy", "reject")
    verdict, _ = world.verdict_said(world.made.model, "model:late")
    things = {"a verdict": verdict, "a rejection": rejection, "a model": world.made.model}
    return variants(
        {name: lambda one=one: world.keeper.revoke(digest=one, by="bo", reason="x") for name, one in things.items()}
    )
