"""Reads the new files of a source: each is hashed, checked, brought to Parquet and counted."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import polars as pl

from andon.adapters.source_files.listing import Found, listed
from andon.adapters.source_files.text import Shape, decoded, names_of, shape_of
from andon.contracts.reading import Account, FileRead, Files, Format, LeftAside
from andon.kernel.digest import Digest
from andon.kernel.errors import InputError
from andon.line.ingest.ports import Asked, Brought

_FORMATS: Final[dict[str, Format]] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
}
_MAGIC: Final = b"PAR1"
_LEAST_PARQUET: Final = 12
_WAITED_NS: Final = 3_600_000_000_000
_INDEX: Final = "\0line"


@dataclass(frozen=True, slots=True)
class _Part:
    """A file brought to Parquet."""

    file: FileRead
    path: Path
    schema: pl.Schema


def read_files(asked: Asked[Files]) -> Brought:
    """Bring the rows of all files that are whole and new, in the order of their names.

    A file is new when none of its name was read before, or another one: of other bytes. All columns of CSV are text;
    the contract says what they are.

    Raises:
        InputError: A file is not what it must be; nothing is brought then.
    """
    files, left = listed(asked)
    seen = {file.name: file for file in asked.seen}
    parts: list[_Part] = []
    for found in files:
        known = seen.get(found.name)
        if known and _is_known(known, found):
            continue
        part = _read(found, asked, len(parts) + 1)
        if isinstance(part, LeftAside):
            left.append(part)
        elif known is None or known.sha256 != part.file.sha256:
            parts.append(part)
    account = Account(tuple(part.file for part in parts), tuple(sorted(left, key=lambda one: one.name)))
    return Brought(_together(parts, asked) if parts else None, account)


def _is_known(known: FileRead, found: Found) -> bool:
    """Whether a file did not change since it was read, as its size and its times say."""
    return (known.bytes, known.changed_ns) == (found.size, found.changed_ns)


def _read(found: Found, asked: Asked[Files], number: int) -> _Part | LeftAside:
    form = _format(found, asked.reads)
    try:
        sha256 = _hash(found.path)
        if form == "parquet" and not _has_footer(found, asked):
            return LeftAside(found.name, "not whole yet: its end is missing")
        part = _brought(found, form, asked, asked.scratch / f"{number:06d}", sha256)
    except OSError as error:
        if not found.is_unchanged():
            return LeftAside(found.name, "changed while it was read")
        fix = "Let the OS user of the line (of its runner, where it has one) read this file."
        raise _refuse("forbidden", "A file cannot be read.", found.name, error.strerror or "", fix) from error
    except InputError:
        if not found.is_unchanged():
            return LeftAside(found.name, "changed while it was read")
        raise
    return part if found.is_unchanged() else LeftAside(found.name, "changed while it was read")


def _format(found: Found, reads: Files) -> Format:
    name = found.name.lower()
    form = reads.format or _FORMATS.get(Path(name.removesuffix(".gz")).suffix)
    if form is None or (form == "parquet" and name.endswith(".gz")):
        fix = f'Say it, such as files(..., format="csv"), or let the pattern match only {", ".join(_FORMATS)}.'
        raise _refuse("format", "Nobody knows what this file holds.", found.name, Path(name).suffix or "no ending", fix)
    return form


def _hash(path: Path) -> Digest:
    with path.open("rb") as file:
        return Digest("sha256:" + hashlib.file_digest(file, "sha256").hexdigest())


def _has_footer(found: Found, asked: Asked[Files]) -> bool:
    """Whether a Parquet file has its end; one that still lacks it after an hour is refused.

    Raises:
        InputError: It never was Parquet, or will not be whole any more.
    """
    with found.path.open("rb") as file:
        first = file.read(len(_MAGIC))
        file.seek(max(found.size - len(_MAGIC), 0))
        last = file.read()
    if first == last == _MAGIC and found.size >= _LEAST_PARQUET:
        return True
    if found.size and not _MAGIC.startswith(first) and first != _MAGIC:
        fix = 'Give it the ending of what it is, or say so: files(..., format="csv")'
        raise _refuse("not-parquet", "This is no Parquet file.", found.name, f"begins with {first!r}", fix)
    if found.changed_ns > asked.now_ns - _WAITED_NS:
        return False
    fix = "Copy the file again from where it comes from, or take it away."
    raise _refuse("damaged", "This Parquet file is not whole.", found.name, f"{found.size} bytes, no end", fix)


def _brought(found: Found, form: Format, asked: Asked[Files], at: Path, sha256: Digest) -> _Part:
    """One file, written as Parquet below `at`, with its rows counted."""
    if not found.size:
        raise _refuse("empty", "This file is empty.", found.name, "0 bytes", "Write it again, or take it away.")
    reads, target = asked.reads, at.with_suffix(".parquet")
    at.symlink_to(found.path.resolve())  # under a plain name: patterns and addresses have no meaning in it
    rows, line = -1, None
    text = at
    if form == "parquet":
        scan = pl.scan_parquet(at, hive_partitioning=False, glob=False)
    else:
        told = decoded(found.path, found.name, reads.encoding, at.with_suffix(".txt"))
        text = at if told == found.path else told
        if form == "csv":
            scan, shape = _csv(text, found.name, reads)
            rows = shape.records - (0 if reads.columns else 1)
            line = (1 if reads.columns else 2) if shape.is_plain else None
        else:
            shape = shape_of(text, found.name, "", "", None)
            scan = pl.scan_ndjson(text, infer_schema_length=None)
            rows, line = shape.records, 1 if shape.is_plain else None
    try:
        scan.sink_parquet(target, compression="lz4", maintain_order=True)
        got = cast("int", pl.scan_parquet(target, glob=False).select(pl.len()).collect().item())
        schema = pl.Schema(pl.read_parquet_schema(target))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        place = _odd_line(text, found.name) if form == "ndjson" else found.name
        fix = "Open the file at this place, and have it written again by where it comes from."
        raise _refuse("unreadable", f"This {form} file cannot be read.", place, str(error)[:300], fix) from error
    if rows not in (-1, got):
        fix = "Nothing was published. Keep the file and report this as a defect of andon."
        found_ = f"{rows} records in the text, {got} rows read"
        raise _refuse("rows-lost", "Not every record of the file became a row.", found.name, found_, fix)
    at.with_suffix(".txt").unlink(missing_ok=True)
    file = FileRead(found.name, found.size, sha256, got, line, found.changed_ns)
    return _Part(file, target, schema)


def _csv(text: Path, name: str, reads: Files) -> tuple[pl.LazyFrame, Shape]:
    is_tabs = name.lower().removesuffix(".gz").endswith(".tsv") and reads.separator == ","
    separator = "\t" if is_tabs else reads.separator
    shape = shape_of(text, name, separator, reads.quote, len(reads.columns) or None)
    names = list(reads.columns) or names_of(shape, name, separator, reads.quote)
    scan = pl.scan_csv(
        text,
        has_header=not reads.columns,
        new_columns=names,
        infer_schema=False,
        separator=separator,
        quote_char=reads.quote or None,
        null_values=list(reads.null_values) or None,
        glob=False,
    )
    if not shape.blank:
        return scan, shape
    skipped = 0 if reads.columns else 1
    lines = pl.Series([line - skipped for line in shape.blank], dtype=pl.UInt32)
    return scan.with_row_index(_INDEX).filter(~pl.col(_INDEX).is_in(lines.implode())).drop(_INDEX), shape


def _odd_line(text: Path, name: str) -> str:
    """The first line that is no JSON object."""
    with text.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, 1):
            try:
                if line.strip() and not isinstance(json.loads(line), dict):
                    return f"{name}:{number}"
            except ValueError:
                return f"{name}:{number}"
    return name


def _together(parts: Sequence[_Part], asked: Asked[Files]) -> pl.LazyFrame:
    """The rows of all files; they have the same columns, in any order, of types that go together."""
    first = parts[0]
    loose = any(part.file.name.lower().removesuffix(".gz").endswith((".ndjson", ".jsonl")) for part in parts)
    loose |= asked.reads.format == "ndjson"
    for part in parts[1:]:
        odd = sorted(set(part.schema) ^ set(first.schema))
        if odd and not loose:
            fix = "Have all files of a source written with the same columns; read others with a source of their own."
            what = f"{odd[0]!r} is only in {part.file.name if odd[0] in part.schema else first.file.name}"
            raise _refuse("other-columns", "Two files have different columns.", part.file.name, what, fix)
    frames = [pl.scan_parquet(part.path, glob=False) for part in parts]
    if not loose:
        frames = [frame.select(first.schema.names()) for frame in frames]
    whole = pl.concat(frames, how="diagonal_relaxed" if loose else "vertical_relaxed")
    try:
        names = whole.collect_schema().names()
    except pl.exceptions.PolarsError as error:
        fix = "Have all files of a source written with the same types."
        place, told = ", ".join(part.file.name for part in parts[:3]), str(error)[:300]
        raise _refuse(
            "other-types", "Files hold a column in types that do not go together.", place, told, fix
        ) from error
    missing = [name for name in asked.nullable if name not in names] if loose else []
    return whole.with_columns(pl.lit(None).alias(name) for name in missing)


def _refuse(what: str, message: str, place: str, found: str, fix: str) -> InputError:
    return InputError(f"files.{what}", message, place=place, found=found, fix=fix)
