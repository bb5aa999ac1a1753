"""What a person is about to sign, in words, and their signature: made where their key is, without the factory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

from andon.attest import envelope as envelopes
from andon.attest.statement import ANNULMENT, DELEGATION, SIGNOFF, WAIVER, Statement, from_bytes, seal, to_bytes
from andon.contracts.policy import Criterion
from andon.contracts.wire import from_json
from andon.gates.said import kind_of
from andon.kernel.canonical import Json
from andon.kernel.digest import Digest
from andon.kernel.errors import UsageError
from andon.wiring.calls.showing import moment
from andon.wiring.settings import Settings
from andon.wiring.signing import person_signer

SIGNED_BY_PEOPLE: Final = frozenset({SIGNOFF, WAIVER, ANNULMENT, DELEGATION})
_TITLES: Final[Mapping[str, str]] = {
    SIGNOFF: "a sign-off",
    WAIVER: "a waiver: the signer takes a failed criterion upon themselves",
    ANNULMENT: "an annulment: the evaluation was broken, and its verdict is to count no more",
    DELEGATION: "a delegation: another may speak for the signer",
}
_ORDER: Final = (
    *("decision", "gate", "target", "criterion", "slice", "worst", "delegate", "role", "reason"),
    *("expires_ns", "until_ns", "verdict", "evidence", "policy", "factory", "domain", "time_ns"),
)
_LABELS: Final = {
    "domain": "trust domain",
    "verdict": "of the verdict",
    "worst": "worst value accepted",
    "time_ns": "written at",
}


@dataclass(frozen=True, slots=True)
class Draft:
    """A statement that nobody has signed yet.

    Attributes:
        person: Who is to sign it; empty where that is open.
        statement: Its canonical text: the very bytes that are signed.
        note: What the signer should know before, such as why it would not count; empty for nothing.
    """

    person: str
    statement: str
    note: str = ""

    def to_json(self) -> dict[str, Json]:
        """The draft for programs."""
        rows: list[Json] = [list(row) for row in words_of(self.statement)]
        return {"person": self.person, "statement": self.statement, "words": rows, "note": self.note}


@dataclass(frozen=True, slots=True)
class Signed:
    """What a person signed, as it stands in the ledger.

    Attributes:
        person: Whose key signed it.
        kind: What it is, such as `signoff`.
        role: The role in which they spoke; empty where none is named.
        gate: The gate it is about; empty where it is about none.
        subject: Digest of what it is about.
        statement: Its own digest.
        entry: Its place in the ledger.
        note: What speaks against it when the gate judges; empty for nothing.
        next: What to do next, in words.
    """

    person: str
    kind: str
    role: str
    gate: str
    subject: Digest
    statement: Digest
    entry: int
    note: str
    next: str

    def to_json(self) -> dict[str, Json]:
        """It for programs."""
        return {name: getattr(self, name) for name in self.__slots__}


def draft_of(person: str, statement: Statement, note: str = "") -> Draft:
    """The draft of a statement for a person."""
    return Draft(person, to_bytes(statement).decode(), note)


def read_draft(text: str) -> Statement:
    """The statement in a file or a draft, if it is one that people sign.

    Raises:
        IntegrityError: It is not the canonical text of a statement.
        UsageError: People do not sign such a one (`sign.not-for-people`).
    """
    statement = from_bytes(text.strip().encode())
    if statement.predicate_type not in SIGNED_BY_PEOPLE:
        raise UsageError(
            "sign.not-for-people",
            "People do not sign such a statement.",
            found=statement.predicate_type,
            fix=f"Sign one of these: {', '.join(sorted(map(kind_of, SIGNED_BY_PEOPLE)))}.",
        )
    return statement


def words_of(text: str) -> list[tuple[str, str]]:
    """Everything that a statement says, in words, taken from the bytes that are signed and from nothing else.

    Raises:
        AndonError: It is no statement that people sign.
    """
    statement = read_draft(text)
    rows = [("what", _TITLES[statement.predicate_type])]
    rows += [(f"about {subject.name}", subject.digest) for subject in statement.subjects]
    said = statement.predicate
    for name in sorted(said, key=lambda name: _ORDER.index(name) if name in _ORDER else len(_ORDER)):
        rows.append((_LABELS.get(name, name.removesuffix("_ns").replace("_", " ")), _worded(name, said[name])))
    return rows


def sign_draft(settings: Settings | None, text: str, person: str, key_uri: str) -> str:
    """The signed envelope of a draft, as canonical text; made here, with no factory needed.

    Raises:
        AndonError: It is no statement that people sign, or the key cannot be used.
    """
    statement = read_draft(text)
    return envelopes.to_json(seal(statement, person_signer(settings, person, key_uri))).decode()


def listed(values: Sequence[str], none: str = "nobody") -> str:
    """Names in a row."""
    return ", ".join(values) or none


def _worded(name: str, value: Json) -> str:
    if name.endswith("_ns"):
        return moment(int(cast("str", value)))
    if name == "criterion":
        return from_json(Criterion, value).text()
    return str(value) if value != "" else "-"
