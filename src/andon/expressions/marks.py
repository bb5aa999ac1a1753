"""What an expression is computed from, and which marks of those columns it carries."""

from collections.abc import Iterable, Mapping
from typing import Final, get_args

from andon.contracts.dataset import DatasetContract, Mark
from andon.expressions.plan import plan_from_json
from andon.expressions.target_mean import target_means
from andon.expressions.tree import Node, columns_of, from_json
from andon.kernel.canonical import Json

MARKS: Final[tuple[Mark, ...]] = get_args(Mark)
Marked = Mapping[Mark, frozenset[str]]
Carried = Mapping[Mark, tuple[str, ...]]


def reads_of(node: Node, label: Node) -> tuple[str, ...]:
    """The columns that decide a feature's value, as `Contract.column`, sorted.

    Keys and filters of joins and event times are among them, and the label's columns where it learns from labels.
    """
    learned = columns_of(label) if target_means(node) else ()
    return tuple(f"{contract}.{name}" for contract, name in sorted({*columns_of(node), *learned}))


def marked_columns(contracts: Iterable[DatasetContract]) -> Marked:
    """The columns that bear each mark, as `Contract.column`."""
    known = [(mark, contract.name, name) for contract in contracts for mark in MARKS for name in contract.marked(mark)]
    return {mark: frozenset(f"{of}.{name}" for each, of, name in known if each == mark) for mark in MARKS}


def marks_of(node: Node, label: Node, marked: Marked) -> Carried:
    """The marks that a feature carries, each with the columns that it comes from; a mark without any is not there.

    Nothing takes a mark away: how often somebody flew is about them, and a bucket of an age about their age. Whether
    that may be is for people to say.

    Args:
        node: The feature, learned or not.
        label: What is predicted with it.
        marked: What `marked_columns` found.
    """
    reads = reads_of(node, label)
    found = {mark: tuple(name for name in reads if name in columns) for mark, columns in marked.items()}
    return {mark: columns for mark, columns in found.items() if columns}


def carried_marks(
    plan: Mapping[str, Json], label: Mapping[str, Json], contracts: Iterable[DatasetContract]
) -> dict[str, Carried]:
    """The marks that the features of a model carry, by feature; a feature without any is not there.

    Args:
        plan: Its feature plan, learned or not, as `FeaturePlan.to_json` wrote it.
        label: What it predicts, as `to_json` wrote it.
        contracts: The contracts of all columns.

    Raises:
        InputError: Plan or label are not what they must be.
    """
    marked, target = marked_columns(contracts), from_json(label)
    found = {name: marks_of(node, target, marked) for name, node in plan_from_json(plan).features}
    return {name: marks for name, marks in found.items() if marks}


def words_of_marks(carried: Mapping[str, Carried]) -> list[tuple[Mark, str]]:
    """For each mark that is carried, the features with the columns that they have it from, as a line for people."""
    found = {
        mark: "; ".join(f"{name} from {', '.join(marks[mark])}" for name, marks in carried.items() if mark in marks)
        for mark in MARKS
    }
    return [(mark, text) for mark, text in found.items() if text]
