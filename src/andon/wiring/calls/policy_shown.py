"""The trust root as people see it: a version, what two versions differ in, how a proposal stands, what there was."""

from dataclasses import dataclass
from typing import Final

from andon.attest.trust_changes import Change
from andon.attest.trust_json import to_bytes
from andon.attest.trust_root import TrustRoot
from andon.attest.trust_toml import to_toml
from andon.kernel.canonical import Json, loads
from andon.kernel.digest import Digest, hex_of
from andon.wiring.calls.rotation import Standing
from andon.wiring.calls.showing import moment
from andon.wiring.trust import SOON_DAYS

_GROUP: Final = 4


@dataclass(frozen=True, slots=True)
class Shown:
    """One version of the trust root, verified from the pinned one on.

    Attributes:
        root: The version itself.
        first: Fingerprint of version 1: what others pin.
        days: How many days until it expires; negative when it has.
        proposed: Which version is proposed; 0 where none is.
    """

    root: TrustRoot
    first: Digest
    days: float
    proposed: int

    @property
    def is_ending(self) -> bool:
        """Whether it is time to have the next version signed."""
        return self.days < SOON_DAYS

    @property
    def toml(self) -> str:
        """The version as people write it."""
        return to_toml(self.root)

    @property
    def headline(self) -> str:
        """Which version it is, and until when it holds."""
        ends = f"expires {moment(self.root.expires_ns)}, in {self.days:.0f} days"
        if self.days <= 0:
            ends = f"expired {moment(self.root.expires_ns)}: nothing moves forward, what serves goes on serving"
        return f"Trust root of {self.root.factory}, version {self.root.version}; {ends}."

    @property
    def people(self) -> list[list[str]]:
        """Name, kind, roles, keys, and whether they may sign versions."""
        return [
            [
                one.name,
                one.kind,
                ", ".join(dict.fromkeys(role.role for role in one.roles)),
                ", ".join(f"{key.public.key_id[:12]} {key.state}" for key in one.keys),
                "signs versions" if any(key.public.key_id in self.root.root_keys for key in one.keys) else "",
            ]
            for one in self.root.principals
        ]

    @property
    def targets(self) -> list[list[str]]:
        """Target, owner, tier, gates, people, and how many criteria are added."""
        return [
            [
                f"{floor.target}{' (production)' if floor.production else ''}",
                floor.owner,
                floor.tier,
                ", ".join(floor.gates),
                ", ".join(f"{people} of {role}" for role, people in floor.signoffs) or "nobody",
                str(len(floor.criteria)),
            ]
            for floor in self.root.floors
        ]

    def to_json(self) -> Json:
        """The version as it is signed."""
        return loads(to_bytes(self.root))


@dataclass(frozen=True, slots=True)
class Differences:
    """What two versions differ in.

    Attributes:
        old: Which version is compared.
        new: With which one.
        is_proposed: Whether the second one is only proposed.
        quorums: Who signed what is proposed, and who is missing, in words; empty for a version in force.
    """

    old: int
    new: int
    is_proposed: bool
    found: tuple[Change, ...]
    quorums: tuple[str, ...] = ()

    @property
    def headline(self) -> str:
        """What is compared with what."""
        return (
            f"Version {self.new}{', which is only proposed,' if self.is_proposed else ''} against version {self.old}:"
        )

    @property
    def rows(self) -> list[list[str]]:
        """Kind and text of every difference."""
        return [[one.kind, one.text] for one in self.found] or [["same", "nothing differs"]]

    def to_json(self) -> dict[str, Json]:
        """The differences for programs."""
        found: list[Json] = [{"kind": one.kind, "text": one.text} for one in self.found]
        return {"old": self.old, "new": self.new, "proposed": self.is_proposed, "changes": found}


@dataclass(frozen=True, slots=True)
class Put:
    """What came of proposing or signing a version.

    Attributes:
        found: What the version differs in from the one before.
        standing: Who signed it, and whether it is in force.
        signed: Who signed just now; empty where nobody did.
    """

    found: Differences
    standing: Standing
    signed: str = ""

    def to_json(self) -> dict[str, Json]:
        """The proposal for programs."""
        return {**self.standing.to_json(), "signed": self.signed, "changes": self.found.to_json()["changes"]}


@dataclass(frozen=True, slots=True)
class History:
    """Every version: number, until when, who signed, fingerprint."""

    rows: list[list[str]]

    def to_json(self) -> list[Json]:
        """The versions for programs."""
        return [dict(zip(("version", "expires", "signed", "fingerprint"), row, strict=True)) for row in self.rows]


def in_groups(digest: Digest) -> list[str]:
    """A fingerprint as people read it to one another: two lines of eight groups of four."""
    digits = hex_of(digest)
    groups = [digits[i : i + _GROUP] for i in range(0, len(digits), _GROUP)]
    return [" ".join(groups[:8]), " ".join(groups[8:])]
