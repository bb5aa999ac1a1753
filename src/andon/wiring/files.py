"""Files that people carry between machines: read whole, written once."""

from pathlib import Path
from typing import Final

from andon.kernel.errors import InputError, UsageError

LONGEST_BYTES: Final = 1 << 20


def read_file(path: Path) -> str:
    """The text of a file that people carry.

    Raises:
        InputError: It cannot be read, is too long, or is no text.
    """
    try:
        with path.open("rb") as file:
            data = file.read(LONGEST_BYTES + 1)
        if len(data) > LONGEST_BYTES:
            raise _unreadable(path, f"more than {LONGEST_BYTES} bytes")
        return data.decode()
    except OSError as error:
        raise _unreadable(path, error.strerror or "unreadable") from error
    except UnicodeDecodeError as error:
        raise _unreadable(path, "bytes that are not text") from error


def write_new(path: Path, text: str) -> None:
    """Write a text to a file that is not there yet.

    Raises:
        UsageError: It is there already, or cannot be written.
    """
    try:
        with path.open("x") as file:
            file.write(text)
    except FileExistsError as error:
        raise UsageError(
            "files.exists", "There is a file already.", place=str(path), fix="Name another with --out."
        ) from error
    except OSError as error:
        raise UsageError(
            "files.not-written",
            "This file cannot be written.",
            place=str(path),
            found=error.strerror or "",
            fix="Name another with --out.",
        ) from error


def _unreadable(path: Path, found: str) -> InputError:
    return InputError(
        "files.unreadable", "This file cannot be read.", place=str(path), found=found, fix="Check its name and mode."
    )
