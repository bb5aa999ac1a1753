"""The trust root as a file that people write: TOML, with moments, durations and keys as they are read aloud."""

import json
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from andon.attest.toml_tables import Table, malformed
from andon.attest.trust_json import from_bytes, to_bytes
from andon.attest.trust_root import Demand, Floor, KeyState, Principal, RoleInterval, TrustRoot, Waivable
from andon.contracts.policy import Criterion
from andon.kernel.clock import iso
from andon.kernel.errors import AndonError, InputError
from andon.kernel.signing import key_line

MAX_CHARACTERS: Final = 1 << 20
_HEADER: Final = """\
# The trust root of factory {factory}, version {version}: who may sign, and what each target asks for at least.
# To change it: edit this file, then `andon policy propose FILE`. Nothing is in force until enough people, of this
# version and of the next one, have signed what is proposed: `andon policy sign`.
# Moments are ISO 8601 in UTC; lengths of time such as 90d or 12h; public keys ed25519: and 32 bytes in base64.
"""
_UNITS_NS: Final = (
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
)
_BOUNDS: Final = {"ge": "at_least", "le": "at_most"}


def to_toml(root: TrustRoot) -> str:
    """A trust root as TOML; `from_toml` reads the very same root back."""
    owners = {key.public.key_id: one.name for one in root.principals for key in one.keys}
    keys = {key.public.key_id: key_line(key.public) for one in root.principals for key in one.keys}
    lines = [
        _HEADER.format(factory=_text(root.factory)[1:-1], version=root.version),
        f"version = {root.version}",
        f"domain = {_text(root.domain)}",
        f"factory = {_text(root.factory)}",
        f"expires = {_text(iso(root.expires_ns))}  # from then on nothing moves forward; what serves goes on serving",
        "",
        "# How many different people must sign a version, and the keys that may.",
        f"quorum = {root.quorum}",
        *_list("root_keys", (f"{_text(keys[key_id])},  # {_text(owners[key_id])[1:-1]}" for key_id in root.root_keys)),
    ]
    for principal in root.principals:
        lines += ["", *_principal(principal)]
    for floor in root.floors:
        lines += ["", *_floor(floor)]
    return "\n".join(lines) + "\n"


def from_toml(text: str, place: str = "policy") -> TrustRoot:
    """Read a trust root that somebody wrote; nothing is signed.

    Args:
        text: The file.
        place: What the file is called, for refusals.

    Raises:
        InputError: It is no TOML (`policy.not-toml`), or a member is missing, unknown, twice or of the wrong kind
            (`policy.malformed`); the place is the line where one can be named.
        IntegrityError: It contradicts itself (`trust.inconsistent`).
    """
    root = _read(Table.of(_parsed(text, place), text, place))
    try:
        return from_bytes(to_bytes(root))
    except AndonError as error:
        if error.code == "trust.inconsistent":
            raise
        raise malformed(
            f"{place}: {error.place}", error.found, "Use letters, digits and . _ @ / - in names."
        ) from error


def _parsed(text: str, place: str) -> dict[str, object]:
    if len(text) > MAX_CHARACTERS:
        raise _not_toml(place, f"{len(text)} characters, and at most {MAX_CHARACTERS} are read")
    try:
        return tomllib.loads(text)
    except ValueError as error:
        raise _not_toml(place, str(error)[:200]) from error
    except RecursionError as error:
        raise _not_toml(place, "lists or tables nested too deep") from error


def _read(table: Table) -> TrustRoot:
    table.check_names("version", "domain", "factory", "expires", "quorum", "root_keys", "principal", "floor")
    return TrustRoot(
        version=table.whole("version"),
        domain=table.text("domain"),
        factory=table.text("factory"),
        expires_ns=table.moment("expires"),
        quorum=table.whole("quorum"),
        root_keys=tuple(key.key_id for key in table.keys("root_keys")),
        principals=tuple(_read_principal(one) for one in table.tables("principal")),
        floors=tuple(_read_floor(one) for one in table.tables("floor")),
    )


def _read_principal(table: Table) -> Principal:
    table.check_names("name", "kind", "keys", "roles")
    return Principal(
        name=table.text("name"),
        kind=table.choice("kind", "person", "service"),
        keys=tuple(_read_key(one) for one in table.tables("keys")),
        roles=tuple(_read_role(one) for one in table.tables("roles")),
    )


def _read_key(table: Table) -> KeyState:
    table.check_names("key", "state", "since")
    return KeyState(table.key("key"), table.choice("state", "active", "retired", "compromised"), table.moment("since"))


def _read_role(table: Table) -> RoleInterval:
    table.check_names("role", "from", "until")
    return RoleInterval(table.text("role"), table.moment("from"), table.moment("until") if "until" in table else None)


def _read_floor(table: Table) -> Floor:
    table.check_names(
        "target",
        "production",
        "gates",
        "signoffs",
        "owner",
        "tier",
        "criteria",
        "policies",
        "waivable",
        "first_criteria",
        "first_signoffs",
        "looks",
        "witnesses",
    )
    return Floor(
        target=table.text("target"),
        production=table.truth("production"),
        gates=table.texts("gates"),
        signoffs=table.numbers("signoffs"),
        owner=table.text("owner", ""),
        tier=table.choice("tier", "T0", "T1", "T2"),
        criteria=tuple(_read_demand(one) for one in table.tables("criteria")),
        policies=table.named_texts("policies"),
        waivable=tuple(_read_waivable(one) for one in table.tables("waivable")),
        first_criteria=tuple(_read_demand(one) for one in table.tables("first_criteria")),
        first_signoffs=table.numbers("first_signoffs"),
        looks=table.whole("looks") if "looks" in table else None,
        witnesses=table.whole("witnesses", 0),
    )


