"""What a caller asks about: JSON values brought to the spine contract's types, or a published row found by its keys."""

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Final, Protocol, TypeVar, cast
from zoneinfo import ZoneInfo

import polars as pl

from andon.contracts.dataset import LONGEST_BYTES, Column, DatasetContract
from andon.contracts.prediction import Said
from andon.expressions.patterns import is_match
from andon.expressions.row import RowFunction, Value, compile_row, single
from andon.expressions.tree import from_json
from andon.kernel.armour import unwrap, wrap
from andon.kernel.clock import parse_iso
from andon.kernel.errors import InputError, UsageError

_NOT_INT64: Final = 1 << 63
_EVENT: Final = "_event"
_PLACE: Final = ("_object", "_row")

Item = TypeVar("Item")
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Question:
    """One question, ready for the features.

    Attributes:
        said: What the caller said, as it is logged: the key columns, or all columns but the event time.
        values: All columns of the spine but its event time, in physical types.
    """

    said: Mapping[str, Said]
    values: Mapping[str, Value]


class Rows(Protocol):
    """Published rows, found by their keys."""

    def find(self, keys: Sequence[Mapping[str, Value]], asked_ns: int) -> Sequence[Mapping[str, Value] | None]:
        """Of each entity the newest row that was known when the question was asked; `None` when there is none."""
        ...


class SpineRows:
    """The published rows of the spine in memory, found by their keys.

    Args:
        contract: The spine's contract.
        rows: Its published rows with `_known_at`, `_object` and `_row`.
    """

    def __init__(self, contract: DatasetContract, rows: pl.DataFrame) -> None:
        self._names = [column.name for column in contract.columns if column.name in rows.columns]
        self._keys = contract.of_role("key")
        event = contract.event_time or "_known_at"
        ordered = rows.with_columns(pl.col(event).alias(_EVENT)).sort("_known_at", _EVENT, *_PLACE)
        physical = ordered.select(
            *(_physical(pl.col(name), ordered.schema[name]) for name in (*self._names, "_known_at", _EVENT))
        )
        self._found: dict[tuple[object, ...], _Visible] = {}
        places = [physical.columns.index(key) for key in self._keys]
        for row in physical.iter_rows():
            self._found.setdefault(tuple(row[place] for place in places), _Visible([], [])).add(row)

    def find(self, keys: Sequence[Mapping[str, Value]], asked_ns: int) -> list[Mapping[str, Value] | None]:
        """Of each entity the newest row that was known when the question was asked; `None` when there is none.

        A spine row is the question itself, so it is visible from the very moment it is known.
        """
        return [self._newest(each, asked_ns) for each in keys]

    def _newest(self, keys: Mapping[str, Value], asked_ns: int) -> Mapping[str, Value] | None:
        rows = self._found.get(tuple([keys[key] for key in self._keys]))
        newest = None if rows is None else rows.newest(asked_ns)
        return None if newest is None else dict(zip(self._names, cast("tuple[Value, ...]", newest), strict=False))


@dataclass(frozen=True, slots=True)
class _Visible:
    """The rows of one entity.

    Attributes:
        known: When each became known, in order.
        best: Of each row and all known before it, the one of the latest event.
    """

    known: list[int]
    best: list[tuple[object, ...]]

    def add(self, row: tuple[object, ...]) -> None:
        """Add a row that became known no earlier than those that are there."""
        is_newer = not self.best or _newness(row) >= _newness(self.best[-1])
        self.known.append(cast("int", row[-2]))
        self.best.append(row if is_newer else self.best[-1])

    def newest(self, asked_ns: int) -> tuple[object, ...] | None:
        """The row of the latest event that was known at a moment."""
        count = bisect_right(self.known, asked_ns)
        return self.best[count - 1] if count else None


def _newness(row: tuple[object, ...]) -> tuple[int, int]:
    return cast("int", row[-1]), cast("int", row[-2])


