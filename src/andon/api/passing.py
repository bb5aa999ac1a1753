"""Values that pass through as they are: texts of any kind, vectors of numbers, and bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Never, Self

from andon.api.lift import meet, wrong
from andon.api.typed import Expr
from andon.kernel.errors import UsageError


class Passing(Expr):
    """A value that is taken as it is, of its own row or of another contract's; nothing is computed with it."""

    __slots__ = ()
    __hash__ = object.__hash__

    if not TYPE_CHECKING:  # a checker must see that there is nothing to compare

        def _refused(self, other: object = None) -> Never:
            raise wrong(f"A {self.node.type} is compared with nothing: ask .is_null(), or declare a category().", other)

        __eq__ = __ne__ = _refused

    def fill_null(self, value: Self) -> Self:
        """This, or `value` where it is null.

        Raises:
            UsageError: `value` is not an expression of the same type; a constant is none.
        """
        given: object = value  # a caller without a type checker may give anything
        if not isinstance(given, Passing):
            fix = "Give a column of the same type; where there is none, leave it null and ask .is_null()."
            message = f"fill_null takes another {self.node.type}."
            raise UsageError("expression.operands", message, found=repr(given)[:100], fix=fix)
        return type(self)(meet("fill_null", self.node, value.node), self.home or value.home)


class Text(Passing):
    """A text as somebody wrote it."""

    __slots__ = ()
    __hash__ = object.__hash__


class Vector(Passing):
    """A fixed number of 32-bit floats, such as an embedding."""

    __slots__ = ()
    __hash__ = object.__hash__


class Blob(Passing):
    """Bytes, such as a picture."""

    __slots__ = ()
    __hash__ = object.__hash__
