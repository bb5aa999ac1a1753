"""People's approvals and rejections: who counts for exactly this question, and why others do not."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from andon.attest.statement import SIGNOFF, Statement, Subject
from andon.attest.trust_root import Principal, TrustRoot, holds, roles
from andon.contracts.policy import SignOffRule
from andon.contracts.wire import from_json, to_json
from andon.gates.delegation import Lent, lent_to
from andon.gates.floor import DEFAULT_WITHIN_NS
from andon.gates.request import Question
from andon.gates.said import Said, members
from andon.gates.signers import person_behind
from andon.kernel.clock import SECOND_NS
from andon.kernel.digest import Digest
from andon.kernel.errors import InputError

ANY_ROLE: Final = "*"
_SKEW_NS: Final = 300 * SECOND_NS


@dataclass(frozen=True, slots=True)
class SignOff:
    """What a person signs: a decision about one question, in one role.

    Attributes:
        domain: The trust domain whose keys and roles are meant.
        role: The role in which the person speaks; it must be one that the trust root gives them.
        time_ns: When they signed, in nanoseconds UTC.
    """

    domain: str
    factory: str
    gate: str
    target: str
    decision: Literal["approve", "reject"]
    evidence: Digest
    policy: Digest
    role: str
    reason: str
    time_ns: int


@dataclass(frozen=True, slots=True)
class Count:
    """What came of counting for one rule.

    Attributes:
        approved: Who approved and counts, with the digest of their sign-off, in the order of the ledger. Where a person
            spoke for another, the two stand there once, as `delegate for delegator`.
        lent: Digests of the delegations that these sign-offs rest on.
        rejected: Who rejected, and did not change their mind since.
        uncounted: Why others did not count, in words for a person.
    """

    rule: SignOffRule
    approved: tuple[tuple[str, Digest], ...]
    rejected: tuple[str, ...]
    uncounted: tuple[str, ...]
    lent: tuple[Digest, ...] = ()

    @property
    def is_met(self) -> bool:
        """Whether enough people approved and nobody who may speak rejects."""
        return not self.rejected and len(self.approved) >= self.rule.people

    def missing(self) -> str:
        """What is missing, in words for a person; empty when nothing is."""
        if self.is_met:
            return ""
        role = "any role" if self.rule.role == ANY_ROLE else f"the role {self.rule.role}"
        if self.rejected:
            return f"rejected by {', '.join(self.rejected)} in {role}"
        more = self.rule.people - len(self.approved)
        text = f"{more} sign-off{'' if more == 1 else 's'} by {'a person' if more == 1 else 'people'} of {role}"
        return text + (f" ({'; '.join(self.uncounted)})" if self.uncounted else "")


def signoff_statement(question: Question, signoff: SignOff) -> Statement:
    """The statement that a person signs to answer a question.

    Raises:
        InputError: The sign-off is about another question (`gates.signoff-elsewhere`).
    """
    if _asked(question) != _answered(signoff):
        raise InputError(
            "gates.signoff-elsewhere",
            "This sign-off answers another question.",
            place=question.gate,
            fix="Make the sign-off from the question that the gate asks.",
        )
    return Statement((Subject(question.gate, question.subject),), SIGNOFF, members(to_json(signoff)))


def read_signoff(statement: Statement) -> SignOff:
    """The sign-off in a statement, without believing it.

    Raises:
        InputError: It is not one.
    """
    return from_json(SignOff, statement.predicate)


def acceptance_rules(rules: Sequence[SignOffRule]) -> tuple[SignOffRule, ...]:
    """Who may accept that rows are too few: the people the gate asks for anyway, or else one person of any role."""
    return tuple(rules) or (SignOffRule(ANY_ROLE, 1, DEFAULT_WITHIN_NS),)


def count(
    rule: SignOffRule,
    question: Question,
    said: Iterable[Said],
    root: TrustRoot,
    *,
    excluded: Collection[str],
    now_ns: int,
) -> Count:
    """Count distinct people of a role who approved exactly this question, at a moment.

    A person counts once, by their latest decision, and only in the role they named in it. They must hold the role when
    their sign-off came into the ledger and at the moment of counting. A rejection stands whatever evidence and policy
    it was given for, and does not expire.

    Args:
        rule: How many people of which role, and how old a sign-off may be.
        question: What they must have answered.
        said: Statements about the subject, sign-offs, delegations and revocations among them; others are passed over.
        root: Who is who.
        excluded: Principals whose approval does not count: who made the work and who started the run.
        now_ns: The moment.
    """
    known = list(said)
    latest, uncounted = _latest(question, known, root)
    heard = [_hear(rule, question, voice, known, root, excluded=excluded, now_ns=now_ns) for voice in latest]
    spoke = {voice.person.name for voice in latest}
    heard = [one.unless_spoken(spoke) for one in heard]
    counted = _once([one for one in heard if one.approves])
    return Count(
        rule=rule,
        approved=tuple((one.name, one.voice.said.digest) for one in counted),
        rejected=tuple(one.voice.person.name for one in heard if one.rejects),
        uncounted=tuple(dict.fromkeys([*uncounted, *(f"{one.name}: {one.why}" for one in heard if one.why)])),
        lent=tuple(one.lent.digest for one in counted if one.lent),
    )


@dataclass(frozen=True, slots=True)
class _Voice:
    """A person and their latest decision."""

    person: Principal
    signoff: SignOff
    said: Said


@dataclass(frozen=True, slots=True)
class _Heard:
    """What a voice comes to for one rule."""

    voice: _Voice
    lent: Lent | None
    why: str = ""
    rejects: bool = False

    @property
    def approves(self) -> bool:
        return not self.why and not self.rejects and self.voice.signoff.decision == "approve"

    def unless_spoken(self, spoke: Collection[str]) -> "_Heard":
        """The same, but not counted where the delegator spoke themselves: the two count once."""
        if self.approves and self.lent and self.lent.delegator.name in spoke:
            return replace(self, why=f"{self.lent.delegator.name} spoke themselves, and the two count once")
        return self

    @property
    def people(self) -> frozenset[str]:
        """Everybody whose voice this is: who signed, and for whom."""
        return frozenset({self.voice.person.name} | ({self.lent.delegator.name} if self.lent else set()))

    @property
    def name(self) -> str:
        name = self.voice.person.name
        return f"{name} for {self.lent.delegator.name}" if self.lent else name


def _hear(
    rule: SignOffRule,
    question: Question,
    voice: _Voice,
    known: Sequence[Said],
    root: TrustRoot,
    *,
    excluded: Collection[str],
    now_ns: int,
) -> _Heard:
    """Whether a voice counts for a rule, in whose name, and otherwise why not."""
    signoff, logged_ns = voice.signoff, voice.said.logged_ns
    role = signoff.role if rule.role == ANY_ROLE else rule.role
    lent = None
    if not _may_speak(root, voice.person, rule.role, signoff.role, logged_ns):
        # A rejection does not end with what it was lent on: who lent it could take the rejection back by ending that.
        until_ns = logged_ns if signoff.decision == "reject" else now_ns
        lent = lent_to(voice.person, role, known, root, signed_ns=logged_ns, now_ns=until_ns)
    if signoff.decision == "reject":
        may = lent is not None or _may_speak(root, voice.person, rule.role, signoff.role, logged_ns)
        return _Heard(voice, lent, rejects=may)
    heard = _Heard(voice, lent)
    why = _why_not(rule, question, voice, root, now_ns, is_lent=lent is not None)
    if not heard.people.isdisjoint(excluded):
        why = "made this work or started the run"
    return _Heard(voice, lent, why)


def _once(heard: Sequence[_Heard]) -> list[_Heard]:
    """Those who count: whoever shares a person with one counted before does not count again."""
    counted: list[_Heard] = []
    for one in heard:
        if all(one.people.isdisjoint(other.people) for other in counted):
            counted.append(one)
    return counted


def _latest(question: Question, said: Iterable[Said], root: TrustRoot) -> tuple[list[_Voice], list[str]]:
    """Each person's latest decision about the question's subject, gate and target; and what is nobody's decision."""
    latest: dict[str, _Voice] = {}
    uncounted: list[str] = []
    for one in sorted(said, key=lambda one: one.index):
        if one.statement.predicate_type != SIGNOFF:
            continue
        try:
            signoff = one.read_as(read_signoff)
        except InputError:
            uncounted.append(f"statement {one.index} is not a sign-off")
            continue
        if question.subject not in one.subjects or signoff.gate != question.gate:
            continue
        person = person_behind(one, root)
        if isinstance(person, str):
            uncounted.append(person)
        elif (signoff.domain, signoff.factory, signoff.target) != (root.domain, question.factory, question.target):
            uncounted.append(f"{person.name}: signed for another target, factory or trust domain")
        else:
            latest.pop(person.name, None)
            latest[person.name] = _Voice(person, signoff, one)
    return list(latest.values()), uncounted


