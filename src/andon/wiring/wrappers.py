"""Keeps LightGBM from loading scikit-learn and pandas in processes that run no user code."""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Final

_ASKING: Final = "lightgbm.compat"  # the module in which LightGBM tries what else is installed
_WRAPPED: Final = ("sklearn", "pandas")


class _NoWrappers(MetaPathFinder):
    """Says that what LightGBM has wrappers for is not installed, to LightGBM only and only while it looks."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,  # noqa: ARG002  # as the import system calls it
        target: ModuleType | None = None,  # noqa: ARG002  # as above
    ) -> ModuleSpec | None:
        """Nothing: the other finders go on to look, unless LightGBM asks.

        Raises:
            ModuleNotFoundError: LightGBM asks for what it wraps.
        """
        spec = getattr(sys.modules.get(_ASKING), "__spec__", None)
        if fullname in _WRAPPED and getattr(spec, "_initializing", False):
            raise ModuleNotFoundError(f"{fullname} is left out of this process.", name=fullname)
        return None


def leave_out_wrappers() -> None:
    """From now on LightGBM loads in this process without its wrappers for scikit-learn and pandas.

    Loading those takes four fifths of its two seconds, and an answer from a packaged model needs neither. A process
    that runs user code must not say so: the user's code may train with the wrappers.
    """
    if not any(isinstance(finder, _NoWrappers) for finder in sys.meta_path):
        sys.meta_path.insert(0, _NoWrappers())
