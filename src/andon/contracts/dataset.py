"""The declared shape and rules of a dataset: data that can be hashed, compared and shown, never code."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

from andon.kernel.canonical import Json
from andon.kernel.digest import Digest, of_value
from andon.kernel.errors import InputError

Kind = Literal["int", "fixed", "float", "bool", "category", "time", "text", "vector", "blob"]
Role = Literal["value", "key", "event_time", "known_at"]
Severity = Literal["block", "quarantine", "warn"]
Mark = Literal["pii", "protected"]
Scope = Literal["row", "pattern", "unique", "exists", "null_share"]
LONGEST_BYTES: Final = 2**24 - 1  # a text or blob is read at once where it is served, and its length stands in 24 bits
WIDEST: Final = 2**14


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        kind: What its values are. `fixed` is a decimal kept as an integer of `scale` decimals; `time` is
            nanoseconds in UTC; `vector` is `size` 32-bit floats. `text`, `vector` and `blob` pass through as they are.
        role: `key` columns and the event time together identify a row; `known_at` says when the row could first be
            known.
        nullable: Whether null is a value.
        unit: For people, such as `min` or `mi`.
        tz: The zone in which a source's times without a zone are meant.
        scale: Decimals of a `fixed` column.
        segment: Whether measurements are also made for each of its values.
        pii: Whether its values are about a person who can be told by them, alone or with others.
        protected: Whether the law or the owner protects people from being treated by it, as sex, age or origin.
        size: How many numbers a `vector` has.
    """

    name: str
    kind: Kind
    role: Role = "value"
    nullable: bool = False
    unit: str = ""
    tz: str = "UTC"
    scale: int = 0
    segment: bool = False
    pii: bool = False
    protected: bool = False
    size: int = 0


