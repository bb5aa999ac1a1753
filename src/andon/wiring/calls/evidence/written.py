"""Writing an exported file where a person wants it, without ever writing over another one."""

from pathlib import Path

from andon.kernel.errors import InputError


def write_new(path: Path, data: bytes) -> Path:
    """Write a file that is not there yet; a file that could not be written whole is taken away again.

    Returns:
        The file that was written.

    Raises:
        InputError: There is a file of this name, or it cannot be written.
    """
    try:
        with path.open("xb") as file:
            try:
                file.write(data)
            except OSError:
                path.unlink()
                raise
    except FileExistsError as error:
        raise InputError(
            "evidence.file-exists", "There is a file of this name already.", place=str(path), fix="Name another: --out"
        ) from error
    except OSError as error:
        raise InputError(
            "evidence.not-written",
            "The file cannot be written here.",
            place=str(path),
            found=error.strerror or type(error).__name__,
            fix="Name another file with --out.",
        ) from error
    return path.resolve()
