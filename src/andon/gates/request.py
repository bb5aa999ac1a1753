"""What one asks of the gatekeeper, and what one gets back."""

from dataclasses import dataclass

from andon.contracts.evidence import Evidence
from andon.contracts.policy import Finding, Outcome, Policy
from andon.contracts.wire import to_json
from andon.kernel.digest import Digest, of_value
from andon.store.manifest import Manifest


@dataclass(frozen=True, slots=True)
class Question:
    """What exactly a gate is asked, and so what a person's sign-off is about.

    Attributes:
        gate: Kind and subject, such as `release:late`.
        subject: Digest of the artefact judged.
        target: Where it is to be served; empty before that is known.
        evidence: Digest of all that was measured.
        policy: Digest of all that is demanded in effect, the target's floor included.
    """

    factory: str
    gate: str
    subject: Digest
    target: str
    evidence: Digest
    policy: Digest

    def digest(self) -> Digest:
        """Identity of the question."""
        return of_value(to_json(self))


@dataclass(frozen=True, slots=True)
class Publication:
    """What becomes visible if the gate passes.

    Attributes:
        ref: The name that moves, such as `dataset/flights/Schedule`.
        expected: Where it must stand; `None` when nothing was published under it yet.
        manifest: The artefact it will point to; it is recorded only if the gate passes.
    """

    ref: str
    expected: Digest | None
    manifest: Manifest


@dataclass(frozen=True, slots=True)
class StageCommit:
    """The finished work of a stage: its key, its output, and the run that did it."""

    stage_key: Digest
    output: Digest
    run_id: str


@dataclass(frozen=True, slots=True)
class JudgeRequest:
    """One artefact, what was measured about it, and what the gate demands.

    Attributes:
        policy: What the factory demands; the gatekeeper adds what the target's floor demands.
        subject: The artefact judged; it is recorded if it is new. `evidence.subject` must be its digest.
        manifests: Further artefacts of the same work, such as a quarantine or a report; recorded if they are new.
        target: Where the model is to be served; its floor counts from here on. Empty for a data gate.
        champion: Digest of the model that `evidence` was compared with; empty when there is none, or where nothing is
            compared. The gatekeeper proves from the ledger that it serves on the target.
        excluded: Principals whose sign-off does not count: who submitted the code and who started the run.
        commit: Recorded together with whatever the gate says.
        publish: Done together with the verdict, if that is a Pass.
    """

    factory: str
    policy: Policy
    evidence: Evidence
    subject: Manifest
    manifests: tuple[Manifest, ...] = ()
    target: str = ""
    champion: Digest = ""
    excluded: tuple[str, ...] = ()
    commit: StageCommit | None = None
    publish: Publication | None = None

    def question(self, effective: Policy) -> Question:
        """What people sign about, when the gate asks for people.

        Args:
            effective: What the gate demands, floor included; `Gatekeeper.question` says which.
        """
        return Question(
            factory=self.factory,
            gate=self.policy.gate,
            subject=self.subject.digest,
            target=self.target,
            evidence=self.evidence.digest(),
            policy=effective.digest(),
        )


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the gate says.

    Attributes:
        outcome: `PENDING` when people, time or the target's health are missing; nothing is decided then.
        findings: How each criterion came out; for a `FAILED` that stands since before, the findings that made it final
            come first.
        verdict: Digest of the signed verdict; empty while pending.
        published: Digest that the published name points to since this verdict; empty when nothing was published.
        missing: What is missing, each in words for a person; empty unless pending.
        counted: Principals whose sign-off was relied on.
        is_recorded: Whether the same question was answered before, and this is that answer.
    """

    outcome: Outcome
    question: Question
    findings: tuple[Finding, ...]
    verdict: Digest
    published: Digest
    missing: tuple[str, ...]
    counted: tuple[str, ...]
    is_recorded: bool


@dataclass(frozen=True, slots=True)
class Receipt:
    """A release may be served on a target.

    Attributes:
        release: Digest of the release manifest.
        statement: Digest of the signed admission, or of the signed rollback that put the release back.
        bundle: Digest of the stored bundle, with which a server checks the release without any database.
        sequence: How often the target's name was moved, this time included.
    """

    factory: str
    model_name: str
    target: str
    release: Digest
    statement: Digest
    bundle: Digest
    sequence: int


def serving_ref(factory: str, model_name: str, target: str) -> str:
    """The name that points to the release a target serves."""
    return f"serving/{factory}/{model_name}/{target}"
