"""Waivers: a person takes one failed criterion upon themselves; proposed, listed with where each stands, and used."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from andon.attest.statement import GATE_VERDICT, REVOCATION, WAIVER
from andon.attest.trust_root import TrustRoot, Waivable
from andon.contracts.policy import Finding
from andon.gates.said import Said
from andon.gates.signers import person_behind
from andon.gates.verdict import Verdict, read_verdict
from andon.gates.waiver import Waiver, read_waiver, waiver_statement, why_not
from andon.kernel.canonical import Json
from andon.kernel.clock import duration_ns
from andon.kernel.digest import Digest, short
from andon.kernel.errors import InputError, UsageError
from andon.wiring.calls.drafts import Draft, draft_of, listed
from andon.wiring.calls.showing import moment, named_rows, number
from andon.wiring.factory import Opened, open_factory

_DAY_NS = duration_ns("1d")
NAMES = ("waiver", "gate", "criterion", "slice", "worst", "by", "until", "state", "used by", "reason")


@dataclass(frozen=True, slots=True)
class Proposal:
    """A waiver that nobody has signed yet, with what whoever is to sign it should see.

    Attributes:
        rows: The verdict, what was measured, what the floor lets whom waive: pairs of words.
    """

    draft: Draft
    rows: list[tuple[str, str]]

    def to_json(self) -> dict[str, Json]:
        """The proposal for programs."""
        return {"draft": self.draft.to_json(), "about": dict(self.rows)}


@dataclass(frozen=True, slots=True)
class Waived:
    """One waiver and where it stands.

    Attributes:
        subject: Digest of the artefact that failed.
        state: `active`, `expired`, `revoked`, or why it does not count.
        used_by: Digests of the verdicts that relied on it.
    """

    digest: Digest
    waiver: Waiver
    subject: Digest
    person: str
    state: str
    used_by: tuple[Digest, ...]

    @property
    def is_active(self) -> bool:
        """Whether it covers its criterion now."""
        return self.state == "active"

    def text(self) -> str:
        """What is waived, by whom and until when, in words."""
        one = self.waiver
        what = f"{one.criterion.text()} {one.slice}".strip()
        return f"{what} of {one.gate}, by {self.person} until {moment(one.expires_ns)}"

    def row(self) -> list[str]:
        """The row for people."""
        one = self.waiver
        used = listed([short(digest) for digest in self.used_by], "nothing")
        texts = [short(self.digest), one.gate, one.criterion.text(), one.slice, number(one.worst), self.person]
        return [*texts, moment(one.expires_ns), self.state, used, one.reason]


@dataclass(frozen=True, slots=True)
class Waivers:
    """Every waiver, the newest first."""

    waivers: tuple[Waived, ...]

    @property
    def rows(self) -> list[list[str]]:
        """Waiver, gate, criterion, slice, worst, by, until, state, used by, reason."""
        return [one.row() for one in self.waivers]

    @property
    def active(self) -> tuple[Waived, ...]:
        """Those that cover their criterion now."""
        return tuple(one for one in self.waivers if one.is_active)

    @property
    def headline(self) -> str:
        """What is waived now, in a sentence; empty for nothing."""
        found = self.active
        what = "; ".join(one.text() for one in found)
        return f"{len(found)} active waiver{'' if len(found) == 1 else 's'}: {what}" if found else ""

    def to_json(self) -> list[Json]:
        """The waivers for programs."""
        return named_rows(NAMES, self.rows)


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants waived.

    Attributes:
        gate: The gate that failed, such as `model:late`; or the digest of one failed verdict, or its beginning.
        metric: Of the criterion.
        slice: The one slice it failed on; empty for all rows together, or where there is only one.
        worst: The worst value that is to be accepted; `None` for the value that was measured.
        lasts: For how long, such as `7d`.
        role: In which role it is to be signed; empty for the one that the floor names.
    """

    gate: str
    metric: str
    slice: str
    worst: float | None
    lasts: str
    role: str
    reason: str


def propose_waiver(folder: Path, wish: Wish) -> Proposal:
    """What a person would sign to take a failed criterion upon themselves.

    Args:
        folder: The factory's folder.
        wish: What is to be waived.

    Raises:
        UsageError: No such verdict failed on it, nobody may waive it, or it is not clear which finding is meant.
    """
    if not wish.reason.strip():
        raise UsageError("waiver.no-reason", "A waiver needs a reason.", fix="Say why with --reason '...'")
    with open_factory(folder) as opened:
        root = opened.gatekeeper.keeping.record.root()
        said, verdict = failed_verdict(opened, root, wish.gate)
        finding = _finding(verdict, wish)
        allowed = _allowed(root, verdict, finding)
        now_ns = opened.clock.now_ns()
        waiver = Waiver(
            domain=root.domain,
            factory=root.factory,
            gate=verdict.gate,
            target=verdict.target,
            verdict=said.digest,
            criterion=finding.criterion,
            slice=finding.slice,
            worst=_worst(finding, wish),
            role=wish.role or allowed[0].role,
            reason=wish.reason,
            expires_ns=now_ns + duration_ns(wish.lasts),
            time_ns=now_ns,
        )
        draft = draft_of("", waiver_statement(waiver, verdict.subject))
        return Proposal(draft, _about(said, verdict, finding, allowed, root, now_ns))


def waivers_of(folder: Path) -> Waivers:
    """Every waiver of a factory, the newest first, with where it stands and what relied on it."""
    with open_factory(folder) as opened:
        return standing_waivers(opened)