def _read_demand(table: Table) -> Demand:
    table.check_names("gate", "metric", "at_least", "at_most", "side", "by", "min_n", "baseline", "slice", "severity")
    if ("at_least" in table) == ("at_most" in table):
        raise table.refused("metric", "both or neither of at_least and at_most", "Give the bound as one of them.")
    is_lower = "at_least" in table
    criterion = Criterion(
        metric=table.text("metric"),
        op="ge" if is_lower else "le",
        bound=table.number("at_least" if is_lower else "at_most"),
        side=table.choice("side", "point", "lower", "upper"),
        by=table.text("by", ""),
        min_n=table.whole("min_n", 0),
        baseline=table.choice("baseline", "", "champion"),
        slice=table.text("slice", ""),
        severity=table.choice("severity", "block", "warn"),
    )
    return Demand(table.text("gate"), criterion)


def _read_waivable(table: Table) -> Waivable:
    table.check_names("gate", "metric", "role", "longest")
    return Waivable(table.text("gate"), table.text("metric"), table.text("role"), table.duration("longest"))


def _principal(principal: Principal) -> Iterator[str]:
    yield "[[principal]]"
    yield f"name = {_text(principal.name)}"
    yield f"kind = {_text(principal.kind)}"
    yield from _list("keys", (f"{_key(key)}," for key in principal.keys))
    yield from _list("roles", (f"{_role(role)}," for role in principal.roles))


def _key(key: KeyState) -> str:
    return _inline(
        ("key", _text(key_line(key.public))), ("state", _text(key.state)), ("since", _text(iso(key.since_ns)))
    )


def _role(role: RoleInterval) -> str:
    until = "" if role.until_ns is None else _text(iso(role.until_ns))
    return _inline(("role", _text(role.role)), ("from", _text(iso(role.from_ns))), ("until", until))


def _floor(floor: Floor) -> Iterator[str]:
    yield "[[floor]]"
    yield f"target = {_text(floor.target)}"
    yield f"production = {_truth(floor.production)}"
    yield f"owner = {_text(floor.owner)}"
    yield f"tier = {_text(floor.tier)}"
    yield f"gates = [{', '.join(map(_text, floor.gates))}]"
    yield f"signoffs = {_inline(*((_name(role), str(people)) for role, people in floor.signoffs))}"
    yield from _list("criteria", (f"{_demand(demand)}," for demand in floor.criteria))
    yield f"policies = {_inline(*((_name(gate), _text(digest)) for gate, digest in floor.policies))}"
    yield from _list("waivable", (f"{_waivable(one)}," for one in floor.waivable))
    yield "# While nothing serves there, also:"
    yield from _list("first_criteria", (f"{_demand(demand)}," for demand in floor.first_criteria))
    yield f"first_signoffs = {_inline(*((_name(role), str(people)) for role, people in floor.first_signoffs))}"
    if floor.looks is not None:
        yield f"looks = {floor.looks}"
    yield f"witnesses = {floor.witnesses}"


def _demand(demand: Demand) -> str:
    one = demand.criterion
    return _inline(
        ("gate", _text(demand.gate)),
        ("metric", _text(one.metric)),
        (_BOUNDS[one.op], repr(float(one.bound))),
        ("side", "" if one.side == "point" else _text(one.side)),
        ("by", one.by and _text(one.by)),
        ("min_n", str(one.min_n) if one.min_n else ""),
        ("baseline", one.baseline and _text(one.baseline)),
        ("slice", one.slice and _text(one.slice)),
        ("severity", "" if one.severity == "block" else _text(one.severity)),
    )


def _waivable(one: Waivable) -> str:
    return _inline(
        ("gate", _text(one.gate)),
        ("metric", _text(one.metric)),
        ("role", _text(one.role)),
        ("longest", _text(duration_text(one.longest_ns))),
    )


def duration_text(ns: int) -> str:
    """A length of time as `andon.kernel.clock.duration_ns` reads it, such as `1d12h`."""
    parts = []
    for unit, size in _UNITS_NS:
        number, ns = divmod(ns, size)
        parts += [f"{number}{unit}"] if number else []
    return "".join(parts) or "0s"


def _list(name: str, items: Iterable[str]) -> Sequence[str]:
    """A list with one item a line; items end with a comma, and may have a comment."""
    lines = [f"  {item}" for item in items]
    return [f"{name} = [", *lines, "]"] if lines else [f"{name} = []"]


def _inline(*members: tuple[str, str]) -> str:
    """A table on one line, without the members that have no value."""
    inner = ", ".join(f"{name} = {value}" for name, value in members if value)
    return f"{{ {inner} }}" if inner else "{}"


def _truth(value: bool) -> str:
    return "true" if value else "false"


def _name(name: str) -> str:
    is_bare = name.isascii() and all(one.isalnum() or one in "-_" for one in name)
    return name if name and is_bare else _text(name)


def _text(value: str) -> str:
    """Text between quotation marks; what JSON escapes is escaped alike in TOML, and one character more must be."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _not_toml(place: str, found: str) -> InputError:
    return InputError(
        "policy.not-toml",
        "This file cannot be read as TOML.",
        place=place,
        found=found,
        fix="Mend the line, or begin again with: andon policy show --toml",
    )
