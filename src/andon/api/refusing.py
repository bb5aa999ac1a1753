"""What an expression refuses, with a hint: truth, membership, and operators that its kind does not have."""

from typing import TYPE_CHECKING, Final, Never, NoReturn

from andon.api.lift import wrong
from andon.api.nearest import unknown
from andon.expressions.show import show
from andon.expressions.tree import Node
from andon.kernel.errors import UsageError

_FIX: Final = (
    "Write & | ~ with brackets instead of and, or, not; .is_in(...) instead of in; where(...) instead of if; "
    "(x > 0) & (x < 5) instead of 0 < x < 5."
)


class Refusing:
    """A value that stands for a column's and must not be asked for what only a plain value has."""

    __slots__ = ("node",)

    def __init__(self, node: Node) -> None:
        self.node = node

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {show(self.node)}>"

    def __bool__(self) -> NoReturn:
        message = "This is an expression over a column, neither true nor false."
        raise UsageError("expression.no-truth", message, found=repr(self), fix=_FIX)

    if not TYPE_CHECKING:  # a checker must see only the operators that a kind has

        def __getattr__(self, name: str) -> Never:
            known = [
                each
                for each in dir(type(self))
                if not each.startswith("_") and each not in ("node", "home", "declared")
            ]
            raise unknown(name, f"An expression of kind {self.node.type}", known)

        def _refused(self, other: object = None) -> Never:
            raise wrong(f"This operator does not take {self.node.type} and what is found.", other)

        def _container(self, *_: object) -> None:
            bool(self)

        __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _refused
        __gt__ = __ge__ = __lt__ = __le__ = __and__ = __rand__ = __or__ = __ror__ = __xor__ = _refused
        __neg__ = __abs__ = __invert__ = __mod__ = __rmod__ = __pow__ = __rpow__ = __floordiv__ = __rfloordiv__ = (
            _refused
        )
        __contains__ = __iter__ = _container
