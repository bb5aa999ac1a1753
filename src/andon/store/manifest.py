"""What an artefact is: its kind, its bytes, what it was made from; its digest is the artefact's identity."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal, cast, get_args

from andon.kernel.canonical import Json, dumps, loads
from andon.kernel.digest import Digest, of_bytes, parse
from andon.kernel.errors import InputError

Kind = Literal["batch", "dataset", "quarantine", "snapshot", "model", "report", "baseline", "release", "observations"]
FORMAT: Final = "andon/manifest/v1"
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.=+-]*(/[A-Za-z0-9_][A-Za-z0-9_.=+-]*)*")
_ROLE: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/@-]*")


@dataclass(frozen=True, slots=True)
class Object:
    """One stored object of an artefact.

    Attributes:
        sha256: Digest of its bytes.
        bytes: Its size.
        rows: Its rows, where it holds any.
        name: Its name inside the artefact: a relative path that never leaves the folder it is laid out in.

    Raises:
        InputError: A member is not of its form.
    """

    sha256: Digest
    bytes: int
    rows: int | None
    name: str

    def __post_init__(self) -> None:
        parse(self.sha256)
        _check_count(self.bytes, f"{self.name}.bytes")
        if self.rows is not None:
            _check_count(self.rows, f"{self.name}.rows")
        if not _NAME.fullmatch(self.name):
            raise _malformed("content.name", repr(self.name))


@dataclass(frozen=True, slots=True)
class Input:
    """One artefact that another was made from.

    Attributes:
        role: What it was used as, such as `dataset:Schedule`.
        digest: Identity of the artefact used.

    Raises:
        InputError: A member is not of its form.
    """

    role: str
    digest: Digest

    def __post_init__(self) -> None:
        parse(self.digest)
        if not _ROLE.fullmatch(self.role):
            raise _malformed("inputs.role", repr(self.role))


@dataclass(frozen=True)  # no slots: it keeps its bytes and their digest
class Manifest:
    """An artefact.

    Attributes:
        content: Its objects, in order; no two share a name.
        contract: Digest of the contract it satisfies, or empty where none applies.
        inputs: What it was made from, in order.
        stage_key: Key of the work that made it, or empty where no stage did.
        facts: Small values of its kind, such as counts, a cursor or split sizes; part of the identity. When, where and
            how long it was made is not: the same work has the same identity.

    Raises:
        InputError: A member is not of its form.
    """

    kind: Kind
    content: tuple[Object, ...]
    contract: Digest
    inputs: tuple[Input, ...]
    stage_key: Digest
    facts: Mapping[str, Json]

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise _malformed("kind", repr(self.kind))
        for digest in filter(None, (self.contract, self.stage_key)):
            parse(digest)
        if len({item.name for item in self.content}) != len(self.content):
            raise _malformed("content", "two objects of one name")
        dumps(self.facts)

    def object(self, name: str) -> Object:
        """The object of that name.

        Raises:
            InputError: There is none.
        """
        for item in self.content:
            if item.name == name:
                return item
        raise InputError(
            "store.unknown-object",
            f"This {self.kind} has no object {name!r}.",
            place=self.digest,
            found=", ".join(item.name for item in self.content),
            fix="Ask for one of the objects found.",
        )

    def inputs_of(self, role: str) -> tuple[Digest, ...]:
        """Digests of the inputs used in a role, in order."""
        return tuple(item.digest for item in self.inputs if item.role == role)

    @cached_property
    def digest(self) -> Digest:
        """Identity of the artefact: the digest of its canonical bytes."""
        return of_bytes(self.to_bytes())

    def to_bytes(self) -> bytes:
        """The manifest's canonical bytes; `manifest_from_bytes` reads them back."""
        return self._bytes

    @cached_property
    def _bytes(self) -> bytes:
        return dumps(self.to_json())

    def to_json(self) -> dict[str, Json]:
        """The manifest as JSON; `manifest_from_json` reads it back."""
        return {
            "format": FORMAT,
            "kind": self.kind,
            "content": [
                {"sha256": item.sha256, "bytes": item.bytes, "rows": item.rows, "name": item.name}
                for item in self.content
            ],
            "contract": self.contract,
            "inputs": [{"role": item.role, "digest": item.digest} for item in self.inputs],
            "stage_key": self.stage_key,
            "facts": self.facts,
        }


def manifest_from_bytes(data: bytes) -> Manifest:
    """Read what `Manifest.to_bytes` wrote.

    Raises:
        InputError: The bytes are not the canonical bytes of a manifest.
    """
    return manifest_from_json(loads(data))


def manifest_from_json(value: Json) -> Manifest:
    """Read what `Manifest.to_json` wrote.

    Raises:
        InputError: A member is missing, unknown or of the wrong type.
    """
    top = _members(value, "manifest", {"format", "kind", "content", "contract", "inputs", "stage_key", "facts"})
    if top["format"] != FORMAT:
        raise _malformed("format", repr(top["format"]))
    return Manifest(
        kind=cast("Kind", _text(top["kind"], "kind")),
        content=tuple(_object(item) for item in _items(top["content"], "content")),
        contract=_text(top["contract"], "contract"),
        inputs=tuple(_input(item) for item in _items(top["inputs"], "inputs")),
        stage_key=_text(top["stage_key"], "stage_key"),
        facts=_mapping(top["facts"], "facts"),
    )


def _object(value: Json) -> Object:
    item = _members(value, "content", {"sha256", "bytes", "rows", "name"})
    rows = item["rows"]
    return Object(
        sha256=_text(item["sha256"], "content.sha256"),
        bytes=_check_count(item["bytes"], "content.bytes"),
        rows=None if rows is None else _check_count(rows, "content.rows"),
        name=_text(item["name"], "content.name"),
    )


def _input(value: Json) -> Input:
    item = _members(value, "inputs", {"role", "digest"})
    return Input(role=_text(item["role"], "inputs.role"), digest=_text(item["digest"], "inputs.digest"))


def _members(value: Json, place: str, names: set[str]) -> Mapping[str, Json]:
    members = _mapping(value, place)
    if set(members) != names:
        raise _malformed(place, f"members {sorted(members)}, not {sorted(names)}")
    return members


def _mapping(value: Json, place: str) -> Mapping[str, Json]:
    if not isinstance(value, Mapping):
        raise _malformed(place, type(value).__name__)
    return value


def _items(value: Json, place: str) -> list[Json]:
    if not isinstance(value, list):
        raise _malformed(place, type(value).__name__)
    return value


def _text(value: Json, place: str) -> str:
    if not isinstance(value, str):
        raise _malformed(place, type(value).__name__)
    return value


def _check_count(value: Json, place: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise _malformed(place, repr(value))
    return value


def _malformed(place: str, found: str) -> InputError:
    return InputError(
        "store.malformed-manifest",
        "This is not a manifest.",
        place=place,
        found=found,
        fix="Make the artefact again; a manifest is never written by hand.",
    )
