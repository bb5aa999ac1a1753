"""Settings of one factory folder: `andon.toml` and the environment, read once, passed on as a value."""

import getpass
import os
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from andon.kernel.errors import InputError, UsageError
from andon.wiring.apart_settings import Apart, read_apart, socket_path
from andon.wiring.remind_settings import TABLE as REMIND
from andon.wiring.remind_settings import UNTOLD, Remind, read_remind
from andon.wiring.witness_settings import TABLE as WITNESS
from andon.wiring.witness_settings import WitnessAt, read_witnesses

FILE: Final = "andon.toml"
NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_ID: Final = re.compile(r"[0-9a-f-]{36}")
_KNOWN: Final = {"factory": {"name", "id"}, "state": {"database", "store", "gatekeeper", "serve", "online"}}
_KNOWN_TABLES: Final = (
    "Known: [factory] name, id; [state] database, store, gatekeeper, serve, online; [remind]; [[witness]]; [people]."
)
_APART: Final = ("gatekeeper", "people")


@dataclass(frozen=True, slots=True)
class Settings:
    """Where everything of a factory stands.

    Attributes:
        folder: The factory folder, with `factory.py` and `andon.toml`.
        name: The factory's name.
        id: Its identity in statements; made once by `andon init`.
        database: Path of the control database.
        store: Folder of the immutable objects.
        home: Folder outside the factory for keys, the pinned trust root and the verifier's memory.
        person: Who is acting, where a command does not say.
        gatekeeper: The socket of the gatekeeper who does everything here; `None` where this process is the one.
        apart: How the gatekeeper listens and who may speak to it, in the folder of one with an OS user of its own.
        serve: Folder of the servers' own files, where they have an OS user of their own; else they lie in the state.
        online: Where the online store is, or `env:` and the variable that says it; empty for a file of the servers.
        witnesses: Who is asked to see that the ledger only grows.
        remind: How people are told that a gate waits for them.
    """

    folder: Path
    name: str
    id: str
    database: Path
    store: Path
    home: Path
    person: str
    gatekeeper: Path | None = None
    apart: Apart | None = None
    serve: Path | None = None
    online: str = ""
    witnesses: tuple[WitnessAt, ...] = ()
    remind: Remind = UNTOLD

    @property
    def code(self) -> Path:
        """The file that declares the factory."""
        return self.folder / "factory.py"

    @property
    def origin(self) -> str:
        """The name of the factory's ledger, as its checkpoints say it."""
        return f"{self.id}/{self.name}"

    @property
    def spool(self) -> Path:
        """Where child processes work; nothing in it outlives its run."""
        return self.database.parent / "spool"

    @property
    def trust(self) -> Path:
        """The versions of the trust root, as envelopes."""
        return self.database.parent / "trust"

    def serving(self, target: str) -> Path:
        """Folder that the servers of a target read.

        Raises:
            InputError: The target is no plain name (`serve.not-a-name`).
        """
        return self.database.parent / "serve" / plain_name(target)

    def served(self, target: str) -> Path:
        """Folder that the servers of a target write: what they say of themselves, and the prediction log."""
        return self.serving(target) if self.serve is None else self.serve / plain_name(target)


def plain_name(text: str) -> str:
    """The name of a target or model, which is the name of its folder too, and never leads out of where that lies.

    Raises:
        InputError: It is a path or nothing (`serve.not-a-name`).
    """
    if text in ("", ".", "..") or "/" in text or "\0" in text:
        raise InputError(
            "serve.not-a-name",
            "This is not the name of a target or of a model.",
            found=repr(text)[:80],
            fix="Write the name as the factory declares it, without any slash.",
        )
    return text


def load_settings(folder: Path) -> Settings:
    """Read the settings of the factory in a folder, or in the nearest one above it that has any.

    Raises:
        UsageError: There is no factory here.
        InputError: `andon.toml` cannot be read, or says something that means nothing.
    """
    start = folder.resolve()
    for place in (start, *start.parents):
        if (place / FILE).is_file():
            return _parse(place)
    raise UsageError(
        "settings.no-factory",
        "There is no factory here.",
        place=str(start),
        found=f"no {FILE} in this folder or above it",
        fix="Go to a factory's folder, or make one: andon init NAME",
    )


