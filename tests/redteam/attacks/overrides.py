"""Attacks with what people may lawfully sign: waivers, annulments, delegations; and with what a floor demands."""

from collections.abc import Callable
from dataclasses import replace

from andon.attest.statement import Statement
from andon.attest.trust_root import Demand, Waivable
from andon.contracts.evidence import Evidence, Measurement, Span
from andon.contracts.policy import Criterion, Policy
from andon.gates.annulment import Annulment, annulment_statement
from andon.gates.criteria import LOOKS
from andon.gates.delegation import Delegation, delegation_statement
from andon.gates.request import JudgeRequest
from andon.gates.verdict import verdict_statement
from andon.gates.waiver import waiver_statement
from andon.kernel.digest import of_bytes
from tests.gates.world import DAY_NS, DOMAIN, FACTORY, GOOD_AUC, MODEL, TARGET
from tests.redteam.attacks.people import admitted_by_two, for_two, pass_relying_on
from tests.redteam.catalogue import Ground, Tried, attack, refused, together, variants
from tests.redteam.moves import BAD_AUC, admission, bound

AUC = Measurement("auc", 0.7, lower=0.68, upper=0.72, n=5000)
LEAK = Measurement("leakage", 0.3, n=5000)
STRICT = Policy("model:late", "ops", (MODEL.criteria[0], Criterion("leakage", "le", 0.0)))
NO_LEAK = replace(LEAK, value=0.0)
REFUSED = ("gates.waiver-refused", "gates.failure-is-final")


def failed(ground: Ground, *measured: Measurement):
    """A model that failed on a criterion which people of operations may waive."""
    if not measured:
        return ground.at("failed")
    return fail(ground.at("founded"), *measured)


def fail(world, *measured: Measurement):
    """From nothing to a model that failed its gate."""
    world.govern(waivable=(Waivable("model", "auc", "operations", 7 * DAY_NS),))
    world.made.dataset = world.judge_data(world.batch()).published
    model = world.model()
    world.made.model = world.add(model)
    world.judge_training(model)
    judge(world, *measured)
    return world


def judge(world, *measured: Measurement):
    return world.judge_model(world.the("model"), *(measured or (AUC, NO_LEAK)), policy=STRICT, excluded=("al",))


def past_the_gatekeeper(world, statement: Statement, who: str) -> None:
    """Into the ledger by whoever holds the database and the log's key."""
    keeping = world.keeper.keeping
    with keeping.units.begin() as unit:
        keeping.record.add(unit, world.seal(statement, who))


def released(world, *measured: Measurement) -> Tried:
    """Judged again, and everything that follows."""
    judge(world, *measured)
    return admission(bound(world, declaration=world.declaration(STRICT)))


def waived(ground: Ground, who: str = "bo", *measured: Measurement, **changes: object) -> Tried:
    """A waiver handed in, which should be refused; put into the ledger past the gatekeeper, it should not count."""
    world = failed(ground, *measured)
    waiver = waiver_statement(replace(world.waiver(world.made.model), **changes), world.made.model)
    code = refused(lambda: world.keeper.hand_in(world.seal(waiver, who)))
    if code:
        past_the_gatekeeper(world, waiver, who)
    done = released(world, *measured)
    return Tried(done.reached, (*((code,) if code else ()), *done.codes))


@attack("27a", "Sign a waiver that has expired already", "command line", *REFUSED)
def waiver_expired(ground: Ground) -> Tried:
    return waived(ground, expires_ns=1_700_000_000 * 10**9)


@attack("27b", "Deploy on a waiver that has expired since", "clock", "gates.waiver-void")
def waiver_expired_since(ground: Ground) -> Tried:
    world = failed(ground)
    world.waive(world.made.model)
    judge(world)
    bound(world, declaration=world.declaration(STRICT))
    world.clock.now += 4 * DAY_NS
    return admission(world)


