"""What the gates said: every verdict with the measured values it rests on, as it was signed."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from andon.attest.statement import ANNULMENT, GATE_VERDICT
from andon.contracts.evidence import Evidence, Measurement
from andon.contracts.policy import Finding
from andon.contracts.wire import from_json
from andon.gates.said import Said
from andon.kernel.canonical import Json
from andon.kernel.digest import Digest, short
from andon.kernel.errors import AndonError, UsageError
from andon.wiring.calls.annulling import annulled_in
from andon.wiring.calls.showing import moment, number
from andon.wiring.factory import Opened, open_factory

_NAMES = ("criterion", "slice", "value", "n", "holds")


@dataclass(frozen=True, slots=True)
class Spoken:
    """One verdict.

    Attributes:
        subject: Digest of what was judged.
        time_ns: When it came into the ledger.
        is_signed: Whether a key of the trust root signed it.
        annulled: Who annulled it, in words; empty where it stands.
    """

    gate: str
    outcome: str
    subject: Digest
    target: str
    findings: tuple[Finding, ...]
    evidence: Evidence
    statement: Digest
    entry: int
    time_ns: int
    is_signed: bool
    annulled: str = ""

    @property
    def headline(self) -> str:
        """Which gate said what, about what, when and where it is written."""
        where = f" for {self.target}" if self.target else ""
        doubt = "" if self.is_signed else "; NO KEY OF THE TRUST ROOT SIGNED THIS"
        doubt += f"; ANNULLED by {self.annulled}" if self.annulled else ""
        is_waived = self.outcome == "PASSED" and any(one.holds == "waived" for one in self.findings)
        doubt += "; PASSED BY WAIVER" if is_waived else ""
        said = f"{self.gate} {self.outcome}: {short(self.subject)}{where}"
        return f"{said}, {moment(self.time_ns)} (ledger entry {self.entry}){doubt}"

    @property
    def rows(self) -> list[list[str]]:
        """How each criterion came out: criterion, slice, value, n, holds."""
        return [
            [
                one.criterion.text(),
                one.slice,
                number(one.value),
                str(one.n),
                _holds(one),
            ]
            for one in self.findings
        ]

    def to_json(self) -> dict[str, Json]:
        """The verdict for programs."""
        return {
            "gate": self.gate,
            "outcome": self.outcome,
            "subject": self.subject,
            "target": self.target,
            "time": moment(self.time_ns),
            "statement": self.statement,
            "entry": self.entry,
            "is_signed": self.is_signed,
            "annulled": self.annulled,
            "findings": [
                {
                    "criterion": one.criterion.text(),
                    "slice": one.slice,
                    "value": one.value,
                    "n": one.n,
                    "holds": one.holds,
                    "why": one.why,
                }
                for one in self.findings
            ],
        }


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Verdicts, the newest first."""

    verdicts: tuple[Spoken, ...]

    def to_json(self) -> list[Json]:
        """The verdicts for programs."""
        return [verdict.to_json() for verdict in self.verdicts]


def verdicts_of(folder: Path, gate: str) -> Verdicts:
    """Every verdict of a gate; the newest of each gate where none is named.

    Raises:
        UsageError: The gate never said anything.
    """
    with open_factory(folder) as opened:
        record = opened.gatekeeper.keeping.record
        root = record.root()
        said = record.of_types(root, GATE_VERDICT, ANNULMENT)
        spoken = tuple(replace(one, annulled=annulled_in(said, one.statement, root)) for one in spoken_in(said))
    if gate:
        return Verdicts(_of_gate(spoken, gate))
    return Verdicts(tuple(newest_of_each(spoken).values()))


def spoken_in(said: Iterable[Said]) -> tuple[Spoken, ...]:
    """The verdicts among statements, the newest first."""
    found = [_read(one) for one in said if one.statement.predicate_type == GATE_VERDICT]
    return tuple(sorted(found, key=lambda one: one.entry, reverse=True))


def newest_of_each(spoken: Iterable[Spoken]) -> dict[str, Spoken]:
    """The newest verdict of each gate; `spoken` has the newest first."""
    found: dict[str, Spoken] = {}
    for one in spoken:
        found.setdefault(one.gate, one)
    return found


def about(opened: Opened, subject: Digest) -> tuple[Spoken, ...]:
    """All verdicts about an artefact itself, the newest first."""
    record = opened.gatekeeper.keeping.record
    spoken = spoken_in(record.about(subject, record.root(), GATE_VERDICT))
    return tuple(one for one in spoken if one.subject == subject)


def standing(opened: Opened, subject: Digest) -> dict[str, str]:
    """What each gate says about an artefact: `PASSED` only where the Pass holds, judged again from its values."""
    return {gate: _judged(opened, one) for gate, one in reversed(newest_of_each(about(opened, subject)).items())}


def measured(spoken: Iterable[Spoken]) -> dict[tuple[str, str], Measurement]:
    """What was measured, by metric and slice; of two values the one of the newer verdict."""
    found: dict[tuple[str, str], Measurement] = {}
    for one in spoken:
        for measurement in one.evidence.measurements:
            found.setdefault((measurement.metric, measurement.slice), measurement)
    return found


def _judged(opened: Opened, spoken: Spoken) -> str:
    if spoken.outcome != "PASSED":
        return spoken.outcome
    try:
        opened.gatekeeper.pass_of(spoken.subject, spoken.gate)
    except AndonError as error:
        return f"does not hold ({error.code})"
    return "PASSED"


def _of_gate(spoken: tuple[Spoken, ...], gate: str) -> tuple[Spoken, ...]:
    found = tuple(one for one in spoken if one.gate == gate)
    if not found:
        known = ", ".join(sorted({one.gate for one in spoken}))
        raise UsageError(
            "look.unknown-gate",
            f"The gate {gate} has said nothing.",
            found=known or "no gate has said anything",
            fix="Name one of those found, or run the line: andon run" if known else "Run the line: andon run",
        )
    return found


def _read(one: Said) -> Spoken:
    values = one.statement.predicate
    findings = values["findings"]
    return Spoken(
        gate=str(values["gate"]),
        outcome=str(values["outcome"]),
        subject=str(values["subject"]),
        target=str(values["target"]),
        findings=tuple(from_json(Finding, item) for item in (findings if isinstance(findings, list) else [])),
        evidence=from_json(Evidence, values["evidence"]),
        statement=one.digest,
        entry=one.index,
        time_ns=one.logged_ns,
        is_signed=bool(one.keys),
    )


def _holds(one: Finding) -> str:
    """Whether a criterion holds, and why where it is not a plain yes."""
    if one.holds == "yes":
        return one.holds
    return one.why if one.why.startswith(one.holds) else f"{one.holds}: {one.why}"
