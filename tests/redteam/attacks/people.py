"""Attacks on sign-offs: whose word counts, for what, and for how long."""

from dataclasses import replace

from andon.adapters.keys import load_signer
from andon.attest.envelope import with_signature
from andon.attest.statement import SIGNOFF, Statement, Subject, seal
from andon.attest.trust_root import RoleInterval
from andon.contracts.evidence import Evidence, Measurement
from andon.contracts.policy import SignOffRule
from andon.gates.gatekeeper import Gatekeeper
from andon.gates.request import JudgeRequest, Question
from andon.gates.signoff import signoff_statement
from andon.gates.verdict import verdict_statement
from tests.gates.world import DATA, DAY_NS, FACTORY, RELEASE, TARGET
from tests.redteam.catalogue import Ground, Tried, attack, refused, together, tried, variants
from tests.redteam.moves import admission, hand_in, rejected, was_admitted

SIGNED_DATA = replace(DATA, signoffs=(SignOffRule("operations", 1, 30 * DAY_NS),))


def pass_relying_on(world, *signoffs: str, **changes: object) -> Tried:
    """A gate that was talked into a Pass by these sign-offs; admission counts the people again."""
    world.forge(verdict_statement(world.release_verdict(signoffs=signoffs, **changes)))
    return admission(world)


def asked_and_forged(ground: Ground, give) -> Tried:
    """Through the gate, which should not pass; and by a gate that was talked into it."""
    world = ground.at("bound")
    give(world)
    world.judge_release(world.the("release"))
    asked = admission(world)
    world = ground.at("bound")
    return together((asked, pass_relying_on(world, give(world))))


@attack("15b", "Write a Pass that no sign-off stands behind", "key files", "gates.people-missing")
def nobody_signed(ground: Ground) -> Tried:
    return pass_relying_on(ground.at("bound"))


def for_two(world) -> Question:
    """A release for the target whose floor asks for two people, and the question they are asked."""
    model = world.the("model")
    world.judge_training(model, target="strict")
    world.judge_model(model, target="strict")
    release = world.release(model, target="strict")
    world.made.release = world.keeper.bind(release)
    return world.question(release, target="strict")


def admitted_by_two(world, *signoffs: str) -> Tried:
    """What comes of these sign-offs, through the gate and through a gate that was talked into a Pass."""
    world.judge_release(world.the("release"), target="strict")
    codes = [refused(lambda: world.keeper.admit(world.made.release, "strict"))]
    request = world.release_request(world.the("release"), target="strict")
    policy = replace(RELEASE, signoffs=(SignOffRule("operations", 2, 5 * DAY_NS),))
    lie = world.release_verdict(
        target="strict", subject=request.subject.digest, policy=policy, signoffs=signoffs, evidence=request.evidence
    )
    world.forge(verdict_statement(lie))
    codes.append(refused(lambda: world.keeper.admit(world.made.release, "strict")))
    return Tried(("admitted",) if was_admitted(world) else (), tuple(code for code in codes if code))


@attack("19a", "Sign twice, with two keys, where two people are needed", "key files", "gates.people-missing")
def two_keys(ground: Ground) -> Tried:
    world = ground.at("bound")
    question = for_two(world)
    return admitted_by_two(world, *(world.approve("bo", question=question, key=key) for key in ("bo", "bo2")))


@attack("19b", "Put both keys of one person under one statement", "key files", "gates.people-missing")
def both_keys_at_once(ground: Ground) -> Tried:
    world = ground.at("bound")
    said = world.signoff("bo", question=for_two(world))
    return admitted_by_two(world, hand_in(world, with_signature(said, load_signer(world.home.key("bo2")))))


@attack("20a", "Approve one's own model", "command line", "gates.no-pass", "gates.people-missing")
def own_work(ground: Ground) -> Tried:
    return asked_and_forged(ground, lambda world: world.approve("al"))


@attack("20b", "Have the gate forget who made the work", "key files", "gates.people-missing")
def forgotten_author(ground: Ground) -> Tried:
    world = ground.at("bound")
    return pass_relying_on(world, world.approve("al"), excluded=())


@attack("21a", "Use the approval of one release for another", "control database", "gates.people-missing")
def replayed(ground: Ground) -> Tried:
    world = ground.at("approved")
    theirs = world.verdict(world.made.release, "release:late").signoffs
    world.build_bound(weights=b"second", rows=b"more rows")
    return pass_relying_on(world, *theirs)


