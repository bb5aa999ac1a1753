"""What `andon.toml` says in `[remind]`: by which command people are told that a gate waits for them, and how often."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from andon.kernel.clock import duration_ns
from andon.kernel.errors import AndonError, InputError

TABLE: Final = "remind"
EVERY: Final = "1d"


@dataclass(frozen=True, slots=True)
class Remind:
    """How people are told.

    Attributes:
        notify: The command and its arguments, started as they are, with one reminder as JSON on standard input; empty
            where nobody is told.
        every_ns: Nobody is told of the same again before this time is over.
    """

    notify: tuple[str, ...] = ()
    every_ns: int = duration_ns(EVERY)


UNTOLD: Final = Remind()
"""Nobody is told: who wants to know asks."""


def read_remind(path: Path, table: object) -> Remind:
    """Read the table `[remind]`.

    Raises:
        InputError: It says something that means nothing.
    """
    if not isinstance(table, Mapping) or set(table) - {"notify", "every"}:
        raise _malformed(path, f"[{TABLE}] {table!r:.80}")
    notify, every = table.get("notify", []), table.get("every", EVERY)
    if not isinstance(notify, list) or not all(isinstance(word, str) and word for word in notify):
        raise _malformed(path, f"notify = {notify!r:.80}")
    try:
        every_ns = duration_ns(every) if isinstance(every, str) else 0
    except AndonError:
        every_ns = 0
    if every_ns <= 0:
        raise _malformed(path, f"every = {every!r:.80}")
    return Remind(tuple(notify), every_ns)


def _malformed(path: Path, found: str) -> InputError:
    return InputError(
        "settings.malformed",
        "This settings file says something that means nothing.",
        place=str(path),
        found=found,
        fix='Write it so: [remind] notify = ["/usr/local/bin/tell", "--by", "mail"] and every = "1d".',
    )
