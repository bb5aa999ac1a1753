"""The shape of a text file, byte by byte: how many records it has, how wide each is, and what is wrong where.

Nothing is parsed here. Whoever parses is held to the count, so that no row is lost or made up on the way.
"""

import codecs
import csv
import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final, cast

import numpy as np
from numpy.typing import NDArray

from andon.kernel.errors import InputError

_CHUNK_BYTES: Final = 1 << 22
_NEWLINE, _RETURN = 10, 13
_UTF16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
Bytes = NDArray[np.uint8]
Places = NDArray[np.int64]


@dataclass(slots=True)
class Shape:
    """What a text file is made of.

    Attributes:
        header: Its first record, as bytes.
        records: How many records it has, the first included, blank lines left out.
        blank: Which lines are blank, of all lines that end a record, from 0.
        is_plain: Whether every record has one line, and no line is blank but the last ones.
    """

    header: bytes = b""
    records: int = 0
    blank: list[int] = field(default_factory=list)
    is_plain: bool = True


def decoded(path: Path, place: str, encoding: str, to: Path) -> Path:
    """The file as UTF-8: itself where it is that already, else a copy.

    Raises:
        InputError: Its bytes are not what they must be; the place says which file and line.
    """
    is_packed = path.name.endswith(".gz")
    is_copied = is_packed or encoding != "utf-8"
    decoder = codecs.getincrementaldecoder("utf-8-sig" if encoding == "utf-8" else encoding)("strict")
    line, first = 1, True
    with to.open("wb") as copy:
        for chunk in _chunks(path, place, is_packed=is_packed):
            if first and encoding == "utf-8" and chunk.startswith(_UTF16):
                fix = 'Say so: files(..., encoding="utf-16")'
                raise _refuse("encoding", "This file is UTF-16.", place, chunk[:2].hex(" "), fix)
            text = _decode(decoder, chunk, place, line, encoding)
            if "\0" in text:
                at = line + text[: text.index("\0")].count("\n")
                fix = 'Write the file again without it; if it is UTF-16, say so: files(..., encoding="utf-16")'
                raise _refuse("nul", "There is a NUL character in the text.", f"{place}:{at}", "\\0", fix)
            line += text.count("\n")
            first = False
            if is_copied:
                copy.write(text.encode())
        _decode(decoder, b"", place, line, encoding, final=True)
    return to if is_copied else path


def shape_of(
    path: Path, place: str, separator: str, quote: str, names: int | None, chunk_bytes: int = _CHUNK_BYTES
) -> Shape:
    """Look at every byte of delimited UTF-8 text, as RFC 4180 has it.

    Args:
        path: The file.
        place: Its name, for refusals.
        separator: Between fields; empty where a record is one line whatever is in it.
        quote: Around fields; empty where none has a meaning.
        names: How many fields a record has; `None` where the first record says so.
        chunk_bytes: How much is looked at at once.

    Raises:
        InputError: A record has more or fewer fields, or a quote stands where none may.
    """
    scan = _Scan(place, separator, quote, names)
    with path.open("rb") as file:
        file.seek(len(codecs.BOM_UTF8) if file.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8 else 0)
        while chunk := file.read(chunk_bytes):
            scan.take(np.frombuffer(chunk, np.uint8), chunk)
    return scan.finish()


def names_of(shape: Shape, place: str, separator: str, quote: str) -> list[str]:
    """The names of columns in a file's first record.

    Raises:
        InputError: There is none, or a name is empty or stands there twice.
    """
    text = shape.header.decode().rstrip("\r\n")
    fix = 'Give each column its own name, or name them yourself: files(..., columns=("id", "at"))'
    csv.field_size_limit(1 << 30)
    quoted = csv.reader([text], delimiter=separator, quotechar=quote or '"', strict=True)
    names = next(quoted) if quote else text.split(separator)
    odd = [name for place_, name in enumerate(names) if not name.strip() or name in names[:place_]]
    if odd:
        what = f"{odd[0]!r} twice" if odd[0].strip() else f"column {names.index(odd[0]) + 1} has no name"
        raise _refuse("header", "The line of names is none.", f"{place}:1", what, fix)
    return names


