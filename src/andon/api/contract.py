"""A contract as a class: its body declares columns and rules, its attributes are typed expressions."""

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Never

from andon.api.columns import Declared, declared
from andon.api.nearest import unknown
from andon.api.rules import BodyRule, ExistsRule, RowRule, UniqueRule
from andon.api.typed import Expr, Home
from andon.contracts.dataset import Column, DatasetContract, Rule
from andon.expressions import tree
from andon.expressions.own_rules import identity_rule, rules_of
from andon.expressions.show import show
from andon.expressions.tree import Node
from andon.kernel.errors import UsageError
from andon.line.ingest.reasons import FUTURE


class _ContractType(type):
    """Answers a misspelt column with the nearest name."""

    columns: dict[str, Expr]

    if not TYPE_CHECKING:  # a checker must see only the columns that there are

        def __getattr__(cls, name: str) -> Never:
            raise unknown(name, cls.__name__, vars(cls).get("columns", {}))


class Contract(metaclass=_ContractType):
    """What a dataset is promised to be. Subclass it and declare columns, and rules across them, in the body."""

    columns: ClassVar[dict[str, Expr]] = {}
    rules: ClassVar[dict[str, BodyRule]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        found: dict[str, Expr] = {}
        rules: dict[str, BodyRule] = {}
        for base in reversed(cls.__mro__[:-2]):
            for name, value in vars(base).items():
                if isinstance(value, Expr):
                    found[name] = value
                elif isinstance(value, BodyRule):
                    rules[name] = value
        home = Home(cls.__name__, _event_time(found))
        cls.columns = {name: _placed(value, name, home) for name, value in found.items()}
        cls.rules = rules
        _check_distinct(cls.__name__, cls.columns)
        for name, value in cls.columns.items():
            setattr(cls, name, value)


def contract_value(cls: type[Contract], owner: str) -> DatasetContract:
    """The contract that a class declares, as data.

    Args:
        cls: The class.
        owner: Who answers for it.

    Raises:
        UsageError: It has no key, two event times, two columns or rules for when a row is known, or a rule that reads
            something else than its own columns.
    """
    declarations = {name: _declared(value) for name, value in cls.columns.items()}
    columns = tuple(replace(each.column, name=name) for name, each in declarations.items())
    _check(cls.__name__, columns, declarations)
    after = [each.known_after_ns for each in declarations.values() if each.known_after_ns is not None]
    contract = DatasetContract(cls.__name__, columns, (), after[0] if after else None, owner)
    rules = [
        rule
        for column, each in zip(columns, declarations.values(), strict=True)
        for rule in rules_of(cls.__name__, column, each.own)
    ]
    rules += [_body_rule(cls, name, each, contract) for name, each in cls.rules.items()]
    return replace(contract, rules=(identity_rule(contract), *rules))


def _event_time(columns: dict[str, Expr]) -> str | None:
    roles = {name: each.column.role for name, value in columns.items() if (each := declared(value))}
    return next((name for name, role in roles.items() if role == "event_time"), None)


def _placed(value: Expr, name: str, home: Home) -> Expr:
    """The column of this contract: a copy, because a subclass has its own."""
    declaration = declared(value)
    if declaration is None or name.startswith("_") or name in ("columns", "rules"):
        raise UsageError(
            "contract.column",
            "Only columns and rules stand in a contract.",
            place=f"{home.contract}.{name}",
            found=repr(value),
            fix="Declare it with integer(), category() and so on, under a name without leading _; compute in features.",
        )
    return type(value)(tree.column(home.contract, name, value.node.type), home, declaration)


def _check_distinct(place: str, columns: dict[str, Expr]) -> None:
    numbers = [_declared(value).number for value in columns.values()]
    twice = [name for name, number in zip(columns, numbers, strict=True) if numbers.count(number) > 1]
    if twice:
        fix = "Call the constructor once for each column."
        raise _refuse("column", "One column has two names.", place, ", ".join(twice), fix)


def _declared(value: Expr) -> Declared:
    found = declared(value)
    if found is None:
        raise TypeError(value)
    return found


def _check(place: str, columns: tuple[Column, ...], declarations: dict[str, Declared]) -> None:
    roles = [column.role for column in columns]
    after = [name for name, each in declarations.items() if each.known_after_ns is not None]
    known = [column.name for column in columns if column.role == "known_at"]
    events = [column.name for column in columns if column.role == "event_time"]
    if "key" not in roles:
        raise _refuse("no-key", "A contract has at least one key.", place, "no key", "Write category(key=True).")
    if len(events) > 1:
        raise _refuse(
            "event-times", "A contract has one event time.", place, ", ".join(events), "Use time() for others."
        )
    if len(known) > 1 or (known and after):
        fix = "Keep one of known_at() and event_time(known_after=...)."
        raise _refuse("known-at", "Two things say when a row is known.", place, ", ".join(known + after), fix)


def _body_rule(cls: type[Contract], name: str, rule: BodyRule, contract: DatasetContract) -> Rule:
    if name == FUTURE:
        fix = "Give the rule another name: this is what rows from the future are set aside for."
        raise _refuse("rule", "This name is taken.", f"{cls.__name__}.{name}", name, fix)
    match rule:
        case RowRule():
            return _row_rule(cls, name, rule)
        case UniqueRule():
            return _unique_rule(cls, name, rule, contract)
        case ExistsRule():
            return _exists_rule(cls, name, rule)


def _row_rule(cls: type[Contract], name: str, rule: RowRule) -> Rule:
    condition = _in_contract(cls, name, rule.condition.node)
    columns = tuple(column for _, column in tree.columns_of(condition))
    text = rule.text or show(condition)
    return Rule(name, "row", rule.severity, columns, tree.to_json(condition), tolerance=rule.tolerance, text=text)


def _unique_rule(cls: type[Contract], name: str, rule: UniqueRule, contract: DatasetContract) -> Rule:
    columns = _names(cls, name, rule.columns)
    if set(contract.identity) <= set(columns):
        fix = "Leave the rule out, or name other columns."
        found = f"unique({', '.join(columns)})"
        raise _refuse("rule", "Keys and event time are unique in any case.", f"{cls.__name__}.{name}", found, fix)
    text = rule.text or f"no two rows have one {' and '.join(columns)}"
    return Rule(name, "unique", rule.severity, columns, tolerance=rule.tolerance, text=text)


def _exists_rule(cls: type[Contract], name: str, rule: ExistsRule) -> Rule:
    columns, of = _names(cls, name, rule.columns), rule.others[0].text("contract")
    if of in {base.__name__ for base in cls.__mro__[:-2]}:
        fix = "Refer to another contract; within one, compare columns of a row."
        raise _refuse("rule", "A contract does not refer to itself.", f"{cls.__name__}.{name}", of, fix)
    others = tuple(node.text("name") for node in rule.others)
    text = rule.text or f"{', '.join(columns)} exists in {', '.join(f'{of}.{other}' for other in others)}"
    return Rule(name, "exists", rule.severity, columns, tolerance=rule.tolerance, text=text, of=of, of_columns=others)


def _names(cls: type[Contract], name: str, columns: tuple[Node, ...]) -> tuple[str, ...]:
    return tuple(_in_contract(cls, name, column).text("name") for column in columns)


def _in_contract(cls: type[Contract], name: str, condition: Node) -> Node:
    """A rule's condition with the columns of this contract, which had no name yet when it was written."""
    numbers = {_declared(value).number: value.node for value in cls.columns.values()}
    bases = {base.__name__ for base in cls.__mro__[:-2]}

    def change(node: Node) -> Node | None:
        if node.op != "column":
            return None
        contract, column = node.text("contract"), node.text("name")
        placed = cls.columns.get(column) if contract in bases else None
        found = numbers.get(column) if contract == "" else placed.node if placed is not None else None
        if found is None:
            fix = "Compare columns of this contract only."
            raise _refuse("rule", "A rule reads its own contract's columns.", f"{cls.__name__}.{name}", show(node), fix)
        return found

    if tree.joins_of(condition):
        fix = "Join in features; a rule sees one row."
        raise _refuse("rule", "A rule joins nothing.", f"{cls.__name__}.{name}", show(condition), fix)
    return tree.substitute(condition, change)


def _refuse(what: str, message: str, place: str, found: str, fix: str) -> UsageError:
    return UsageError(f"contract.{what}", message, place=place, found=found, fix=fix)
