"""The frameworks that are installed, by the format in which andon keeps their models."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Final, cast

from andon.line.package import Door, Predictor


@dataclass(frozen=True, slots=True)
class LateDoor:
    """A door whose framework is loaded when a model of it is to be read or packaged, and not before.

    Loading a framework takes longer than most commands, and most of them ask no model.

    Attributes:
        format: Name of the format, as `Package.format` has it.
        framework: The package whose absence from memory means that no model of it can be there.
        needs: Packages that must be installed.
        place: Module and class of the door.
    """

    format: str
    framework: str
    needs: tuple[str, ...]
    place: tuple[str, str]

    def load(self, data: bytes, columns: Sequence[str]) -> Predictor:
        """The model of these bytes, which takes these columns in this order.

        Raises:
            InputError: The bytes are not a model of the format, or it takes other columns.
        """
        return self._door().load(data, columns)

    def save(self, model: object, columns: Sequence[str]) -> bytes | None:
        """The bytes of a trained model; `None` when the model is not of this framework.

        Raises:
            InputError: It is of this framework and cannot be packaged safely.
        """
        return self._door().save(model, columns) if self.framework in sys.modules else None

    def wrap(self, model: object, columns: Sequence[str]) -> Predictor:
        """The trained model in memory, as it is, as a predictor.

        Raises:
            InputError: It cannot be used as one.
        """
        return self._door().wrap(model, columns)

    def _door(self) -> Door:
        module, name = self.place
        return cast("Door", getattr(import_module(module), name)())


KNOWN: Final = (
    LateDoor("lightgbm-text", "lightgbm", ("lightgbm",), ("andon.adapters.lightgbm", "LightGbmText")),
    LateDoor("skops", "sklearn", ("skops", "sklearn"), ("andon.adapters.sklearn", "Skops")),
)
"""Every framework that andon has a door to, in the order in which they are asked."""


def doors() -> dict[str, Door]:
    """A door for every framework installed here, none of which is loaded yet."""
    return {door.format: door for door in KNOWN if all(map(find_spec, door.needs))}
