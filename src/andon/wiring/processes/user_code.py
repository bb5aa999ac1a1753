"""User code imported by its path, and whatever it raises told with its file, its line and a way out."""

import re
import sys
import traceback
from collections.abc import Mapping
from importlib.machinery import (
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    SourceFileLoader,
)
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType, TracebackType
from typing import Final, cast

from andon.kernel.canonical import Json
from andon.kernel.errors import AndonError, InputError
from andon.runtime.handed import UserFactory

MODULE: Final = "factory"
_LINE: Final = re.compile(r":\d+")
_DISTRIBUTIONS: Final = {
    "PIL": "pillow",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}
_WAYS: Final = (
    "declaration",
    "digest_of",
    "place_of",
    "run_source",
    "run_training",
    "run_measure",
)


class _SourceAsItIs(SourceFileLoader):
    """Runs the source that is there now.

    Python takes byte code for a file's own when second and size agree, so code edited within a second would run as it
    was before, under the digest of what it is now.
    """

    def get_code(self, fullname: str) -> CodeType:
        """The code of the source, compiled now."""
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


def factory_of(path: Path) -> UserFactory:
    """The one factory that a file declares, its folder being on the import path.

    Raises:
        InputError: There is no such file, or it declares none or several.
        BaseException: Whatever the file raises.
    """
    if not path.is_file():
        fix = "Go to a factory's folder, or make one: andon init NAME"
        raise InputError("factory.missing", "There is no factory here.", place=str(path), found="no file", fix=fix)
    sys.path.insert(0, str(path.parent))
    sys.path_importer_cache[str(path.parent)] = FileFinder(
        str(path.parent), (_SourceAsItIs, SOURCE_SUFFIXES), (ExtensionFileLoader, EXTENSION_SUFFIXES)
    )
    spec = spec_from_file_location(MODULE, path, loader=_SourceAsItIs(MODULE, str(path)))
    if spec is None or spec.loader is None:
        raise InputError("factory.missing", "This is not a Python file.", place=str(path), fix="Call it factory.py.")
    module = module_from_spec(spec)
    sys.modules[MODULE] = module
    spec.loader.exec_module(module)
    return _only_factory(module, path)


def _only_factory(module: ModuleType, path: Path) -> UserFactory:
    found: dict[int, tuple[str, UserFactory]] = {}
    for name, value in vars(module).items():
        if not isinstance(value, type) and all(hasattr(type(value), way) for way in _WAYS):
            found.setdefault(id(value), (name, cast("UserFactory", value)))
    if len(found) != 1:
        names = ", ".join(f"{name} = {value!r}" for name, value in found.values())
        raise InputError(
            "factory.several" if found else "factory.none",
            "The file declares several factories." if found else "The file declares no factory.",
            place=str(path),
            found=names or "no Factory(...)",
            fix='Write one, on the top level: factory = Factory("name", owner="team", purpose="What it is for").',
        )
    return next(iter(found.values()))[1]


def refusal(error: BaseException, root: Path | None, place: str) -> Mapping[str, Json]:
    """What user code raised, as a refusal: code, one sentence, file and line, what it was, and a way out.

    Args:
        error: The exception.
        root: The factory folder; its frames are the user's. Paths in it are told relative to it.
        place: The function at work, for what is raised outside of its own lines.
    """
    known = error if isinstance(error, AndonError) else _understood(error)
    line = _syntax_place(error) or (_place(error.__traceback__, root) if root else "") or place
    where = known.place
    if line and not _LINE.search(where):
        where = f"{line}, {where}" if where else line
    told: dict[str, Json] = {"kind": type(known).__name__, **known.to_json(), "place": where}
    del told["at"]
    return {name: _within(str(value), root) for name, value in told.items()}


def is_away(error: BaseException) -> bool:
    """Whether an error is, or comes from, a connection that was refused or took too long."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        if isinstance(cause, ConnectionError | TimeoutError):
            return True
        seen.add(id(cause))
        cause = cause.__cause__ or cause.__context__
    return False


def _understood(error: BaseException) -> InputError:
    found = f"{type(error).__name__}: {error}".rstrip(": ")[:2000]
    if isinstance(error, SyntaxError):
        return InputError("factory.syntax", "This file is not Python.", found=found, fix="Mend the line.")
    if isinstance(error, ModuleNotFoundError) and error.name:
        name = error.name.split(".")[0]
        return InputError(
            "factory.missing-package",
            f"The factory needs the package {name!r}, which is not installed.",
            found=found,
            fix=f"Install it: {sys.executable} -m pip install {_DISTRIBUTIONS.get(name, name)}",
        )
    if isinstance(error, FileNotFoundError):
        fix = "Name files relative to the code, which runs in a folder of its own: Path(__file__).parent / 'data.csv'."
        return InputError("factory.raised", "The factory's code looks for a file.", found=found, fix=fix)
    if isinstance(error, SystemExit):
        fix = "Return from the function, or raise an error that says what is wrong."
        return InputError("factory.raised", "The factory's code ended its process.", found=found, fix=fix)
    if isinstance(error, MemoryError):
        fix = "Use fewer rows or columns at a time, for example with a LazyFrame."
        return InputError("factory.raised", "The factory's code ran out of memory.", found=found, fix=fix)
    fix = "Mend the line named above; the whole traceback is in the log of the attempt."
    return InputError("factory.raised", "The factory's code raised an error.", found=found, fix=fix)


def _syntax_place(error: BaseException) -> str:
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno or 1}"
    return ""


def _place(trace: TracebackType | None, root: Path) -> str:
    """File and line of the innermost frame of the user's own code."""
    own = [
        f"{frame.filename}:{frame.lineno}"
        for frame in traceback.extract_tb(trace)
        if Path(frame.filename).is_relative_to(root) and "site-packages" not in frame.filename
    ]
    return own[-1] if own else ""


def _within(text: str, root: Path | None) -> str:
    return text if root is None else text.replace(f"{root}/", "")
