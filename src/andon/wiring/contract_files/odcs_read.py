"""A document of the Open Data Contract Standard read as a contract, and what of it andon does not keep."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Final, cast, get_args

from andon.contracts.dataset import WIDEST, Column, DatasetContract, Kind, Role, Rule, Severity
from andon.expressions import tree
from andon.expressions.functions import CATEGORY, INT, Type, type_of
from andon.expressions.own_rules import Own, identity_rule, rules_of
from andon.expressions.patterns import check_pattern
from andon.expressions.tree import Node
from andon.expressions.zones import zone
from andon.kernel.canonical import Json
from andon.kernel.errors import InputError

_KINDS: Final[Mapping[str, Kind]] = {
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "string": "category",
    "timestamp": "time",
    "date": "time",
    "array": "vector",
}
_BOUNDS: Final = (("ge", "minimum"), ("gt", "exclusiveMinimum"), ("le", "maximum"), ("lt", "exclusiveMaximum"))
_OF_OBJECT: Final = ("andon.knownAfterNs", "andon.rules")
_OF_PROPERTY: Final = (
    *("andon.kind", "andon.scale", "andon.size", "andon.role", "andon.unit", "andon.segment", "andon.protected"),
    *("andon.severity", "andon.tolerance"),
)
_OF_RULE: Final = ("andon.rule", "andon.text", "andon.severity", "andon.tolerance")
_SAID: Final = frozenset(
    {
        *("name", "logicalType", "logicalTypeOptions", "physicalType", "primaryKey", "primaryKeyPosition", "required"),
        *("classification", "quality", "customProperties", "relationships", "items"),
    }
)


@dataclass(slots=True)
class _Reading:
    """A document on its way to a contract.

    Attributes:
        place: Where in the document, for errors.
        notes: What was left out, in words.
    """

    name: str
    place: str
    notes: list[str] = field(default_factory=list)


def read_odcs(document: Json, place: str) -> tuple[DatasetContract, tuple[str, ...]]:
    """The contract in a document of ODCS 3, and in words what of it could not be kept.

    Args:
        document: The document, with one object in its schema.
        place: Where it comes from, for errors.

    Raises:
        InputError: It is no such document, a member is of another form, a column could not be declared, or it has an
            `andon.*` property that this version does not know.
    """
    top = _mapping(document, place)
    if top.get("kind") != "DataContract" or not str(top.get("apiVersion", "")).startswith("v3."):
        raise _refuse(place, f"kind {top.get('kind')!r}, apiVersion {top.get('apiVersion')!r}", "kind: DataContract")
    objects = _items(top.get("schema", []), f"{place}: schema")
    if len(objects) != 1:
        raise _refuse(f"{place}: schema", f"{len(objects)} objects", "Write a document for each object.")
    given = _mapping(objects[0], f"{place}: schema")
    reading = _Reading(_text(given, "name", place), place)
    _custom(top, (), reading.place)
    custom = _custom(given, _OF_OBJECT, reading.place)
    try:
        return _contract(reading, top, given, custom), tuple(reading.notes)
    except (KeyError, TypeError, ValueError, InvalidOperation) as error:
        raise _refuse(reading.place, repr(error)[:200], "Correct this member.") from error


def _contract(
    reading: _Reading, top: Mapping[str, Json], given: Mapping[str, Json], custom: Mapping[str, Json]
) -> DatasetContract:
    properties = [_mapping(one, reading.place) for one in _items(given.get("properties", []), reading.place)]
    columns, owns = [], []
    for one in properties:
        reading.place = f"{reading.name}.{_text(one, 'name', reading.place)}"
        column, own = _column(reading, one)
        columns.append(column)
        owns.append(own)
    after = custom.get("andon.knownAfterNs")
    team = top.get("team")
    owner = str(team.get("name", "")) if isinstance(team, Mapping) else ""
    contract = DatasetContract(reading.name, tuple(columns), (), None if after is None else int(str(after)), owner)
    if not contract.of_role("key"):
        reading.notes.append("no property is a primaryKey: give a column key=True")
    rules = [identity_rule(contract)]
    for column, own in zip(columns, owns, strict=True):
        rules += rules_of(reading.name, column, own)
    across = {rule.id: rule for rule in _across(reading, contract, given)}
    order = str(custom.get("andon.rules", "")).split(", ")
    rules += sorted(across.values(), key=lambda rule: order.index(rule.id) if rule.id in order else len(order))
    return DatasetContract(reading.name, tuple(columns), tuple(rules), contract.known_after_ns, owner)


def _column(reading: _Reading, given: Mapping[str, Json]) -> tuple[Column, Own]:
    custom = _custom(given, _OF_PROPERTY, reading.place)
    options = _mapping(given.get("logicalTypeOptions", {}), reading.place)
    logical = str(given.get("logicalType"))
    if logical not in _KINDS:
        fix = f"Declare one of {', '.join(_KINDS)}, or leave the property out."
        raise _refuse(reading.place, f"logicalType {logical}", fix)
    kind = cast("Kind", custom.get("andon.kind", _KINDS[logical]))
    role = cast("Role", custom.get("andon.role", "key" if given.get("primaryKey") is True else "value"))
    if kind not in get_args(Kind) or role not in get_args(Role):
        raise _refuse(reading.place, f"andon.kind {kind}, andon.role {role}", "Leave them out, or correct them.")
    column = Column(
        name=str(given["name"]),
        kind=kind,
        role=role,
        nullable=given.get("required", False) is not True and role == "value",
        unit=str(custom.get("andon.unit", "")),
        tz=zone(str(options.get("defaultTimezone", "UTC"))).name if kind == "time" else "UTC",
        scale=_whole(custom.get("andon.scale", 0)),
        size=_whole(custom.get("andon.size", 0)),
        segment=custom.get("andon.segment", False) is True,
        pii=str(given.get("classification", "")).lower() == "pii",
        protected=custom.get("andon.protected", False) is True,
    )
    if (kind == "vector") != (0 < column.size <= WIDEST):
        fix = f"Say how many numbers each vector has, 1 to {WIDEST}, as the custom property andon.size."
        raise _refuse(reading.place, f"{kind} of size {column.size}", fix)
    reading.notes += [f"{reading.place}: {name} is left out" for name in given if name not in _SAID]
    return column, _own(reading, column, given, options, custom)


def _own(
    reading: _Reading,
    column: Column,
    given: Mapping[str, Json],
    options: Mapping[str, Json],
    custom: Mapping[str, Json],
) -> Own:
    type_, kept = type_of(column), {"timezone", "defaultTimezone"}
    bounds: list[tuple[str, Node]] = []
    if column.kind in ("int", "fixed", "float"):
        bounds = [(op, _bound(options[name], type_)) for op, name in _BOUNDS if name in options]
        kept |= {name for _, name in _BOUNDS}
    pattern = ""
    if column.kind == "category" and "pattern" in options:
        kept, pattern = kept | {"pattern"}, check_pattern(str(options["pattern"]))
    one_of, share = _quality_of(reading, column, given)
    reading.notes += [f"{reading.place}: {name} is left out" for name in options if name not in kept]
    severity, tolerance = _strictness(custom, reading.place)
    return Own(tuple(bounds), one_of, share, pattern, severity, tolerance)


def _quality_of(reading: _Reading, column: Column, given: Mapping[str, Json]) -> tuple[tuple[Node, ...], float | None]:
    """The values that may be, and the share that may be null, from the quality rules of a property."""
    one_of: tuple[Node, ...] = ()
    share = None
    for one in _items(given.get("quality", []), reading.place):
        quality = _mapping(one, reading.place)
        arguments = _mapping(quality.get("arguments", {}), reading.place)
        if (
            quality.get("metric") == "invalidValues"
            and quality.get("mustBe") == 0
            and column.kind in ("category", "int")
        ):
            values = _items(arguments.get("validValues", []), reading.place)
            one_of = tuple(_literal(value, column) for value in values)
        elif quality.get("metric") == "nullValues" and "mustBeLessOrEqualTo" in quality and column.nullable:
            percent = float(cast("float", quality["mustBeLessOrEqualTo"]))
            exact = arguments.get("share")  # hundred times a share, and back, need not be the same number
            is_same = isinstance(exact, int | float) and exact * 100 == percent
            share = float(cast("float", exact)) if is_same else percent / 100
        else:
            reading.notes.append(
                f"{reading.place}: a quality rule is left out: {quality.get('metric') or quality.get('type')}"
            )
    return one_of, share


def _across(reading: _Reading, contract: DatasetContract, given: Mapping[str, Json]) -> Iterator[Rule]:
    for number, one in enumerate(_items(given.get("quality", []), reading.name)):
        quality = _mapping(one, reading.name)
        reading.place = f"{reading.name}.{quality.get('name', f'quality {number}')}"
        custom = _custom(quality, ("andon.tolerance",), reading.place)
        severity, tolerance = _strictness(
            {"andon.severity": quality.get("severity", "quarantine"), **custom}, reading.place
        )
        name, text = str(quality.get("name", f"rule_{number}")), str(quality.get("description", ""))
        if quality.get("type") == "custom" and quality.get("engine") == "andon":
            node = tree.from_json(quality["implementation"])
            columns = tuple(column for _, column in tree.columns_of(node))
            yield Rule(name, "row", severity, columns, tree.to_json(node), tolerance=tolerance, text=text)
        elif quality.get("metric") == "duplicateValues" and quality.get("mustBe") == 0:
            arguments = _mapping(quality.get("arguments", {}), reading.place)
            columns = tuple(contract.column(str(each)).name for each in _items(arguments["properties"], reading.place))
            yield Rule(name, "unique", severity, columns, tolerance=tolerance, text=text)
        else:
            reading.notes.append(f"{reading.place}: a quality rule is left out")
    for number, one in enumerate(_items(given.get("relationships", []), reading.name)):
        yield _reference(reading, contract, _mapping(one, reading.name), number)


def _reference(reading: _Reading, contract: DatasetContract, given: Mapping[str, Json], number: int) -> Rule:
    reading.place = f"{reading.name}: relationship {number}"
    custom = _custom(given, _OF_RULE, reading.place)
    own, other = (
        [str(each) for each in (end if isinstance(end, list) else [end])] for end in (given["from"], given["to"])
    )
    columns = tuple(contract.column(each.rpartition(".")[2]).name for each in own)
    of = {each.rpartition(".")[0] for each in other}
    if len(of) != 1 or "" in of or len(own) != len(other):
        raise _refuse(reading.place, f"{own} to {other}", "Refer to as many columns of one other object.")
    severity, tolerance = _strictness(custom, reading.place)
    name = str(custom.get("andon.rule", f"{columns[0]}_exists"))
    others = tuple(each.rpartition(".")[2] for each in other)
    text = str(custom.get("andon.text", f"{', '.join(columns)} exists in {', '.join(other)}"))
    return Rule(name, "exists", severity, columns, tolerance=tolerance, text=text, of=min(of), of_columns=others)


def _strictness(custom: Mapping[str, Json], place: str) -> tuple[Severity, float]:
    severity, tolerance = custom.get("andon.severity", "quarantine"), custom.get("andon.tolerance", 1.0)
    severity = {"error": "block", "warning": "warn", "info": "warn"}.get(str(severity), severity)
    if severity not in get_args(Severity) or isinstance(tolerance, bool) or not isinstance(tolerance, int | float):
        raise _refuse(place, f"severity {severity}, tolerance {tolerance}", "block, quarantine or warn; a share.")
    return cast("Severity", severity), float(tolerance)


def _bound(value: Json, type_: Type) -> Node:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(value)
    if type_.kind == "float":
        return tree.literal(float(value), type_)
    scaled = Decimal(repr(value)).scaleb(type_.scale)
    if scaled != scaled.to_integral_value():
        raise ValueError(value)
    return tree.literal(int(scaled), type_)


def _literal(value: Json, column: Column) -> Node:
    if column.kind == "int":
        return tree.literal(_whole(value), INT)
    if not isinstance(value, str):
        raise TypeError(value)
    return tree.literal(value, CATEGORY)


def _whole(value: Json) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(value)
    return value


def _custom(given: Mapping[str, Json], known: Sequence[str], place: str) -> dict[str, Json]:
    """The `andon.*` properties that stand beside a member; other people's are theirs."""
    found = {}
    for one in _items(given.get("customProperties", []), place):
        entry = _mapping(one, place)
        name = str(entry.get("property"))
        if name.startswith("andon.") and name not in known:
            raise _refuse(place, name, f"Known here: {', '.join(known) or 'none'}. Take it out, or use a newer andon.")
        if name in known:
            found[name] = entry.get("value")
    return found


def _mapping(value: Json, place: str) -> Mapping[str, Json]:
    if not isinstance(value, Mapping):
        raise _refuse(place, f"{value!r}"[:100], "Write a mapping of names to values.")
    return value


def _items(value: Json, place: str) -> list[Json]:
    if not isinstance(value, list):
        raise _refuse(place, f"{value!r}"[:100], "Write a list.")
    return value


def _text(given: Mapping[str, Json], name: str, place: str) -> str:
    value = given.get(name)
    if not isinstance(value, str) or not value:
        raise _refuse(place, f"{name}: {value!r}"[:100], f"Give it a {name}.")
    return value


def _refuse(place: str, found: str, fix: str) -> InputError:
    return InputError(
        "odcs.malformed", "This is no contract of the Open Data Contract Standard 3.", place=place, found=found, fix=fix
    )
