"""What a gate said, as a value: everything that is needed to say it again."""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final, Literal

from andon.attest.statement import GATE_VERDICT, Statement, Subject
from andon.contracts.evidence import MEASURED, Evidence
from andon.contracts.policy import Finding, Policy, Tier
from andon.contracts.wire import from_json, to_json
from andon.gates.criteria import weigh, with_looks
from andon.gates.request import Question
from andon.gates.said import members
from andon.kernel.digest import Digest, of_value
from andon.kernel.errors import InputError
from andon.store.manifest import Manifest

_MOST_KNOWN: Final = 1024


@dataclass(frozen=True, slots=True)
class Moved:
    """Where a statement moved a name: to what, and the how many-eth move that was."""

    ref: str
    digest: Digest
    sequence: int


@dataclass(frozen=True)  # no slots: it keeps what its values come to
class Verdict:
    """What a gate said, with everything needed to say it again.

    Attributes:
        domain: The trust domain whose keys and roles are meant.
        content: Identity of the subject's bytes alone, so that a failure stays with them under another manifest.
        declared: What the factory demands.
        policy: What was demanded in effect: what the factory declared, and what the target's floor added.
        champion: Digest of the model that served on the target then; empty for none, or where nothing was compared.
        is_first: Whether the target had no champion then.
        looks: How many looks there were at overlapping rows, each a model judged on some of them, this one included; 0
            where the rows are of no time.
        tier: The trust tier at which it was judged.
        root_version: Version of the trust root under which it was judged.
        excluded: Principals whose sign-off did not count.
        signoffs: Digests of the sign-offs relied on, and of the delegations they rest on.
        waivers: Digests of the waivers relied on.
        stands: Digests of earlier verdicts whose measured failure is final for this subject, gate and rows.
        output: Digest of the artefact that the judged work put out; empty where no work was recorded with the verdict.
        publish: The name moved together with this verdict, if one was.
        time_ns: When it was judged, in nanoseconds UTC.
    """

    domain: str
    factory: str
    gate: str
    target: str
    subject: Digest
    content: Digest
    evidence: Evidence
    declared: Policy
    policy: Policy
    findings: tuple[Finding, ...]
    outcome: Literal["PASSED", "FAILED"]
    champion: Digest
    is_first: bool
    looks: int
    excluded: tuple[str, ...]
    signoffs: tuple[Digest, ...]
    waivers: tuple[Digest, ...]
    stands: tuple[Digest, ...]
    output: Digest
    publish: Moved | None
    tier: Tier
    root_version: int
    time_ns: int

    @cached_property
    def weighed(self) -> tuple[Finding, ...]:
        """How each criterion of its policy comes out on its values, before anybody's waiver.

        Raises:
            RefusedError: The policy demands nothing or cannot be judged.
        """
        return weigh(self.policy, with_looks(self.evidence, self.looks), self.champion)

    def question(self) -> Question:
        """What people signed about."""
        return Question(
            factory=self.factory,
            gate=self.gate,
            subject=self.subject,
            target=self.target,
            evidence=self.evidence.digest(),
            policy=self.policy.digest(),
        )


def content_of(manifest: Manifest) -> Digest:
    """Identity of an artefact's bytes and of the contract they are held to, whatever was written or measured of them.

    Otherwise a measured failure would end by measuring one thing more. Where an artefact holds nothing but what was
    measured, or no rows, it is that: a source that brings nothing is another one each time, by how long it has been
    silent. Where it holds nothing at all, it is the manifest itself.
    """
    if not manifest.content:
        return manifest.digest
    judged = [item for item in manifest.content if item.name != MEASURED]
    if all(item.rows == 0 for item in judged):
        judged = list(manifest.content)
    return _content(manifest.kind, manifest.contract, tuple(sorted(item.sha256 for item in judged)))


@lru_cache(maxsize=_MOST_KNOWN)
def _content(kind: str, contract: Digest, objects: tuple[Digest, ...]) -> Digest:
    return of_value([kind, contract, list(objects)])


def verdict_statement(verdict: Verdict) -> Statement:
    """The statement that the gate signs: about the artefact, and about its bytes."""
    content = () if verdict.content == verdict.subject else (Subject("content", verdict.content),)
    return Statement((Subject(verdict.gate, verdict.subject), *content), GATE_VERDICT, members(to_json(verdict)))


def read_verdict(statement: Statement) -> Verdict:
    """The verdict in a statement, without believing it.

    Raises:
        InputError: It is not one, or it speaks of other subjects than its own values do.
    """
    verdict = from_json(Verdict, statement.predicate)
    if tuple(s.digest for s in statement.subjects) != tuple(dict.fromkeys((verdict.subject, verdict.content))):
        raise InputError(
            "gates.subject-mismatch",
            "This verdict's subjects are not the ones its values are about.",
            place=verdict.gate,
            fix="Judge the artefact again.",
        )
    return verdict