def _why_not(
    rule: SignOffRule, question: Question, voice: _Voice, root: TrustRoot, now_ns: int, *, is_lent: bool
) -> str:
    """Why an approval does not count; empty when it does."""
    signoff, logged_ns = voice.signoff, voice.said.logged_ns
    if (signoff.evidence, signoff.policy) != (question.evidence, question.policy):
        return "approved other evidence or another policy"
    if rule.role not in (ANY_ROLE, signoff.role):
        return f"signed as {signoff.role}"
    if not is_lent and not _may_speak(root, voice.person, rule.role, signoff.role, logged_ns):
        return f"did not have the role {signoff.role} when signing"
    if not is_lent and not _may_speak(root, voice.person, rule.role, signoff.role, now_ns):
        return f"no longer has the role {signoff.role}"
    if signoff.time_ns > logged_ns + _SKEW_NS:
        return "signed with a time in the future"
    if now_ns - signoff.time_ns > rule.within_ns:
        return "the sign-off has expired"
    return ""


def _may_speak(root: TrustRoot, person: Principal, wanted: str, named: str, at_ns: int) -> bool:
    """Whether a person holds the role a rule wants; where any role will do, the one they named."""
    role = named if wanted == ANY_ROLE else wanted
    return role in roles(root) and holds(root, person, role, at_ns)


def _asked(question: Question) -> tuple[str, ...]:
    return (question.factory, question.gate, question.target, question.evidence, question.policy)


def _answered(signoff: SignOff) -> tuple[str, ...]:
    return (signoff.factory, signoff.gate, signoff.target, signoff.evidence, signoff.policy)