class _Scan:
    """Goes over the bytes once and keeps only what passes from one chunk to the next."""

    def __init__(self, place: str, separator: str, quote: str, names: int | None) -> None:
        self.shape = Shape()
        self._place = place
        self._separator = ord(separator) if separator else None
        self._quote = ord(quote) if quote else None
        self._width = names
        self._within = 0  # 1 inside of quotes
        self._last = _NEWLINE  # the byte before the chunk
        self._lines = 0  # newlines before the chunk
        self._ended = 0  # lines that ended a record, blank ones too
        self._separators = 0  # of the record that is open
        self._length = 0  # bytes of the record that is open
        self._line = 1  # where the open record began

    def take(self, bytes_: Bytes, raw: bytes) -> None:
        """The next bytes."""
        within = self._quotes(bytes_)
        is_newline = bytes_ == _NEWLINE
        newlines = np.flatnonzero(is_newline)
        ends = np.flatnonzero(is_newline & (within == 0))
        marks = self._marks(bytes_, within)
        if self._ended == 0:
            self.shape.header += raw[: int(ends[0]) if len(ends) else len(raw)]
        if len(newlines) != len(ends):
            self.shape.is_plain = False
        if len(ends):
            self._records(bytes_, ends, marks, newlines)
        else:
            self._separators += len(marks)
            self._length += len(bytes_)
        self._lines += len(newlines)
        self._last = int(bytes_[-1])

    def finish(self) -> Shape:
        """The whole shape."""
        if self._within:
            fix = 'Close it; if quotes have no meaning here, say so: files(..., quote="")'
            raise self._refuse("quote", "A quote is opened and never closed.", self._line, "the end of the file", fix)
        if self._length:
            self._check(np.array([self._separators + 1]), np.array([self._line]), np.array([False]))
            self.shape.records += 1
        elif self.shape.blank:
            trailing = self.shape.blank == list(range(self._ended - len(self.shape.blank), self._ended))
            self.shape.is_plain &= trailing
        if self._ended <= 1 and b"\r" in self.shape.header.rstrip(b"\r"):
            fix = "Write the file again with line feeds."
            raise self._refuse("line-ends", "Lines end with a carriage return alone.", 1, "\\r", fix)
        return self.shape

    def _quotes(self, bytes_: Bytes) -> Bytes:
        """1 for each byte inside of quotes; a quote may open only before a field, and close only after it."""
        if self._quote is None:
            return np.zeros(len(bytes_), np.uint8)
        is_quote = bytes_ == self._quote
        within: Bytes = np.bitwise_and(np.cumsum(is_quote, dtype=np.uint8) + np.uint8(self._within), np.uint8(1))
        before = np.concatenate([np.array([self._last], np.uint8), bytes_[:-1]])
        allowed = [self._quote, _NEWLINE, *([self._separator] if self._separator is not None else [])]
        opens = is_quote & (within == 1) & ~np.isin(before, allowed)
        follows = before == self._quote
        outside = np.concatenate([np.array([self._within], np.uint8), within[:-1]]) == 0
        closed = follows & outside & ~is_quote & ~np.isin(bytes_, [*allowed, _RETURN])
        bad = np.flatnonzero(opens | closed)
        if len(bad):
            line = self._lines + 1 + int(np.count_nonzero(bytes_[: bad[0]] == _NEWLINE))
            fix = 'Double it, and put quotes around the field; if quotes have no meaning here: files(..., quote="")'
            raise self._refuse("quote", "A quote stands inside of a field.", line, chr(self._quote), fix)
        self._within = int(within[-1])
        return within

    def _marks(self, bytes_: Bytes, within: Bytes) -> Places:
        if self._separator is None:
            return np.array([], np.int64)
        return np.flatnonzero((bytes_ == self._separator) & (within == 0))

    def _records(self, bytes_: Bytes, ends: Places, marks: Places, newlines: Places) -> None:
        starts = np.concatenate([[-self._length], ends[:-1] + 1])
        lengths = ends - starts
        before = np.where(ends > 0, bytes_[ends - 1], self._last)
        is_blank = (lengths == 0) | ((lengths == 1) & (before == _RETURN))
        counts = np.diff(np.searchsorted(marks, ends), prepend=0)
        counts[0] += self._separators
        lines = self._lines + 1 + np.searchsorted(newlines, starts)
        lines[0] = self._line
        self._check(counts + 1, lines, is_blank)
        self.shape.blank += (np.flatnonzero(is_blank) + self._ended).tolist()
        self.shape.records += int(len(ends) - np.count_nonzero(is_blank))
        self._ended += len(ends)
        last = int(ends[-1])
        self._separators = int(len(marks) - np.searchsorted(marks, last))
        self._length = len(bytes_) - last - 1
        self._line = self._lines + 1 + int(np.searchsorted(newlines, last, side="right"))

    def _check(self, counts: Places, lines: Places, is_blank: NDArray[np.bool_]) -> None:
        if self._separator is None:
            return
        if self._width is None:
            if is_blank[0]:
                raise self._refuse("header", "The file has no line of names.", 1, "a blank line", "Take the line out.")
            self._width = int(counts[0])
        odd = np.flatnonzero((counts != self._width) & ~is_blank)
        if len(odd):
            line, found = int(lines[odd[0]]), int(counts[odd[0]])
            fix = "Mend the line; a separator inside of a field needs quotes around the field."
            message = "A line has another number of fields than there are columns."
            raise self._refuse("ragged", message, line, f"{found} fields, and {self._width} columns", fix)

    def _refuse(self, what: str, message: str, line: int, found: str, fix: str) -> InputError:
        return _refuse(what, message, f"{self._place}:{line}", found, fix)


def _chunks(path: Path, place: str, *, is_packed: bool) -> Iterator[bytes]:
    try:
        with cast("IO[bytes]", gzip.open(path, "rb")) if is_packed else path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        fix = "Copy the file again from where it comes from."
        raise _refuse("damaged", "This file is not whole, or no gzip.", place, str(error), fix) from error


def _decode(
    decoder: codecs.IncrementalDecoder, chunk: bytes, place: str, line: int, encoding: str, *, final: bool = False
) -> str:
    try:
        return decoder.decode(chunk, final)
    except UnicodeError as error:
        at, found = line, str(error)
        if isinstance(error, UnicodeDecodeError):
            at += error.object[: error.start].count(b"\n")
            found = f"byte {error.object[error.start : error.start + 1].hex()}"
        fix = 'Say how it is written, such as files(..., encoding="latin-1")'
        raise _refuse("encoding", f"This text is not {encoding}.", f"{place}:{at}", found, fix) from error


def _refuse(what: str, message: str, place: str, found: str, fix: str) -> InputError:
    return InputError(f"files.{what}", message, place=place, found=found, fix=fix)