@dataclass(frozen=True, slots=True)
class Rule:
    """What every row, or the batch, must satisfy.

    Attributes:
        id: Name in counts and reasons, such as `late_min.range` or `arrives_after_departs`.
        scope: `row`: `expression` must be true (null counts as broken); `pattern`: the whole text in `columns[0]`
            matches `pattern`; `unique`: no two rows share `columns`; `exists`: a published row of the contract `of` has
            the same values in `of_columns`; `null_share`: at most `share` of the rows are null in `columns[0]`. For a
            pattern, `unique` and `exists` null is no value that could break them.
        severity: `quarantine` sets broken rows aside; `warn` counts them and keeps them; `block` fails the batch.
        tolerance: Share of rows that may break this rule before the batch fails, 0 to 1.
        pattern: A regular expression of Rust's `regex` crate, which is what Polars takes.
        of: The contract that `of_columns` are of.
    """

    id: str
    scope: Scope
    severity: Severity
    columns: tuple[str, ...]
    expression: Mapping[str, Json] | None = None
    share: float = 0.0
    tolerance: float = 1.0
    text: str = ""
    pattern: str = ""
    of: str = ""
    of_columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DatasetContract:
    """Columns, rules and times of one dataset.

    Attributes:
        known_after_ns: How long after its event time a row becomes known, where the contract declares it; `None` means
            the moment its batch was published, unless a column has the role `known_at`.
    """

    name: str
    columns: tuple[Column, ...]
    rules: tuple[Rule, ...] = ()
    known_after_ns: int | None = None
    owner: str = ""

    def column(self, name: str) -> Column:
        """The column of that name.

        Raises:
            InputError: There is none.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise InputError(
            "contract.unknown-column",
            f"{self.name} has no column {name!r}.",
            place=self.name,
            found=", ".join(column.name for column in self.columns),
            fix="Use one of the columns found, or declare it in the contract.",
        )

    def of_role(self, role: Role) -> tuple[str, ...]:
        """Names of the columns with a role, in order."""
        return tuple(column.name for column in self.columns if column.role == role)

    def marked(self, mark: Mark) -> tuple[str, ...]:
        """Names of the columns that bear a mark, in order."""
        return tuple(column.name for column in self.columns if (column.pii if mark == "pii" else column.protected))

    @property
    def event_time(self) -> str | None:
        """Name of the event time column, if there is one."""
        return next(iter(self.of_role("event_time")), None)

    @property
    def identity(self) -> tuple[str, ...]:
        """The columns that together identify a row: the keys and the event time."""
        return self.of_role("key") + self.of_role("event_time")

    @property
    def references(self) -> tuple[str, ...]:
        """The contracts whose published rows are needed to judge rows of this one, each once, in order."""
        return tuple(dict.fromkeys(rule.of for rule in self.rules if rule.scope == "exists"))

    @property
    def declares_known_at(self) -> bool:
        """Whether history can be loaded: the contract itself says when a row could be known."""
        return self.known_after_ns is not None or bool(self.of_role("known_at"))

    def to_json(self) -> dict[str, Json]:
        """The contract as JSON; `contract_from_json` reads it back.

        A mark and a size stand there only where they are set, so that a contract without any is the same as before
        there were such; so does what only some rules have.
        """
        return {
            "name": self.name,
            "columns": [
                {
                    "name": c.name,
                    "kind": c.kind,
                    "role": c.role,
                    "nullable": c.nullable,
                    "unit": c.unit,
                    "tz": c.tz,
                    "scale": c.scale,
                    "segment": c.segment,
                    **({"pii": True} if c.pii else {}),
                    **({"protected": True} if c.protected else {}),
                    **({"size": c.size} if c.size else {}),
                }
                for c in self.columns
            ],
            "rules": [
                {
                    "id": r.id,
                    "scope": r.scope,
                    "severity": r.severity,
                    "columns": list(r.columns),
                    "expression": r.expression,
                    "share": float(r.share).hex(),
                    "tolerance": float(r.tolerance).hex(),
                    "text": r.text,
                    **({"pattern": r.pattern} if r.pattern else {}),
                    **({"of": r.of, "of_columns": list(r.of_columns)} if r.of else {}),
                }
                for r in self.rules
            ],
            "known_after_ns": None if self.known_after_ns is None else str(self.known_after_ns),
            "owner": self.owner,
        }

    def digest(self) -> Digest:
        """Identity of the contract."""
        return of_value(self.to_json())


def contract_from_json(value: Mapping[str, Json]) -> DatasetContract:
    """Read what `DatasetContract.to_json` wrote.

    Raises:
        InputError: A member is missing, unknown or of the wrong type.
    """
    try:
        contract = _read(value)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _malformed(repr(error)) from error
    if contract.to_json() != value:
        raise _malformed("members that this version does not know")
    return contract


def _read(value: Mapping[str, Json]) -> DatasetContract:
    columns = tuple(Column(**_members(item)) for item in _items(value["columns"]))
    for column in columns:
        if column.kind not in get_args(Kind) or column.role not in get_args(Role):
            raise ValueError(column.name)
        if type(column.size) is not int or (0 < column.size <= WIDEST) != (column.kind == "vector"):
            raise ValueError(column.name)
    after = value["known_after_ns"]
    return DatasetContract(
        name=str(value["name"]),
        columns=columns,
        rules=tuple(_rule(_members(item)) for item in _items(value["rules"])),
        known_after_ns=None if after is None else int(str(after)),
        owner=str(value["owner"]),
    )


def _rule(item: dict[str, Json]) -> Rule:
    if item["scope"] not in get_args(Scope) or item["severity"] not in get_args(Severity):
        raise ValueError(item["id"])
    columns = tuple(str(name) for name in _items(item.pop("columns")))
    of_columns = tuple(str(name) for name in _items(item.pop("of_columns", [])))
    shares = {name: float.fromhex(str(item.pop(name))) for name in ("share", "tolerance")}
    return Rule(columns=columns, of_columns=of_columns, **shares, **item)  # type: ignore[arg-type]  # members were checked one by one


def _items(value: Json) -> list[Json]:
    if not isinstance(value, list):
        raise TypeError(value)
    return value


def _members(value: Json) -> dict:  # type: ignore[type-arg]  # read straight into a dataclass, which names its members
    if not isinstance(value, dict):
        raise TypeError(value)
    return dict(value)


def _malformed(found: str) -> InputError:
    return InputError(
        "contract.malformed", "This is not a contract.", found=found, fix="Declare the factory again: andon check."
    )