@attack("27c", "Deploy on a waiver that was revoked since", "python", "gates.waiver-void")
def waiver_revoked(ground: Ground) -> Tried:
    world = failed(ground)
    digest = world.waive(world.made.model)
    judge(world)
    bound(world, declaration=world.declaration(STRICT))
    world.keeper.revoke(digest=digest, by="cy", reason="no longer")
    return admission(world)


@attack("27d", "Waive in a role that may not, or that one does not have", "command line", *REFUSED)
def waiver_role(ground: Ground) -> Tried:
    return together((waived(ground, role="owner"), waived(ground, "di"), waived(ground, role="nobody's")))


@attack("27e", "Waive one's own model", "command line", *REFUSED)
def waiver_by_author(ground: Ground) -> Tried:
    return waived(ground, "al")


@attack(
    "27f", "Waive another metric, slice, gate, target or verdict than the one that failed", "command line", *REFUSED
)
def waiver_elsewhere(ground: Ground) -> Tried:
    others: tuple[dict[str, object], ...] = (
        {"criterion": Criterion("auc", "ge", 0.6, side="lower")},
        {"slice": "origin=JFK"},
        {"target": "strict"},
        {"gate": "training:late"},
        {"domain": "elsewhere.example"},
    )
    return together(waived(ground, **one) for one in others)


@attack(
    "27g", "Use the waiver of one model for another", "control database", "gates.failure-is-final", "gates.not-passed"
)
def waiver_of_another(ground: Ground) -> Tried:
    world = failed(ground)
    waiver = world.waiver(world.made.model)
    world.made.model = world.add(world.model(b"second"))
    world.judge_training(world.the("model"))
    judge(world)
    past_the_gatekeeper(world, waiver_statement(waiver, world.made.model), "bo")
    return released(world)


@attack(
    "27h",
    "Accept less than was measured, last longer than allowed, sign ahead, give no reason",
    "command line",
    *REFUSED,
)
def waiver_beyond(ground: Ground) -> Tried:
    now = 1_800_000_000 * 10**9
    ahead = now + 20 * DAY_NS
    others: tuple[dict[str, object], ...] = (
        {"worst": 0.69},
        {"expires_ns": now + 300 * DAY_NS},
        {"time_ns": ahead, "expires_ns": ahead + DAY_NS},
        {"reason": " "},
    )
    return together(waived(ground, **one) for one in others)


@attack("27i", "Let a service, or a stranger, sign a waiver", "command line", "gates.not-a-person")
def waiver_by_service(ground: Ground) -> Tried:
    return together(waived(ground, who) for who in ("gatekeeper", "trainer", "mallory"))


@attack("28a", "Waive a criterion that the floor lets nobody waive", "command line", *REFUSED)
def not_waivable(ground: Ground) -> Tried:
    return waived(ground, "bo", replace(AUC, lower=0.75), LEAK)


@attack("28b", "Sign a Pass that calls a criterion waived which nobody waived", "key files", "gates.findings-differ")
def called_waived(ground: Ground) -> Tried:
    world = failed(ground)
    verdict = world.verdict(world.made.model, "model:late")
    findings = tuple(replace(one, holds="waived") if one.holds == "no" else one for one in verdict.findings)
    lie = replace(verdict, findings=findings, outcome="PASSED", time_ns=world.clock.now_ns())
    world.forge(verdict_statement(lie))
    return admission(bound(world, declaration=world.declaration(STRICT)))


def annulled_by(ground: Ground, *who: str, past: bool = False) -> Tried:
    """A failure that these people annul; then judged on better numbers."""
    world = failed(ground, replace(BAD_AUC), NO_LEAK)
    digest, verdict = world.verdict_said(world.made.model, "model:late")
    codes = []
    for n, name in enumerate(who):
        reason = f"labels of the wrong month {n}"
        if past:
            annulment = Annulment(DOMAIN, FACTORY, digest, "model:late", reason, world.clock.now_ns())
            past_the_gatekeeper(world, annulment_statement(annulment, verdict), name)
        else:
            codes.append(refused(lambda name=name, reason=reason: world.annul(world.made.model, name, reason=reason)))
    done = released(world, GOOD_AUC, NO_LEAK)
    return Tried(done.reached, (*(code for code in codes if code), *done.codes))


