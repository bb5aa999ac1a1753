"""A contract as Python text: the class from which the very same contract is declared."""

import keyword
from collections.abc import Collection, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final

from andon.contracts.dataset import Column, DatasetContract, Rule
from andon.expressions.functions import CALENDAR
from andon.expressions.own_rules import Own, own_of
from andon.expressions.show import show
from andon.expressions.tree import Node, from_json
from andon.kernel.clock import iso
from andon.kernel.errors import InputError
from andon.wiring.from_csv.spelling import identifiers
from andon.wiring.python_text import call, text_of

_CONSTRUCTORS: Final = {
    "int": "integer",
    "fixed": "fixed",
    "float": "number",
    "bool": "boolean",
    "category": "category",
    "time": "time",
    "text": "text",
    "vector": "vector",
    "blob": "blob",
}
_SIGNS: Final = dict(
    zip(
        ("add", "sub", "mul", "div", "floordiv", "mod", "eq", "ne", "gt", "ge", "lt", "le", "and", "or"),
        ("+", "-", "*", "/", "//", "%", "==", "!=", ">", ">=", "<", "<=", "&", "|"),
        strict=True,
    )
)
_WORDS: Final = frozenset({*_CONSTRUCTORS.values(), "event_time", "known_at", "rule", "unique", "exists_in", "where"})
_TAKEN: Final = _WORDS | {"abs", "columns", "rules"}
_METHODS: Final = frozenset(
    {
        *(
            "is_null",
            "fill_null",
            "log",
            "log1p",
            "sqrt",
            "exp",
            "sin",
            "cos",
            "tanh",
            "round",
            "floor",
            "ceil",
            "sign",
        ),
        *("len_chars", "starts_with", "ends_with", "contains", "clip", "bucket", "to_float", "to_int"),
    }
)
_UNITS: Final = (("d", 86_400 * 10**9), ("h", 3_600 * 10**9), ("m", 60 * 10**9), ("s", 10**9), ("ms", 10**6))


def write_contract(contract: DatasetContract, notes: Sequence[str] = ()) -> str:
    """The text of a module with the contract's class, and with notes as comments above it.

    Raises:
        InputError: It has a rule or a duration that cannot be written.
    """
    names = _spelled([column.name for column in contract.columns])
    renamed = [f"its source calls {new} {old!r}: rename the column there" for old, new in names.items() if old != new]
    across = [rule for rule in contract.rules if "." not in rule.id]
    needed = [f"{of} is declared elsewhere: import it, or declare it above" for of in contract.references]
    body = [line for column in contract.columns for line in _column(contract, column, names)]
    body += [""] if across else []
    body += [line for rule in across for line in _rule(rule, names)]
    used = {"Contract"} | {
        line.split(" = ", 1)[1].split("(", 1)[0] for line in body if " = " in line and line[4] != " "
    }
    used |= {"where"} if any("where(" in line for line in body) else set()
    head = [f"# {note}" for note in (*notes, *renamed, *needed)]
    imports = list(call("from andon import ", sorted(used, key=lambda name: (not name[0].isupper(), name))))
    if len(imports) == 1:
        imports = [imports[0].replace("(", "").replace(")", "")]
    (class_name,) = _spelled([contract.name]).values()
    class_name = contract.name if class_name == contract.name else class_name.title().replace("_", "")
    return "\n".join([*imports, "", "", *head, f"class {class_name}(Contract):", *body, ""])


def _spelled(names: Sequence[str], taken: Collection[str] = ()) -> dict[str, str]:
    """The names, each as it is where Python and the body of a contract can have it."""
    fine = {
        name: name
        for name in names
        if name.isidentifier()
        and not name.startswith("_")
        and not keyword.iskeyword(name)
        and name not in {*_TAKEN, *taken}
    }
    others = identifiers([name for name in names if name not in fine], [*fine, *taken])
    return {name: fine.get(name) or others[name] for name in names}


def _column(contract: DatasetContract, column: Column, names: Mapping[str, str]) -> Iterator[str]:
    own = own_of(contract, column)
    if own is None:
        raise _unwritable(f"{contract.name}.{column.name}", "rules of its own that no declaration makes")
    constructor, options = _CONSTRUCTORS[column.kind], list(_options(column, own))
    if column.role == "event_time":
        constructor = "event_time"
        after = contract.known_after_ns
        options = [f"known_after={text_of(_duration(after))}"] if after is not None else []
    if column.role == "known_at":
        constructor, options = "known_at", []
    options += [f"tz={text_of(column.tz)}"] if column.tz != "UTC" else []
    yield from call(f"    {names[column.name]} = {constructor}", options)


