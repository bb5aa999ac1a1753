"""A Python function of single values, read as an expression: the same bits for a million rows and for one question.

Servers run no code of a factory's, so the function itself is never called there: its source is read once, when the
factory is, and what it does to its arguments becomes part of the feature.
"""

from __future__ import annotations

import ast
import inspect
import math
import operator
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial, reduce
from typing import Any, Final, NoReturn

from andon.api.categories import Category
from andon.api.choosing import coalesce, max_horizontal, min_horizontal, where
from andon.api.lift import constant, floating
from andon.api.times import Time
from andon.api.typed import Bool, Expr, Fixed, Float, Int
from andon.expressions import tree
from andon.expressions.functions import BOOL, CATEGORY, FLOAT, INT, Type
from andon.kernel.errors import AndonError, UsageError

_FIX: Final = (
    "Use if, elif, else, assignments, return, arithmetic, comparisons, and, or, not, abs, min, max, round, int, float, "
    "math functions and the methods of expressions."
)
_KINDS: Final[Mapping[str, type[Expr]]] = {
    "int": Int,
    "fixed": Fixed,
    "float": Float,
    "bool": Bool,
    "category": Category,
    "time": Time,
}
_TYPES: Final[Mapping[type, Type]] = {bool: BOOL, int: INT, float: FLOAT, str: CATEGORY}
_OPERATORS: Final[Mapping[type[ast.AST], Callable[[Any, Any], object]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_METHODS: Final[Mapping[object, str]] = {
    round: "round",
    float: "to_float",
    int: "to_int",
    len: "len_chars",
    math.log: "log",
    math.log1p: "log1p",
    math.log2: "log2",
    math.log10: "log10",
    math.exp: "exp",
    math.sqrt: "sqrt",
    math.sin: "sin",
    math.cos: "cos",
    math.tanh: "tanh",
    math.floor: "floor",
    math.ceil: "ceil",
    math.isfinite: "is_finite",
    math.isinf: "is_infinite",
}
_WHOLE: Final = ("round", "floor", "ceil")
_CHOOSERS: Final = (where, coalesce, min_horizontal, max_horizontal)
_TEXT_METHODS: Final = {"startswith": "starts_with", "endswith": "ends_with"}


def udf(function: Callable[..., object]) -> Udf:
    """Let a Python function of single values be used on columns.

    Called with columns, it gives an expression that computes for each row what the function does; called with plain
    values, it is the function. Where Python raises, an expression gives what its functions give: null for a missing
    argument, a whole number divided by zero or beyond 64 bits; infinity for a float divided by zero. A condition that
    is null is not met.

    Raises:
        UsageError: The source of the function is not to be had, or on a call: it does what no expression can.
    """
    return Udf(function)


class Udf:
    """A function that takes columns as it takes values; see `udf`."""

    def __init__(self, function: Callable[..., object]) -> None:
        self.__doc__ = function.__doc__
        self.__name__ = getattr(function, "__name__", "udf")
        self._function = function
        self._signature = inspect.signature(function)
        self._file = ""
        try:
            self._file = inspect.getsourcefile(function) or ""
            lines, self._line = inspect.getsourcelines(function)
            read = ast.parse(textwrap.dedent("".join(lines))).body[0]
        except (OSError, SyntaxError, TypeError) as error:
            raise _refused(self._file, "The source of this function cannot be read.", str(error)) from error
        if not isinstance(read, ast.FunctionDef):
            raise _refused(self._file, "Only functions written with def can be read.", type(read).__name__)
        self._body = read.body

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # an expression of what the function returns
        """An expression for columns, the function's own result for plain values."""
        if not any(isinstance(each, Expr) for each in (*args, *kwargs.values())):
            return self._function(*args, **kwargs)
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        reader = _Reader(self._function, self._file, self._line, self._body[-1])
        return reader.run(self._body, dict(bound.arguments))


class _Reader:
    """Does with expressions what a function's source does with values.

    Args:
        function: The function, for the names it uses.
        file: Where it stands.
        first_line: The line on which its source begins.
        last: Its last statement.
    """

    def __init__(self, function: Callable[..., object], file: str, first_line: int, last: ast.stmt) -> None:
        variables = inspect.getclosurevars(function)
        self._known = {**variables.builtins, **variables.globals, **variables.nonlocals}
        self._file = file
        self._before = first_line - 1
        self._last = last

    def run(self, body: Sequence[ast.stmt], names: dict[str, object]) -> object:
        """What these statements return."""
        for number, statement in enumerate(body):
            rest = body[number + 1 :]
            match statement:
                case ast.Return(value=ast.expr() as value):
                    return self._value(value, names)
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    names[name] = self._value(value, names)
                case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                    names[name] = self._value(value, names)
                case ast.AugAssign(target=ast.Name(id=name) as target, op=op, value=value):
                    both = ast.copy_location(ast.BinOp(ast.Name(name, ast.Load()), op, value), target)
                    names[name] = self._value(ast.fix_missing_locations(both), names)
                case ast.If():
                    if _returns(statement.body) or _returns(statement.orelse):
                        return self._branched(statement, rest, names)
                    self._assigned(statement, names)
                case ast.Pass() | ast.Expr(value=ast.Constant()):
                    pass
                case _:
                    self._refuse(statement, "has no expression for this statement")
        return self._refuse(self._last, "needs a return at the end of each way through the function")

    def _branched(self, statement: ast.If, rest: Sequence[ast.stmt], names: dict[str, object]) -> object:
        """What an `if` returns of which at least one branch returns: the other goes on behind it."""
        condition = self._value(statement.test, names)
        ways = (
            lambda: self.run([*statement.body, *rest], dict(names)),
            lambda: self.run([*statement.orelse, *rest], dict(names)),
        )
        return self._chosen(statement.test, condition, *ways)

    def _assigned(self, statement: ast.If, names: dict[str, object]) -> None:
        """Run an `if` of which no branch returns: what its branches assign depends on the condition from then on."""
        condition = self._value(statement.test, names)
        then, otherwise = dict(names), dict(names)
        for branch, found in ((statement.body, then), (statement.orelse, otherwise)):
            self.run([*branch, ast.Return(ast.Constant(None))], found)
        for name in dict.fromkeys((*then, *otherwise)):
            if name not in then or name not in otherwise:
                names.pop(name, None)  # whoever reads it afterwards is told so
            elif then[name] is not otherwise[name]:
                ways = (partial(then.__getitem__, name), partial(otherwise.__getitem__, name))
                names[name] = self._chosen(statement.test, condition, *ways)

    def _value(self, node: ast.expr, names: Mapping[str, object]) -> Any:  # noqa: ANN401  # an expression or a constant
        with self._at(node):
            return self._read(node, names)

    @contextmanager
    def _at(self, node: ast.AST) -> Iterator[None]:
        """Say in what is refused on which line of the function that was."""
        try:
            yield
        except AndonError as error:
            if error.place.startswith(self._file):
                raise
            place = f"{self._file}:{self._before + getattr(node, 'lineno', 1)}"
            raise UsageError(error.code, error.message, place=place, found=error.found, fix=error.fix) from error

    def _read(self, node: ast.expr, names: Mapping[str, object]) -> Any:  # noqa: ANN401  # an expression or a constant
        match node:
            case ast.Constant(value=value):
                return value
            case ast.Name(id=name):
                return self._named(node, name, names)
            case ast.Tuple(elts=each) | ast.List(elts=each) | ast.Set(elts=each):
                return tuple(self._value(one, names) for one in each)
            case ast.UnaryOp(op=op, operand=operand):
                return self._unary(op, self._value(operand, names))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
                return _OPERATORS[type(op)](self._value(left, names), self._value(right, names))
            case ast.BoolOp(op=op, values=values):
                return self._both(op, [self._value(one, names) for one in values])
            case ast.Compare(left=left, ops=ops, comparators=others):
                return self._compared(node, [self._value(one, names) for one in (left, *others)], ops)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                condition = self._value(test, names)
                ways = (lambda: self._value(body, names), lambda: self._value(orelse, names))
                return self._chosen(test, condition, *ways)
            case ast.Attribute(value=value, attr=name):
                return getattr(self._value(value, names), _TEXT_METHODS.get(name, name))
            case ast.Call(func=called, args=args, keywords=keywords):
                given = [self._value(one, names) for one in args]
                named = {one.arg: self._value(one.value, names) for one in keywords if one.arg}
                return self._called(node, self._value(called, names), given, named)
            case _:
                return self._refuse(node, "has no expression for this")

    def _named(self, node: ast.expr, name: str, names: Mapping[str, object]) -> object:
        for known in (names, self._known):
            if name in known:
                return known[name]
        return self._refuse(node, f"does not know {name} here: assign it on each way that leads here")

    def _unary(self, op: ast.unaryop, value: Any) -> object:  # noqa: ANN401  # an expression or a constant
        if isinstance(op, ast.Not):
            return ~value if isinstance(value, Bool) else not value
        return -value if isinstance(op, ast.USub) else value

    def _both(self, op: ast.boolop, values: Sequence[Any]) -> object:
        found = values[0]
        for value in values[1:]:
            if isinstance(found, bool) and isinstance(value, bool):
                found = (found and value) if isinstance(op, ast.And) else (found or value)
            else:
                left, right = (
                    one if isinstance(one, Bool) else Bool(constant(one, BOOL), None) for one in (found, value)
                )
                found = left & right if isinstance(op, ast.And) else left | right
        return found

    def _compared(self, node: ast.expr, values: Sequence[Any], ops: Sequence[ast.cmpop]) -> object:
        found: list[object] = []
        for left, op, right in zip(values, ops, values[1:], strict=False):
            match op:
                case ast.Is() | ast.IsNot() if right is None:
                    is_null = left.is_null() if isinstance(left, Expr) else left is None
                    found.append(self._unary(ast.Not(), is_null) if isinstance(op, ast.IsNot) else is_null)
                case ast.In() | ast.NotIn():
                    is_in = self._contained(node, left, right)
                    found.append(self._unary(ast.Not(), is_in) if isinstance(op, ast.NotIn) else is_in)
                case _ if type(op) in _OPERATORS:
                    found.append(_OPERATORS[type(op)](left, right))
                case _:
                    self._refuse(node, "has no expression for this comparison")
        return self._both(ast.And(), found)

    def _contained(self, node: ast.expr, value: Any, values: Any) -> object:  # noqa: ANN401  # expressions or constants
        if isinstance(values, Category) and isinstance(value, str):
            return values.contains(value)
        if isinstance(value, Int | Category) and isinstance(values, tuple):
            return value.is_in(values)
        if isinstance(value, Expr) or isinstance(values, Expr):
            return self._refuse(node, "has no expression for this membership")
        return value in values

    def _chosen(
        self, node: ast.expr, condition: object, then: Callable[[], object], otherwise: Callable[[], object]
    ) -> object:
        if isinstance(condition, bool):
            return then() if condition else otherwise()
        if not isinstance(condition, Bool):
            return self._refuse(node, "takes a condition that is true or false")
        with self._at(node):
            left, right = _alike(then(), otherwise())
            return type(left)(tree.apply("where", condition.node, left.node, right.node), condition.home)

    def _called(self, node: ast.expr, called: Any, args: Sequence[Any], named: Mapping[str, Any]) -> object:  # noqa: ANN401
        """What a call gives: of a method, another udf, a known function, or of plain values."""
        if not any(isinstance(one, Expr) for one in (*args, *named.values())):
            return called(*args, **named)
        if isinstance(called, Udf):
            return called(*args, **named)
        if isinstance(getattr(called, "__self__", None), Expr):
            return called(*args, **named)
        if named:
            return self._refuse(node, "takes no named arguments here")
        if called in (min, max) and len(args) > 1:
            return reduce(partial(_extreme, called), args)
        if called is abs:
            return abs(args[0])
        if called in _METHODS and len(args) == 1:
            return _applied(_METHODS[called], args[0])
        if called in _CHOOSERS:
            return called(*args)
        return self._refuse(node, "cannot read what this function does")

    def _refuse(self, node: ast.AST, what: str) -> NoReturn:
        line = self._before + getattr(node, "lineno", 1)
        found = ast.unparse(node).splitlines()[0][:100]
        raise _refused(f"{self._file}:{line}", f"andon {what}.", found)


def _applied(method: str, value: Expr) -> object:
    """A function of Python's on an expression; those that give whole numbers do so here too."""
    if isinstance(value, Int) and method in ("to_int", *_WHOLE):
        return value
    found = getattr(value, method)()
    return found.to_int() if method in _WHOLE else found


def _extreme(which: object, left: object, right: object) -> object:
    """The lesser or the greater of two values, nulls left out."""
    pair = _alike(left, right)
    if not any(each.node.op == "literal" for each in pair):
        return (min_horizontal if which is min else max_horizontal)(*pair)  # type: ignore[type-var]  # they are alike
    value, fixed = pair if pair[1].node.op == "literal" else (pair[1], pair[0])
    is_it = Bool(tree.apply("le" if which is min else "ge", value.node, fixed.node), value.home)
    return where(is_it, value, fixed)  # type: ignore[type-var]  # they are alike


def _alike(left: object, right: object) -> tuple[Expr, Expr]:
    """Two values as expressions of one kind, as floats where they are numbers of different kinds."""
    like = next((one.node.type for one in (left, right) if isinstance(one, Expr)), None)
    pair = [one if isinstance(one, Expr) else _typed(one, like) for one in (left, right)]
    if pair[0].node.type != pair[1].node.type and all(one.node.type.kind in ("int", "fixed", "float") for one in pair):
        pair = [Float(floating(one.node), one.home) for one in pair]
    return pair[0], pair[1]


def _typed(value: object, like: Type | None) -> Expr:
    """A plain value as an expression: of the kind that it meets, if it is exactly of that kind, else of its own."""
    own = _TYPES.get(type(value))
    if own is None:
        raise UsageError(
            "udf.value",
            "An expression cannot be this value.",
            found=repr(value)[:100],
            fix="Return numbers, texts, True or False; leave a value out with .fill_null or a condition.",
        )
    is_whole = own == INT and like is not None and like.kind in ("fixed", "float")
    type_ = like if like is not None and (like == own or is_whole) else own
    return _KINDS[type_.kind](constant(value, type_), None)


def _returns(body: Sequence[ast.stmt]) -> bool:
    return any(isinstance(each, ast.Return) for statement in body for each in ast.walk(statement))


def _refused(place: str, message: str, found: str) -> UsageError:
    return UsageError("udf.unreadable", message, place=place, found=found, fix=_FIX)
