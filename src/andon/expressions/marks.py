"""What an expression is computed from, and which marks of those columns it carries."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, get_args

from andon.contracts.dataset import DatasetContract, Mark
from andon.contracts.declaration import Declaration, Derivation
from andon.expressions.plan import plan_from_json
from andon.expressions.target_mean import target_means
from andon.expressions.tree import Node, columns_of, from_json
from andon.kernel.canonical import Json

MARKS: Final[tuple[Mark, ...]] = get_args(Mark)
Marked = Mapping[Mark, frozenset[str]]
Carried = Mapping[Mark, tuple[str, ...]]
Behind = Mapping[str, tuple[str, ...]]
_NOTHING: Final[Behind] = MappingProxyType({})


def reads_of(node: Node, label: Node, behind: Behind = _NOTHING) -> tuple[str, ...]:
    """The columns that decide a feature's value, as `Contract.column`, sorted.

    Keys and filters of joins and event times are among them, and the label's columns where it learns from labels.

    Args:
        node: The feature, learned or not.
        label: What is predicted with it.
        behind: What `behind_derived` found, to have the columns that derived ones are computed from, too.
    """
    found = {*columns_of(node), *(columns_of(label) if target_means(node) else ())}
    reads = {f"{contract}.{name}" for contract, name in found}
    return tuple(sorted(reads.union(*(behind.get(name, ()) for name in reads))))


def behind_derived(derivations: Iterable[Derivation]) -> Behind:
    """For every column of a derived dataset the columns that decide it, down to what sources brought.

    Args:
        derivations: Each after those that it is derived from, as a declaration has them.
    """
    found: dict[str, tuple[str, ...]] = {}
    for one in derivations:
        for name, node in plan_from_json(one.plan).features:
            found[f"{one.contract}.{name}"] = reads_of(node, node, found)
    return found


def marked_columns(contracts: Iterable[DatasetContract]) -> Marked:
    """The columns that bear each mark, as `Contract.column`."""
    known = [(mark, contract.name, name) for contract in contracts for mark in MARKS for name in contract.marked(mark)]
    return {mark: frozenset(f"{of}.{name}" for each, of, name in known if each == mark) for mark in MARKS}


def marks_of(node: Node, label: Node, marked: Marked, behind: Behind = _NOTHING) -> Carried:
    """The marks that a feature carries, each with the columns that it comes from; a mark without any is not there.

    Nothing takes a mark away: how often somebody flew is about them, and a bucket of an age about their age. Whether
    that may be is for people to say.

    Args:
        node: The feature, learned or not.
        label: What is predicted with it.
        marked: What `marked_columns` found.
        behind: What `behind_derived` found.
    """
    reads = reads_of(node, label, behind)
    found = {mark: tuple(name for name in reads if name in columns) for mark, columns in marked.items()}
    return {mark: columns for mark, columns in found.items() if columns}


def carried_marks(plan: Mapping[str, Json], label: Mapping[str, Json], declaration: Declaration) -> dict[str, Carried]:
    """The marks that the features of a model carry, by feature; a feature without any is not there.

    Args:
        plan: Its feature plan, learned or not, as `FeaturePlan.to_json` wrote it.
        label: What it predicts, as `to_json` wrote it.
        declaration: Whose contracts mark columns.

    Raises:
        InputError: Plan, label or a contract are not what they must be.
    """
    marked, behind = marked_columns(declaration.datasets().values()), behind_derived(declaration.derivations)
    found = {name: marks_of(node, from_json(label), marked, behind) for name, node in plan_from_json(plan).features}
    return {name: marks for name, marks in found.items() if marks}


def words_of_marks(carried: Mapping[str, Carried]) -> list[tuple[Mark, str]]:
    """For each mark that is carried, the features with the columns that they have it from, as a line for people."""
    found = {
        mark: "; ".join(f"{name} from {', '.join(marks[mark])}" for name, marks in carried.items() if mark in marks)
        for mark in MARKS
    }
    return [(mark, text) for mark, text in found.items() if text]