class Questions:
    """Reads questions about the entities of one spine.

    Args:
        contract: The spine's contract.
    """

    def __init__(self, contract: DatasetContract) -> None:
        self._name = contract.name
        self._timed = {*contract.of_role("event_time"), *contract.of_role("known_at")}
        self._columns = {column.name: column for column in contract.columns if column.name not in self._timed}
        self._keys = contract.of_role("key")
        self._are_keys_enough = set(self._keys) != set(self._columns)
        self._asked = contract.event_time
        self._rules = _row_rules(contract)
        self._patterns = [rule for rule in contract.rules if rule.scope == "pattern" and rule.severity != "warn"]
        self._rule_of = {rule.id: rule for rule in contract.rules}

    def read(self, entities: Sequence[Mapping[str, object]], asked_ns: int, rows: Rows | None) -> list[Question]:
        """The questions that a caller's JSON objects ask.

        Args:
            entities: Each holds either the key columns alone, whose newest visible row is then used, or all columns
                but the event time.
            asked_ns: The time of the questions.
            rows: The published rows, where there are any.

        Raises:
            InputError: A column is unknown, missing or of the wrong type, a row breaks a rule of the contract
                (`serve.out-of-contract`), or no visible row has the keys (`serve.unknown-entity`). Of several
                entities it names the first that is refused.
        """
        said = _each(lambda entity: self._said(entity, asked_ns), entities)
        keyed = [each for each in said if self._is_keys(each)]
        found = iter(rows.find(keyed, asked_ns) if rows is not None and keyed else [None] * len(keyed))
        return _each(
            lambda each: Question(_as_logged(each), _known(each, next(found)) if self._is_keys(each) else each), said
        )

    def _is_keys(self, said: Mapping[str, Value]) -> bool:
        """Whether a caller gave the key columns only, of which more columns follow."""
        return self._are_keys_enough and len(said) == len(self._keys)

    def _said(self, entity: Mapping[str, object], asked_ns: int) -> dict[str, Value]:
        columns, keys = self._columns, self._keys
        if not entity.keys() <= columns.keys():
            raise self._unknown(entity)
        values = {name: _read(columns[name], value) for name, value in entity.items()}
        for key in keys:
            if values.get(key) is None:
                raise _refuse("missing-column", f"The question needs {self._name}.{key}.", ", ".join(entity))
        if self._is_keys(values):
            return {key: values[key] for key in keys}
        if len(values) != len(columns):
            absent = min(set(columns) - set(values))
            raise _refuse(
                "missing-column",
                f"The question lacks {self._name}.{absent}.",
                ", ".join(entity),
                f"Give all of {', '.join(columns)}, or only {', '.join(keys)} of a published row.",
            )
        self._check_rules(values, asked_ns)
        return values

    def _check_rules(self, values: Mapping[str, Value], asked_ns: int) -> None:
        """Refuse a row that the data gate would have set aside: no model was trained on such rows."""
        row = {**values, self._asked: asked_ns} if self._asked else values
        broken = [self._rule_of[name] for name, holds in self._rules.call(row).items() if holds is not True]
        for rule in self._patterns:
            value = values[rule.columns[0]]
            broken += [rule] if isinstance(value, str) and not is_match(value, rule.pattern) else []
        for rule in broken:
            raise _refuse(
                "out-of-contract",
                f"The question breaks {rule.id}: {rule.text or 'see the contract'}",
                ", ".join(f"{column}={row.get(column)!r}" for column in rule.columns)[:200],
                "Correct the row: the data gate sets such rows aside, so no model was trained on any.",
            )

    def _unknown(self, entity: Mapping[str, object]) -> InputError:
        if early := sorted(set(entity) & self._timed):
            return _refuse(
                "time-in-entity", f"{early[0]} is the time of the question.", early[0], "Give it as `asked`."
            )
        unknown = min(set(entity) - set(self._columns))
        return _refuse("unknown-column", f"{self._name} has no column {unknown!r}.", ", ".join(self._columns))


def _row_rules(contract: DatasetContract) -> RowFunction:
    """The conditions that a row by itself must keep, but for those that read when it became known."""
    known = set(contract.of_role("known_at"))
    read = {
        rule.id: from_json(rule.expression)
        for rule in contract.rules
        if rule.scope == "row"
        and rule.severity != "warn"
        and rule.expression is not None
        and not known & set(rule.columns)
    }
    return compile_row(read, lambda _, column: column)


