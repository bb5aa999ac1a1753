"""What a source reads where no function is asked: files, a query or a table, as data; and what was read of it."""

from dataclasses import dataclass, fields
from typing import Final, Literal

from andon.kernel.digest import Digest

ENV: Final = "env:"
Format = Literal["csv", "parquet", "ndjson"]
Moments = Literal["native", "text", "s", "ms", "us", "ns"]


@dataclass(frozen=True, slots=True)
class Files:
    """Files of one format, each of them read once.

    Attributes:
        paths: Paths with `*`, `?`, `[...]` and `**`, relative to the factory folder; one may begin with `env:NAME`.
        format: What they hold; `None` where each file's ending says so.
        columns: Names of the columns, for CSV files without a line of names.
        null_values: Fields that mean that there is no value; an empty field without quotes always does.
        encoding: Of CSV and NDJSON, by the name that Python has for it.
    """

    paths: tuple[str, ...]
    format: Format | None = None
    separator: str = ","
    quote: str = '"'
    columns: tuple[str, ...] = ()
    null_values: tuple[str, ...] = ()
    encoding: str = "utf-8"
    kind: Literal["files"] = "files"


@dataclass(frozen=True, slots=True)
class Sql:
    """Rows of a query.

    Attributes:
        url: `sqlite:///path`, `postgresql://...` without a password, or `env:NAME` for a variable that holds it.
        query: One statement; `:since` and `:until` are bound to the window.
        moments: How both are bound: `native` (a time stamp with zone), `text` (`2026-01-31 12:00:00` in UTC), or a
            number of units since 1970.
    """

    url: str
    query: str
    moments: Moments | None = None
    kind: Literal["sql"] = "sql"


@dataclass(frozen=True, slots=True)
class Delta:
    """A Delta Lake table.

    Attributes:
        path: Its folder, relative to the factory folder, or `env:NAME`.
        version: The one that is read; `None` means whichever is newest.
    """

    path: str
    version: int | None = None
    kind: Literal["delta"] = "delta"


Reading = Files | Sql | Delta


@dataclass(frozen=True, slots=True)
class FileRead:
    """One file that was read.

    Attributes:
        name: Path below the folder in which its pattern begins.
        rows: How many rows it gave, which stand together in the landed rows.
        line: The line of its first row, where every row has a line of its own; else `None`.
        changed_ns: When it had changed last; where that is still so, it need not be looked into again.
    """

    name: str
    bytes: int
    sha256: Digest
    rows: int
    line: int | None
    changed_ns: int

    def place(self, row: int) -> str:
        """Where a row of it stands, for people: `day.csv:17`, or `day.parquet, row 16` where there are no lines.

        Args:
            row: Number of the row in this file, from 0.
        """
        return f"{self.name}, row {row + 1}" if self.line is None else f"{self.name}:{self.line + row}"


@dataclass(frozen=True, slots=True)
class LeftAside:
    """One file that was not read, and why."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Account:
    """What was read, beside the rows themselves.

    Attributes:
        files: In the order of their rows.
        left: Files that are none of the source's, or not whole yet.
        version: Of a table that has versions; empty for everything else.
    """

    files: tuple[FileRead, ...] = ()
    left: tuple[LeftAside, ...] = ()
    version: str = ""


def place_of_row(files: tuple[FileRead, ...], row: int) -> str:
    """In which file a landed row stands, and where; empty where none of them has it."""
    for file in files:
        if row < file.rows:
            return file.place(row)
        row -= file.rows
    return ""


def variables_of(reading: Reading) -> tuple[str, ...]:
    """The environment variables that a reading names, each once, sorted: its process gets these and no others."""
    texts = [getattr(reading, field.name) for field in fields(reading) if field.name in ("path", "paths", "url")]
    found = [each for text in texts for each in ([text] if isinstance(text, str) else text)]
    return tuple(sorted({variable_of(text) for text in found} - {""}))


def variable_of(text: str) -> str:
    """The variable that a path or URL begins with; empty where it names none."""
    return text.removeprefix(ENV).partition("/")[0] if text.startswith(ENV) else ""