@attack(
    "11e",
    "Annul a failure alone, or twice with one's two keys",
    "command line",
    "gates.failure-is-final",
    "gates.not-passed",
)
def annulled_alone(ground: Ground) -> Tried:
    return together((annulled_by(ground, "bo"), annulled_by(ground, "bo", "bo")))


@attack(
    "11f", "Annul the failure of one's own model, with a colleague's help", "command line", "gates.annulment-refused"
)
def annulled_by_author(ground: Ground) -> Tried:
    return together((annulled_by(ground, "al", "bo"), annulled_by(ground, "al", "bo", past=True)))


@attack(
    "11g",
    "Have services and strangers annul a failure",
    "control database",
    "gates.failure-is-final",
    "gates.not-passed",
)
def annulled_by_services(ground: Ground) -> Tried:
    return annulled_by(ground, "trainer", "mallory", "gatekeeper", past=True)


@attack(
    "11h",
    "Try models on overlapping rows until one passes by luck",
    "python",
    "gates.not-passed",
    "gates.failure-is-final",
)
def looks(ground: Ground) -> Tried:
    world = ground.at("founded").govern(looks=2)
    world.made.dataset = world.judge_data(world.batch()).published
    span = Span("Schedule", 100, 200)
    for n in range(3):
        model = world.model(b"try %d" % n)
        world.made.model = world.add(model)
        world.judge_training(model)
        rows = of_bytes(b"cut %d" % n)
        own_count = Measurement(LOOKS, 1.0, n=1)
        evidence = Evidence(model.digest, rows, (GOOD_AUC, own_count), replace(span, from_ns=100 + n))
        world.keeper.judge(JudgeRequest(FACTORY, MODEL, evidence, model, (world.report(model),), target=TARGET))
    return admission(bound(world))


@attack(
    "49a",
    "Sign oneself, and have one's delegate sign too, where two people are needed",
    "command line",
    "gates.people-missing",
)
def delegate_and_delegator(ground: Ground) -> Tried:
    world = ground.at("bound")
    question = for_two(world)
    lent = world.delegate("cy", "di")
    signoffs = [world.approve(who, question=question) for who in ("di", "cy")]
    return admitted_by_two(world, *signoffs, lent)


def spoken_for(ground: Ground, who: str, prepare: Callable) -> Tried:
    """A delegate's approval after something that should make it worthless; through the gate, and past it."""
    world = ground.at("bound")
    prepare(world)
    signed = world.approve(who)
    world.judge_release(world.the("release"))
    return together((admission(world), pass_relying_on(world, signed)))


@attack("49b", "Have one's own work approved by one's delegate", "command line", "gates.people-missing")
def authors_delegate(ground: Ground) -> Tried:
    return spoken_for(ground, "di", lambda world: world.delegate("al", "di"))


@attack(
    "49c",
    "Lend a role that one does not have, that is over, or to oneself or nobody",
    "command line",
    "gates.delegation-refused",
)
def lent_without(ground: Ground) -> Tried:
    world = ground.at("bound")
    return variants(
        {
            "not held": lambda: world.delegate("di", "eve"),
            "to oneself": lambda: world.delegate("cy", "cy"),
            "to nobody": lambda: world.delegate("cy", "mallory"),
            "to a service": lambda: world.delegate("cy", "trainer"),
            "over": lambda: world.delegate("cy", "di", until_ns=1),
            "no reason": lambda: world.delegate("cy", "di", reason=" "),
            "unknown role": lambda: world.delegate("cy", "di", role="king"),
        }
    )