@attack("21b", "Use an approval of other evidence, another policy, gate or target", "control database", "gates.no-pass")
def another_question(ground: Ground) -> Tried:
    def with_other(member):
        world = ground.at("bound")
        question = world.question()
        other = {"gate": "release:other", "target": "strict", "evidence": world.made.model, "policy": world.made.model}
        world.approve(question=replace(question, **{member: other[member]}))
        world.judge_release(world.the("release"))
        return admission(world)

    return together(with_other(member) for member in ("gate", "target", "evidence", "policy"))


@attack(
    "21c",
    "Make a sign-off whose words answer another question than it is filed under",
    "python",
    "gates.signoff-elsewhere",
)
def misfiled(ground: Ground) -> Tried:
    world = ground.at("bound")
    question = world.question()
    signoff = _signoff_of(world.signoff("bo"))
    return tried(lambda: signoff_statement(replace(question, target="strict"), signoff), "a statement was made")


def _signoff_of(envelope):
    from andon.attest.statement import from_bytes
    from andon.gates.signoff import read_signoff

    return read_signoff(from_bytes(envelope.payload))


@attack("23a", "Approve after one's role has ended", "key files", "gates.no-pass", "gates.people-missing")
def role_ended(ground: Ground) -> Tried:
    def give(world):
        world.clock.now += 11 * DAY_NS
        return world.approve("eve")

    return asked_and_forged(ground, give)


@attack("23b", "Approve in a role that one never had", "key files", "gates.no-pass", "gates.people-missing")
def role_never_held(ground: Ground) -> Tried:
    return asked_and_forged(ground, lambda world: world.approve("di", role="operations"))


@attack(
    "23c",
    "Approve in another role than the one that is asked for",
    "key files",
    "gates.no-pass",
    "gates.people-missing",
)
def another_role(ground: Ground) -> Tried:
    return asked_and_forged(ground, lambda world: world.approve("bo", role="reader"))


@attack("23d", "Approve before one's role begins", "clock", "gates.no-pass")
def role_to_come(ground: Ground) -> Tried:
    world = ground.at("bound")
    later = RoleInterval("operations", world.clock.now + DAY_NS)
    world.next_root(
        principals=tuple(replace(one, roles=(later,)) if one.name == "di" else one for one in world.root.principals)
    )
    world.approve("di")
    world.clock.now += 2 * DAY_NS
    world.judge_release(world.the("release"))
    return admission(world)


@attack("24a", "Lose one's role between approval and deployment", "clock", "gates.people-missing")
def role_lost(ground: Ground) -> Tried:
    world = ground.at("bound")
    world.clock.now += 8 * DAY_NS
    world.approve("eve")
    world.judge_release(world.the("release"))
    world.clock.now += 3 * DAY_NS
    return admission(world)


@attack("25a", "Deploy weeks after the approval", "clock", "gates.people-missing")
def stale(ground: Ground) -> Tried:
    world = ground.at("approved")
    world.clock.now += 6 * DAY_NS
    return admission(world)


@attack("25b", "Date an approval ahead, so that it lives longer", "python", "gates.no-pass", "gates.people-missing")
def dated_ahead(ground: Ground) -> Tried:
    return asked_and_forged(ground, lambda world: world.approve(time_ns=world.clock.now_ns() + 300 * DAY_NS))


@attack("26a", "Go on after a later rejection", "python", "gates.people-missing")
def later_rejection(ground: Ground) -> Tried:
    world = ground.at("approved")
    rejected(world)
    return admission(world)


@attack("26e", "Serve a model of a batch that its approver rejected afterwards", "python", "gates.people-missing")
def rejected_batch(ground: Ground) -> Tried:
    world = ground.at("founded")
    batch = world.batch()
    evidence = Evidence(batch.digest, batch.object("landed").sha256, (Measurement("blocked", 0.0, n=4),))
    request = JudgeRequest(FACTORY, SIGNED_DATA, evidence, batch, publish=world.publication(batch))
    question = world.keeper.question(request)
    world.keeper.judge(request)
    world.approve("bo", question=question)
    world.made.batch, world.made.dataset = batch.digest, world.keeper.judge(request).published
    model = world.model()
    world.made.model = model.digest
    world.judge_training(model)
    world.judge_model(model)
    world.made.release = world.keeper.bind(world.release(model, declaration=world.declaration(SIGNED_DATA)))
    world.build_approved()
    world.approve("bo", "reject", question=question)
    return admission(world)


