#!/usr/bin/env python3
"""Checks an evidence pack by itself: everything is computed again from bytes, signatures and one pinned fingerprint.

It needs Python 3.11 and `cryptography`, and nothing of andon: what it checks was written by another program. Trust
begins with `--root`, the fingerprint of the factory's first trust root, which must come by another way than the pack.

Exit codes: 0 everything holds, 1 something does not (the file is named), 2 usage, 3 no fingerprint was given.
"""

import argparse
import base64
import hashlib
import json
import math
import re
import struct
import sys
import time
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

Digest = str
Object = dict[str, Any]  # JSON from outside; whoever reads a member that is not there ends in `Checks.reading`
GOOD, BAD, UNANCHORED = 0, 1, 3
SECOND_NS: Final = 1_000_000_000
DAY_NS: Final = 86_400 * SECOND_NS
SKEW_NS: Final = 300 * SECOND_NS
MONTH_NS: Final = 30 * DAY_NS
INDEX, SEAL = "index.json", "index.dsse.json"
LEAVES: Final = "ledger/leaves.ndjson"
LISTING: Final = "the zip file itself"
INDEX_TYPE: Final = "application/vnd.andon.evidence-index+json"
ROOT_TYPE: Final = "application/vnd.andon.trust-root+json"
STATEMENT_TYPE: Final = "application/vnd.in-toto+json"
BY_GATES: Final = frozenset({"gate-verdict", "release", "admission", "rollback", "revocation"})
BY_PEOPLE: Final = frozenset({"signoff", "waiver", "annulment", "delegation"})
LEAF: Final = re.compile(
    rb'\{"index":(0|[1-9][0-9]{0,15}),"kind":"([a-z0-9-]+)",'
    rb'"statement":"(sha256:[0-9a-f]{64})","time_ns":"(0|[1-9][0-9]{0,18})"\}'
)
PATH: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)?")
HASH_BYTES: Final = 32
COSIGNATURE: Final = b"\x04"
ED25519: Final = b"\x01"


class WrongError(Exception):
    """One thing that does not hold."""


# ---- what was found -------------------------------------------------------------------------------------------------


@dataclass
class Checks:
    """What was found so far: problems, each with the file it is in, and what holds."""

    problems: list[tuple[str, str]] = field(default_factory=list)
    held: list[str] = field(default_factory=list)

    def wrong(self, path: str, text: str) -> None:
        """Note a problem, once."""
        if (path, text) not in self.problems:
            self.problems.append((path, text))

    def reading(self, path: str, read: Callable[..., object], *given: object) -> None:
        """Do one check of one file; whatever is wrong with its form is a problem of that file, never an exception."""
        try:
            read(*given)
        except WrongError as error:
            self.wrong(path, str(error))
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError, OverflowError) as error:
            self.wrong(path, f"it is not of the form that it must have ({type(error).__name__}: {error})"[:200])


# ---- bytes ----------------------------------------------------------------------------------------------------------


def sha256(data: bytes) -> Digest:
    """The digest of bytes."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def canonical(value: object) -> bytes:
    """The canonical JSON (RFC 8785) of a value."""
    return _written(value).encode()


def parse(data: bytes) -> Any:  # noqa: ANN401  # any JSON
    """The value of canonical JSON; anything else is refused."""
    try:
        value = json.loads(data, parse_int=_whole)
        same = canonical(value) == data
    except (ValueError, RecursionError) as error:
        raise WrongError(f"it is not JSON: {error}") from error
    if not same:
        raise WrongError("it is not canonical JSON")
    return value


def _whole(text: str) -> int | float:
    return int(text) if abs(int(text)) < 2**53 else float(text)


def _written(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, list):
        return "[" + ",".join(map(_written, value)) + "]"
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be", "surrogatepass"))
        return "{" + ",".join(f"{_quoted(name)}:{_written(value[name])}" for name in names) + "}"
    raise WrongError(f"it holds a {type(value).__name__}")


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\x7f")


def _number(value: float) -> str:
    """A double as ECMAScript writes it."""
    if not math.isfinite(value):
        raise WrongError("it holds a number that is not finite")
    if value == 0:
        return "0"
    _, figures, exponent = Decimal(repr(abs(value))).as_tuple()
    point = len(figures) + int(exponent)
    digits, sign = "".join(map(str, figures)).rstrip("0"), "-" if value < 0 else ""
    if len(digits) <= point <= 21:
        return sign + digits + "0" * (point - len(digits))
    if 0 < point <= 21:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    rest = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{rest}e{'+' if point > 0 else '-'}{abs(point - 1)}"


def unwrap(text: str) -> bytes:
    """The bytes of base64 text that can be written in one way only."""
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text:
        raise WrongError("it holds base64 that could be written in another way")
    return data


def moment(ns: int) -> str:
    """A moment as people read it."""
    return datetime.fromtimestamp(ns // SECOND_NS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# ---- the zip file ---------------------------------------------------------------------------------------------------

_LOCAL: Final = struct.Struct("<4s5H3I2H")
_CENTRAL: Final = struct.Struct("<4s6H3I5H2I")
_END: Final = struct.Struct("<4s4H2IH")


def read_archive(data: bytes, checks: Checks) -> dict[str, bytes]:
    """The files of a pack. There is one way to write a pack: every byte that is not where it must be is a problem."""
    listed, files, offset = _listing(data), {}, 0
    while data[offset : offset + 4] == b"PK\x03\x04" and offset + _LOCAL.size <= len(data):
        head = _LOCAL.unpack_from(data, offset)
        size, length = head[7], head[9]
        start = offset + _LOCAL.size + length
        name = data[offset + _LOCAL.size : start].decode("ascii", "replace")
        if not PATH.fullmatch(name) or name in files or start + size > len(data):
            break
        files[name] = data[start : start + size]
        offset = start + size
    _compare(data, files, offset, listed, checks)
    return files


def _listing(data: bytes) -> dict[int, str]:
    """Names by where they begin, as the end of the zip file says; only to name what is wrong."""
    found: dict[int, str] = {}
    at = max(data.rfind(b"PK\x05\x06"), 0)
    if at + _END.size > len(data):
        return found
    place = _END.unpack_from(data, at)[6]
    while data[place : place + 4] == b"PK\x01\x02" and place + _CENTRAL.size <= len(data):
        head = _CENTRAL.unpack_from(data, place)
        length = head[10]
        found[head[16]] = data[place + _CENTRAL.size : place + _CENTRAL.size + length].decode("ascii", "replace")
        place += _CENTRAL.size + length
    return found


def _compare(data: bytes, files: dict[str, bytes], end: int, listed: dict[int, str], checks: Checks) -> None:
    """Write the zip file again and compare it byte by byte, up to where its files could be read."""
    is_whole = data[end : end + 4] == b"PK\x01\x02"
    if not is_whole:
        checks.wrong(listed.get(end, LISTING), "the zip file is damaged here")
    offset = 0
    for name, part in _archive(files):
        if offset >= end and not is_whole:
            return
        if data[offset : offset + len(part)] != part:
            checks.wrong(name or LISTING, "the zip file is damaged here")
        offset += len(part)
    if offset != len(data):
        checks.wrong(LISTING, f"{len(data) - offset} bytes too many or too few at its end")


def _archive(files: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    """The bytes of the one zip file that has these files, part by part, each with the file it belongs to."""
    central: list[tuple[str, bytes]] = []
    offset = 0
    for path in sorted(files):
        data, name = files[path], path.encode()
        common = (0, 0, 0, 33, zlib.crc32(data), len(data), len(data), len(name), 0)
        part = _LOCAL.pack(b"PK\x03\x04", 20, *common) + name + data
        central.append((path, _CENTRAL.pack(b"PK\x01\x02", 788, 20, *common, 0, 0, 0, 0o100644 << 16, offset) + name))
        yield path, part
        offset += len(part)
    size = sum(len(part) for _, part in central)
    if list(files) != sorted(files):
        yield "", b"files out of order"
    yield from central
    yield "", _END.pack(b"PK\x05\x06", 0, 0, len(files), len(files), size, offset, 0)


# ---- signatures and who may sign ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Envelope:
    """Signed bytes (DSSE)."""

    payload_type: str
    payload: bytes
    signatures: tuple[tuple[str, bytes], ...]

    def signers(self, keys: dict[str, bytes]) -> frozenset[str]:
        """Ids of the keys that signed this, of those known."""
        kind = self.payload_type.encode()
        message = b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(self.payload), self.payload)
        return frozenset(
            key_id for key_id, value in self.signatures if key_id in keys and signed(keys[key_id], value, message)
        )


def read_envelope(data: bytes, payload_type: str) -> Envelope:
    """The envelope in canonical DSSE JSON."""
    value = parse(data)
    if set(value) != {"payload", "payloadType", "signatures"} or value["payloadType"] != payload_type:
        raise WrongError("it is not a signed envelope of the right kind")
    found = tuple((one["keyid"], unwrap(one["sig"])) for one in value["signatures"])
    if len({key_id for key_id, _ in found}) != len(found) or any(
        set(one) != {"keyid", "sig"} for one in value["signatures"]
    ):
        raise WrongError("two signatures under one key id, or a signature with something else in it")
    return Envelope(payload_type, unwrap(value["payload"]), found)


def signed(key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether an ed25519 key made this signature."""
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


