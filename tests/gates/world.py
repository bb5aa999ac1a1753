"""A small real factory for the tests of the gates: real keys, SQLite, files; from a batch to an admitted release."""

import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from andon.adapters.files import FileBlobs
from andon.adapters.keys import generate_key, load_signer, verifier
from andon.adapters.sql.database import open_database
from andon.adapters.trust_folder import FolderRoots, HomeFolder
from andon.attest.statement import GATE_VERDICT, Statement, seal
from andon.attest.succession import seal_root
from andon.attest.trust_json import fingerprint
from andon.attest.trust_root import Floor, KeyState, Principal, RoleInterval, TrustRoot
from andon.contracts.declaration import Declaration, Release
from andon.contracts.evidence import Evidence, Measurement
from andon.contracts.policy import Criterion, Policy, SignOffRule
from andon.contracts.release import ReleaseFacts
from andon.contracts.wire import to_json
from andon.gates.annulment import Annulment, annulment_statement
from andon.gates.bundle import Trust, check_bundle, read_bundle
from andon.gates.criteria import weigh
from andon.gates.delegation import Delegation, delegation_statement
from andon.gates.gatekeeper import Gatekeeper
from andon.gates.keeping import Keeping
from andon.gates.record import Record
from andon.gates.request import JudgeRequest, Publication, Question, StageCommit
from andon.gates.signoff import SignOff, signoff_statement
from andon.gates.verdict import Verdict, content_of, read_verdict, verdict_statement
from andon.gates.waiver import Waiver, waiver_statement
from andon.kernel.canonical import dumps
from andon.kernel.clock import SECOND_NS
from andon.kernel.digest import of_bytes
from andon.kernel.errors import AndonError
from andon.ledger.log import Ledger
from andon.store.manifest import Input, Manifest, Object

START_NS = 1_800_000_000 * SECOND_NS
DAY_NS = 86_400 * SECOND_NS
SINCE_NS = START_NS - 30 * DAY_NS
DOMAIN, FACTORY, TARGET = "tests.example", "flights", "local"

DATA = Policy("data:schedule", "data", (Criterion("blocked", "le", 0.0),))
TRAINING = Policy("training:late", "ops", (Criterion("completed", "ge", 1.0),))
MODEL = Policy(
    "model:late",
    "ops",
    (
        Criterion("auc", "ge", 0.7, side="lower"),
        Criterion("auc.difference", "ge", -0.005, side="lower", baseline="champion"),
    ),
)
RELEASE = Policy(
    "release:late", "ops", (Criterion("lineage.closed", "ge", 1.0),), (SignOffRule("operations", 1, 5 * DAY_NS),)
)
GOOD_AUC = Measurement("auc", 0.8, lower=0.78, upper=0.82, n=5000)


class Clock:
    """A clock that goes on by a millisecond at every look, and is set by hand."""

    def __init__(self, now_ns: int) -> None:
        self.now = now_ns

    def now_ns(self) -> int:
        self.now += 1_000_000
        return self.now


@dataclass
class Made:
    """Digests of one chain."""

    batch: str = ""
    dataset: str = ""
    snapshot: str = ""
    model: str = ""
    report: str = ""
    release: str = ""
    bundle: str = ""


def principal(home: HomeFolder, name: str, kind: str, *roles: RoleInterval, keys: tuple[str, ...] = ()) -> Principal:
    states = tuple(KeyState(generate_key(home.key(key)), "active", SINCE_NS) for key in (keys or (name,)))
    return Principal(name, kind, states, roles)


