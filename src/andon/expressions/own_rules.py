"""What a column's own declaration makes for rules, and back: the bounds, texts and shares that rules are about."""

from dataclasses import dataclass
from functools import reduce

from andon.contracts.dataset import Column, DatasetContract, Rule, Severity
from andon.expressions import tree
from andon.expressions.functions import type_of
from andon.expressions.show import show
from andon.expressions.tree import Node
from andon.kernel.errors import InputError

COMPARISONS = ("ge", "gt", "le", "lt")


@dataclass(frozen=True, slots=True)
class Own:
    """What a column's values are promised to be, beside their kind.

    Attributes:
        bounds: Comparisons (`ge gt le lt`) and constants that values must satisfy.
        one_of: Constants of which values must be one; empty for no such rule.
        max_null_share: The share of rows that may be null in a batch; `None` for no such rule.
        pattern: What a whole text must match; empty for no such rule.
        severity: Of all of these but the share of nulls; what may not be null is never kept as null.
        tolerance: Of the same.
    """

    bounds: tuple[tuple[str, Node], ...] = ()
    one_of: tuple[Node, ...] = ()
    max_null_share: float | None = None
    pattern: str = ""
    severity: Severity = "quarantine"
    tolerance: float = 1.0


def identity_rule(contract: DatasetContract) -> Rule:
    """The rule that every contract begins with."""
    return Rule("identity.unique", "unique", "quarantine", contract.identity, text="No two rows have one identity.")


def rules_of(contract: str, column: Column, own: Own) -> tuple[Rule, ...]:
    """The rules that a column's own declaration makes, in their order."""
    name, node = column.name, node_of(contract, column)
    is_null = tree.apply("is_null", node)
    rules = []

    def add(what: str, condition: Node, text: str, severity: Severity = own.severity) -> None:
        expression, tolerance = tree.to_json(condition), own.tolerance
        rules.append(Rule(f"{name}.{what}", "row", severity, (name,), expression, tolerance=tolerance, text=text))

    if not column.nullable:
        strict: Severity = "quarantine" if own.severity == "warn" else own.severity
        add("present", tree.apply("not", is_null), f"{name} is there", strict)
    if own.bounds:
        tests = [tree.apply(op, node, bound) for op, bound in own.bounds]
        together = reduce(lambda one, other: tree.apply("and", one, other), tests)
        add("range", tree.apply("or", is_null, together), " and ".join(show(test) for test in tests))
    if own.one_of:
        among = tree.apply("is_in", node, *own.one_of)
        add("set", tree.apply("or", is_null, among), show(among))
    if own.pattern:
        how = (f"{name}.pattern", "pattern", own.severity, (name,))
        text = f"{name} matches {own.pattern}"
        rules.append(Rule(*how, tolerance=own.tolerance, text=text, pattern=own.pattern))  # type: ignore[arg-type]  # four members in order
    if own.max_null_share is not None:
        share = float(own.max_null_share)
        text = f"at most {share:.2%} of {name} is null"
        rules.append(Rule(f"{name}.null_share", "null_share", "block", (name,), share=share, text=text))
    return tuple(rules)


def node_of(contract: str, column: Column) -> Node:
    """A column of a contract as an expression."""
    return tree.column(contract, column.name, type_of(column))


def own_of(contract: DatasetContract, column: Column) -> Own | None:
    """What a column's own declaration was, from its rules; `None` where rules of its name were made in another way."""
    named = {rule.id: rule for rule in contract.rules if rule.id.startswith(f"{column.name}.")}
    rules = {what: named.get(f"{column.name}.{what}") for what in ("present", "range", "set", "pattern", "null_share")}
    first = next((rules[what] for what in ("range", "set", "pattern", "present") if rules[what]), None)
    shares, pattern = rules["null_share"], rules["pattern"]
    try:
        own = Own(
            bounds=_bounds(rules["range"]),
            one_of=_one_of(rules["set"]),
            max_null_share=shares.share if shares else None,
            pattern=pattern.pattern if pattern else "",
            severity=first.severity if first else "quarantine",
            tolerance=first.tolerance if first else 1.0,
        )
    except (InputError, ValueError):
        return None
    return own if rules_of(contract.name, column, own) == tuple(named.values()) else None


def _bounds(rule: Rule | None) -> tuple[tuple[str, Node], ...]:
    if rule is None:
        return ()
    _, node = tree.from_json(dict(rule.expression or {})).args
    tests: list[Node] = []
    while node.op == "and":
        node, last = node.args
        tests.insert(0, last)
    return tuple((test.op, test.args[1]) for test in (node, *tests))


def _one_of(rule: Rule | None) -> tuple[Node, ...]:
    if rule is None:
        return ()
    _, among = tree.from_json(dict(rule.expression or {})).args
    return among.args[1:]
