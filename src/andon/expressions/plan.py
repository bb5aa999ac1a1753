"""All features of a model, or columns of a derived dataset, as one value: which rows ask, when, and what for."""

from collections.abc import Mapping
from dataclasses import dataclass
from reprlib import repr as shorten

from andon.expressions.functions import Type
from andon.expressions.joins import read_join
from andon.expressions.tree import (
    SEMANTICS,
    Node,
    column,
    columns_of,
    contracts_of,
    from_json,
    is_fitted,
    joins_of,
    refuse,
    substitute,
    to_json,
    walk,
)
from andon.kernel.canonical import Json
from andon.kernel.digest import Digest, of_value


@dataclass(frozen=True, slots=True)
class FeaturePlan:
    """What is computed for each row that asks.

    Attributes:
        spine: Name of the contract of the rows that ask.
        asked: Its column that says when each asks: what is known from then on stays out.
        features: Name and expression of each, in order.

    Raises:
        InputError: A feature reads another contract without a join, is a constant, or has another's name.
    """

    spine: str
    asked: str
    features: tuple[tuple[str, Node], ...]

    def __post_init__(self) -> None:
        names = [name for name, _ in self.features]
        if not names or len(set(names)) != len(names) or any(not name or name.startswith("_") for name in names):
            fix = "Give every feature its own name, without a leading _."
            raise refuse("names", "A plan has features of different names.", self.spine, ", ".join(names), fix)
        for name, node in self.features:
            check_expression(name, node, self.spine)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the features, in order."""
        return tuple(name for name, _ in self.features)

    @property
    def types(self) -> tuple[Type, ...]:
        """Types of the features, in order."""
        return tuple(node.type for _, node in self.features)

    @property
    def joins(self) -> tuple[Node, ...]:
        """The joins of all features, each once."""
        return tuple(dict.fromkeys(join for _, node in self.features for join in joins_of(node)))

    @property
    def contracts(self) -> tuple[str, ...]:
        """Names of the other contracts whose rows are joined, sorted."""
        return tuple(sorted({read_join(join, self.spine).rows.contract for join in self.joins}))

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of all contracts whose rows are read, the spine's first."""
        return tuple(dict.fromkeys((self.spine, *self.contracts)))

    @property
    def needs(self) -> Mapping[str, Type]:
        """The columns of the spine that the features read, with their types: what a question must bring."""
        found: dict[str, Type] = {}
        for _, node in self.features:
            found.update(spine_columns(node, self.spine))
        return dict(sorted(found.items()))

    @property
    def is_fitted(self) -> bool:
        """Whether everything is learned that has to be."""
        return all(is_fitted(node) for _, node in self.features)

    def to_json(self) -> dict[str, Json]:
        """The plan as JSON; `plan_from_json` reads it back."""
        features: list[Json] = [{"name": name, "expression": to_json(node)} for name, node in self.features]
        return {"semantics": SEMANTICS, "spine": self.spine, "asked": self.asked, "features": features}

    def digest(self) -> Digest:
        """Identity of the plan, and of what its functions mean."""
        return of_value(self.to_json())


def plan_from_json(value: Mapping[str, Json]) -> FeaturePlan:
    """Read what `FeaturePlan.to_json` wrote.

    Raises:
        InputError: It is not a plan, or of another meaning of the functions.
    """
    features = value.get("features")
    if not isinstance(features, list) or value.get("semantics") != SEMANTICS:
        raise refuse("plan", "This is not a feature plan of this version.", "", shorten(value))
    pairs = []
    for feature in features:
        if not isinstance(feature, Mapping) or not isinstance(feature.get("name"), str):
            raise refuse("plan", "This is not a feature.", "", shorten(feature))
        pairs.append((str(feature["name"]), from_json(feature.get("expression"))))
    plan = FeaturePlan(str(value.get("spine")), str(value.get("asked")), tuple(pairs))
    if plan.to_json() != value:
        raise refuse("plan", "This is not a feature plan.", "", "members or values in another form")
    return plan


def check_expression(name: str, node: Node, spine: str) -> None:
    """Refuse an expression that could not be evaluated for rows of the spine.

    Raises:
        InputError: It reads another contract without a join, or a join is wrong.
    """
    if "" in contracts_of(node):
        raise refuse("unplaced", f"{name} reads a column of no contract.", name, "", "Use columns of contracts.")
    for join in joins_of(node):
        read_join(join, spine)
    for contract, found in columns_of(without_joins(node, {})):
        if contract not in (spine, ""):
            fix = "Join it: .last(within=, match=), .lookup(match=), .mean(over=, match=)."
            raise refuse("not-joined", f"{name} reads {contract} without a join.", name, f"{contract}.{found}", fix)
    if node.op == "literal":
        raise refuse("constant", f"{name} is a constant.", name, repr(node.value), "Leave it out.")


def spine_columns(node: Node, spine: str) -> Mapping[str, Type]:
    """The spine's columns that an expression reads, keys of joins included."""
    found: dict[str, Type] = {}
    for join in joins_of(node):
        rows = read_join(join, spine).rows
        found.update(zip(rows.ours, rows.types, strict=True))
    for each in walk(without_joins(node, {})):
        if each.op == "column" and each.text("contract") == spine:
            found[each.text("name")] = each.type
    return found


def without_joins(node: Node, names: Mapping[Node, str]) -> Node:
    """The expression with a column in the place of each join, so that a row compiler can take it.

    Args:
        node: An expression.
        names: The column that holds the result of each join.
    """

    def change(each: Node) -> Node | None:
        return column("", names.get(each, "_"), each.type) if each in joins else None

    joins = set(joins_of(node))
    return substitute(node, change)


def hidden(joins: tuple[Node, ...]) -> dict[Node, str]:
    """Names for the columns that hold the results of joins until the rows' own expressions are computed."""
    return {join: f"_join{number}" for number, join in enumerate(joins)}
