"""What an artefact was made from: all its ancestors, as manifests name them, in the order people read a tree."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from andon.kernel.canonical import Json
from andon.kernel.clock import iso
from andon.kernel.digest import Digest
from andon.kernel.errors import AndonError
from andon.store.manifest import Input, Manifest

_EARLIER: Final = "previous"
_ONTO: Final = "onto"
_COUNTED: Final = ("in", "good", "quarantined", "duplicate")
_DECIMAL: Final = "0123456789"


@dataclass(frozen=True, slots=True)
class Ancestor:
    """One artefact in a lineage.

    Attributes:
        manifest: `None` where it is not recorded, or not as it was recorded; `problem` says which.
        role: What it was used as by the artefact above it; empty for the one that was asked about.
        depth: How far below that one it stands. An earlier version of a dataset stands beside the later one.
        problem: Why there is no manifest.
    """

    digest: Digest
    manifest: Manifest | None
    role: str
    depth: int
    problem: str = ""


def ancestors(of: Digest, manifest_of: Callable[[Digest], Manifest]) -> tuple[Ancestor, ...]:
    """An artefact and everything it was made from, each once, parents right above what they were made from.

    An artefact that cannot be read ends its branch and says why; nothing is left out silently.

    Args:
        of: Digest of the artefact.
        manifest_of: Finds a manifest by its digest; raises an `AndonError` where it cannot.
    """
    read = _read_all(of, manifest_of)
    reached = {item.digest for one in read.values() if isinstance(one, Manifest) for item in _ways_down(one)}
    found: dict[Digest, Ancestor] = {}
    waiting = [(of, "", 0)]
    while waiting:
        digest, role, depth = waiting.pop()
        if digest in found:
            continue
        one = read[digest]
        if isinstance(one, str):
            found[digest] = Ancestor(digest, None, role, depth, one)
            continue
        found[digest] = Ancestor(digest, one, role, depth)
        waiting += reversed(_below(one, depth, reached))
    return tuple(found.values())


def is_closed(lineage: tuple[Ancestor, ...]) -> bool:
    """Whether every ancestor is recorded."""
    return all(one.manifest is not None for one in lineage)


def describe(manifest: Manifest) -> str:
    """An artefact in a few words for people: its kind, its name where it has one, and its size."""
    name = _name(manifest)
    parts = [part for part in (_counts(manifest.facts) or _rows(manifest), _until(manifest.facts)) if part]
    return f"{manifest.kind} {name}".rstrip() + (f": {', '.join(parts)}" if parts else "")


def _read_all(of: Digest, manifest_of: Callable[[Digest], Manifest]) -> dict[Digest, Manifest | str]:
    """Every ancestor's manifest, or why there is none."""
    read: dict[Digest, Manifest | str] = {}
    waiting = [of]
    while waiting:
        digest = waiting.pop()
        if digest in read:
            continue
        try:
            manifest = manifest_of(digest)
        except AndonError as error:
            read[digest] = f"{error.message} ({error.code})"
            continue
        read[digest] = manifest
        waiting += [item.digest for item in manifest.inputs]
    return read


def _ways_down(manifest: Manifest) -> list[Input]:
    """All inputs but the version that a batch was compared with, which the dataset made from the batch names too."""
    return [item for item in manifest.inputs if item.role != _ONTO]


def _below(manifest: Manifest, depth: int, reached: set[Digest]) -> list[tuple[Digest, str, int]]:
    """What to show under an artefact, earlier versions of itself last and beside it."""
    made_from = [(one.digest, one.role, depth + 1) for one in _ways_down(manifest) if one.role != _EARLIER]
    onto = [(item.digest, _ONTO, depth + 1) for item in manifest.inputs if item.role == _ONTO]
    earlier = [(one.digest, _EARLIER, depth) for one in _ways_down(manifest) if one.role == _EARLIER]
    return [*made_from, *(item for item in onto if item[0] not in reached), *earlier]


def _name(manifest: Manifest) -> str:
    facts = manifest.facts
    named = next(
        (facts[key] for key in ("contract", "model_name", "name", "model") if isinstance(facts.get(key), str)), ""
    )
    target = facts.get("target")
    return f"{named} for {target}" if isinstance(target, str) and target else str(named)


def _counts(facts: Mapping[str, Json]) -> str:
    counts = facts.get("counts")
    if not isinstance(counts, Mapping):
        return ""
    return " ".join(f"{name} {counts[name]}" for name in _COUNTED if isinstance(counts.get(name), int))


def _rows(manifest: Manifest) -> str:
    rows = manifest.facts.get("rows")
    if manifest.kind in ("dataset", "quarantine") and isinstance(rows, int):
        objects = len(manifest.content)
        return f"{rows} rows in {objects} object{'' if objects == 1 else 's'}"
    parts = [f"{item.name.split('.')[0]} {item.rows} rows" for item in manifest.content if item.rows is not None]
    return ", ".join(parts)


def _until(facts: Mapping[str, Json]) -> str:
    until = facts.get("until_ns")
    is_time = isinstance(until, str) and until and set(until) <= set(_DECIMAL)
    return f"up to {iso(int(str(until)) // 1_000_000_000 * 1_000_000_000)}" if is_time else ""
