"""Attacks that nobody is meant to notice: each leaves one trace, and the audit must find it."""

from dataclasses import replace

from andon.attest.statement import ADMISSION, SIGNOFF, Statement, Subject
from andon.contracts.evidence import Evidence, Span
from andon.gates.request import JudgeRequest
from andon.gates.verdict import verdict_statement
from andon.kernel.canonical import dumps, loads
from andon.kernel.digest import of_bytes
from tests.gates.world import FACTORY, GOOD_AUC, MODEL, TARGET
from tests.redteam.attacks.artefacts import flip
from tests.redteam.attacks.judged import evidence_of
from tests.redteam.attacks.ledger import audit
from tests.redteam.catalogue import Ground, Tried, attack
from tests.redteam.moves import BAD_AUC


@attack(
    "55a", "Change a signature on a statement that nothing relies on", "control database", "gates.statement-damaged"
)
def idle_statement(ground: Ground) -> Tried:
    world = ground.at("admitted")
    digest = world.approve("di", role="reader")
    (sealed,) = [one for one in world.database.statements.of_type(SIGNOFF) if one.digest == digest]
    envelope = dict(loads(sealed.envelope))
    signature = dict(envelope["signatures"][0])
    envelope["signatures"] = [signature | {"sig": "AAAA" + signature["sig"][4:]}]
    update = "update statements set envelope = ? where position = ?"
    assert world.sql(update, dumps(envelope), sealed.index) == 1
    return audit(world)


@attack("55b", "Slip a service's approval into the ledger", "control database", "gates.not-a-person")
def service_approval(ground: Ground) -> Tried:
    world = ground.at("admitted")
    keeping = world.keeper.keeping
    with keeping.units.begin() as unit:
        keeping.record.add(unit, world.signoff("trainer"))
    return audit(world)


@attack("55c", "Slip an admission into the ledger that says nothing", "key files", "gates.statement-malformed")
def empty_admission(ground: Ground) -> Tried:
    world = ground.at("admitted")
    world.forge(Statement((Subject("release", world.made.release),), ADMISSION, {}))
    return audit(world)


@attack("55d", "Slip a verdict into the ledger that its values do not give", "key files", "gates.findings-differ")
def lying_verdict(ground: Ground) -> Tried:
    world = ground.at("approved")
    world.forge_verdict(world.made.model, "model:late", evidence=evidence_of(world, BAD_AUC))
    return audit(world)


@attack(
    "55e",
    "Slip a failure into the ledger that its values do not give, to be rid of a good model",
    "key files",
    "gates.findings-differ",
)
def lying_failure(ground: Ground) -> Tried:
    world = ground.at("approved")
    world.forge_verdict(world.made.model, "model:late", outcome="FAILED")
    return audit(world)


@attack("55f", "Sign a verdict that counts fewer looks than there were", "key files", "gates.looks-differ")
def fewer_looks(ground: Ground) -> Tried:
    world = ground.at("founded").govern(looks=5)
    world.made.dataset = world.judge_data(world.batch()).published
    for n in range(2):
        model = world.model(b"try %d" % n)
        world.add(model)
        evidence = Evidence(model.digest, of_bytes(b"rows"), (GOOD_AUC,), Span("Schedule", 100, 200))
        world.keeper.judge(JudgeRequest(FACTORY, MODEL, evidence, model, (world.report(model),), target=TARGET))
    verdict = world.verdict(model.digest, "model:late")
    looks = verdict.findings[-1]
    fewer = tuple(
        replace(one, value=1.0, n=1) if "looks" in one.metric else one for one in verdict.evidence.measurements
    )
    lie = replace(
        verdict,
        looks=1,
        evidence=replace(verdict.evidence, measurements=fewer),
        findings=(*verdict.findings[:-1], replace(looks, value=1.0, n=1, why=looks.why.replace("2", "1", 1))),
        time_ns=world.clock.now_ns(),
    )
    world.forge(verdict_statement(lie))
    return audit(world)


@attack("55g", "Damage an object that is published and served", "store folder", "store.object-damaged")
def damaged_object(ground: Ground) -> Tried:
    world = ground.at("admitted")
    flip(world)
    return audit(world)


@attack("55h", "Move a dataset's name by hand", "control database", "gates.ref-moved")
def moved_dataset(ground: Ground) -> Tried:
    world = ground.at("admitted")
    move = "insert into ref_moves (name, sequence, digest, moved_ns) values (?, 2, ?, 1)"
    assert world.sql(move, "dataset/flights/Schedule", world.made.snapshot) == 1
    return audit(world)


@attack("55i", "Slip a Pass into the ledger that names a trust root still to come", "key files", "gates.root-unknown")
def root_to_come(ground: Ground) -> Tried:
    world = ground.at("approved")
    world.forge_verdict(world.made.model, "model:late", root_version=99)
    return audit(world)