def found(path: Path) -> "World":
    """Keys, trust root and empty records."""
    home = HomeFolder(path / "home")
    operations = RoleInterval("operations", SINCE_NS)
    people = (
        principal(home, "al", "person", operations, RoleInterval("owner", SINCE_NS)),
        principal(home, "bo", "person", operations, keys=("bo", "bo2")),
        principal(home, "cy", "person", operations),
        principal(home, "di", "person", RoleInterval("reader", SINCE_NS)),
        principal(home, "eve", "person", RoleInterval("operations", SINCE_NS, START_NS + 10 * DAY_NS)),
    )
    services = (
        principal(home, "gatekeeper", "service", RoleInterval("gate", SINCE_NS)),
        principal(home, "ledger", "service", RoleInterval("log", SINCE_NS)),
        principal(home, "trainer", "service"),
    )
    floors = (
        Floor(TARGET, production=False, gates=("data", "training", "model", "release")),
        Floor(
            "strict", production=False, gates=("data", "training", "model", "release"), signoffs=(("operations", 2),)
        ),
    )
    root = TrustRoot(
        version=1,
        domain=DOMAIN,
        factory=FACTORY,
        expires_ns=START_NS + 365 * DAY_NS,
        quorum=1,
        root_keys=(people[0].keys[0].public.key_id,),
        principals=(*people, *services),
        floors=floors,
    )
    FolderRoots(path / "trust").add(1, seal_root(root, [load_signer(home.key("al"))]))
    home.pin(fingerprint(root))
    generate_key(home.key("mallory"))
    return World(path)