@attack(
    "49d",
    "Speak through a delegation that has ended, was revoked, or was lent on",
    "command line",
    "gates.people-missing",
)
def worthless_delegation(ground: Ground) -> Tried:
    def ended(world):
        world.delegate("cy", "di")
        world.clock.now += 3 * DAY_NS

    def revoked(world):
        world.keeper.revoke(digest=world.delegate("cy", "di"), by="cy", reason="back")

    def lent_on(world):
        now = world.clock.now_ns()
        world.delegate("cy", "di")
        onwards = Delegation(DOMAIN, FACTORY, "eve", "operations", now + DAY_NS, "x", now)
        world.clock.now += 11 * DAY_NS  # eve's own role has ended
        past_the_gatekeeper(world, delegation_statement(replace(onwards, until_ns=now + 99 * DAY_NS)), "di")

    return together(
        (spoken_for(ground, "di", ended), spoken_for(ground, "di", revoked), spoken_for(ground, "eve", lent_on))
    )


@attack("49e", "Lend one's role only after the delegate has signed", "command line", "gates.people-missing")
def lent_afterwards(ground: Ground) -> Tried:
    world = ground.at("bound")
    signed = world.approve("di")
    world.delegate("cy", "di")
    world.judge_release(world.the("release"))
    return together((admission(world), pass_relying_on(world, signed)))


@attack("50a", "Deploy from a gatekeeper whose tier is too low for the target", "environment", "gates.tier-too-low")
def tier_too_low(ground: Ground) -> Tried:
    world = ground.at("bound").govern(tier="T1")
    return admission(rejudged(world))


def rejudged(world):
    """A world in which everything was judged again under the present floor."""
    model = world.the("model")
    world.judge_training(model)
    world.judge_model(model)
    return bound(world, latency_ns=7)


@attack("50c", "Deploy on a Pass of before the floor asked for more", "python", "gates.floor-changed")
def stricter_floor(ground: Ground) -> Tried:
    demand = Demand("model", Criterion("auc", "ge", 0.75, side="lower"))
    world = ground.at("bound").govern(criteria=(demand,))
    return admission(bound(world, latency_ns=7))


@attack(
    "50d",
    "Declare less than the floor, so that the floor's criterion is not weighed",
    "user code",
    "gates.not-passed",
    "gates.failure-is-final",
)
def weaker_than_floor(ground: Ground) -> Tried:
    demand = Demand("model", Criterion("auc", "ge", 0.9, side="lower"))
    return admission(rejudged(ground.at("bound").govern(criteria=(demand,))))


@attack(
    "50e",
    "Declare another policy than the one the floor pins",
    "user code",
    "gates.policy-not-pinned",
    "gates.other-policy",
    "gates.not-allowed-policy",
)
def pinned_policy(ground: Ground) -> Tried:
    world = ground.at("bound").govern(policies=(("model:late", of_bytes(b"another policy")),))
    code = refused(lambda: world.judge_model(world.the("model")))
    done = admission(bound(world, latency_ns=7))
    return Tried(done.reached, (*((code,) if code else ()), *done.codes))


@attack(
    "50f",
    "Deploy a first release without the people that a first release needs",
    "python",
    "gates.people-missing",
    "gates.no-pass",
    "gates.other-policy",
)
def first_release(ground: Ground) -> Tried:
    world = ground.at("bound").govern(first_signoffs=(("operations", 3),))
    return admission(bound(world, latency_ns=7))


@attack(
    "50g", "Measure for the floor in the factory's own name", "user code", "gates.not-passed", "gates.failure-is-final"
)
def measured_for_the_floor(ground: Ground) -> Tried:
    demand = Demand("model", Criterion("fairness", "ge", 0.5))
    world = ground.at("founded").govern(criteria=(demand,))
    world.made.dataset = world.judge_data(world.batch()).published
    model = world.model()
    world.made.model = world.add(model)
    world.judge_training(model)
    world.judge_model(model, GOOD_AUC, Measurement("fairness", 0.9, n=5000, measured_by="factory"))
    return admission(bound(world))
