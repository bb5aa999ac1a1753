"""Which files a source has now: found by patterns, whole, and not read before."""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from andon.contracts.reading import Files, LeftAside, variable_of
from andon.kernel.clock import SECOND_NS
from andon.kernel.errors import InputError
from andon.line.ingest.ports import Asked

_UNFINISHED: Final = (".tmp", ".part", ".partial", ".filepart", ".crdownload")
_MAGIC: Final = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Found:
    """One ordinary file, as it was when it was looked at.

    Attributes:
        name: Path below the folder in which its pattern begins.
        state: What changes whenever the file does: size, times, and which file it is.
        changed_ns: When it changed last, its name and permissions included.
    """

    path: Path
    name: str
    size: int
    state: tuple[int, ...]
    changed_ns: int

    def is_unchanged(self) -> bool:
        """Whether the file still is what was looked at."""
        try:
            return _state(self.path.stat()) == self.state
        except OSError:
            return False


def listed(asked: Asked[Files]) -> tuple[list[Found], list[LeftAside]]:
    """The files that the patterns match, sorted by name, and those among them that are not to be read, with why.

    Raises:
        InputError: A folder is missing, is none or may not be read; or nothing matches and nothing ever did.
    """
    found: dict[str, Found] = {}
    left: dict[str, str] = {}
    for text in asked.reads.paths:
        base, parts = _split(asked, text)
        for path in _matching(base, parts, asked):
            name = path.relative_to(base).as_posix()
            why, file = _looked_at(path, name, asked)
            if file is None:
                left[name] = why
            else:
                found[name] = file
    if not found and not left and not asked.seen:
        raise _refuse("no-match", "No file matches.", ", ".join(asked.reads.paths), "nothing", _fix_paths(asked))
    aside = [LeftAside(name, why) for name, why in sorted(left.items()) if name not in found]
    return [found[name] for name in sorted(found)], aside


def _split(asked: Asked[Files], text: str) -> tuple[Path, list[str]]:
    """The folder in which a pattern begins, and the parts below it."""
    name = variable_of(text)
    told = asked.value_of(name) + text.removeprefix(f"env:{name}") if name else text
    parts = (asked.folder / told).parts
    first = next((place for place, part in enumerate(parts) if _MAGIC & set(part)), len(parts) - 1)
    base, rest = Path(*parts[:first]), list(parts[first:])
    if not base.exists() or not base.is_dir():
        found = "a file" if base.exists() else "nothing"
        raise _refuse("no-folder", "The folder of these files is none.", asked.shown(base), found, _fix_paths(asked))
    if not _MAGIC & set(told) and (base / rest[0]).is_dir():
        fix = f'Say which files in it: files("{text.rstrip("/")}/*.csv")'
        raise _refuse(
            "is-folder", "Files are wanted, and this is a folder.", asked.shown(base / rest[0]), "a folder", fix
        )
    return base, [*rest, "*"] if rest[-1] == "**" else rest


def _matching(folder: Path, parts: Sequence[str], asked: Asked[Files]) -> Iterator[Path]:
    """The paths below a folder that match, part by part; a folder that may not be read is refused, not left out."""
    head, *rest = parts
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        fix = "Let the OS user of the line (of its runner, where it has one) read this folder."
        raise _refuse(
            "forbidden", "A folder cannot be read.", asked.shown(folder), error.strerror or "", fix
        ) from error
    if head == "**":
        yield from _matching(folder, rest, asked)
    for entry in entries:
        if head == "**":
            if entry.is_dir(follow_symlinks=False):
                yield from _matching(Path(entry.path), parts, asked)
        elif fnmatchcase(entry.name, head):
            if not rest and not entry.is_dir():
                yield Path(entry.path)
            elif rest and entry.is_dir():
                yield from _matching(Path(entry.path), rest, asked)


def _looked_at(path: Path, name: str, asked: Asked[Files]) -> tuple[str, Found | None]:
    """Why a file is not to be read now, or what it is."""
    if any(part.startswith(".") for part in Path(name).parts):
        return "hidden", None
    if name.lower().endswith(_UNFINISHED):
        return "unfinished, by its name", None
    try:
        seen = path.stat()
    except OSError as error:
        return error.strerror or "cannot be looked at", None
    if not stat.S_ISREG(seen.st_mode):
        return "no ordinary file", None
    changed_ns = max(seen.st_mtime_ns, seen.st_ctime_ns)
    if changed_ns > asked.now_ns - asked.settle_ns:
        when = f"changed less than {asked.settle_ns / SECOND_NS:g} s ago"
        return when if changed_ns <= asked.now_ns else "its time lies in the future", None
    return "", Found(path, name, seen.st_size, _state(seen), changed_ns)


def _state(seen: os.stat_result) -> tuple[int, ...]:
    return seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_ino, seen.st_dev


def _fix_paths(asked: Asked[Files]) -> str:
    return f"Correct files(...) of {asked.source}; relative paths begin in {asked.folder}."


def _refuse(what: str, message: str, place: str, found: str, fix: str) -> InputError:
    return InputError(f"files.{what}", message, place=place, found=found, fix=fix)
