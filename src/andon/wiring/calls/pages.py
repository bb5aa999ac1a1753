"""Pages written to a file where a person wants to read them."""

from pathlib import Path

from andon.kernel.errors import InputError


def write_page(to: Path, page: bytes) -> Path:
    """Write a page to a file, and give where it is.

    Raises:
        InputError: The file cannot be written.
    """
    try:
        to.write_bytes(page)
    except OSError as error:
        raise InputError(
            "look.not-written",
            "The report cannot be written here.",
            place=str(to),
            found=error.strerror or type(error).__name__,
            fix="Name another file with --to.",
        ) from error
    return to.resolve()
