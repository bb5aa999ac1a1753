"""Reads everything again: the ledger, every statement, every verdict, every name, and the bytes behind them."""

from dataclasses import dataclass, field
from typing import Final

from andon.attest.statement import (
    ADMISSION,
    ANNULMENT,
    DELEGATION,
    GATE_VERDICT,
    RECOVERY,
    RELEASE,
    REVOCATION,
    ROLLBACK,
    SIGNOFF,
    WAIVER,
)
from andon.attest.trust_root import TrustRoot
from andon.gates.keeping import Keeping
from andon.gates.looks import count_looks, is_counted
from andon.gates.passage import check_pass, decide, demanded, floor_for, found_again
from andon.gates.said import Said, read_said
from andon.gates.serving import Admission, Bound, Revocation, Rollback, read_decision
from andon.gates.signers import gate_behind, person_behind
from andon.gates.verdict import Moved, Verdict, read_verdict
from andon.kernel.digest import Digest
from andon.kernel.errors import AndonError, IntegrityError
from andon.ledger.entry import parse_leaf
from andon.ledger.verify import Report
from andon.registry.ports import Ref

_BY_PEOPLE: Final = (SIGNOFF, WAIVER, ANNULMENT, DELEGATION)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an audit.

    Attributes:
        part: What was read: `ledger`, `statements`, `verdicts`, `names` or `objects`.
        code: Empty when all is well, else a stable name such as `ledger.entry-edited`.
        place: Where it was found.
        text: What was read, or what is wrong.
    """

    part: str
    code: str
    place: str
    text: str

    @property
    def is_sound(self) -> bool:
        """Whether this line found nothing wrong."""
        return not self.code


@dataclass(slots=True)
class _Reading:
    """What the audit has read so far."""

    keeping: Keeping
    root: TrustRoot
    lines: list[Line] = field(default_factory=list)
    said: dict[Digest, Said] = field(default_factory=dict)
    moves: dict[tuple[str, int], Digest] = field(default_factory=dict)

    def wrong(self, part: str, error: AndonError, place: str = "") -> None:
        found = f"{error.message} {error.found}".strip()
        self.lines.append(Line(part, error.code, place or error.place, found))

    def sum_up(self, part: str, text: str) -> None:
        """Say what was read, if nothing was wrong with it."""
        if all(line.part != part for line in self.lines):
            self.lines.append(Line(part, "", "", text))


def verify_everything(keeping: Keeping) -> tuple[Line, ...]:
    """Audit a factory: nothing is believed, nothing is changed, and what is wrong becomes a line.

    The ledger is hashed again as a whole. Each of its entries must have its statement, signed by who may sign it. Each
    verdict is judged again. Each move of a name must stand in a signed statement, and what such a statement moved must
    have moved. The manifests and objects that published names rest on are hashed again.

    Raises:
        IntegrityError: The trust root itself does not hold, so that no signature can be checked.
    """
    root = keeping.record.root()
    reading = _Reading(keeping, root)
    report = keeping.record.audit(root)
    _read_ledger(reading, report)
    _read_statements(reading, report.size)
    _read_verdicts(reading)
    _read_names(reading)
    _read_objects(reading)
    return tuple(reading.lines)


def _read_ledger(reading: _Reading, report: Report) -> None:
    for finding in report.findings:
        reading.lines.append(Line("ledger", finding.code, finding.place, finding.found))
    reading.sum_up("ledger", f"{report.size} entries, root {report.root.hex()[:16]}")


def _read_statements(reading: _Reading, size: int) -> None:
    record = reading.keeping.record
    verifiers = record.verifiers(reading.root)
    for index, leaf in record.ledger.rows.leaves(0, size):
        try:
            entry = parse_leaf(leaf)
            sealed = record.statements.get(entry.statement)
            said = read_said(sealed.envelope, entry, verifiers)
            reading.said[said.digest] = said
            noted = (sealed.predicate_type, sealed.subjects, sealed.index)
            if noted != (said.statement.predicate_type, said.subjects, index):
                raise _odd("gates.note-edited", f"ledger entry {index}", "noted as another statement than it is")
            _check_author(reading, said)
        except AndonError as error:
            reading.wrong("statements", error, f"ledger entry {index}")
    _count_statements(reading, size)
    reading.sum_up("statements", f"{len(reading.said)} statements, each in the ledger and signed by who may")


def _count_statements(reading: _Reading, size: int) -> None:
    """Statements that no entry of the ledger names are not record, whoever signed them."""
    try:
        extra = sum(1 for _ in reading.keeping.record.statements.all()) - size
    except AndonError as error:
        reading.wrong("statements", error)
        return
    if extra > 0:
        unnamed = f"{extra} that no ledger entry names"
        reading.wrong("statements", _odd("gates.statement-unlogged", "statements", unnamed))


def _check_author(reading: _Reading, said: Said) -> None:
    """Refuse a statement whose signer may not say such a thing; gather the moves it made."""
    kind, place = said.statement.predicate_type, f"ledger entry {said.index}"
    if kind in _BY_PEOPLE:
        person = person_behind(said, reading.root)
        if isinstance(person, str):
            raise _odd("gates.not-a-person", place, person)
        return
    if kind == RECOVERY:
        return  # its owners signed it by their quorum, which is checked where the trust root's versions are at hand
    gate_behind(said, reading.root)
    moved = read_verdict(said.statement).publish if kind == GATE_VERDICT else _move_of(reading, said)
    if moved:
        reading.moves[moved.ref, moved.sequence] = moved.digest


def _move_of(reading: _Reading, said: Said) -> Moved | None:
    """The move of a name that a decision about a release made, if it made one."""
    admission = read_decision(Admission, said, reading.root) or read_decision(Rollback, said, reading.root)
    if admission:
        return admission.publish
    other = read_decision(Bound, said, reading.root) or read_decision(Revocation, said, reading.root)
    if other is None and said.statement.predicate_type in (RELEASE, ADMISSION, ROLLBACK, REVOCATION):
        kind = said.statement.predicate_type
        raise _odd("gates.statement-malformed", f"ledger entry {said.index}", f"not a readable {kind}")
    return None


def _read_verdicts(reading: _Reading) -> None:
    count = 0
    for said in reading.said.values():
        if said.statement.predicate_type == GATE_VERDICT:
            count += 1
            try:
                _judge_again(reading, said)
            except AndonError as error:
                reading.wrong("verdicts", error, f"ledger entry {said.index}")
    reading.sum_up("verdicts", f"{count} verdicts, each judged again from its values and its policy")


def _judge_again(reading: _Reading, said: Said) -> None:
    """Judge a verdict by the trust root of its time, with what is known of keys now."""
    verdict = read_verdict(said.statement)
    root = reading.keeping.record.root_then(verdict.root_version)
    before = _before(reading, said, verdict)
    _check_looks(reading, said, verdict, root)
    if verdict.outcome == "PASSED":
        check_pass(said, before, root, factory=root.factory, gate=verdict.gate, subject=verdict.subject)
        return
    effective = demanded(verdict.declared, floor_for(root, verdict.target), is_first=verdict.is_first)
    findings = found_again(verdict, before, root, now_ns=verdict.time_ns, only=verdict.waivers)
    is_failed = decide(findings, ()) == "FAILED" or set(verdict.stands) & set(reading.said)
    if findings != verdict.findings or effective != verdict.policy or not is_failed:
        raise _odd("gates.findings-differ", verdict.gate, "a failure that its values and policy do not give")


def _before(reading: _Reading, said: Said, verdict: Verdict) -> list[Said]:
    """What was said about the subject of a verdict before it, with all delegations and revocations."""
    subjects = {verdict.subject, verdict.content}
    return [
        one
        for one in reading.said.values()
        if one.index < said.index
        and (not subjects.isdisjoint(one.subjects) or one.statement.predicate_type in (DELEGATION, REVOCATION))
    ]


def _check_looks(reading: _Reading, said: Said, verdict: Verdict, root: TrustRoot) -> None:
    if not is_counted(verdict.gate, floor_for(root, verdict.target)):
        return
    before = [one for one in reading.said.values() if one.index < said.index]
    looks = count_looks(before, span=verdict.evidence.span, content=verdict.content, rows=verdict.evidence.rows)
    if looks != verdict.looks:
        raise _odd("gates.looks-differ", verdict.gate, f"{verdict.looks} looks at these rows, and there were {looks}")


def _read_names(reading: _Reading) -> None:
    refs = reading.keeping.refs
    moves = {(ref.name, ref.sequence): ref for now in refs.with_prefix("") for ref in refs.history(now.name)}
    for key in sorted({*moves, *reading.moves}):
        problem = _name_problem(moves.get(key), reading.moves.get(key))
        if problem:
            reading.wrong("names", _odd("gates.ref-moved", f"{key[0]}, move {key[1]}", problem))
    reading.sum_up("names", f"{len(moves)} moves of names, each by a signed statement")


def _name_problem(ref: Ref | None, said: Digest | None) -> str:
    if ref is None:
        return f"a statement moved it to {said}, and it never stood there"
    if said is None:
        return f"{ref.digest}, where no statement put it"
    return "" if ref.digest == said else f"{ref.digest}, and a statement says {said}"


def _read_objects(reading: _Reading) -> None:
    keeping = reading.keeping
    seen: set[Digest] = set()
    waiting = [ref.digest for ref in keeping.refs.with_prefix("")]
    waiting += [output for one in reading.said.values() if (output := _output(one))]
    artefacts = 0
    while waiting:
        digest = waiting.pop()
        if digest in seen:
            continue
        seen.add(digest)
        try:
            manifest = keeping.manifests.get(digest)
        except AndonError as error:
            reading.wrong("objects", error, digest)
            continue
        artefacts += 1
        waiting += [item.digest for item in manifest.inputs]
        for item in manifest.content:
            _read_object(reading, item.sha256, seen)
    reading.sum_up("objects", f"{artefacts} artefacts and {len(seen) - artefacts} objects, hashed again")


def _output(said: Said) -> Digest:
    """The artefact that the work recorded with a verdict put out, if any."""
    is_verdict = said.statement.predicate_type == GATE_VERDICT
    return read_verdict(said.statement).output if is_verdict else ""


def _read_object(reading: _Reading, sha256: Digest, seen: set[Digest]) -> None:
    if sha256 in seen:
        return
    seen.add(sha256)
    try:
        reading.keeping.blobs.local(sha256)
    except AndonError as error:
        reading.wrong("objects", error, sha256)


def _odd(code: str, place: str, found: str) -> IntegrityError:
    return IntegrityError(
        code, "This is not as it was recorded.", place=place, found=found, fix="See andon audit verify."
    )
