"""People's approvals and rejections: who counts for exactly this question, and why others do not."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from andon.attest.statement import SIGNOFF, Statement, Subject
from andon.attest.trust_root import Floor, Principal, TrustRoot, holds, principals_of, roles
from andon.contracts.policy import Policy, SignOffRule
from andon.contracts.wire import from_json, to_json
from andon.gates.request import Question
from andon.gates.said import Said, members
from andon.kernel.clock import SECOND_NS
from andon.kernel.digest import Digest
from andon.kernel.errors import InputError

ANY_ROLE: Final = "*"
DEFAULT_WITHIN_NS: Final = 30 * 86_400 * SECOND_NS
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
        approved: Who approved and counts, with the digest of their sign-off, in the order of the ledger.
        rejected: Who rejected, and did not change their mind since.
        uncounted: Why others did not count, in words for a person.
    """

    rule: SignOffRule
    approved: tuple[tuple[str, Digest], ...]
    rejected: tuple[str, ...]
    uncounted: tuple[str, ...]

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


def effective_rules(policy: Policy, floor: Floor | None) -> tuple[SignOffRule, ...]:
    """The people a gate asks for: what the policy says and what the floor adds; only ever stricter.

    Args:
        policy: The factory's policy of the gate.
        floor: The target's floor, for a release gate; `None` where no floor applies.
    """
    rules: dict[str, SignOffRule] = {}
    added = [SignOffRule(role, people, DEFAULT_WITHIN_NS) for role, people in (floor.signoffs if floor else ())]
    for rule in (*policy.signoffs, *added):
        known = rules.get(rule.role, rule)
        rules[rule.role] = SignOffRule(rule.role, max(known.people, rule.people), min(known.within_ns, rule.within_ns))
    return tuple(rules.values())


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
        said: Sign-off statements about the subject, in the order of the ledger.
        root: Who is who.
        excluded: Principals whose approval does not count: who made the work and who started the run.
        now_ns: The moment.
    """
    latest, uncounted = _latest(question, said, root)
    approved: list[tuple[str, Digest]] = []
    rejected: list[str] = []
    for voice in latest:
        if voice.signoff.decision == "reject":
            if _may_speak(root, voice.person, rule.role, voice.signoff.role, voice.said.logged_ns):
                rejected.append(voice.person.name)
            continue
        why = _why_not(rule, question, voice, root, now_ns)
        if voice.person.name in excluded:
            why = "made this work or started the run"
        if why:
            uncounted.append(f"{voice.person.name}: {why}")
        else:
            approved.append((voice.person.name, voice.said.digest))
    return Count(rule, tuple(approved), tuple(rejected), tuple(dict.fromkeys(uncounted)))


@dataclass(frozen=True, slots=True)
class _Voice:
    """A person and their latest decision."""

    person: Principal
    signoff: SignOff
    said: Said


def _latest(question: Question, said: Iterable[Said], root: TrustRoot) -> tuple[list[_Voice], list[str]]:
    """Each person's latest decision about the question's subject, gate and target; and what is nobody's decision."""
    latest: dict[str, _Voice] = {}
    uncounted: list[str] = []
    for one in sorted(said, key=lambda one: one.index):
        try:
            signoff = read_signoff(one.statement)
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


def person_behind(one: Said, root: TrustRoot) -> Principal | str:
    """The one person whose key signed a statement when it came into the ledger; or why there is none, in words."""
    found = principals_of(root, one.keys, one.logged_ns)
    if len(found) != 1:
        return f"statement {one.index} is signed by {'several principals' if found else 'no key that counts'}"
    (principal,) = found
    if principal.kind != "person":
        return f"{principal.name}: a service never signs off"
    return principal


def _why_not(rule: SignOffRule, question: Question, voice: _Voice, root: TrustRoot, now_ns: int) -> str:
    """Why an approval does not count; empty when it does."""
    signoff, logged_ns = voice.signoff, voice.said.logged_ns
    if (signoff.evidence, signoff.policy) != (question.evidence, question.policy):
        return "approved other evidence or another policy"
    if rule.role not in (ANY_ROLE, signoff.role):
        return f"signed as {signoff.role}"
    if not _may_speak(root, voice.person, rule.role, signoff.role, logged_ns):
        return f"did not have the role {signoff.role} when signing"
    if not _may_speak(root, voice.person, rule.role, signoff.role, now_ns):
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