@dataclass
class Trust:
    """The versions of the trust root, the oldest first, each as its JSON; keys and roles are those of the newest."""

    versions: list[Object]
    owners: dict[str, tuple[Object, Object]] = field(default_factory=dict)
    keys: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Look up every key's principal."""
        self.owners = owners_of(self.newest) if self.versions else {}
        self.keys = {key_id: unwrap(key["value"]) for key_id, (_, key) in self.owners.items()}

    @property
    def newest(self) -> Object:
        """The newest version."""
        return self.versions[-1]

    def version(self, number: int) -> Object:
        """One version; the newest where there is none of that number."""
        return self.versions[number - 1] if 0 < number <= len(self.versions) else self.newest

    def behind(self, key_ids: Collection[str], at_ns: int, witnessed_ns: int | None = None) -> list[Object]:
        """The different principals whose keys these are and were good at a time."""
        found = {
            self.owners[one][0]["name"]: self.owners[one][0]
            for one in key_ids
            if one in self.owners and is_good(self.owners[one][1], at_ns, witnessed_ns)
        }
        return [found[name] for name in sorted(found)]

    def services(self, role: str) -> dict[str, bytes]:
        """Keys of the services that ever held a role and are not compromised."""
        return {
            key_id: self.keys[key_id]
            for key_id, (who, key) in self.owners.items()
            if who["kind"] == "service"
            and key["state"] != "compromised"
            and any(r["role"] == role for r in who["roles"])
        }


def owners_of(root: Object) -> dict[str, tuple[Object, Object]]:
    """Principal and key by the key's id."""
    return {key["key_id"]: (who, key) for who in root["principals"] for key in who["keys"]}


def is_good(key: Object, at_ns: int, witnessed_ns: int | None) -> bool:
    """Whether what the ledger recorded from a key at a time stands."""
    since = int(key["since_ns"])
    if key["state"] == "active":
        return at_ns >= since
    if key["state"] == "retired":
        return at_ns < since
    return witnessed_ns is not None and witnessed_ns < since


def holds(principal: Object, role: str, at_ns: int) -> bool:
    """Whether a principal held a role at a time."""
    return any(
        one["role"] == role
        and int(one["from_ns"]) <= at_ns
        and (one["until_ns"] is None or at_ns < int(one["until_ns"]))
        for one in principal["roles"]
    )


def read_trust(files: dict[str, bytes], pinned: str | None, checks: Checks) -> Trust:
    """The trust root from its first version to its newest, each signed by its own quorum and the one before."""
    versions: list[Object] = []
    paths = sorted(path for path in files if path.startswith("trust/"))
    for number, path in enumerate(paths, start=1):
        before = len(checks.problems)
        checks.reading(path, _read_root, files[path], number, versions, pinned)
        if len(checks.problems) != before:
            break
    if not versions:
        checks.wrong("trust/000001.dsse.json", "there is no trust root that holds")
    return Trust(versions)


def _read_root(data: bytes, number: int, versions: list[Object], pinned: str | None) -> None:
    envelope = read_envelope(data, ROOT_TYPE)
    root: Object = parse(envelope.payload)
    if number == 1 and pinned is not None and sha256(envelope.payload) != pinned:
        raise WrongError(f"this is not the pinned trust root: its fingerprint is {sha256(envelope.payload)}")
    if root["type"] != "andon/trust-root/v1" or root["version"] != number:
        raise WrongError(f"version {root['version']} where {number} is expected")
    for key_id, (_, key) in owners_of(root).items():
        if hashlib.sha256(unwrap(key["value"])).hexdigest() != key_id:
            raise WrongError(f"key {key_id[:12]} does not have its own id")
    for judge in ([versions[-1]] if versions else []) + [root]:
        _check_quorum(judge, envelope)
    if versions:
        _check_next(versions[-1], root)
    versions.append(root)


def _check_quorum(root: Object, envelope: Envelope) -> None:
    """Different people are counted, not keys."""
    owners = owners_of(root)
    keys = {key_id: unwrap(owners[key_id][1]["value"]) for key_id in root["root_keys"]}
    people = {owners[key_id][0]["name"] for key_id in envelope.signers(keys) if owners[key_id][0]["kind"] == "person"}
    if root["quorum"] < 1 or len(people) < root["quorum"]:
        raise WrongError(f"{len(people)} of {root['quorum']} people of version {root['version']} signed it")


def _check_next(before: Object, root: Object) -> None:
    if (root["domain"], root["factory"]) != (before["domain"], before["factory"]):
        raise WrongError("it is of another factory")
    after, endings = owners_of(root), ("active", "retired", "compromised")
    for key_id, (who, key) in owners_of(before).items():
        if key_id not in after or after[key_id][0]["name"] != who["name"]:
            raise WrongError(f"a key of {who['name']} left its owner")
        if endings.index(after[key_id][1]["state"]) < endings.index(key["state"]):
            raise WrongError(f"a key of {who['name']} came back to life")


# ---- the ledger -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Entry:
    """One line of the ledger."""

    index: int
    kind: str
    statement: Digest
    time_ns: int
    leaf: bytes


@dataclass
class Ledger:
    """The ledger as the pack shows it: its head, its entries where they are here, and when witnesses saw it."""

    origin: str
    size: int
    root: bytes
    note: str
    entries: list[Entry] = field(default_factory=list)
    witnessed: dict[int, dict[str, int]] = field(default_factory=dict)

    def witnessed_ns(self, index: int) -> int | None:
        """When a witness first saw a head with this entry under it."""
        times = [at for size, seen in self.witnessed.items() if size > index for at in seen.values()]
        return min(times, default=None)


