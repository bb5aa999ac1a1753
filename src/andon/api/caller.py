"""Where in the user's code a call came from, for the place of an error."""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from andon.kernel.errors import AndonError

_OURS: Final = (str(Path(__file__).parents[1]), "<string>")  # what dataclasses write stands in "<string>"


def caller() -> str:
    """File and line of the innermost caller outside andon, as `path:line`."""
    frame = inspect.currentframe()
    while frame is not None and frame.f_code.co_filename.startswith(_OURS):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame is not None else ""


def is_interactive() -> bool:
    """Whether the call comes from a notebook, a prompt or a script, where the same thing may be said again."""
    frame = inspect.currentframe()
    while frame is not None and frame.f_code.co_filename.startswith(_OURS):
        frame = frame.f_back
    return frame is not None and frame.f_globals.get("__name__") == "__main__"


@contextmanager
def placed(place: str) -> Iterator[None]:
    """Say where in the user's code a refusal belongs, where it does not say so itself."""
    try:
        yield
    except AndonError as error:
        if place not in error.place:
            error.place = f"{place}, {error.place}" if error.place else place
        raise
