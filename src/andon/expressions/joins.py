"""What a join in an expression asks of another contract's rows: which match, which count, and where its windows end."""

from dataclasses import dataclass
from typing import Final

from andon.expressions.functions import FLOAT, JOINS, LEARNED, Type
from andon.expressions.tree import Node, contracts_of, refuse, walk

_MINUTE_NS: Final = 60 * 1_000_000_000
_HOUR_NS: Final = 60 * _MINUTE_NS
_DAY_NS: Final = 24 * _HOUR_NS
_FIX: Final = "Write match=Other.column == Spine.column, several joined by &."


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of another contract that joins share, so that they are read and sorted once.

    Attributes:
        contract: Whose rows.
        theirs: Their key columns.
        ours: The spine's key columns, in the same order.
        where: A filter on them.
        event_time: Their event time column; empty for a lookup.
    """

    contract: str
    theirs: tuple[str, ...]
    ours: tuple[str, ...]
    types: tuple[Type, ...]
    where: Node | None
    event_time: str


@dataclass(frozen=True, slots=True)
class Join:
    """One join, read from its node.

    Attributes:
        value: What is taken of each row: an expression over the other contract's columns.
        length_ns: The length of the window, or how old the last row may be; 0 for a lookup.
    """

    op: str
    rows: Rows
    value: Node
    length_ns: int

    @property
    def hop_ns(self) -> int:
        """The step in which the window's far end moves: its near end is always the moment of the question."""
        if self.length_ns < 12 * _HOUR_NS:
            return 5 * _MINUTE_NS
        return _HOUR_NS if self.length_ns < 12 * _DAY_NS else _DAY_NS


def read_join(node: Node, spine: str | None = None) -> Join:
    """What a join's node asks for.

    Args:
        node: A node whose op is a join.
        spine: The contract of the rows that ask; `None` takes the other contract in its `match`.

    Raises:
        InputError: The value reads several contracts or joins again, the filter reads another contract, or `match` is
            not a conjunction of equalities between their columns and the spine's.
    """
    value = node.args[0]
    where = node.tree("where") if node.has("where") else None
    owners = contracts_of(value)
    if len(owners) != 1 or any(each.op in JOINS | LEARNED for each in walk(value)):
        found = ", ".join(owners) or "no contract"
        fix = "Take a value of one other contract, and compute with the result."
        raise refuse("join", f"{node.op} takes a value of one other contract.", node.op, found, fix)
    if where is not None and (contracts_of(where) != owners or any(each.op in JOINS | LEARNED for each in walk(where))):
        fix = f"Filter by columns of {owners[0]} only."
        raise refuse("where", "where= filters the other contract's rows.", node.op, ", ".join(contracts_of(where)), fix)
    pairs = _pairs(node, owners[0], spine)
    rows = Rows(
        contract=owners[0],
        theirs=tuple(pairs),
        ours=tuple(ours.text("name") for ours in pairs.values()),
        types=tuple(ours.type for ours in pairs.values()),
        where=where,
        event_time=node.text("event_time") if node.has("event_time") else "",
    )
    length = {"last": "within_ns"}.get(node.op, "over_ns")
    return Join(node.op, rows, value, node.number(length) if node.has(length) else 0)


def _pairs(node: Node, other: str, spine: str | None) -> dict[str, Node]:
    """Our column for each of theirs, in the order of theirs."""
    found = [_pair(each, other, spine, node.op) for each in _conjunction(node.tree("match"))]
    pairs = dict(sorted(found, key=lambda pair: pair[0]))
    spines = sorted({ours.text("contract") for ours in pairs.values()})
    if len(spines) != 1 or len(pairs) != len(found):
        names = f"{', '.join(name for name, _ in found)} to {', '.join(spines)}"
        raise refuse("match", "match= takes each column once and joins to one contract.", node.op, names, _FIX)
    return pairs


def _conjunction(match: Node) -> list[Node]:
    if match.op == "and":
        return [each for arg in match.args for each in _conjunction(arg)]
    return [match]


def _pair(equality: Node, other: str, spine: str | None, place: str) -> tuple[str, Node]:
    """Their column and ours in one equality, whichever way round it was written."""
    columns = [arg for arg in equality.args if arg.op == "column"]
    if equality.op != "eq" or len(columns) != 2 or columns[0].type == FLOAT:
        raise refuse("match", "match= takes equalities of plain columns.", place, equality.op, _FIX)
    left, right = columns
    sides = [(left, right), (right, left)]
    for theirs, ours in sides:
        is_self = theirs == ours and spine in (None, other)
        if theirs.text("contract") == other and (ours.text("contract") != other or is_self):
            if spine is not None and ours.text("contract") != spine:
                break
            return theirs.text("name"), ours
    found = f"{left.text('contract')}.{left.text('name')} == {right.text('contract')}.{right.text('name')}"
    raise refuse("match", f"match= joins columns of {other} to columns of {spine or 'the spine'}.", place, found, _FIX)