class World:
    """A factory in a folder. Everything goes through the real gatekeeper and the real adapters."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.home = HomeFolder(path / "home")
        self.roots = FolderRoots(path / "trust")
        self.blobs = FileBlobs(path / "store")
        self.database = open_database(f"sqlite:///{path / 'control.db'}")
        state = path / "state.json"
        self.made = Made(**json.loads(state.read_text())["made"]) if state.exists() else Made()
        self.clock = Clock(json.loads(state.read_text())["now"] if state.exists() else START_NS)
        self.keeper = self.keeper_signed_by("gatekeeper")

    def keeper_signed_by(self, key: str, clock: Clock | None = None) -> Gatekeeper:
        home, database, clock = self.home, self.database, clock or self.clock
        log = load_signer(home.key("ledger"))
        ledger = Ledger(
            database.ledger_rows,
            database.checkpoints,
            log,
            f"{DOMAIN}/{FACTORY}",
            clock,
            {log.key_id: verifier(log.public)},
        )
        record = Record(
            statements=database.statements,
            ledger=ledger,
            signer=load_signer(home.key(key)),
            roots=self.roots,
            fingerprint=home.pinned(),
            verifier=verifier,
            memory=home,
        )
        return Gatekeeper(
            Keeping(
                units=database.units,
                manifests=database.manifests,
                refs=database.refs,
                blobs=self.blobs,
                commits=database.commits,
                record=record,
                clock=clock,
            )
        )

    @property
    def record(self) -> Record:
        return self.keeper.keeping.record

    @property
    def root(self) -> TrustRoot:
        return self.record.root()

    def govern(self, target: str = TARGET, **changes: object) -> "World":
        """Give a target another floor, in a new version of the trust root that its owner signs."""
        floors = tuple(replace(one, **changes) if one.target == target else one for one in self.root.floors)
        return self.next_root(floors=floors)

    def next_root(self, **changes: object) -> "World":
        root = replace(self.root, version=self.root.version + 1, **changes)
        self.roots.add(root.version, seal_root(root, [load_signer(self.home.key("al"))]))
        return self

    def copied_to(self, path: Path) -> "World":
        """The same world in another folder."""
        self.database.close()
        (self.path / "state.json").write_text(json.dumps({"made": vars(self.made), "now": self.clock.now}))
        shutil.copytree(self.path, path)
        return World(path)

    def sql(self, statement: str, *values: object) -> int:
        """Do to the database what its owner can: without its guards; returns how many rows it struck."""
        with closing(sqlite3.connect(self.path / "control.db")) as connection:
            guards = connection.execute("select name from sqlite_master where type = 'trigger'").fetchall()
            for (guard,) in guards:
                connection.execute(f"drop trigger {guard}")
            struck = connection.execute(statement, values).rowcount
            connection.commit()
            return struck

    def put(self, data: bytes, name: str) -> Object:
        stored = self.blobs.put([data])
        return Object(stored.digest, stored.size_bytes, None, name)

    def add(self, manifest: Manifest) -> str:
        with self.database.units.begin() as unit:
            return self.database.manifests.add(unit, manifest)

    def declaration_without(self, gate: str) -> str:
        return self.declaration(without=gate)

    def declaration(self, *policies: Policy, without: str = "") -> str:
        declared = {policy.gate: policy for policy in (DATA, TRAINING, MODEL, RELEASE, *policies)}
        declared.pop(without, None)
        value = Declaration(
            factory=FACTORY,
            owner="ops",
            purpose="tests",
            contracts={},
            sources=(),
            feature_sets=(),
            models=(),
            gates=tuple(declared.values()),
            releases=(Release("late", TARGET, 20_000_000),),
            code={},
        )
        return self.blobs.put([dumps(to_json(value))]).digest

    def batch(self, rows: bytes = b"rows") -> Manifest:
        content = (self.put(rows, "landed"), self.put(b"good " + rows, "good"))
        return Manifest("batch", content, "", (), "", {"source": "schedule"})

    def publication(self, batch: Manifest) -> Publication:
        ref = self.database.refs.get("dataset/flights/Schedule")
        before = self.database.manifests.get(ref.digest) if ref else None
        good = batch.object("good")
        content = (*before.content, replace(good, name=f"{ref.sequence}.parquet")) if before else (good,)
        inputs = (*((Input("previous", before.digest),) if before else ()), Input("batch", batch.digest))
        manifest = Manifest("dataset", content, "", inputs, "", {"contract": "Schedule"})
        return Publication("dataset/flights/Schedule", before.digest if before else None, manifest)

    def judge_data(self, batch: Manifest, blocked: float = 0.0, policy: Policy = DATA):
        evidence = Evidence(batch.digest, batch.object("landed").sha256, (Measurement("blocked", blocked, n=4),))
        request = JudgeRequest(FACTORY, policy, evidence, batch, publish=self.publication(batch))
        return self.keeper.judge(request)

    def model(self, weights: bytes = b"weights", dataset: str = "") -> Manifest:
        snapshot = Manifest(
            "snapshot",
            (self.put(b"fit rows", "fit"),),
            "",
            (Input("dataset:Schedule", dataset or self.made.dataset),),
            "",
            {},
        )
        self.made.snapshot = self.add(snapshot)
        content = (self.put(weights, "model"), self.put(b'{"package":1}', "package.json"))
        return Manifest("model", content, "", (Input("snapshot", self.made.snapshot),), of_bytes(weights), {})

    def judge_training(
        self, model: Manifest, completed: float | None = 1.0, policy: Policy = TRAINING, target: str = TARGET
    ):
        evidence = Evidence(model.digest, of_bytes(b"tune"), (Measurement("completed", completed, n=100),))
        commit = StageCommit(model.stage_key, model.digest, "run-1")
        return self.keeper.judge(JudgeRequest(FACTORY, policy, evidence, model, target=target, commit=commit))

    def report(self, model: Manifest) -> Manifest:
        content = (self.put(b"<html>" + model.digest.encode(), "report.html"),)
        return Manifest("report", content, "", (Input("model", model.digest),), "", {})

    def champion(self) -> str:
        return self.keeper.champion("late", TARGET)

    def judge_model(self, model: Manifest, *measured: Measurement, policy: Policy = MODEL, **options: object):
        champion = self.champion()
        difference = Measurement("auc.difference", 0.0, lower=-0.001, upper=0.001, n=5000, baseline=champion)
        measurements = measured or ((GOOD_AUC, difference) if champion else (GOOD_AUC,))
        evidence = Evidence(model.digest, of_bytes(b"holdout"), measurements)
        options = {"target": TARGET, "champion": champion} | options
        request = JudgeRequest(FACTORY, policy, evidence, model, (self.report(model),), **options)
        return self.keeper.judge(request)

    def release(self, model: Manifest, **facts: object) -> Manifest:
        values = {
            "factory": FACTORY,
            "model_name": "late",
            "target": TARGET,
            "predecessor": self.keeper.serving("late", TARGET),
            "initiators": ("al",),
            "plan": of_bytes(b"plan"),
            "environment": of_bytes(b"environment"),
            "declaration": self.declaration(),
            "latency_ns": 20_000_000,
            "root_version": self.root.version,
        }
        inputs = (Input("model", model.digest), Input("report", self.report(model).digest))
        return Manifest("release", (), "", inputs, "", to_json(ReleaseFacts(**(values | facts))))

    def release_request(self, release: Manifest, policy: Policy = RELEASE, target: str = TARGET) -> JudgeRequest:
        evidence = Evidence(release.digest, of_bytes(b"lineage"), (Measurement("lineage.closed", 1.0, n=1),))
        champion = self.keeper.champion("late", target)
        return JudgeRequest(FACTORY, policy, evidence, release, target=target, champion=champion)

    def question(self, release: Manifest | None = None, policy: Policy = RELEASE, target: str = TARGET) -> Question:
        """What people sign about a release."""
        return self.keeper.question(self.release_request(release or self.the("release"), policy, target))

    def judge_release(self, release: Manifest, policy: Policy = RELEASE, target: str = TARGET):
        return self.keeper.judge(self.release_request(release, policy, target))

    def the(self, name: str) -> Manifest:
        """The manifest of one part of the chain."""
        return self.database.manifests.get(getattr(self.made, name))

    def signoff(self, who: str, decision: str = "approve", *, role: str = "operations", **changes: object):
        """A person's sealed sign-off for the release of this world; `changes` name another question or time."""
        key = changes.pop("key", who)
        question = changes.pop("question", None) or self.question()
        signoff = SignOff(
            domain=DOMAIN,
            factory=question.factory,
            gate=question.gate,
            target=question.target,
            decision=decision,
            evidence=question.evidence,
            policy=question.policy,
            role=role,
            reason="looked at the report",
            time_ns=int(str(changes.pop("time_ns", self.clock.now_ns()))),
        )
        return seal(signoff_statement(question, signoff), load_signer(self.home.key(key)))

    def approve(self, who: str = "bo", decision: str = "approve", **changes: object) -> str:
        return self.keeper.hand_in(self.signoff(who, decision, **changes))

    def build_bound(self, weights: bytes = b"weights", rows: bytes = b"rows") -> "World":
        """From a batch to a bound release; nobody has signed off yet."""
        batch = self.batch(rows)
        judged = self.judge_data(batch)
        self.made.batch, self.made.dataset = batch.digest, judged.published
        model = self.model(weights)
        self.made.model = model.digest
        self.judge_training(model)
        self.judge_model(model)
        self.made.report = self.report(model).digest
        self.made.release = self.keeper.bind(self.release(model))
        return self

    def build_approved(self) -> "World":
        """And a person has signed off, and the release gate has passed."""
        self.approve()
        self.judge_release(self.the("release"))
        return self

    def admit(self):
        receipt = self.keeper.admit(self.made.release, TARGET)
        self.made.bundle = receipt.bundle
        return receipt

    def trust(self, **changes: object) -> Trust:
        known = Trust(
            self.home.pinned(),
            verifier,
            self.keeper.revoked(),
            self.record.remembered(),
            self.record.all_roots(),
        )
        return replace(known, **changes)

    def load(self, target: str = TARGET, **changes: object):
        """What a server does: only the store, the bundle and what was pinned; no database."""
        bundle = read_bundle(self.blobs.read(self.made.bundle))
        return check_bundle(bundle, target, self.blobs.read, self.trust(**changes))

    def forge(self, statement: Statement, key: str = "gatekeeper") -> str:
        """Put a statement into the ledger, signed with some key, as who holds that key and the database could."""
        keeping = self.keeper_signed_by(key).keeping
        with keeping.units.begin() as unit:
            return keeping.record.say(unit, statement)

    def verdict(self, subject: str, gate: str) -> Verdict:
        """The newest verdict of a gate over an artefact, as it was signed."""
        return self.verdict_said(subject, gate)[1]

    def verdict_said(self, subject: str, gate: str) -> tuple[str, Verdict]:
        """The digest of the newest verdict of a gate over an artefact, and the verdict."""
        said = self.record.about(subject, self.root, GATE_VERDICT)
        found = [(one.digest, read_verdict(one.statement)) for one in said]
        return next(pair for pair in reversed(found) if pair[1].gate == gate)

    def seal(self, statement: Statement, who: str):
        """A statement under a person's signature."""
        return seal(statement, load_signer(self.home.key(who)))

    def waiver(self, subject: str, gate: str = "model:late", **changes: object) -> Waiver:
        """A waiver of the first criterion that the newest verdict of a gate failed on, as one would rightly make it."""
        digest, verdict = self.verdict_said(subject, gate)
        failed = next(finding for finding in verdict.findings if finding.holds == "no")
        now_ns = self.clock.now_ns()
        waiver = Waiver(
            domain=DOMAIN,
            factory=FACTORY,
            gate=gate,
            target=verdict.target,
            verdict=digest,
            criterion=failed.criterion,
            slice=failed.slice,
            worst=failed.value,
            role="operations",
            reason="known, and mended next week",
            expires_ns=now_ns + 3 * DAY_NS,
            time_ns=now_ns,
        )
        return replace(waiver, **changes)

    def waive(self, subject: str, who: str = "bo", gate: str = "model:late", **changes: object) -> str:
        """Have a waiver signed and handed in."""
        return self.keeper.hand_in(self.seal(waiver_statement(self.waiver(subject, gate, **changes), subject), who))

    def annul(self, subject: str, who: str, gate: str = "model:late", **changes: object) -> str:
        """Have a person annul the newest verdict of a gate."""
        digest, verdict = changes.pop("of", None) or self.verdict_said(subject, gate)
        annulment = Annulment(DOMAIN, FACTORY, digest, gate, "labels of the wrong month", self.clock.now_ns())
        return self.keeper.hand_in(self.seal(annulment_statement(replace(annulment, **changes), verdict), who))

    def delegate(self, who: str, to: str, **changes: object) -> str:
        """Have a person lend their role to another."""
        now_ns = self.clock.now_ns()
        delegation = Delegation(DOMAIN, FACTORY, to, "operations", now_ns + 2 * DAY_NS, "holiday", now_ns)
        return self.keeper.hand_in(self.seal(delegation_statement(replace(delegation, **changes)), who))

    def release_verdict(self, **changes: object) -> Verdict:
        """A Pass of the release gate over the release of this world, as a gate that asks nobody would write it."""
        request = self.release_request(self.the("release"))
        verdict = Verdict(
            domain=DOMAIN,
            factory=FACTORY,
            gate=request.policy.gate,
            target=request.target,
            subject=request.subject.digest,
            content=content_of(request.subject),
            evidence=request.evidence,
            declared=request.policy,
            policy=request.policy,
            findings=weigh(request.policy, request.evidence, request.champion),
            outcome="PASSED",
            champion=request.champion,
            is_first=not request.champion,
            looks=0,
            excluded=("al",),
            signoffs=(),
            waivers=(),
            stands=(),
            output="",
            publish=None,
            tier="T0",
            root_version=self.root.version,
            time_ns=self.clock.now_ns(),
        )
        return replace(verdict, **changes)

    def forge_verdict(self, subject: str, gate: str, key: str = "gatekeeper", **changes: object) -> str:
        """A verdict like the newest one, with changes."""
        again = {"time_ns": self.clock.now_ns()} | changes
        return self.forge(verdict_statement(replace(self.verdict(subject, gate), **again)), key)


def refusal(action) -> str:
    """The code of the refusal that an action ends in; empty when it does not."""
    try:
        action()
    except AndonError as error:
        return error.code
    return ""


def moments_in(home: Path) -> dict[str, World]:
    """The same factory at four moments: founded, bound, approved, admitted."""
    founded = found(home / "founded")
    bound = founded.copied_to(home / "bound").build_bound()
    approved = bound.copied_to(home / "approved").build_approved()
    admitted = approved.copied_to(home / "admitted")
    admitted.admit()
    return {"founded": founded, "bound": bound, "approved": approved, "admitted": admitted}
