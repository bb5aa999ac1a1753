"""The tables `[[witness]]` of `andon.toml`: who is asked to see that the ledger only grows."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from andon.kernel.errors import InputError

TABLE: Final = "witness"
FOLDER: Final = "folder:"
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._/-]{0,126}")


@dataclass(frozen=True, slots=True)
class WitnessAt:
    """A witness and where it is asked.

    Attributes:
        name: What people call it; best the name under which it signs.
        url: `https://host/prefix` or `http://host:port` of a witness, or `folder:/path` of a sink.
    """

    name: str
    url: str

    @property
    def folder(self) -> Path | None:
        """The folder of a sink; `None` for a witness that is asked over HTTP."""
        return Path(self.url.removeprefix(FOLDER)) if self.url.startswith(FOLDER) else None


def read_witnesses(path: Path, tables: object) -> tuple[WitnessAt, ...]:
    """Read the tables `[[witness]]`.

    Args:
        path: The settings file, for people.
        tables: What stands there.

    Raises:
        InputError: Something is missing, unknown or doubled, or a folder is no absolute path.
    """
    if not isinstance(tables, list):
        raise _malformed(path, f"[{TABLE}]; write [[{TABLE}]], once for each")
    found: list[WitnessAt] = []
    for table in tables:
        if not isinstance(table, dict) or set(table) != {"name", "url"}:
            raise _malformed(path, f"{table!r} in [[{TABLE}]]")
        one = WitnessAt(str(table["name"]), str(table["url"]))
        is_url = one.folder.is_absolute() if one.folder else one.url.startswith(("https://", "http://"))
        if not _NAME.fullmatch(one.name) or one.name in {other.name for other in found} or not is_url:
            raise _malformed(path, f"name = {one.name!r}, url = {one.url!r} in [[{TABLE}]]")
        found.append(one)
    return tuple(found)


def _malformed(path: Path, found: str) -> InputError:
    return InputError(
        "settings.malformed",
        "This settings file says something that means nothing.",
        place=str(path),
        found=found,
        fix='A witness has a name, and a url like "https://host/prefix" or "folder:/path".',
    )