def _each(answer: Callable[[Item], Answer], items: Sequence[Item]) -> list[Answer]:
    """The answers to all; where one is refused, the refusal says which of several it was."""
    answers: list[Answer] = []
    for item in items:
        try:
            answers.append(answer(item))
        except InputError as error:
            if len(items) > 1:
                error.place = f"entities[{len(answers)}]"
            raise
    return answers


def _known(keys: Mapping[str, Value], row: Mapping[str, Value] | None) -> Mapping[str, Value]:
    if row is None:
        raise InputError(
            "serve.unknown-entity",
            "No published row has these keys and was known when the question was asked.",
            found=", ".join(f"{key}={value!r}" for key, value in keys.items()),
            fix="Check the keys and `asked`, publish the row, or give all columns of the question.",
        )
    return row


def _as_logged(values: Mapping[str, Value]) -> Mapping[str, Said]:
    return {name: wrap(value) if isinstance(value, bytes) else value for name, value in values.items()}


def values_of(contract: DatasetContract, said: Mapping[str, Said]) -> Mapping[str, Value]:
    """What a caller said, as it was logged, in physical types again."""
    blobs = {column.name for column in contract.columns if column.kind == "blob"}
    return {name: unwrap(value) if name in blobs and isinstance(value, str) else value for name, value in said.items()}


def _read(column: Column, value: object) -> Value:
    if value is None:
        if column.nullable:
            return None
        raise _wrong(column, value)
    try:
        read = _READERS[column.kind](column, value)
    except (UsageError, InputError, InvalidOperation, ValueError, OverflowError, TypeError) as error:
        raise _wrong(column, value) from error
    if column.kind in ("int", "fixed", "time") and not -_NOT_INT64 <= cast("int", read) < _NOT_INT64:
        raise _wrong(column, value)
    return read


def _int(_: Column, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(value)
    return value


def _fixed(column: Column, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError(value)
    scaled = Decimal(str(value)).scaleb(column.scale)
    if scaled.adjusted() > 19 or scaled != scaled.to_integral_value():
        raise ValueError(value)
    return int(scaled)


def _float(_: Column, value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(value)
    number = float(value)
    return None if math.isnan(number) else number


def _bool(_: Column, value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(value)
    return value


def _category(_: Column, value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _time(column: Column, value: object) -> int:
    if not isinstance(value, str):
        raise TypeError(value)
    moment = datetime.fromisoformat(value)
    return parse_iso((moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(column.tz))).isoformat())


def _text(_: Column, value: object) -> str:
    if not isinstance(value, str) or len(value.encode()) > LONGEST_BYTES:
        raise TypeError(value)
    return value


def _vector(column: Column, value: object) -> tuple[float, ...]:
    vector = single(value) if isinstance(value, list) and len(value) == column.size else None
    if vector is None:
        raise TypeError(value)
    return vector


def _blob(_: Column, value: object) -> bytes:
    if not isinstance(value, str) or len(data := unwrap(value)) > LONGEST_BYTES:
        raise TypeError(value)
    return data


_READERS: Final = {
    "int": _int,
    "fixed": _fixed,
    "float": _float,
    "bool": _bool,
    "category": _category,
    "time": _time,
    "text": _text,
    "vector": _vector,
    "blob": _blob,
}


def _physical(column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    return column.dt.cast_time_unit("ns").to_physical() if isinstance(dtype, pl.Datetime) else column


def _wrong(column: Column, value: object) -> InputError:
    forms = {
        "int": "a whole number",
        "fixed": f"a number of at most {column.scale} decimals",
        "float": "a number",
        "bool": "true or false",
        "category": "text",
        "time": "text such as 2013-07-01T12:00:00Z",
        "text": "text of at most 16 MiB",
        "vector": f"a list of {column.size} finite numbers",
        "blob": "base64 text of at most 16 MiB",
    }
    null = " or null" if column.nullable else ""
    return _refuse("wrong-type", f"{column.name} must be {forms[column.kind]}{null}.", repr(value)[:80])


def _refuse(what: str, message: str, found: str, fix: str = "") -> InputError:
    return InputError(f"serve.{what}", message, found=found, fix=fix or "Correct this column of `entity`.")
