"""Strict reading of TOML that people write: every member known, of its kind, and refused with the line it stands on."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from difflib import get_close_matches
from typing import Final, TypeVar, cast

from andon.kernel.clock import duration_ns, parse_iso
from andon.kernel.errors import AndonError, InputError
from andon.kernel.signing import PublicKey, read_key_line

C = TypeVar("C", bound=str)
_MAX_NS: Final = 2**63 - 1
_MAX_COUNT: Final = 2**53 - 1
_SHOWN: Final = 80
_NAMED_BY: Final = ("name", "target", "metric", "role")


@dataclass(frozen=True, slots=True)
class Table:
    """One table of a file.

    Attributes:
        values: What stands in it.
        lines: The lines of the file.
        place: What the file and the table are called.
        first_line: The line of its header, from 1, or of the list it stands in; 0 for the whole file.
        is_inline: Whether it stands within a list, without lines of its own.
    """

    values: Mapping[str, object]
    lines: tuple[str, ...]
    place: str
    first_line: int = 0
    is_inline: bool = False

    @staticmethod
    def of(values: Mapping[str, object], text: str, place: str) -> "Table":
        """The whole file."""
        return Table(values, tuple(text.splitlines()), place)

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def check_names(self, *known: str) -> None:
        """Refuse a member that has no meaning here; nothing that somebody wrote is passed over.

        Raises:
            InputError: There is one; the fix names the nearest that there is.
        """
        for name in self.values:
            if name not in known:
                near = get_close_matches(name, known, n=1, cutoff=0.6)
                fix = f"Did you mean {near[0]}?" if near else f"Known here: {', '.join(known)}."
                raise self.refused(name, f"{name!r}, which means nothing here", fix)

    def refused(self, name: str, found: str, fix: str) -> InputError:
        """The refusal of a member, with its line."""
        line = self._line_of(name)
        place = f"{self.place}, line {line}" if line else self.place
        return malformed(f"{place}: {name}", found, fix)

    def text(self, name: str, default: str | None = None) -> str:
        """A text.

        Raises:
            InputError: It is missing and there is no default, or it is none.
        """
        value = self._value(name, default)
        if not isinstance(value, str):
            raise self.refused(name, f"{value!r:.80}", f'Write text between quotation marks: {name} = "..."')
        return value

    def choice(self, name: str, *known: C) -> C:
        """One of a few words; the first one where it is missing, if that is what the word means when left out.

        Raises:
            InputError: It is none of them.
        """
        value = self._value(name, known[0] if known[0] in _LEFT_OUT else None)
        if value not in known:
            raise self.refused(name, f"{value!r:.80}", f"Write one of {', '.join(repr(one) for one in known)}.")
        return value

    def truth(self, name: str) -> bool:
        """True or false.

        Raises:
            InputError: It is missing, or neither.
        """
        value = self._value(name)
        if not isinstance(value, bool):
            raise self.refused(name, f"{value!r:.80}", "Write true or false.")
        return value

    def whole(self, name: str, default: int | None = None) -> int:
        """A whole number, 0 or more.

        Raises:
            InputError: It is missing and there is no default, or it is none.
        """
        return self._whole(name, self._value(name, default))

    def number(self, name: str) -> float:
        """A finite number.

        Raises:
            InputError: It is missing, or none.
        """
        value = self._value(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise self.refused(name, f"{value!r:.80}", "Write a finite number.")
        return float(value)

    def moment(self, name: str) -> int:
        """A moment, in nanoseconds UTC.

        Raises:
            InputError: It is missing, none, or before 1970 or after 2262.
        """
        value = self._value(name)
        written = value.isoformat() if isinstance(value, datetime | date) else value
        try:
            moment_ns = parse_iso(written) if isinstance(written, str) else -1
        except (AndonError, OverflowError):
            moment_ns = -1
        if not 0 <= moment_ns <= _MAX_NS:
            raise self.refused(name, f"{value!r:.80}", 'Write a moment such as "2027-01-31T12:00:00Z".')
        return moment_ns

    def duration(self, name: str) -> int:
        """A length of time, in nanoseconds.

        Raises:
            InputError: It is missing, or none.
        """
        value = self._value(name)
        try:
            length_ns = duration_ns(value) if isinstance(value, str) else 0
        except (AndonError, ValueError):
            length_ns = 0
        if not 0 < length_ns <= _MAX_NS:
            raise self.refused(name, f"{value!r:.80}", 'Write a length of time such as "90d" or "12h".')
        return length_ns

    def key(self, name: str) -> PublicKey:
        """A public key.

        Raises:
            InputError: It is missing, or none.
        """
        return self._key(name, self._value(name))

    def keys(self, name: str) -> tuple[PublicKey, ...]:
        """A list of public keys.

        Raises:
            InputError: It is missing or no list, or one of them is no key.
        """
        return tuple(self._key(name, value) for value in self._list(name, self._value(name)))

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts.

        Raises:
            InputError: It is missing or no list, or one of them is no text.
        """
        found = self._list(name, self._value(name))
        if not all(isinstance(one, str) for one in found):
            raise self.refused(name, f"{found!r:.80}", f'Write a list of texts: {name} = ["...", "..."]')
        return tuple(cast("list[str]", found))

    def numbers(self, name: str) -> tuple[tuple[str, int], ...]:
        """A table of whole numbers by name; none where it is missing.

        Raises:
            InputError: It is no table, or one of them is no whole number.
        """
        return tuple((one, self._whole(name, value)) for one, value in self._table(name).items())

    def named_texts(self, name: str) -> tuple[tuple[str, str], ...]:
        """A table of texts by name; none where it is missing.

        Raises:
            InputError: It is no table, or one of them is no text.
        """
        found = self._table(name)
        if not all(isinstance(value, str) for value in found.values()):
            raise self.refused(name, f"{found!r:.80}", f'Write a table of texts: {name} = {{ "..." = "..." }}')
        return tuple((one, str(value)) for one, value in found.items())

    def tables(self, name: str) -> tuple["Table", ...]:
        """A list of tables; none where it is missing.

        Raises:
            InputError: It is no list, or one of them is no table.
        """
        found = self._list(name, self._value(name, []))
        if not all(isinstance(one, dict) for one in found):
            raise self.refused(name, f"{found!r:.80}", "Write a list of tables.")
        tables = cast("list[dict[str, object]]", found)
        return tuple(self._inner(name, number, values) for number, values in enumerate(tables))

    def _inner(self, name: str, number: int, values: dict[str, object]) -> "Table":
        """A table of a list: with a header of its own, or on a line of its list."""
        headers = [i for i, line in enumerate(self.lines, 1) if line.strip().startswith(f"[[{name}]]")]
        title = next((str(values[one]) for one in _NAMED_BY if isinstance(values.get(one), str)), f"no. {number + 1}")
        place = f"{self.place}, {name} {title[:_SHOWN]}"
        if not self.first_line and number < len(headers):
            return Table(values, self.lines, place, headers[number])
        return Table(values, self.lines, place, self._line_of(name), is_inline=True)

    def _line_of(self, name: str) -> int:
        """The line of a member; that of its table where the member has none of its own; 0 where neither is known."""
        if self.is_inline:
            return self.first_line
        is_mine = True
        for number, line in enumerate(self.lines[self.first_line :], self.first_line + 1):
            written = line.strip()
            if written.startswith("[["):
                if self.first_line:
                    break
                if written.startswith(f"[[{name}]]"):
                    return number
                is_mine = False
            elif is_mine and "=" in written and written.partition("=")[0].strip(" \t\"'") == name:
                return number
        return self.first_line

    def _value(self, name: str, default: object = None) -> object:
        value = self.values.get(name, default)
        if value is None:
            raise self.refused(name, "nothing", f"Write it: {name} = ...")
        return value

    def _whole(self, name: str, value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MAX_COUNT:
            raise self.refused(name, f"{value!r:.80}", "Write a whole number, 0 or more.")
        return value

    def _key(self, name: str, value: object) -> PublicKey:
        try:
            return read_key_line(value if isinstance(value, str) else "")
        except AndonError as error:
            fix = 'Write the line that `andon key new` prints: "ed25519:..."'
            raise self.refused(name, f"{value!r:.80}", fix) from error

    def _list(self, name: str, value: object) -> list[object]:
        if not isinstance(value, list):
            raise self.refused(name, f"{value!r:.80}", f"Write a list: {name} = [...]")
        return value

    def _table(self, name: str) -> dict[str, object]:
        value = self._value(name, {})
        if not isinstance(value, dict):
            raise self.refused(name, f"{value!r:.80}", f"Write a table: {name} = {{ ... }}")
        return value


_LEFT_OUT: Final = ("", "point", "block", "T0")


def malformed(place: str, found: str, fix: str) -> InputError:
    """The refusal of a policy file that says something without meaning."""
    return InputError(
        "policy.malformed", "This policy file says something that means nothing.", place=place, found=found, fix=fix
    )
