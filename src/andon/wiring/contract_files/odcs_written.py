"""A contract in the Open Data Contract Standard 3.1: what the standard can say in its words, the rest as `andon.*`."""

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from andon.contracts.dataset import Column, DatasetContract, Rule
from andon.expressions.own_rules import Own, own_of
from andon.expressions.tree import Node
from andon.kernel.canonical import Json
from andon.kernel.errors import InputError
from andon.wiring.contract_files.odcs_read import read_odcs

VERSION: Final = "v3.1.0"
TYPES: Final = {
    "int": "integer",
    "fixed": "number",
    "float": "number",
    "bool": "boolean",
    "category": "string",
    "time": "timestamp",
    "text": "string",
    "vector": "array",
    "blob": "string",
}
OWN_KINDS: Final = ("fixed", "text", "vector", "blob")
"""Kinds that the standard's types do not tell."""
BOUNDS: Final = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}
_STARTS: Final = 12


def write_odcs(contract: DatasetContract) -> dict[str, Json]:
    """The contract as a document of the standard, from which `read_odcs` makes the very same contract.

    Raises:
        InputError: It has a rule or a value that the document could not hold exactly.
    """
    owns = {column.name: own_of(contract, column) for column in contract.columns}
    document: dict[str, Json] = {
        "apiVersion": VERSION,
        "kind": "DataContract",
        "id": contract.name,
        "name": contract.name,
        "version": contract.digest().removeprefix("sha256:")[:_STARTS],
        "status": "active",
        **({"team": {"name": contract.owner}} if contract.owner else {}),
        "schema": [_object(contract, {name: own or Own() for name, own in owns.items()})],
    }
    read, _ = read_odcs(document, contract.name)
    if read != contract:
        raise _inexact(contract.name, f"{read.digest()} when read again, not {contract.digest()}")
    return document


def _object(contract: DatasetContract, owns: Mapping[str, Own]) -> dict[str, Json]:
    across = [rule for rule in contract.rules if "." not in rule.id]
    quality: list[Json] = [_quality(rule) for rule in across if rule.scope in ("row", "unique")]
    relationships: list[Json] = [_relationship(contract, rule) for rule in across if rule.scope == "exists"]
    custom = {"andon.knownAfterNs": None if contract.known_after_ns is None else str(contract.known_after_ns)}
    custom["andon.rules"] = ", ".join(rule.id for rule in across) or None
    return {
        "name": contract.name,
        "logicalType": "object",
        "physicalType": "table",
        "properties": [_property(contract, column, owns[column.name]) for column in contract.columns],
        **({"quality": quality} if quality else {}),
        **({"relationships": relationships} if relationships else {}),
        **_custom(custom),
    }


def _property(contract: DatasetContract, column: Column, own: Own) -> dict[str, Json]:
    keys = contract.of_role("key")
    options: dict[str, Json] = {BOUNDS[op]: _number(bound) for op, bound in own.bounds}
    options |= {"pattern": own.pattern} if own.pattern else {}
    options |= {"timezone": True, "defaultTimezone": column.tz} if column.kind == "time" else {}
    quality: list[Json] = []
    if own.one_of:
        allowed: list[Json] = [bound.value for bound in own.one_of]
        quality.append({"metric": "invalidValues", "arguments": {"validValues": allowed}, "mustBe": 0})
    if own.max_null_share is not None:
        share = own.max_null_share
        quality.append(
            {
                "metric": "nullValues",
                "arguments": {"share": share},
                "mustBeLessOrEqualTo": share * 100,
                "unit": "percent",
            }
        )
    return {
        "name": column.name,
        "logicalType": TYPES[column.kind],
        **({"items": {"logicalType": "number"}} if column.kind == "vector" else {}),
        **({"primaryKey": True, "primaryKeyPosition": keys.index(column.name) + 1} if column.role == "key" else {}),
        "required": not column.nullable,
        **({"logicalTypeOptions": options} if options else {}),
        **({"classification": "pii"} if column.pii else {}),
        **({"quality": quality} if quality else {}),
        **_custom(
            {
                "andon.kind": column.kind if column.kind in OWN_KINDS else None,
                "andon.scale": column.scale or None,
                "andon.size": column.size or None,
                "andon.role": column.role if column.role in ("event_time", "known_at") else None,
                "andon.unit": column.unit or None,
                "andon.segment": column.segment or None,
                "andon.protected": column.protected or None,
                "andon.severity": own.severity if own.severity != "quarantine" else None,
                "andon.tolerance": own.tolerance if own.tolerance != 1 else None,
            }
        ),
    }


def _quality(rule: Rule) -> dict[str, Json]:
    said: dict[str, Json] = {"name": rule.id, "description": rule.text, "severity": rule.severity}
    if rule.scope == "unique":
        said |= {"metric": "duplicateValues", "arguments": {"properties": list(rule.columns)}, "mustBe": 0}
    else:
        said |= {"type": "custom", "engine": "andon", "implementation": dict(rule.expression or {})}
    return {**said, **_custom({"andon.tolerance": rule.tolerance if rule.tolerance != 1 else None})}


def _relationship(contract: DatasetContract, rule: Rule) -> dict[str, Json]:
    ends = ([f"{contract.name}.{name}" for name in rule.columns], [f"{rule.of}.{name}" for name in rule.of_columns])
    own, other = ends if len(rule.columns) > 1 else (ends[0][0], ends[1][0])
    custom: dict[str, Json] = {"andon.rule": rule.id, "andon.text": rule.text}
    custom["andon.severity"] = rule.severity if rule.severity != "quarantine" else None
    custom["andon.tolerance"] = rule.tolerance if rule.tolerance != 1 else None
    ends_json: dict[str, Json] = {"from": own if isinstance(own, str) else list(own)}
    ends_json["to"] = other if isinstance(other, str) else list(other)
    return {"type": "foreignKey", **ends_json, **_custom(custom)}


def _custom(values: Mapping[str, Json]) -> dict[str, Json]:
    found: list[Json] = [{"property": name, "value": value} for name, value in values.items() if value is not None]
    return {"customProperties": found} if found else {}


def _number(bound: Node) -> Json:
    if bound.type.kind == "fixed":
        exact = Decimal(int(bound.value)).scaleb(-bound.type.scale)
        return int(exact) if exact == exact.to_integral_value() else float(exact)
    if isinstance(bound.value, float) and not math.isfinite(bound.value):
        raise _inexact("a bound", repr(bound.value))
    return bound.value


def _inexact(place: str, found: str) -> InputError:
    fix = "Write bounds as JSON has numbers: finite, and with at most 15 digits where there is a point."
    return InputError("odcs.inexact", "The standard cannot hold this exactly.", place=place, found=found, fix=fix)
