"""One of several values of a row: by a condition, the first that is there, the least, the greatest."""

from typing import TypeVar

from andon.api.categories import Category
from andon.api.passing import Blob, Text, Vector
from andon.api.times import Time
from andon.api.typed import Bool, Fixed, Float, Int, two_sided
from andon.expressions import tree

Kind = TypeVar("Kind", Int, Fixed, Float, Bool, Category, Time, Text, Vector, Blob)
Sortable = TypeVar("Sortable", Int, Fixed, Float, Time)


def where(condition: Bool, then: Kind, otherwise: Kind) -> Kind:
    """The value of `then` where the condition is true, of `otherwise` where it is false or null.

    Raises:
        InputError: The two are not of one kind.
    """
    return type(then)(tree.apply("where", condition.node, then.node, otherwise.node), condition.home)


def coalesce(first: Kind, *others: Kind) -> Kind:
    """The first of these values that is not null.

    Raises:
        UsageError: They are not of one kind.
    """
    found = first
    for other in others:
        found = type(first)(*two_sided("fill_null", found, other))
    return found


def min_horizontal(first: Sortable, *others: Sortable) -> Sortable:
    """The least of these values of one row, nulls left out; null if all are.

    Raises:
        UsageError: They are not of one kind.
    """
    found = first
    for other in others:
        found = where(other.is_null() | Bool(*two_sided("le", found, other)), found, coalesce(other, found))
    return found


def max_horizontal(first: Sortable, *others: Sortable) -> Sortable:
    """The greatest of these values of one row, nulls left out; null if all are.

    Raises:
        UsageError: They are not of one kind.
    """
    found = first
    for other in others:
        found = where(other.is_null() | Bool(*two_sided("ge", found, other)), found, coalesce(other, found))
    return found
