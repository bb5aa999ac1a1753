"""How a factory's ledger stands with its witnesses."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from andon.adapters.keys import verifier
from andon.attest.trust_root import LOG_ROLE
from andon.attest.witness_keys import witness_keys
from andon.gates.audit import Line
from andon.kernel.canonical import Json
from andon.kernel.clock import iso
from andon.kernel.errors import AndonError
from andon.ledger.note import note_key
from andon.wiring.factory import Opened, open_factory
from andon.wiring.trust import current_root

_PART: Final = "witnesses"


@dataclass(frozen=True, slots=True)
class Standing:
    """How a factory's ledger stands with its witnesses.

    Attributes:
        origin: The ledger's name.
        keys: The keys of the ledger, as witnesses take them.
        size: How many entries its newest head has.
        rows: Each witness: name, where it is asked, what came of it.
        counted: How many different witnesses of the trust root cosigned that head.
        entitled: How many the trust root names.
    """

    origin: str
    keys: tuple[str, ...]
    size: int
    rows: tuple[tuple[str, str, str], ...]
    counted: int
    entitled: int

    def to_json(self) -> dict[str, Json]:
        """The standing for programs."""
        return {
            "origin": self.origin,
            "keys": list(self.keys),
            "size": self.size,
            "witnesses": [{"name": name, "url": url, "found": found} for name, url, found in self.rows],
            "counted": self.counted,
            "entitled": self.entitled,
        }


def read_cosignatures(opened: Opened) -> list[Line]:
    """Every kept head that carries cosignatures, checked again: over which entries, and by whom."""
    keys = witness_keys(current_root(opened.settings), verifier)
    problems: list[Line] = []
    heads, newest, names = 0, 0, set[str]()
    for size, _ in opened.ledger.checkpoints.cosigned(0):
        heads, newest = heads + 1, size
        try:
            names |= set(opened.ledger.count_witnesses(size, keys))
        except AndonError as error:
            problems.append(Line(_PART, error.code, f"head of size {size}", f"{error.message} {error.found}".strip()))
    if not heads:
        return []
    by = ", ".join(sorted(names)) or "nobody whom the trust root names"
    return problems or [Line(_PART, "", "", f"{heads} heads, the newest of {newest} entries, cosigned by {by}")]


def standing_of(folder: Path) -> Standing:
    """Ask every witness of a factory for its newest head, and say what came of it.

    Raises:
        AndonError: There is no factory, or its ledger has no entries or does not hold.
    """
    with open_factory(folder) as opened:
        root = current_root(opened.settings)
        keys = witness_keys(root, verifier)
        found = opened.ledger.witnessed(opened.database.units, keys)
        failures = dict(found.failures)
        told = [(one.name, one.url, _told(failures.get(one.name))) for one in opened.settings.witnesses]
        log = [one.keys for one in root.principals if any(held.role == LOG_ROLE for held in one.roles)]
        return Standing(
            origin=opened.settings.origin,
            keys=tuple(note_key(opened.settings.origin, key.public) for keys_ in log for key in keys_),
            size=found.head.size,
            rows=(*told, *((name, "", f"cosigned at {iso(at)}") for name, at in sorted(found.times.items()))),
            counted=len(found.times),
            entitled=len({key.name for key in keys}),
        )


def _told(failure: AndonError | None) -> str:
    return "answered" if failure is None else f"{failure.code}: {failure.found or failure.message}"
