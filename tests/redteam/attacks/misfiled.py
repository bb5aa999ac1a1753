"""Attacks with words filed under something else: for another target, champion, tier or subject than they were given."""

from dataclasses import replace

from andon.attest.statement import Subject
from andon.contracts.evidence import Measurement
from andon.gates.annulment import Annulment, annulment_statement
from andon.gates.delegation import Delegation, delegation_statement
from andon.gates.gatekeeper import Gatekeeper
from andon.gates.verdict import verdict_statement
from andon.gates.waiver import waiver_statement
from tests.gates.world import DAY_NS, DOMAIN, FACTORY, GOOD_AUC, World
from tests.redteam.attacks.overrides import failed, judge, past_the_gatekeeper, released
from tests.redteam.catalogue import Ground, Tried, attack, refused, together, variants
from tests.redteam.moves import BAD_AUC, admission, bound


@attack("37c", "Use the Pass that a model got for another target", "python", "gates.other-target")
def passed_elsewhere(ground: Ground) -> Tried:
    world = ground.at("bound")
    model = world.model(b"for strict only")
    world.made.model = model.digest
    world.judge_training(model, target="strict")
    world.judge_model(model, target="strict")
    return admission(bound(world))


@attack(
    "13h",
    "Release a model that was compared with the champion before the present one",
    "python",
    "gates.champion-moved",
)
def compared_before(ground: Ground) -> Tried:
    world = ground.at("admitted")
    second = compared(world, b"second")
    world.made.model = compared(world, b"third").digest
    bound(world)
    assert not refused(world.admit)
    world.made.model = second.digest
    return admission(bound(world))


def compared(world: World, weights: bytes):
    """A model that was judged against today's champion."""
    model = world.model(weights)
    world.judge_training(model)
    difference = Measurement("auc.difference", 0.0, lower=-0.001, upper=0.001, n=5000, baseline=world.champion())
    world.judge_model(model, GOOD_AUC, difference)
    world.add(world.report(model))
    return model


@attack(
    "50b", "Judge at a low tier and deploy at a high one, or the other way round", "environment", "gates.tier-too-low"
)
def two_tiers(ground: Ground) -> Tried:
    def between(judged_at, admitted_at):
        world = ground.at("founded").govern(tier="T1")
        world.keeper = Gatekeeper(replace(world.keeper.keeping, tier=judged_at))
        world.build_bound().build_approved()
        world.keeper = Gatekeeper(replace(world.keeper.keeping, tier=admitted_at))
        return admission(world)

    return together((between("T1", "T0"), between("T0", "T1")))


@attack(
    "49f",
    "Sign a waiver, an annulment or a delegation whose subject is not what its words say",
    "command line",
    "gates.subject-mismatch",
    "gates.failure-is-final",
)
def other_subjects(ground: Ground) -> Tried:
    world = failed(ground)
    model = world.made.model
    digest, verdict = world.verdict_said(model, "model:late")
    now = world.clock.now_ns()
    annulment = Annulment(DOMAIN, FACTORY, digest, "model:late", "x", now)
    delegation = Delegation(DOMAIN, FACTORY, "di", "operations", now + DAY_NS, "x", now)
    other = Subject("verdict", world.made.dataset)
    good = {
        "waiver": waiver_statement(world.waiver(model), model),
        "annulment": annulment_statement(annulment, verdict),
        "delegation": delegation_statement(delegation),
    }
    bad = {name: replace(one, subjects=(*one.subjects[:-1], other)) for name, one in good.items()}
    done = variants({name: lambda one=one: world.keeper.hand_in(world.seal(one, "bo")) for name, one in bad.items()})
    past_the_gatekeeper(world, bad["waiver"], "bo")
    return together((done, released(world)))


@attack(
    "11i",
    "Have a failure annulled by two people whose roles the target does not ask for",
    "control database",
    "gates.failure-is-final",
    "gates.not-passed",
)
def annulled_without_role(ground: Ground) -> Tried:
    world = failed(ground, BAD_AUC, Measurement("leakage", 0.0, n=5000))
    world.govern(signoffs=(("operations", 1),))
    judge(world, BAD_AUC, Measurement("leakage", 0.0, n=5000))
    world.clock.now += 11 * DAY_NS  # eve's role has ended by then
    codes = []
    for who in ("di", "eve"):
        codes.append(refused(lambda who=who: world.annul(world.made.model, who)))
        digest, verdict = world.verdict_said(world.made.model, "model:late")
        annulment = Annulment(DOMAIN, FACTORY, digest, "model:late", f"x {who}", world.clock.now_ns())
        past_the_gatekeeper(world, annulment_statement(annulment, verdict), who)
    done = released(world, GOOD_AUC, Measurement("leakage", 0.0, n=5000))
    return Tried(done.reached, (*(code for code in codes if code), *done.codes))


@attack(
    "49g",
    "Sign a waiver or an annulment of something that is no verdict",
    "command line",
    "gates.not-a-verdict",
    "gates.signer-not-gate",
)
def of_no_verdict(ground: Ground) -> Tried:
    world = failed(ground)
    model = world.made.model
    sealed = world.waive(model)
    forged = world.forge(verdict_statement(world.verdict(model, "model:late")), "trainer")
    waiver = world.waiver(model)
    _, verdict = world.verdict_said(model, "model:late")
    annulment = Annulment(DOMAIN, FACTORY, sealed, "model:late", "x", world.clock.now_ns())
    statements = {
        "a waiver of a waiver": waiver_statement(replace(waiver, verdict=sealed), model),
        "a waiver of a stranger's verdict": waiver_statement(replace(waiver, verdict=forged), model),
        "an annulment of a waiver": annulment_statement(annulment, verdict),
    }
    return variants(
        {name: lambda one=one: world.keeper.hand_in(world.seal(one, "bo")) for name, one in statements.items()}
    )
