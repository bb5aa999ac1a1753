"""What two contracts of one dataset differ in, and what that means for those who read it."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Final, Literal

from andon.contracts.dataset import Column, DatasetContract, Rule
from andon.expressions.own_rules import Own, own_of
from andon.expressions.tree import Node

Meaning = Literal["breaking", "compatible"]
_STRICT: Final = {"warn": 0, "quarantine": 1, "block": 2}
_UNSAID: Final = ("name",)
_BREAKING: Final = {
    "kind": "whoever computes with its values gets others, and rows published earlier cannot be read with it",
    "scale": "rows published earlier hold numbers of other decimals",
    "role": "other columns name a row, or say when it happened or was known",
    "unit": "the same number means something else",
    "tz": "the same words of a source mean another moment",
    "nullable": "null comes to those who were promised a value",
    "segment": "gates that look at its segments find none",
    "pii": "what is computed from it is not marked as about people any more",
    "protected": "what is computed from it is not marked as protected any more",
}
_COMPATIBLE: Final = {
    "nullable": "what had to be there always is there",
    "unit": "a unit is said where none was",
    "segment": "measurements are made for each of its values, too",
    "pii": "what is computed from it is marked as about people from now on",
    "protected": "what is computed from it is marked as protected from now on",
}


@dataclass(frozen=True, slots=True)
class ContractChange:
    """One difference of two contracts.

    Attributes:
        what: The column, the rule, or what of the contract.
        before: What it was, in words; empty where it was not there.
        meaning: `breaking` where a reader was promised what does not hold any more, or cannot read what there is.
        why: The reason, in words.
        columns: The columns whose readers it concerns; empty for none.
    """

    what: str
    before: str
    after: str
    meaning: Meaning
    why: str
    columns: tuple[str, ...]


def contract_changes(before: DatasetContract, after: DatasetContract) -> tuple[ContractChange, ...]:
    """Every difference of two contracts, those that break something first.

    A promise that is kept no longer breaks: a value that could not be there may be there. One that is stricter does
    not, though a source may have to change. Of two conditions nobody can tell which asks more, so another one breaks.
    """
    found = [*_whole(before, after), *_columns(before, after), *_rules(before, after)]
    return tuple(sorted(found, key=lambda one: one.meaning != "breaking"))


def _whole(before: DatasetContract, after: DatasetContract) -> Iterator[ContractChange]:
    every = tuple(column.name for column in after.columns)
    if before.known_after_ns != after.known_after_ns:
        why = "other rows count as known when a question is asked"
        yield ContractChange(
            "known after", _seconds(before.known_after_ns), _seconds(after.known_after_ns), "breaking", why, every
        )
    if before.owner != after.owner:
        yield ContractChange("owner", before.owner, after.owner, "compatible", "somebody else answers for it", ())


def _columns(before: DatasetContract, after: DatasetContract) -> Iterator[ContractChange]:
    old, new = ({column.name: column for column in one.columns} for one in (before, after))
    for name, column in old.items():
        if name not in new:
            why = "nobody brings its values any more"
            yield ContractChange(name, column.kind, "", "breaking", why, (name,))
    for name, column in new.items():
        if name not in old:
            is_free = column.nullable and column.role == "value"
            why = "it is null in rows published earlier" if is_free else "rows published earlier do not have it"
            yield ContractChange(name, "", column.kind, "compatible" if is_free else "breaking", why, (name,))
        else:
            yield from _members(old[name], column)


def _members(old: Column, new: Column) -> Iterator[ContractChange]:
    for member in (each.name for each in fields(Column) if each.name not in _UNSAID):
        was, now = getattr(old, member), getattr(new, member)
        if was == now:
            continue
        is_compatible = member == "unit" and not was
        is_compatible |= member == "nullable" and was
        is_compatible |= member in ("segment", "pii", "protected") and now
        why = _COMPATIBLE[member] if is_compatible else _BREAKING.get(member, "its values are others")
        meaning: Meaning = "compatible" if is_compatible else "breaking"
        yield ContractChange(f"{new.name}: {member}", str(was), str(now), meaning, why, (new.name,))


def _rules(before: DatasetContract, after: DatasetContract) -> Iterator[ContractChange]:
    old, new = ({rule.id: rule for rule in one.rules} for one in (before, after))
    gone = {column.name for column in before.columns} ^ {column.name for column in after.columns}
    for name in dict.fromkeys((*old, *new)):
        was, now = old.get(name), new.get(name)
        said = was or now
        if was == now or said is None or name == "identity.unique" or name.endswith(".present"):
            continue  # the last two say nothing that the columns do not say
        if set(said.columns) & gone:
            continue  # its column came or went, which says it all
        meaning, why = _meaning(was, now, before, after)
        yield ContractChange(f"rule {name}", _said(was), _said(now), meaning, why, said.columns)


def _meaning(
    was: Rule | None, now: Rule | None, before: DatasetContract, after: DatasetContract
) -> tuple[Meaning, str]:
    if was is None:
        return "compatible", "rows are held to more than before"
    if now is None:
        return "breaking", "rows that broke it come to those who read them"
    strictness = _STRICT[now.severity] - _STRICT[was.severity]
    if strictness < 0:
        return "breaking", "rows that break it are let through more easily"
    if now.share > was.share or _tolerated(now) > _tolerated(was):
        return "breaking", "more rows may break it in a batch that passes"
    if _condition(was) == _condition(now):
        return "compatible", "its words are others" if strictness == 0 and _how(was) == _how(now) else "it is stricter"
    if _is_within(was.id, before, after):
        return "compatible", "every value that may be there could be there before"
    return "breaking", "values may be there that could not be there before"


def _tolerated(rule: Rule) -> float:
    return 0.0 if rule.severity == "block" else rule.tolerance


def _condition(rule: Rule) -> tuple[object, ...]:
    return rule.scope, rule.columns, rule.expression, rule.pattern, rule.of, rule.of_columns


def _how(rule: Rule) -> tuple[object, ...]:
    return rule.severity, rule.share, rule.tolerance


def _is_within(rule: str, before: DatasetContract, after: DatasetContract) -> bool:
    """Whether a range or a set lies within what it was."""
    name, _, what = rule.rpartition(".")
    old, new = (_own(contract, name) for contract in (before, after))
    if old is None or new is None:
        return False
    if what == "set":
        return {each.value for each in new.one_of} <= {each.value for each in old.one_of}
    return what == "range" and all(_keeps(bound, new) for bound in old.bounds)


def _own(contract: DatasetContract, name: str) -> Own | None:
    column = next((each for each in contract.columns if each.name == name), None)
    return own_of(contract, column) if column else None


def _keeps(bound: tuple[str, Node], new: Own) -> bool:
    """Whether what satisfies the new bounds satisfies an old one."""
    op, limit = bound
    for other, value in new.bounds:
        if op[0] == other[0] and op[0] in "gl":
            beyond = value.value > limit.value if op[0] == "g" else value.value < limit.value  # type: ignore[operator]  # numbers of one kind
            if beyond or (value.value == limit.value and (op == other or other in ("gt", "lt"))):
                return True
    return False


def _said(rule: Rule | None) -> str:
    if rule is None:
        return ""
    tolerance = f", at most {rule.tolerance:.2%}" if rule.tolerance < 1 else ""
    return f"{rule.text or rule.scope} ({rule.severity}{tolerance})"


def _seconds(ns: int | None) -> str:
    return "when it is published" if ns is None else f"{ns / 10**9:g} s"
