"""Attacks on evidence: values that are none, too few rows, measured by others, or about something else."""

from dataclasses import replace

from andon.contracts.evidence import Evidence, Measurement
from andon.gates.request import JudgeRequest
from andon.kernel.digest import of_bytes
from tests.gates.world import FACTORY, GOOD_AUC, MODEL, TARGET, TRAINING
from tests.redteam.catalogue import Ground, Tried, attack, refused, together, tried, variants
from tests.redteam.moves import BAD_AUC, admission, bound, built

FEW = replace(MODEL, criteria=(replace(MODEL.criteria[0], min_n=1000),))


def measured_as(ground: Ground, value: object, **more: object) -> Tried:
    """A model whose measured value is this, taken through everything that comes after."""
    world = ground.at("founded")
    code = refused(lambda: built(world, replace(GOOD_AUC, value=value, lower=value, upper=value, **more)))
    return admission(world) if not code else Tried((), (code,))


@attack("9a", "Measure nothing", "python", "gates.not-passed", "gates.no-pass")
def value_missing(ground: Ground) -> Tried:
    return measured_as(ground, None)


@attack("9b", "Measure NaN or infinity", "python", "canonical.not-json", "gates.not-passed", "gates.no-pass")
def value_nan(ground: Ground) -> Tried:
    return together(measured_as(ground, value) for value in (float("nan"), float("inf")))


@attack(
    "9c", "Measure true, which Python counts as one", "python", "gates.not-passed", "gates.no-pass", "wire.mismatch"
)
def value_true(ground: Ground) -> Tried:
    return measured_as(ground, True)


@attack("9d", "Measure a text that reads like a number", "python", "gates.not-passed", "gates.no-pass", "wire.mismatch")
def value_text(ground: Ground) -> Tried:
    return measured_as(ground, "0.99")


@attack("9e", "Measure twice, once badly and once well", "python", "gates.not-passed")
def measured_twice(ground: Ground) -> Tried:
    world = ground.at("founded")
    built(world, GOOD_AUC, BAD_AUC)
    return admission(world)


@attack("10a", "Evaluate on so few rows that anything may come out", "python", "gates.no-pass")
def few_rows(ground: Ground) -> Tried:
    world = ground.at("founded")
    built(world, replace(GOOD_AUC, n=10), model_policy=FEW, declaration=world.declaration(FEW))
    return admission(world)


@attack("10b", "Say that the rows were a negative number, or not a number", "python", "gates.not-passed")
def absurd_rows(ground: Ground) -> Tried:
    world = ground.at("founded")
    built(world, replace(GOOD_AUC, n=-1))
    return admission(world)


@attack("12a", "Let user code measure what only andon may measure", "user code", "gates.not-passed")
def measured_by_the_factory(ground: Ground) -> Tried:
    world = ground.at("founded")
    built(world, replace(GOOD_AUC, measured_by="factory"))
    return admission(world)


@attack(
    "13a",
    "Bring evidence about another artefact, gate, factory or target to a gate",
    "python",
    "gates.evidence-elsewhere",
    "gates.wrong-kind",
    "gates.other-factory",
    "gates.other-target",
    "gates.no-target",
)
def requests_that_contradict(ground: Ground) -> Tried:
    world = ground.at("bound")
    good = world.release_request(world.the("release"))
    model = world.the("model")
    evidence = Evidence(model.digest, of_bytes(b"holdout"), (GOOD_AUC,))
    requests = {
        "evidence of another": replace(good, evidence=replace(good.evidence, subject=world.made.model)),
        "another kind": JudgeRequest(
            FACTORY, TRAINING, Evidence(world.made.release, "sha256:" + "0" * 64, ()), world.the("release")
        ),
        "another factory": replace(good, factory="parcels"),
        "another target": replace(good, target="strict"),
        "no target": JudgeRequest(FACTORY, MODEL, evidence, model),
    }
    return variants({name: lambda one=one: world.keeper.judge(one) for name, one in requests.items()})


@attack("13b", "Compare with a champion that does not serve", "python", "gates.champion-moved")
def another_champion(ground: Ground) -> Tried:
    world = ground.at("bound")
    model = world.the("model")
    evidence = Evidence(model.digest, of_bytes(b"holdout"), (GOOD_AUC,))
    request = JudgeRequest(FACTORY, MODEL, evidence, model, target=TARGET, champion=world.made.snapshot)
    return tried(lambda: world.keeper.judge(request), "judged against a straw man")


@attack("13g", "Measure against a weaker champion than the one that serves", "python", "gates.not-passed")
def straw_man(ground: Ground) -> Tried:
    world = ground.at("admitted")
    model = world.model(b"second")
    world.made.model = model.digest
    world.judge_training(model)
    difference = Measurement("auc.difference", 0.1, lower=0.05, upper=0.2, n=5000, baseline=world.made.snapshot)
    world.judge_model(model, GOOD_AUC, difference)
    return admission(bound(world))