@attack("26b", "Hide a rejection from its subject in the database", "control database", "gates.people-missing")
def hidden_rejection(ground: Ground) -> Tried:
    world = ground.at("approved")
    digest = world.approve("cy", "reject")
    hide = "delete from statement_subjects where statement = (select position from statements where digest = ?)"
    assert world.sql(hide, digest) == 1
    return admission(world)


@attack("26c", "Take a rejection out of the database", "control database", "gates.statement-missing")
def removed_rejection(ground: Ground) -> Tried:
    world = ground.at("approved")
    assert world.sql("delete from statements where digest = ?", world.approve("cy", "reject")) == 1
    return admission(world)


class Interrupted:
    """A store that lets somebody speak while the admission reads it."""

    def __init__(self, blobs, speak):
        self.blobs, self.speak, self.read, self.put, self.put_file = blobs, speak, blobs.read, blobs.put, blobs.put_file

    def has(self, digest):
        return self.blobs.has(digest)

    def local(self, digest):
        speak, self.speak = self.speak, lambda: None
        speak()
        return self.blobs.local(digest)


@attack("26d", "Have the rejection come while the admission reads", "clock", "gates.ledger-grew")
def rejected_meanwhile(ground: Ground) -> Tried:
    world = ground.at("approved")
    blobs = Interrupted(world.blobs, lambda: world.approve("cy", "reject"))
    keeper = Gatekeeper(replace(world.keeper.keeping, blobs=blobs))
    return tried(lambda: keeper.admit(world.made.release, TARGET), "admitted", lambda: was_admitted(world))


@attack("42a", "Let a service or a stranger hand in an approval", "command line", "gates.not-a-person")
def service_approves(ground: Ground) -> Tried:
    world = ground.at("bound")
    who = ("gatekeeper", "trainer", "mallory")
    return variants({name: lambda name=name: hand_in(world, world.signoff(name)) for name in who})


@attack(
    "42b", "Put a service's approval into the ledger past the gatekeeper", "control database", "gates.people-missing"
)
def service_in_ledger(ground: Ground) -> Tried:
    def of(who):
        world = ground.at("bound")
        keeping = world.keeper.keeping
        with keeping.units.begin() as unit:
            digest = keeping.record.add(unit, world.signoff(who))
        return pass_relying_on(world, digest)

    return together(of(who) for who in ("gatekeeper", "trainer", "mallory"))


@attack("42c", "Hand in an approval that two people signed together", "command line", "gates.not-a-person")
def two_under_one(ground: Ground) -> Tried:
    world = ground.at("bound")
    both = with_signature(world.signoff("bo"), load_signer(world.home.key("cy")))
    return tried(lambda: hand_in(world, both), "taken")


@attack("42d", "Rename a signed approval to another release", "command line", "gates.not-a-person")
def renamed_approval(ground: Ground) -> Tried:
    world = ground.at("bound")
    envelope = world.signoff("bo")
    forged = envelope.payload.replace(world.made.release[7:].encode(), world.made.model[7:].encode())
    return tried(lambda: hand_in(world, replace(envelope, payload=forged)), "taken")


@attack("42e", "Hand in an approval given to another factory or trust domain", "command line", "gates.other-factory")
def another_factory(ground: Ground) -> Tried:
    world = ground.at("bound")
    question = world.question()
    elsewhere = world.signoff("bo", question=replace(question, factory="parcels"))
    return tried(lambda: hand_in(world, elsewhere), "taken")


@attack(
    "36c",
    "Hand in a gate's verdict where a person's word is asked for",
    "command line",
    "gates.not-for-people",
)
def verdict_handed_in(ground: Ground) -> Tried:
    world = ground.at("bound")
    statement = verdict_statement(world.release_verdict())
    before = world.record.ledger.head().size
    code = refused(lambda: hand_in(world, seal(statement, load_signer(world.home.key("bo")))))
    grown = world.record.ledger.head().size > before
    return Tried(("taken",) if grown else (), (code,) if code else ())


@attack("36d", "Count something as an approval that is none", "control database", "gates.people-missing")
def no_approval(ground: Ground) -> Tried:
    world = ground.at("bound")
    other = Statement((Subject("release:late", world.made.release),), SIGNOFF, {"decision": "approve"})
    keeping = world.keeper.keeping
    with keeping.units.begin() as unit:
        digest = keeping.record.add(unit, seal(other, load_signer(world.home.key("bo"))))
    return pass_relying_on(world, digest)