def node(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees (RFC 6962)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def leaf_hash(leaf: bytes) -> bytes:
    """The hash of a leaf."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def roots_at(leaves: Iterable[bytes], sizes: Collection[int]) -> dict[int, bytes]:
    """The root over the first so many leaves, for each of some sizes."""
    found: dict[int, bytes] = {}
    stack: list[tuple[int, bytes]] = []
    for count, leaf in enumerate(leaves, start=1):
        stack.append((0, leaf_hash(leaf)))
        while len(stack) > 1 and stack[-1][0] == stack[-2][0]:
            (level, right), (_, left) = stack.pop(), stack.pop()
            stack.append((level + 1, node(left, right)))
        if count in sizes:
            top = stack[-1][1]
            for _, left in reversed(stack[:-1]):
                top = node(left, top)
            found[count] = top
    return found


def is_included(index: int, size: int, leaf: bytes, path: Sequence[bytes], root: bytes) -> bool:
    """Whether a path leads from the hash of a leaf to the root (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size or any(len(one) != HASH_BYTES for one in (leaf, root, *path)):
        return False
    place, last, found = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if place & 1 or place == last:
            found = node(sibling, found)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            found = node(found, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and found == root


def read_note(note: str) -> tuple[str, list[tuple[str, bytes, bytes]]]:
    """The text of a signed note, and its signatures: name, key id and value (C2SP signed-note)."""
    text, blank, tail = note.rpartition("\n\n")
    lines = tail.split("\n")
    if not blank or lines.pop() or not lines:
        raise WrongError("it is not a signed note")
    found = []
    for line in lines:
        dash, name, value = line.split(" ")
        if dash != "—" or not name:
            raise WrongError("it has a line that is no signature")
        data = unwrap(value)
        found.append((name, data[:4], data[4:]))
    return text + "\n", found


def note_id(name: str, kind: bytes, key: bytes) -> bytes:
    """The four bytes that stand for a key in a note."""
    return hashlib.sha256(name.encode() + b"\n" + kind + key).digest()[:4]


def cosigned_ns(text: str, lines: Iterable[tuple[str, bytes, bytes]], key: bytes, name: str = "") -> int | None:
    """When a witness's key cosigned a checkpoint, in nanoseconds (C2SP tlog-cosignature); None when it did not."""
    times = []
    for who, key_id, value in lines:
        if (name and who != name) or key_id != note_id(who, COSIGNATURE, key) or len(value) != 72:
            continue
        seconds = int.from_bytes(value[:8], "big")
        if signed(key, value[8:], f"cosignature/v1\ntime {seconds}\n{text}".encode()):
            times.append(seconds * SECOND_NS)
    return min(times, default=None)


def read_ledger(files: dict[str, bytes], index: Object, trust: Trust, checks: Checks) -> Ledger:
    """The ledger: its signed head, every earlier head, and the root over all leaves where they are here."""
    head = index["ledger"]
    ledger = Ledger(head["origin"], head["size"], bytes.fromhex(head["root"]), "")
    if LEAVES in files:
        checks.reading(LEAVES, lambda: ledger.entries.extend(_entries(files[LEAVES], ledger.size)))
    paths = {path: int(path[-16:-4]) for path in files if re.fullmatch(r"ledger/checkpoint-[0-9]{12}\.txt", path)}
    roots = roots_at((one.leaf for one in ledger.entries), set(paths.values()))
    for path, size in sorted(paths.items()):
        checks.reading(path, _read_head, files[path], size, ledger, roots, trust)
    if not ledger.note:
        checks.wrong(f"ledger/checkpoint-{ledger.size:012d}.txt", "the signed head of the ledger is missing")
    if ledger.entries and roots.get(ledger.size) != ledger.root:
        checks.wrong(LEAVES, "the root over all leaves is not the one in the signed head")
    return ledger


def _entries(data: bytes, size: int) -> list[Entry]:
    found: list[Entry] = []
    for number, leaf in enumerate(data.removesuffix(b"\n").split(b"\n")):
        match = LEAF.fullmatch(leaf)
        if match is None or int(match[1]) != number:
            raise WrongError(f"line {number + 1} is not entry {number}")
        found.append(Entry(number, match[2].decode(), match[3].decode(), int(match[4]), leaf))
        if number and found[-1].time_ns < found[-2].time_ns:
            raise WrongError(f"entry {number} is older than the one before it")
    if len(found) != size or not data.endswith(b"\n"):
        raise WrongError(f"{len(found)} leaves where the head says {size}")
    return found


def _read_head(data: bytes, size: int, ledger: Ledger, roots: dict[int, bytes], trust: Trust) -> None:
    note = data.decode()
    text, lines = read_note(note)
    origin, said, root = text.split("\n")[:3]
    if (origin, int(said)) != (ledger.origin, size):
        raise WrongError("it is the head of another ledger or of another size")
    logs = trust.services("log").values()
    ours = [
        (key, value)
        for name, key_id, value in lines
        for key in logs
        if name == origin and key_id == note_id(name, ED25519, key)
    ]
    if not ours or not all(signed(key, value, text.encode()) for key, value in ours):
        raise WrongError("no key of the ledger signed it")
    if ledger.entries and roots.get(size) != unwrap(root):
        raise WrongError("the leaves in this pack do not give its root")
    if size == ledger.size:
        if unwrap(root) != ledger.root:
            raise WrongError("its root is not the one in the index")
        ledger.note = note
    ledger.witnessed[size] = _witnesses(text, lines, trust)


def _witnesses(text: str, lines: list[tuple[str, bytes, bytes]], trust: Trust) -> dict[str, int]:
    """The witnesses of the trust root that cosigned a head, each with the first time at which its word counted."""
    found: dict[str, int] = {}
    for key_id, (who, key) in trust.owners.items():
        at_ns = cosigned_ns(text, lines, trust.keys[key_id], who["name"]) if key["state"] != "compromised" else None
        if (
            at_ns is not None
            and who["kind"] == "service"
            and is_good(key, at_ns, None)
            and holds(who, "witness", at_ns)
        ):
            found[who["name"]] = min(at_ns, found.get(who["name"], at_ns))
    return found


# ---- statements -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Said:
    """A signed statement in its place in the ledger; void if a compromised key made it and no witness saw it before."""

    path: str
    digest: Digest
    kind: str
    index: int
    logged_ns: int
    subjects: tuple[tuple[str, Digest], ...]
    values: Object
    principals: tuple[Object, ...]
    is_void: bool = False

    @property
    def about(self) -> frozenset[Digest]:
        """Digests of its subjects."""
        return frozenset(digest for _, digest in self.subjects)

    def person(self) -> Object | None:
        """The one person who signed it."""
        is_one = len(self.principals) == 1 and self.principals[0]["kind"] == "person"
        return self.principals[0] if is_one else None

    def gate(self) -> bool:
        """Whether a gatekeeper signed it."""
        return any(who["kind"] == "service" and holds(who, "gate", self.logged_ns) for who in self.principals)


def read_statements(files: dict[str, bytes], ledger: Ledger, trust: Trust, checks: Checks) -> list[Said]:
    """All statements, each proved to be in the ledger and signed by who may say such a thing."""
    found: list[Said] = []
    for path in sorted(path for path in files if path.startswith("statements/")):
        checks.reading(path, _add_statement, found, path, files, ledger, trust, checks)
    for path in files:
        if path.startswith("proofs/") and f"statements/{path[7:71]}.dsse.json" not in files:
            checks.wrong(path, "it proves no statement of this pack")
    return sorted(found, key=lambda one: one.index)


def _add_statement(
    found: list[Said], path: str, files: dict[str, bytes], ledger: Ledger, trust: Trust, checks: Checks
) -> None:
    found.append(_read_statement(path, files, ledger, trust, checks))


def _read_statement(path: str, files: dict[str, bytes], ledger: Ledger, trust: Trust, checks: Checks) -> Said:
    data, digest = files[path], sha256(files[path])
    if path != f"statements/{digest[7:]}.dsse.json":
        raise WrongError("its bytes are not those that its name says")
    envelope = read_envelope(data, STATEMENT_TYPE)
    value = parse(envelope.payload)
    if (
        set(value) != {"_type", "predicate", "predicateType", "subject"}
        or value["_type"] != "https://in-toto.io/Statement/v1"
    ):
        raise WrongError("it is not an in-toto statement")
    proof = f"proofs/{digest[7:]}.tlog-proof"
    place = _place(files.get(proof), digest, value["predicateType"], ledger, proof, checks)
    keys = envelope.signers(trust.keys)
    if not keys or len(keys) != len(envelope.signatures):
        raise WrongError("a signature is wrong, or of a key that is not in the trust root")
    said = Said(
        path=path,
        digest=digest,
        kind=place.kind,
        index=place.index,
        logged_ns=place.time_ns,
        subjects=tuple((one["name"], f"sha256:{one['digest']['sha256']}") for one in value["subject"]),
        values=value["predicate"],
        principals=tuple(trust.behind(keys, place.time_ns, ledger.witnessed_ns(place.index))),
        is_void=all(trust.owners[one][1]["state"] == "compromised" for one in keys),
    )
    said = replace(said, is_void=said.is_void and not said.principals)
    if not said.is_void:
        _check_author(said, trust)
    return said


def _place(proof: bytes | None, digest: Digest, kind: str, ledger: Ledger, path: str, checks: Checks) -> Entry:
    """Where a statement stands in the ledger, by its proof and, where they are here, by the leaves."""
    if proof is None:
        raise WrongError(f"{path} is missing")
    head, blank, note = proof.decode().partition("\n\n")
    lines = head.split("\n")
    if not blank or lines.pop(0) != "c2sp.org/tlog-proof@v1" or note != ledger.note:
        checks.wrong(path, "it is not a proof under the head of this pack")
        raise WrongError(f"{path} does not prove where it stands")
    leaf = unwrap(lines.pop(0).removeprefix("extra "))
    index = int(lines.pop(0).removeprefix("index "))
    match = LEAF.fullmatch(leaf)
    is_same = not ledger.entries or ledger.entries[index].leaf == leaf
    if not is_same or match is None or (int(match[1]), match[3].decode()) != (index, digest):
        raise WrongError("the ledger names other bytes at its place")
    if f"andon/{match[2].decode()}/v1" != kind:
        raise WrongError(f"a {kind} entered as {match[2].decode()}")
    if not is_included(index, ledger.size, leaf_hash(leaf), [unwrap(one) for one in lines], ledger.root):
        checks.wrong(path, "its hashes do not lead to the signed head")
        raise WrongError(f"{path} does not prove where it stands")
    return Entry(index, match[2].decode(), digest, int(match[4]), leaf)


def _check_author(said: Said, trust: Trust) -> None:
    root = trust.newest
    if said.kind in BY_GATES and not said.gate():
        raise WrongError(f"no gatekeeper signed this {said.kind}")
    if said.kind in BY_PEOPLE and said.person() is None:
        raise WrongError(f"not one person whose key counts signed this {said.kind}")
    if said.kind == "recovery" and not any(_is_quorum(said, one) for one in trust.versions):
        raise WrongError("no quorum of those who sign the trust root signed this recovery")
    if not said.principals:
        raise WrongError("none of the keys that signed it counted then")
    if (said.values.get("domain"), said.values.get("factory")) != (root["domain"], root["factory"]):
        raise WrongError("it is of another factory or trust domain")


def _is_quorum(said: Said, root: Object) -> bool:
    owners = {owners_of(root)[key_id][0]["name"] for key_id in root["root_keys"]}
    found: int = root["quorum"]
    return len({who["name"] for who in said.principals} & owners) >= found


# ---- verdicts: values against policy, and people ---------------------------------------------------------------------

SIDES: Final = {"point": "value", "lower": "lower", "upper": "upper"}


def weigh(criteria: Iterable[Object], verdict: Object) -> list[Object]:
    """How each criterion comes out on what was measured."""
    measured, found = verdict["evidence"]["measurements"], []
    if verdict.get("looks"):
        looks = {"metric": "looks.overlapping", "value": verdict["looks"], "n": verdict["looks"], "slice": ""}
        kept = [one for one in measured if one["metric"] != "looks.overlapping"]
        measured = [*kept, {**looks, "measured_by": "andon", "baseline": "", "lower": None, "upper": None}]
    for criterion in criteria:
        names = [criterion.get("slice", "")]
        if criterion["baseline"] == "champion" and not verdict["champion"]:
            found.append(finding(criterion, names[0], "not applicable", None, 0))
            continue
        if criterion["by"]:
            prefix = f"{criterion['by']}="
            slices = {one["slice"] for one in measured if one["metric"] == criterion["metric"]}
            names = sorted(one for one in slices if one.startswith(prefix))
            if not names:
                found.append(finding(criterion, f"{prefix}*", "no", None, 0))
        found += [_weigh_one(criterion, name, measured, verdict["champion"]) for name in names]
    return found


def finding(criterion: Object, name: str, comes_out: str, value: float | None, n: int) -> Object:
    """One finding; why is for people and is not compared."""
    return {"criterion": criterion, "slice": name, "holds": comes_out, "value": value, "n": n}


def _weigh_one(criterion: Object, name: str, measured: list[Object], champion: Digest) -> Object:
    same = [one for one in measured if (one["metric"], one["slice"]) == (criterion["metric"], name)]
    rows = same[0]["n"] if same and _is_count(same[0]["n"]) else 0
    by = "factory" if criterion["metric"].startswith("factory:") else "andon"
    if (
        len(same) != 1
        or same[0]["measured_by"] != by
        or not _is_count(same[0]["n"])
        or (criterion["baseline"] == "champion" and same[0]["baseline"] != champion)
    ):
        return finding(criterion, name, "no", None, rows)
    if criterion["baseline"] == "published" and same[0]["value"] is None and not same[0]["baseline"]:
        return finding(criterion, name, "not applicable", None, rows)
    if not _is_finite(same[0][SIDES[criterion["side"]]]):
        return finding(criterion, name, "no", None, rows)
    value = same[0][SIDES[criterion["side"]]]
    if rows < criterion["min_n"]:
        return finding(criterion, name, "too few", value, rows)
    holds_it = value >= criterion["bound"] if criterion["op"] == "ge" else value <= criterion["bound"]
    return finding(criterion, name, "yes" if holds_it else "no", value, rows)


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0


def _is_finite(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(value)  # type: ignore[arg-type]  # a number by its type


def blocks(one: Object) -> bool:
    """Whether a finding stops the line unless it is good."""
    return bool(one["criterion"].get("severity", "block") == "block")


def is_of_the_world(one: Object) -> bool:
    """Whether it is about the target's health, which may be asked again."""
    return bool(one["criterion"]["metric"].startswith("target."))


@dataclass
class Judge:
    """Judges again what the gates said, from the statements in the pack."""

    said: list[Said]
    trust: Trust
    by_digest: dict[Digest, Said] = field(default_factory=dict)
    by_kind: dict[str, list[Said]] = field(default_factory=dict)
    by_gate: dict[tuple[str, Digest], list[Said]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Look statements up: by digest, by kind, and verdicts by gate and what they are about."""
        for one in self.said:
            self.by_digest[one.digest] = one
            self.by_kind.setdefault(one.kind, []).append(one)
            for digest in one.about if one.kind == "gate-verdict" else ():
                self.by_gate.setdefault((str(one.values.get("gate")), digest), []).append(one)

    def of(self, kind: str, *, before: int | None = None) -> list[Said]:
        """Statements of a kind, those before a place in the ledger where one is given."""
        found = self.by_kind.get(kind, [])
        return found if before is None else [one for one in found if one.index < before]

    def verdicts(self, gate: str, digests: Iterable[Digest], *, before: int) -> list[Said]:
        """Verdicts of a gate about an artefact or its bytes, before a place in the ledger, that nobody annulled."""
        found = {one.index: one for digest in digests for one in self.by_gate.get((gate, digest), [])}
        return [found[at] for at in sorted(found) if at < before and not self.is_annulled(found[at])]

    def check_verdict(self, one: Said) -> None:
        """One verdict: its findings again from its values, its people counted again, its outcome from both."""
        values = one.values
        wanted = list(dict.fromkeys((values["subject"], values["content"])))
        if [digest for _, digest in one.subjects] != wanted or values["evidence"]["subject"] != values["subject"]:
            raise WrongError("it is about other things than its values are")
        found = self.waived(weigh(values["policy"]["criteria"], values), one, only=values.get("waivers", []))
        shown = [
            {name: item[name] for name in ("criterion", "slice", "holds", "value", "n")} for item in values["findings"]
        ]
        if canonical(found) != canonical(shown):
            raise WrongError("its findings are not what its values and its policy give")
        people = self.missing(values["policy"], found, one, only=set(values["signoffs"]), now_ns=int(values["time_ns"]))
        outcome = decide(found, people)
        if values["stands"]:
            gone = [digest for digest in values["stands"] if digest not in self.by_digest]
            outcome = "FAILED" if not gone else "FAILED on a verdict that is not in this pack"
        if values["outcome"] != outcome:
            raise WrongError(f"it says {values['outcome']}, and its values, policy and people give {outcome}{people}")

    def waived(
        self, found: list[Object], verdict: Said, *, only: Collection[Digest], now_ns: int | None = None
    ) -> list[Object]:
        """The findings, with a measured "no" that one of some waivers covers taken as waived."""
        moment_ns = int(verdict.values["time_ns"]) if now_ns is None else now_ns
        waivers = [self.by_digest[digest] for digest in only if digest in self.by_digest]
        covering = [one for one in waivers if one.kind == "waiver" and one.index < verdict.index]
        return [
            {**item, "holds": "waived"}
            if item["holds"] == "no"
            and item["value"] is not None
            and any(self._covers(one, item, verdict, moment_ns) for one in covering)
            else item
            for item in found
        ]

    def _covers(self, one: Said, item: Object, verdict: Said, now_ns: int) -> bool:
        """Whether a waiver covers a finding: this evidence and target, this criterion, by who may, in time."""
        waiver, person = one.values, one.person()
        failed = self.by_digest.get(waiver["verdict"])
        floor = floor_of(self.trust.version(verdict.values.get("root_version", 0)), waiver["target"])
        allowed = [
            two
            for two in (floor or {}).get("waivable", [])
            if two["role"] == waiver["role"]
            and two["metric"] == waiver["criterion"]["metric"]
            and two["gate"] in (waiver["gate"], waiver["gate"].partition(":")[0])
            and int(waiver["expires_ns"]) - int(waiver["time_ns"]) <= int(two["longest_ns"])
        ]
        same = ("gate", "target", "subject", "evidence")
        within = (
            item["value"] >= waiver["worst"] if item["criterion"]["op"] == "ge" else item["value"] <= waiver["worst"]
        )
        return bool(
            person
            and allowed
            and failed
            and failed.values["outcome"] == "FAILED"
            and all(failed.values[name] == verdict.values[name] for name in same)
            and (waiver["criterion"], waiver["slice"]) == (item["criterion"], item["slice"])
            and within
            and waiver["reason"].strip()
            and int(waiver["time_ns"]) <= one.logged_ns + SKEW_NS
            and now_ns < int(waiver["expires_ns"])
            and person["name"] not in verdict.values["excluded"]
            and all(holds(person, waiver["role"], at) for at in (one.logged_ns, now_ns))
            and not self.is_revoked(one.digest, now_ns)
        )

    def is_revoked(self, digest: Digest, now_ns: int) -> bool:
        """Whether something was revoked until a moment."""
        return any(one.about == {digest} and one.logged_ns <= now_ns for one in self.of("revocation"))

    def missing(
        self,
        policy: Object,
        found: list[Object],
        verdict: Said,
        *,
        only: Collection[Digest] | None,
        now_ns: int,
        excluded: Collection[str] = (),
        before: int | None = None,
    ) -> str:
        """Which people are missing for what a gate asks; empty when none are.

        Sign-offs before the verdict count, or before another place in the ledger; `only` some, or all.
        """
        rules = list(policy["signoffs"])
        if not rules and any(one["holds"] == "too few" and blocks(one) for one in found):
            rules = [{"role": "*", "people": 1, "within_ns": str(MONTH_NS)}]
        limit = verdict.index if before is None else before
        voices = [one for one in self.of("signoff", before=limit) if only is None or one.digest in only]
        barred = {*verdict.values["excluded"], *excluded}
        texts = [self._missing_of(rule, verdict, voices, barred, now_ns) for rule in rules]
        return "; ".join(filter(None, texts))

    def _missing_of(self, rule: Object, verdict: Said, voices: list[Said], barred: Collection[str], now_ns: int) -> str:
        """What one rule lacks: people count once, by their last word, never beside whoever lent them a voice."""
        latest: dict[str, Said] = {}
        for one in voices:
            person = one.person()
            is_meant = verdict.values["subject"] in one.about and one.values["gate"] == verdict.values["gate"]
            if person and is_meant and one.values["target"] == verdict.values["target"]:
                latest[person["name"]] = one
        counted: list[set[str]] = []
        for name, one in sorted(latest.items(), key=lambda pair: pair[1].index):
            role = one.values["role"] if rule["role"] == "*" else rule["role"]
            lent_ns = one.logged_ns if one.values["decision"] == "reject" else now_ns  # a rejection outlives its loan
            lender = "" if holds(one.person() or {}, role, one.logged_ns) else self._lender(name, role, one, lent_ns)
            may = lender or holds(one.person() or {}, role, one.logged_ns)
            if one.values["decision"] == "reject":
                if may:
                    return f"rejected by {name}"
                continue
            people = {name, lender} - {""}
            is_free = people.isdisjoint(barred) and lender not in latest
            is_new = all(people.isdisjoint(others) for others in counted)
            if may and is_free and is_new and self._approves(one, rule, verdict, now_ns, lender):
                counted.append(people)
        lacking = rule["people"] - len(counted)
        return "" if lacking <= 0 else f"{lacking} of {rule['role']}"

    def _approves(self, one: Said, rule: Object, verdict: Said, now_ns: int, lender: str) -> bool:
        """Whether an approval answers exactly what the verdict asked, in the right role and in time."""
        values = one.values
        asked = (sha256(canonical(verdict.values["evidence"])), sha256(canonical(verdict.values["policy"])))
        return bool(
            (values["evidence"], values["policy"]) == asked
            and rule["role"] in ("*", values["role"])
            and (lender or holds(one.person() or {}, values["role"], now_ns))
            and int(values["time_ns"]) <= one.logged_ns + SKEW_NS
            and now_ns - int(values["time_ns"]) <= int(rule["within_ns"])
        )

    def _lender(self, name: str, role: str, spoke: Said, now_ns: int) -> str:
        """Who lent somebody their voice in a role; nobody where no delegation held."""
        for one in reversed(self.of("delegation", before=spoke.index)):
            lender, values = one.person(), one.values
            if (
                lender
                and lender["name"] != name
                and (values["delegate"], values["role"]) == (name, role)
                and now_ns < int(values["until_ns"])
                and all(holds(lender, role, at) for at in (one.logged_ns, now_ns))
                and not self.is_revoked(one.digest, now_ns)
            ):
                return str(lender["name"])
        return ""

    def is_annulled(self, verdict: Said) -> bool:
        """Whether two different people who may have annulled a verdict."""
        floor = floor_of(self.trust.newest, verdict.values["target"])
        rules = [*(floor or {}).get("signoffs", []), *(floor or {}).get("first_signoffs", [])]
        asked = {role for role, _ in rules}
        people: set[str] = set()
        for one in self.of("annulment"):
            person = one.person()
            if person and one.values["verdict"] == verdict.digest and verdict.digest in one.about:
                held = {r["role"] for r in person["roles"] if holds(person, r["role"], one.logged_ns)}
                if held and (not asked or held & asked) and person["name"] not in verdict.values["excluded"]:
                    people.add(person["name"])
        return len(people) >= 2


def decide(found: Iterable[Object], people_missing: str) -> str:
    """What a gate says to its findings and its people."""
    held = [one for one in found if blocks(one)]
    if any(one["holds"] == "no" and not is_of_the_world(one) for one in held):
        return "FAILED"
    is_waiting = people_missing or any(one["holds"] == "no" for one in held)
    return "PENDING" if is_waiting else "PASSED"


def about(criterion: Object) -> list[object]:
    """What people were asked to accept who were told that the rows of a criterion are too few."""
    names = ("metric", "op", "side", "by", "slice", "baseline", "min_n")
    return [criterion.get(name, "") for name in names]


def declared_in(verdict: Object) -> Object:
    """What the factory declared for the gate; a verdict of before floors added anything has one policy only."""
    found: Object = verdict["declared"] if "declared" in verdict else verdict["policy"]
    return found


def floor_of(root: Object, target: str) -> Object | None:
    """What a target asks for at least."""
    return next((floor for floor in root["floors"] if floor["target"] == target), None)


# ---- the release: lineage and admission -----------------------------------------------------------------------------


@dataclass
class Release:
    """The release that a pack is about, with everything it was made from."""

    digest: Digest
    manifests: dict[Digest, Object]
    declaration: Object
    facts: Object

    def inputs(self, digest: Digest, kind: str) -> list[Digest]:
        """Inputs of an artefact that are of a kind."""
        found = [one["digest"] for one in self.manifests[digest]["inputs"]]
        return [one for one in found if self.manifests[one]["kind"] == kind]

    def ancestors(self, of: Digest) -> list[Digest]:
        """An artefact and everything it was made from."""
        seen: dict[Digest, None] = {}
        waiting = [of]
        while waiting:
            digest = waiting.pop()
            if digest not in seen:
                seen[digest] = None
                waiting += [one["digest"] for one in self.manifests[digest]["inputs"]]
        return list(seen)

    def content(self, digest: Digest) -> Digest:
        """Identity of an artefact's bytes and contract, without what was measured of them."""
        manifest = self.manifests[digest]
        judged = [one for one in manifest["content"] if one["name"] != "measured.json"]
        if all(one["rows"] == 0 for one in judged):
            judged = manifest["content"]
        objects = sorted(one["sha256"] for one in judged)
        return sha256(canonical([manifest["kind"], manifest["contract"], objects])) if objects else digest


def read_release(files: dict[str, bytes], index: Object, checks: Checks) -> Release | None:
    """The release with its lineage: every manifest by its digest, and nothing missing between them."""
    manifests: dict[Digest, Object] = {}
    for path in sorted(path for path in files if path.startswith("manifests/")):
        if path != f"manifests/{sha256(files[path])[7:]}.json":
            checks.wrong(path, "its bytes are not those that its name says")
        else:
            checks.reading(path, _add_manifest, manifests, files[path])
    digest = index["release"]
    if digest not in manifests or files.get("release.json") != files.get(f"manifests/{digest[7:]}.json"):
        checks.wrong("release.json", "it is not the manifest of the release that the index names")
        return None
    for one, manifest in manifests.items():
        for item in manifest["inputs"]:
            if item["digest"] not in manifests:
                checks.wrong(f"manifests/{one[7:]}.json", f"its {item['role']} {item['digest']} is not in this pack")
                return None
    found = Release(digest, manifests, {}, manifests[digest]["facts"])
    checks.reading("declaration.json", lambda: found.declaration.update(parse(files["declaration.json"])))
    return found


def _add_manifest(manifests: dict[Digest, Object], data: bytes) -> None:
    value = parse(data)
    if value["format"] != "andon/manifest/v1" or not isinstance(value["facts"], dict):
        raise WrongError("it is not a manifest")
    manifests[sha256(data)] = value


def check_objects(files: dict[str, bytes], release: Release, checks: Checks) -> None:
    """Files that are objects of artefacts, or that the release names by digest."""
    objects = {item["sha256"] for one in release.manifests.values() for item in one["content"]}
    for path in ("report.html", "training.json"):
        if path in files and sha256(files[path]) not in objects:
            checks.wrong(path, "it is no object of an artefact in this pack")
    named = {"declaration.json": release.facts["declaration"], "environment.json": release.facts["environment"]}
    for path, digest in named.items():
        if path in files and sha256(files[path]) != digest:
            checks.wrong(path, f"the release names another one, {digest}")
    if "declaration.json" not in files:
        checks.wrong("declaration.json", "it is missing")


@dataclass
class Admitting:
    """One admission, judged again: what its target asked for, and what was said before it."""

    admission: Said
    release: Release
    judge: Judge
    root: Object
    witnesses: Collection[str] = ()

    @property
    def floor(self) -> Object:
        """What the target asked for."""
        found = floor_of(self.root, self.admission.values["target"])
        if found is None:
            raise WrongError("its target is not in the trust root")
        return found

    @property
    def at_ns(self) -> int:
        """When it was admitted."""
        return int(self.admission.values["time_ns"])

    def check(self) -> None:
        """Everything that had to be so when the release was admitted."""
        values, facts = self.admission.values, self.release.facts
        if (values["release"], values["target"]) != (self.release.digest, facts["target"]):
            raise WrongError("it admits the release to another target than it was bound for")
        if self.at_ns >= int(self.root["expires_ns"]):
            raise WrongError("the trust root had expired")
        if values["root"] != sha256(canonical(self.root)):
            raise WrongError("it was admitted under another trust root than those in this pack")
        if values.get("tier", "T0") < self.floor.get("tier", "T0"):
            raise WrongError(f"its target needs tier {self.floor['tier']}, and it was admitted at {values['tier']}")
        if len(self.witnesses) < self.floor.get("witnesses", 0):
            raise WrongError(f"its target needs {self.floor['witnesses']} witnesses before: {sorted(self.witnesses)}")
        missing = [digest for digest in values["relied"] if digest not in self.judge.by_digest]
        if missing:
            raise WrongError(f"it relies on {missing[0]}, which is not in this pack")
        if self.judge.is_revoked(self.release.digest, self.at_ns):
            raise WrongError("the release had been revoked")
        if not any(one.about == {self.release.digest} for one in self.judge.of("release", before=self.admission.index)):
            raise WrongError("nobody had signed the release as bound")
        name, (model,) = facts["model_name"], self.release.inputs(self.release.digest, "model")
        self._check_data(model)
        for kind in ("training", "model"):
            if self._is_asked(f"{kind}:{name}"):
                self._check_gate(f"{kind}:{name}", model)
        people = self.floor["signoffs"] or (not facts["predecessor"] and self.floor.get("first_signoffs"))
        if people or self._is_asked(f"release:{name}"):
            self._check_people(self._check_gate(f"release:{name}", self.release.digest))

    def _is_asked(self, gate: str) -> bool:
        asked = {*self.floor["gates"], *(one["gate"] for one in self._demands()), *dict(self.floor.get("policies", []))}
        return bool(asked & {gate, gate.partition(":")[0]}) or self._declared(gate) is not None

    def _declared(self, gate: str) -> Object | None:
        return next((one for one in self.release.declaration["gates"] if one["gate"] == gate), None)

    def _demands(self) -> list[Object]:
        first = [] if self.release.facts["predecessor"] else self.floor.get("first_criteria", [])
        return [*self.floor.get("criteria", []), *first]

    def _asked_of(self, gate: str) -> list[Object]:
        """What the floor adds to a gate."""
        names = (gate, gate.partition(":")[0])
        return [one["criterion"] for one in self._demands() if one["gate"] in names]

    def _check_gate(self, gate: str, subject: Digest) -> Said:
        """The newest verdict that stands is a Pass, under what is declared and demanded, and no failure is final."""
        declared = self._declared(gate)
        passed = self._pass(gate, subject)
        values = passed.values
        if declared is None or canonical(declared_in(values)) != canonical(declared):
            raise WrongError(f"the gate {gate} passed under another policy than the factory declares")
        if "declared" in values and values["target"] != self.admission.values["target"]:
            raise WrongError(f"the gate {gate} passed for another target")
        self._check_pinned(gate, declared)
        self._check_demands([*declared["criteria"], *self._asked_of(gate)], passed)
        return passed

    def _check_pinned(self, gate: str, declared: Object) -> None:
        pinned = dict(self.floor.get("policies", [])).get(gate)
        if pinned and sha256(canonical(declared)) != pinned:
            raise WrongError(f"the target allows another policy only for the gate {gate}")

    def _pass(self, gate: str, subject: Digest) -> Said:
        content = self.release.content(subject)
        about = self.judge.verdicts(gate, (subject, content), before=self.admission.index)
        own = [one for one in about if one.values["subject"] == subject]
        if not own or own[-1].values["outcome"] != "PASSED":
            raise WrongError(f"the gate {gate} had not passed {subject}")
        for one in about:
            same = (content, own[-1].values["evidence"]["rows"])
            if one is not own[-1] and (one.values["content"], one.values["evidence"]["rows"]) == same:
                self._check_final(one, gate)
        return own[-1]

    def _check_final(self, one: Said, gate: str) -> None:
        """A measured failure stays: by what the factory declared then, and by what this target asks for."""
        values = one.values
        criteria = list(declared_in(values)["criteria"])
        if values["target"] == self.admission.values["target"]:
            criteria += self._asked_of(gate)
        found = self.judge.waived(
            weigh(criteria, values), self.admission_view(one), only=self._waivers(), now_ns=self.at_ns
        )
        final = [item for item in found if item["holds"] == "no" and item["value"] is not None and blocks(item)]
        if any(not is_of_the_world(item) for item in final):
            raise WrongError(f"a measured failure at {gate} is final: {one.path}")

    def admission_view(self, one: Said) -> Said:
        """A verdict with everything before the admission counted as before it."""
        return replace(one, index=self.admission.index)

    def _waivers(self) -> list[Digest]:
        return [one.digest for one in self.judge.of("waiver", before=self.admission.index)]

    def _check_demands(self, criteria: list[Object], passed: Said) -> None:
        """Every criterion holds on what was measured, or is waived, or people accepted that rows were too few."""
        barred = [*passed.values["excluded"], *self.release.facts["initiators"]]
        asked = replace(passed, values={**passed.values, "excluded": barred})
        found = self.judge.waived(
            weigh(criteria, passed.values), asked, only=passed.values.get("waivers", []), now_ns=self.at_ns
        )
        known = [about(one) for one in passed.values["policy"]["criteria"]]
        few = [one for one in found if one["holds"] == "too few" and about(one["criterion"]) not in known]
        lacking = [one for one in found if blocks(one) and (one["holds"] == "no" or one in few)]
        if lacking:
            raise WrongError(
                f"what {passed.values['gate']} measured does not satisfy {lacking[0]['criterion']['metric']}"
            )

    def _check_people(self, passed: Said) -> None:
        """The people of the release gate and of the floor, counted again at the moment of admission."""
        rules = {one["role"]: one for one in passed.values["policy"]["signoffs"]}
        first = [] if self.release.facts["predecessor"] else self.floor.get("first_signoffs", [])
        for role, people in (*self.floor["signoffs"], *first):
            known = rules.get(role, {"role": role, "people": people, "within_ns": str(MONTH_NS)})
            within = str(min(int(known["within_ns"]), MONTH_NS))
            rules[role] = {"role": role, "people": max(known["people"], people), "within_ns": within}
        lacking = self.judge.missing(
            {"signoffs": list(rules.values())},
            passed.values["findings"],
            passed,
            only=None,
            now_ns=self.at_ns,
            excluded=self.release.facts["initiators"],
            before=self.admission.index,
        )
        if lacking:
            raise WrongError(f"people were missing when it was admitted: {lacking}")

    def _check_data(self, model: Digest) -> None:
        """Every batch passed a data gate of the factory, and a data gate published every dataset."""
        lineage = self.release.ancestors(model)
        gates = [one["gate"] for one in self.release.declaration["gates"] if one["gate"].startswith("data:")]
        published, passed_gates = set(), set()
        for digest in lineage:
            if self.release.manifests[digest]["kind"] != "batch":
                continue
            passed = self._data_pass(gates, digest)
            gate = passed.values["gate"]
            declared = self._declared(gate) or passed.values["policy"]
            self._check_pinned(gate, declared)
            self._check_demands([*declared["criteria"], *self._asked_of(gate)], passed)
            self._check_people_of_batch(declared, passed)
            published.add((passed.values["publish"] or {}).get("digest"))
            passed_gates.add(passed.values["gate"])
        if not passed_gates:
            raise WrongError("no source batch stands at the beginning of the release")
        lacking = {one for one in self.floor["gates"] if one.startswith("data:")} - passed_gates
        datasets = {one for one in lineage if self.release.manifests[one]["kind"] == "dataset"}
        if lacking or not datasets <= published:
            raise WrongError(f"no data gate published {', '.join(sorted(lacking | (datasets - published)))}")

    def _check_people_of_batch(self, declared: Object, passed: Said) -> None:
        """The people whom the declared gate asks for, as they stood when it judged; a later rejection counts too."""
        lacking = self.judge.missing(
            declared,
            passed.values["findings"],
            passed,
            only=None,
            now_ns=int(passed.values["time_ns"]),
            before=self.admission.index,
        )
        if lacking:
            raise WrongError(f"people of {passed.values['gate']} were missing when it was admitted: {lacking}")

    def _data_pass(self, gates: list[str], batch: Digest) -> Said:
        problem = WrongError(f"no data gate passed the batch {batch}")
        for gate in gates:
            try:
                return self._pass(gate, batch)
            except WrongError as error:
                problem = problem if "had not passed" in str(error) else error
        raise problem


# ---- files that are computed from others ----------------------------------------------------------------------------


def check_derived(files: dict[str, bytes], index: Object, said: list[Said], checks: Checks) -> None:
    """What can be computed again from the signed files is."""
    verdicts = [one for one in said if one.kind == "gate-verdict"]
    expected = [
        {
            "gate": one.values["gate"],
            "outcome": one.values["outcome"],
            "subject": one.values["subject"],
            "statement": one.digest,
            "rows": one.values["evidence"]["rows"],
            "measurements": one.values["evidence"]["measurements"],
        }
        for one in verdicts
    ]

    def metrics() -> None:
        if canonical(parse(files["metrics.json"])["measured"]) != canonical(expected):
            raise WrongError("its values are not those in the signed verdicts")

    def history() -> None:
        shown = [(one["entry"], one["statement"], one["time_ns"]) for one in parse(files["history.json"])["statements"]]
        if shown != [(one.index, one.digest, str(one.logged_ns)) for one in said]:
            raise WrongError("it is not the history that the statements give")

    checks.reading("metrics.json", metrics)
    checks.reading("history.json", history)
    is_revoked = any(one.kind == "revocation" and index["release"] in one.about for one in said)
    if (index["state"] == "revoked") != is_revoked:
        checks.wrong(INDEX, f"it says that the release is {index['state']}, and the statements say something else")


# ---- the whole ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """What the person who checks asks for."""

    root: str | None
    max_age_ns: int | None
    witnesses: tuple[str, ...]
    seen: str | None
    now_ns: int


def check_index(files: dict[str, bytes], checks: Checks) -> Object | None:
    """The index against the files: none missing, none foreign, none with another byte."""
    index: Object = {}
    checks.reading(INDEX, lambda: index.update(parse(files[INDEX])))

    def listed() -> None:
        known = {one["path"]: one for one in index["files"]}
        for path, one in known.items():
            if path not in files:
                checks.wrong(path, "it is in the index and not in the pack")
            elif sha256(files[path]) != one["sha256"] or len(files[path]) != one["bytes"]:
                checks.wrong(path, "its bytes are not those that the index names")
        for path in files:
            if path not in known and path not in (INDEX, SEAL):
                checks.wrong(path, "it is not in the index: somebody added it")
        if index["format"] != "andon/evidence-index/v1" or not isinstance(index["ledger"]["size"], int):
            raise WrongError("it is of another format")

    before = len(checks.problems)
    checks.reading(INDEX, listed)
    return index if INDEX not in {path for path, _ in checks.problems[before:]} and "files" in index else None


def check_seal(files: dict[str, bytes], index: Object, trust: Trust, checks: Checks) -> None:
    """The gatekeeper signed exactly this index, with a key that was good at the head of the ledger."""

    def seal() -> None:
        envelope = read_envelope(files[SEAL], INDEX_TYPE)
        at_ns = int(index["ledger"]["time_ns"])
        who = trust.behind(envelope.signers(trust.keys), at_ns)
        if not any(one["kind"] == "service" and holds(one, "gate", at_ns) for one in who):
            raise WrongError("no gatekeeper's key signed the index")
        if envelope.payload != files[INDEX]:
            checks.wrong(INDEX, "the gatekeeper signed another index")

    checks.reading(SEAL, seal)


def check_pack(data: bytes, asked: Asked) -> tuple[Checks, Object]:
    """Check a pack as a whole."""
    checks = Checks()
    files = read_archive(data, checks)
    index = check_index(files, checks)
    if index is None:
        return checks, {}
    trust = read_trust(files, asked.root, checks)
    if not trust.versions:
        return checks, index
    check_seal(files, index, trust, checks)
    if (index["factory"], index["domain"]) != (trust.newest["factory"], trust.newest["domain"]):
        checks.wrong(INDEX, "it is about another factory than the trust root")
    checks.held.append(f"{len(files)} files, each as the index names it; the index is signed by the gatekeeper")
    checks.held.append(f"trust root, versions 1 to {len(trust.versions)}, each signed by its quorums of people")
    ledger = Ledger("", 0, b"", "")

    def whole() -> None:
        nonlocal ledger
        ledger = read_ledger(files, index, trust, checks)
        _check_rest(files, index, trust, ledger, checks)
        _check_fresh(index, ledger, asked, checks)

    checks.reading(INDEX, whole)
    return checks, index


def _check_rest(files: dict[str, bytes], index: Object, trust: Trust, ledger: Ledger, checks: Checks) -> None:
    said = read_statements(files, ledger, trust, checks)
    judge = Judge([one for one in said if not one.is_void], trust)
    for one in judge.of("gate-verdict"):
        checks.reading(one.path, judge.check_verdict, one)
    release = read_release(files, index, checks)
    admissions: list[Said] = []
    if release is not None and release.declaration:
        check_objects(files, release, checks)
        admissions = [one for one in judge.of("admission") if one.values["release"] == release.digest]
        for one in admissions:
            root, witnesses = trust.version(one.values["root_version"]), ledger.witnessed.get(one.index, {})
            checks.reading(one.path, Admitting(one, release, judge, root, witnesses).check)
    check_derived(files, index, said, checks)
    _sum_up(index, ledger, said, admissions, release, checks)


def _sum_up(
    index: Object, ledger: Ledger, said: list[Said], admissions: list[Said], release: Release | None, checks: Checks
) -> None:
    witnesses = ", ".join(
        f"{name} at {moment(at)}" for name, at in sorted(ledger.witnessed.get(ledger.size, {}).items())
    )
    over = "the root over all of them computed again" if ledger.entries else "their leaves are not here"
    checks.held.append(
        f"ledger {ledger.origin}: {ledger.size} entries, {over}; cosigned by {witnesses or 'no witness'}"
    )
    kinds = [one.kind for one in said]
    counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in sorted(set(kinds)))
    checks.held.append(f"{len(said)} statements in their places in the ledger, signed by who may: {counts}")
    void = sum(one.is_void for one in said)
    if void:
        checks.held.append(f"{void} of them are void: their keys were compromised, and no witness saw them before")
    failed = sum(one.kind == "gate-verdict" and one.values["outcome"] != "PASSED" for one in said)
    checks.held.append(f"verdicts judged again from their values, policies and people; {failed} of them failed")
    checks.held.append(f"{len(release.manifests) if release else 0} artefacts, none missing between them")
    times = ", ".join(moment(one.logged_ns) for one in admissions)
    checks.held.append(f"release {index['release']} for {index['target']}: admitted {times or 'never'}")
    if len(said) == ledger.size:
        checks.held.append(f"complete: the statement of every one of {ledger.size} ledger entries is here")
    else:
        rest = ledger.size - len(said)
        checks.held.append(
            f"complete as stated by the gatekeeper at size {ledger.size}: {rest} more are said to be about other things"
        )


def _check_fresh(index: Object, ledger: Ledger, asked: Asked, checks: Checks) -> None:
    """What the person who checks demands of the head: how old it may be, which witnesses, which earlier head."""
    head = f"ledger/checkpoint-{ledger.size:012d}.txt"
    oldest = asked.now_ns - asked.max_age_ns if asked.max_age_ns is not None else None
    at_ns = int(index["ledger"]["time_ns"])
    if oldest is not None and not asked.witnesses and at_ns < oldest:
        checks.wrong(head, f"the ledger ends at {moment(at_ns)}, which is older than --max-age")
    if at_ns > asked.now_ns + SKEW_NS:
        checks.wrong(head, f"the ledger ends at {moment(at_ns)}, which has not come yet")
    for witness in asked.witnesses:
        checks.reading(head, _check_witness, ledger, witness, oldest)
    if asked.seen is not None:
        checks.reading(LEAVES, _check_seen, ledger, asked.seen)


def _check_witness(ledger: Ledger, witness: str, oldest: int | None) -> None:
    name, key_id, encoded = witness.split("+", 2)
    key = unwrap(encoded)
    if key[:1] != COSIGNATURE or note_id(name, COSIGNATURE, key[1:]).hex() != key_id:
        raise WrongError(f"--witness {name}: this is not the key of a witness")
    at_ns = cosigned_ns(*read_note(ledger.note), key[1:], name)
    if at_ns is None:
        raise WrongError(f"the witness {name} did not cosign it")
    if oldest is not None and at_ns < oldest:
        raise WrongError(f"the witness {name} cosigned it at {moment(at_ns)}, which is longer ago than --max-age")


def _check_seen(ledger: Ledger, note: str) -> None:
    """The ledger must begin with the one whose head was seen before."""
    origin, said, root = read_note(note)[0].split("\n")[:3]
    size = int(said)
    if origin != ledger.origin or roots_at((one.leaf for one in ledger.entries), {size}).get(size) != unwrap(root):
        raise WrongError(f"the ledger does not continue the one that was seen at size {size}")


def plain(text: str) -> str:
    """One line of text, whatever a pack holds: nothing in it moves the cursor or begins another line."""
    return "".join(sign if sign.isprintable() else f"\\x{ord(sign):02x}" for sign in text)


def duration_ns(text: str) -> int:
    """A duration such as 12h or 30d, in nanoseconds."""
    match = re.fullmatch(r"([0-9]{1,6})([smhdw])", text)
    if match is None:
        raise argparse.ArgumentTypeError("write it like 12h or 30d")
    return int(match[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}[match[2]] * SECOND_NS


def fingerprint(text: str) -> str:
    """A fingerprint as people hand it on: `sha256:` and 64 hex digits, in groups or not."""
    found = re.sub(r"[\s-]", "", text.lower())
    found = found if found.startswith("sha256:") else f"sha256:{found}"
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", found):
        raise argparse.ArgumentTypeError("a fingerprint is sha256: and 64 hex digits")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Check a pack and say what holds and what does not."""
    parser = argparse.ArgumentParser(description="Check an evidence pack of an andon factory.")
    parser.add_argument("pack", type=Path, help="the zip file")
    parser.add_argument("--root", type=fingerprint, help="fingerprint of the first trust root, from elsewhere")
    parser.add_argument("--max-age", type=duration_ns, help="refuse a ledger, or a cosignature, older than this: 30d")
    parser.add_argument("--witness", action="append", default=[], metavar="NAME+ID+KEY", help="must have cosigned")
    parser.add_argument("--seen", type=Path, metavar="CHECKPOINT", help="a checkpoint from an earlier pack")
    given = parser.parse_args(arguments)
    try:
        data, seen = given.pack.read_bytes(), given.seen.read_text() if given.seen else None
    except (OSError, UnicodeDecodeError) as error:
        print(f"WRONG  {error}")
        return BAD
    asked = Asked(given.root, given.max_age, tuple(given.witness), seen, time.time_ns())
    checks, index = check_pack(data, asked)
    return report(checks, index, asked)


def report(checks: Checks, index: Object, asked: Asked) -> int:
    """Print what was found; the exit code."""
    for path, text in checks.problems:
        print(plain(f"WRONG  {path}: {text}"))
    for text in checks.held if not checks.problems else ():
        print(plain(f"ok     {text}"))
    if asked.root is None:
        print("UNANCHORED: no --root was given, so whoever made this pack may have made its keys as well.")
    if checks.problems:
        print(f"BAD: {len(checks.problems)} problems in {len({path for path, _ in checks.problems})} files.")
        return BAD
    if asked.root is None:
        return UNANCHORED
    print(f"GOOD: everything in this pack holds under the trust root {asked.root}.")
    print(plain(f"The release is {index['state']}, says the gatekeeper; the pages for people are its words, too."))
    return GOOD


if __name__ == "__main__":
    sys.exit(main())