def write_settings(folder: Path, name: str, factory_id: str) -> Settings:
    """Write the settings of a new factory and read them back.

    Raises:
        UsageError: The name is not one, or the folder already is a factory.
    """
    if not NAME.fullmatch(name):
        raise UsageError(
            "settings.not-a-name",
            "This is not a name for a factory.",
            found=repr(name),
            fix="Use small letters, digits, - and _, beginning with a letter.",
        )
    path = folder / FILE
    text = f"""\
# Where this factory keeps what it knows. Code says what the factory does; this file says only where.
[factory]
name = "{name}"
id = "{factory_id}"

[state]
database = ".andon/control.db"
store = ".andon/store"
"""
    try:
        with path.open("x") as file:
            file.write(text)
    except FileExistsError as error:
        raise UsageError(
            "settings.exists", "This folder already is a factory.", place=str(path), fix="Use another folder."
        ) from error
    return load_settings(folder)


def _parse(folder: Path) -> Settings:
    path = folder / FILE
    try:
        tables = tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise _malformed(path, str(error)) from error
    witnesses = read_witnesses(path, tables.pop(WITNESS, []))
    remind = read_remind(path, tables.pop(REMIND, {}))
    for table, values in tables.items():
        if table not in (*_KNOWN, *_APART) or not isinstance(values, dict):
            raise _malformed(path, f"[{table}]")
        if odd := sorted(set(values) - _KNOWN.get(table, set(values))):
            raise _malformed(path, f"{odd[0]!r} in [{table}]")
    factory, state = tables.get("factory", {}), tables.get("state", {})
    name, factory_id = factory.get("name", ""), factory.get("id", "")
    if not (isinstance(name, str) and NAME.fullmatch(name)):
        raise _malformed(path, f"name = {name!r}")
    if not (isinstance(factory_id, str) and _ID.fullmatch(factory_id)):
        raise _malformed(path, f"id = {factory_id!r}")
    return Settings(
        folder=folder,
        name=name,
        id=factory_id,
        database=_path(folder, state, "database", ".andon/control.db"),
        store=_path(folder, state, "store", ".andon/store"),
        home=home_folder() / f"{name}-{factory_id}",
        person=acting_person(),
        gatekeeper=socket_path(path, state["gatekeeper"]) if "gatekeeper" in state else None,
        apart=_apart(path, tables),
        serve=_path(folder, state, "serve", "") if "serve" in state else None,
        online=_text(path, state, "online"),
        witnesses=witnesses,
        remind=remind,
    )


def _apart(path: Path, tables: dict[str, dict[str, object]]) -> Apart | None:
    if not set(_APART) & set(tables):
        return None
    return read_apart(path, tables.get("gatekeeper", {}), tables.get("people", {}))


def home_folder() -> Path:
    """The folder for keys and memory: `ANDON_HOME`, else `~/.andon`."""
    given = os.environ.get("ANDON_HOME")
    return Path(given).resolve() if given else Path.home() / ".andon"


def acting_as(person: str) -> None:
    """Make a person the one who acts in this process and all that it starts."""
    os.environ["ANDON_AS"] = person


def acting_person() -> str:
    """Who is acting: `ANDON_AS`, else the name of the user of this machine."""
    try:
        return os.environ.get("ANDON_AS") or getpass.getuser()
    except (OSError, KeyError):
        return "owner"  # a container may run under a number that has no name


def _path(folder: Path, state: dict[str, object], name: str, default: str) -> Path:
    value = state.get(name, default)
    if not isinstance(value, str) or not value:
        raise _malformed(folder / FILE, f"{name} = {value!r}")
    return (folder / value).resolve()


def _text(path: Path, state: dict[str, object], name: str) -> str:
    value = state.get(name, "")
    if not isinstance(value, str):
        raise _malformed(path, f"{name} = {value!r}")
    return value


def _malformed(path: Path, found: str) -> InputError:
    return InputError(
        "settings.malformed",
        "This settings file says something that means nothing.",
        place=str(path),
        found=found,
        fix=_KNOWN_TABLES,
    )