def standing_waivers(opened: Opened) -> Waivers:
    """Every waiver, the newest first."""
    record = opened.gatekeeper.keeping.record
    root = record.root()
    said = record.of_types(root, WAIVER, GATE_VERDICT, REVOCATION)
    verdicts = dict(_verdicts(said))
    waivers = [one for one in said if one.statement.predicate_type == WAIVER]
    now_ns = opened.clock.now_ns()
    stand = (_stands(one, said, verdicts, root, now_ns) for one in reversed(waivers))
    return Waivers(tuple(one for one in stand if one is not None))


def failed_verdict(opened: Opened, root: TrustRoot, text: str) -> tuple[Said, Verdict]:
    """The newest verdict of a gate, if it failed; or the failed one whose digest begins so.

    Raises:
        UsageError: There is none (`waiver.no-failure`).
    """
    record = opened.gatekeeper.keeping.record
    said = record.of_types(root, GATE_VERDICT)
    by_digest = dict(_verdicts(said))
    asked = text.removeprefix("sha256:")
    found: tuple[Said, Verdict] | None = None
    for one in said:
        verdict = by_digest.get(one.digest)
        if verdict and (
            verdict.gate == text or (len(asked) >= 4 and one.digest.removeprefix("sha256:").startswith(asked))
        ):
            found = one, verdict
    if found and found[1].outcome == "FAILED":
        return found
    failed = dict.fromkeys(verdict.gate for verdict in by_digest.values() if verdict.outcome == "FAILED")
    raise UsageError(
        "waiver.no-failure",
        f"No verdict of {text} failed." if not found else f"The newest verdict of {text} did not fail.",
        found=f"gates that failed: {listed(list(failed), 'none')}",
        fix="Name a gate that failed, or the digest of its verdict: andon gates GATE",
    )


def _finding(verdict: Verdict, wish: Wish) -> Finding:
    failed = [one for one in verdict.findings if one.holds == "no"]
    fitting = [one for one in failed if one.criterion.metric == wish.metric and wish.slice in ("", one.slice)]
    if len(fitting) == 1:
        return fitting[0]
    raise UsageError(
        "waiver.which",
        f"{verdict.gate} did not fail on {wish.metric}." if not fitting else "More than one finding is meant.",
        found=listed([f"{one.criterion.metric} {one.slice}".strip() for one in failed], "nothing failed"),
        fix="Name one of those found with --metric and --slice.",
    )


def _allowed(root: TrustRoot, verdict: Verdict, finding: Finding) -> Sequence[Waivable]:
    floors = [floor for floor in root.floors if floor.target == verdict.target]
    found = [one for floor in floors for one in floor.waivable if one.is_about(verdict.gate, finding.criterion.metric)]
    if found:
        return found
    may = listed([f"{one.gate} {one.metric}" for floor in floors for one in floor.waivable], "nothing")
    raise UsageError(
        "waiver.not-waivable",
        f"Nobody may waive {finding.criterion.metric} of {verdict.gate}.",
        place=f"floor of {verdict.target}" if verdict.target else "a gate before any target",
        found=f"waivable there: {may}",
        fix="Mend the data or the model. What may be waived is for the owners of the trust root: andon policy propose.",
    )


def _worst(finding: Finding, wish: Wish) -> float:
    if wish.worst is not None:
        return wish.worst
    if finding.value is None:
        raise UsageError(
            "waiver.not-measured",
            "What was not measured cannot be waived.",
            found=finding.why,
            fix="Mend what measures it, and run again.",
        )
    return finding.value


def _about(
    said: Said, verdict: Verdict, finding: Finding, allowed: Sequence[Waivable], root: TrustRoot, now_ns: int
) -> list[tuple[str, str]]:
    people = [
        one.name
        for one in root.principals
        if one.kind == "person"
        and one.name not in verdict.excluded
        and any(held.covers(now_ns) and held.role == may.role for held in one.roles for may in allowed)
    ]
    terms = [f"{may.role}, for at most {may.longest_ns / _DAY_NS:g} days" for may in allowed]
    return [
        ("verdict", f"{verdict.gate} FAILED at {moment(said.logged_ns)}, {short(said.digest)}"),
        ("about", short(verdict.subject)),
        ("criterion", f"{finding.criterion.text()} {finding.slice}".strip()),
        ("measured", f"{number(finding.value)}, n = {finding.n}"),
        ("the floor lets waive it", "; ".join(terms)),
        ("may sign", listed(people)),
        ("may not", f"{listed(list(verdict.excluded))} (made this work or started the run)"),
    ]


def _verdicts(said: Iterable[Said]) -> Iterable[tuple[Digest, Verdict]]:
    for one in said:
        if one.statement.predicate_type == GATE_VERDICT:
            try:
                yield one.digest, read_verdict(one.statement)
            except InputError:
                continue  # it cannot be relied on, and the audit names it


def _stands(
    one: Said, said: Sequence[Said], verdicts: dict[Digest, Verdict], root: TrustRoot, now_ns: int
) -> Waived | None:
    try:
        waiver = read_waiver(one.statement)
    except InputError:
        return None  # it cannot be relied on, and the audit names it
    verdict = verdicts.get(waiver.verdict)
    why = "it is about no verdict that is kept"
    for finding in verdict.findings if verdict else ():
        if verdict and (finding.criterion, finding.slice) == (waiver.criterion, waiver.slice):
            question = verdict.question()
            why = why_not(one, question, finding, said, root, excluded=verdict.excluded, now_ns=now_ns)
    person = person_behind(one, root)
    used = tuple(digest for digest, verdict in verdicts.items() if one.digest in verdict.waivers)
    return Waived(
        one.digest, waiver, one.subjects[0], person if isinstance(person, str) else person.name, _state(why), used
    )


def _state(why: str) -> str:
    if not why:
        return "active"
    if why == "it was revoked":
        return "revoked"
    return "expired" if why.startswith("it expired") else f"does not count: {why}"