def _options(column: Column, own: Own) -> Iterator[str]:
    if column.kind == "fixed":
        yield f"scale={column.scale}"
    if column.kind == "vector":
        yield str(column.size)
    if column.role == "key":
        yield "key=True"
    yield from (f"{op}={_literal(bound)}" for op, bound in own.bounds)
    if own.one_of:
        yield f"one_of={_tuple(own.one_of)}"
    if own.pattern:
        yield f"pattern={text_of(own.pattern)}"
    yield from (f"{name}=True" for name in ("segment", "nullable", "pii", "protected") if getattr(column, name))
    if column.unit:
        yield f"unit={text_of(column.unit)}"
    if own.max_null_share is not None:
        yield f"max_null_share={own.max_null_share!r}"
    yield from _strictness(own.severity, own.tolerance)


def _rule(rule: Rule, names: Mapping[str, str]) -> Iterator[str]:
    own = [names[name] for name in rule.columns]
    options = list(_strictness(rule.severity, rule.tolerance))
    match rule.scope:
        case "row":
            node = from_json(dict(rule.expression or {}))
            start, parts, plain = "rule", [_python(node, names, rule.id)], show(node)
        case "unique":
            start, parts, plain = "unique", own, f"no two rows have one {' and '.join(rule.columns)}"
        case _:
            others = [f"{rule.of}.{name}" for name in rule.of_columns]
            start = "exists_in"
            parts = [own[0], others[0]] if len(own) == 1 else [f"({', '.join(each)})" for each in (own, others)]
            plain = f"{', '.join(rule.columns)} exists in {', '.join(others)}"
    options += [f"text={text_of(rule.text)}"] if rule.text != plain else []
    (name,) = _spelled([rule.id], list(names.values())).values()
    yield from call(f"    {name} = {start}", [*parts, *options])


def _strictness(severity: str, tolerance: float) -> Iterator[str]:
    if severity != "quarantine":
        yield f"severity={text_of(severity)}"
    if tolerance != 1:
        yield f"tolerance={tolerance!r}"


def _python(node: Node, names: Mapping[str, str], place: str) -> str:
    """An expression as it is written in the body of a contract."""
    if node.op == "column":
        return names[node.text("name")]
    if node.op == "literal":
        return _literal(node)
    args = [_python(arg, names, place) for arg in node.args]
    if node.op in _SIGNS:
        return " ".join((_inner(node.args[0], args[0]), _SIGNS[node.op], _inner(node.args[1], args[1])))
    if node.op in ("not", "neg"):
        return f"{'~' if node.op == 'not' else '-'}{_inner(node.args[0], args[0])}"
    if node.op == "abs":
        return f"abs({args[0]})"
    if node.op == "where":
        return f"where({', '.join(args)})"
    first = _inner(node.args[0], args[0])
    if node.op == "is_in":
        return f"{first}.is_in({_tuple(node.args[1:])})"
    if node.op == "head":
        return f"{first}.head({node.number('number')})"
    if node.op in CALENDAR:
        return f"{first}.{node.op}({text_of(node.text('tz'))})"
    if node.op in _METHODS:
        return f"{first}.{node.op}({', '.join(args[1:])})"
    raise _unwritable(place, node.op)


def _inner(node: Node, text: str) -> str:
    is_whole = node.op not in _SIGNS and node.op not in ("not", "neg") and not text.startswith("-")
    return text if is_whole else f"({text})"


def _literal(node: Node) -> str:
    value = node.value
    if node.type.kind == "fixed":
        return str(Decimal(int(value)).scaleb(-node.type.scale))
    if node.type.kind == "time":
        return text_of(iso(int(value)))
    return text_of(value) if isinstance(value, str) else repr(value)


def _tuple(values: Sequence[Node]) -> str:
    return f"({', '.join(map(_literal, values))}{',' if len(values) == 1 else ''})"


def _duration(ns: int) -> str:
    parts, rest = "", ns
    for unit, length in _UNITS:
        number, rest = divmod(rest, length)
        parts += f"{number}{unit}" if number else ""
    if rest:
        raise _unwritable("known_after", f"{ns} ns")
    return parts or "0s"


def _unwritable(place: str, found: str) -> InputError:
    fix = "Write this part of the class by hand."
    return InputError("contract.unwritable", "This cannot be written as Python.", place=place, found=found, fix=fix)
