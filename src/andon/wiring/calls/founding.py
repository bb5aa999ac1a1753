"""Founding a factory: a folder becomes one, with settings, keys and a trust root of its own."""

from dataclasses import dataclass
from pathlib import Path

from andon.attest.trust_json import fingerprint
from andon.kernel.canonical import Json
from andon.kernel.clock import SystemClock
from andon.kernel.digest import Digest
from andon.kernel.errors import UsageError
from andon.kernel.ids import new_id, system_entropy
from andon.wiring.factory import ENTROPY_BYTES
from andon.wiring.from_csv.init import init_from_csv
from andon.wiring.settings import Settings, write_settings
from andon.wiring.tier import ALONE
from andon.wiring.trust import found_trust


@dataclass(frozen=True, slots=True)
class Founded:
    """A new factory.

    Attributes:
        guesses: What was read from a file and guessed from it, a line each; empty without one.
    """

    folder: Path
    home: Path
    fingerprint: Digest
    guesses: tuple[str, ...]
    tier: str = ALONE

    def to_json(self) -> dict[str, Json]:
        """The factory for programs."""
        return {
            "folder": str(self.folder),
            "home": str(self.home),
            "fingerprint": self.fingerprint,
            "guesses": list(self.guesses),
            "tier": self.tier,
        }


def found(folder: Path, name: str) -> Founded:
    """Make the folder of a `factory.py` into a factory.

    Raises:
        UsageError: There is no `factory.py`, the folder is a factory already, or the name is none.
    """
    if not (folder / "factory.py").is_file():
        raise UsageError(
            "init.no-code",
            "There is no factory.py here to make a factory of.",
            place=str(folder.resolve()),
            fix="Write one, or make one from data: andon init mine --from data.csv --predict COLUMN",
        )
    return _found(folder, name, ())


def found_from_csv(folder: Path, name: str, csv: Path, *, predict: str, key: str, time: str) -> Founded:
    """Make a new folder with a factory that predicts a column of a CSV file.

    Raises:
        UsageError: The folder exists, or the column to predict is not named.
        InputError: The file cannot be read, or nothing can be made of it; the message says what to name.
    """
    place = folder / name
    if not predict:
        raise UsageError(
            "init.nothing-to-predict",
            "Which column should be predicted?",
            place=str(csv),
            fix=f"andon init {name} --from {csv} --predict COLUMN",
        )
    if place.exists():
        fix = f"Use another name, or go on with what is there: cd {place}"
        raise UsageError("init.exists", "This folder exists.", place=str(place), fix=fix)
    guess = init_from_csv(place, csv, predict=predict, key=key or None, time=time or None)
    return _found(place, name, tuple(guess.lines))


def _found(folder: Path, name: str, guesses: tuple[str, ...]) -> Founded:
    now_ns = SystemClock().now_ns()
    settings: Settings = write_settings(folder, name, new_id(now_ns, system_entropy(ENTROPY_BYTES)))
    root = found_trust(settings, now_ns)
    _keep_out_of_git(settings)
    return Founded(settings.folder, settings.home, fingerprint(root), guesses)


def _keep_out_of_git(settings: Settings) -> None:
    """The state of a factory is no source code; its own ignore file says so wherever it is put."""
    state = settings.database.parent
    state.mkdir(parents=True, exist_ok=True)
    (state / ".gitignore").write_text("*\n")
