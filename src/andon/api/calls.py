"""The factory's functions called by name, with what they take: the way from a child process into user code."""

import inspect
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import TypeVar

from andon.api.code import function_digest
from andon.api.models import Params
from andon.api.registered import Ingest, Measured, Registry, Training
from andon.contracts.wire import to_json
from andon.kernel.canonical import Json
from andon.kernel.digest import Digest, of_value
from andon.kernel.errors import InputError, UsageError

Value = TypeVar("Value")


def found(table: Mapping[str, Value], name: str, what: str) -> Value:
    """The registered thing of that name.

    Raises:
        UsageError: There is none.
    """
    if name not in table:
        raise UsageError(
            "factory.unknown",
            f"The factory has no {what} {name!r}.",
            place=name,
            found=", ".join(table) or "none at all",
            fix="Use one of those found; factory.py may have been edited since the run began.",
        )
    return table[name]


def registered_of(registry: Registry, name: str) -> Ingest | Training | Measured:
    """The source, model or measurement of that name.

    Raises:
        UsageError: There is none.
    """
    known: dict[str, Ingest | Training | Measured] = {**registry.sources, **registry.models, **registry.measures}
    return found(known, name, "function")


def digest_of(registry: Registry, name: str, folder: Path) -> Digest:
    """Identity of the code of a source, a model or a measurement, as it is now.

    Raises:
        UsageError: The factory has nothing of that name, or its code cannot be found.
        InputError: Code in the folder cannot be read.
    """
    known = registered_of(registry, name)
    if known.function is None:
        return of_value(to_json(known.reads))
    function = inspect.unwrap(known.function)
    path = inspect.getsourcefile(function)
    scope: Mapping[str, object] = getattr(function, "__globals__", {})
    registries = [each for each, value in scope.items() if isinstance(getattr(value, "registered", None), Registry)]
    if path is None or not Path(path).resolve().is_relative_to(folder.resolve()):
        raise UsageError(
            "factory.no-source",
            f"The code of {name!r} is not in the factory folder, so that its versions could not be told apart.",
            place=path or name,
            fix="Define the function in factory.py or in a module beside it.",
        )
    return function_digest(Path(path).resolve(), function.__name__, folder.resolve(), registries)


def params_json(training: Training) -> dict[str, Json]:
    """The default parameters of a training.

    Raises:
        UsageError: A parameter has no default, or is not a bool, int, float, text or None.
    """
    try:
        values = training.params()
    except TypeError as error:
        fix = "Give every parameter a default: rounds: int = 200."
        raise _refuse(training, "A parameter has no default.", str(error), fix) from error
    out: dict[str, Json] = {}
    for field in fields(values):  # type: ignore[arg-type]  # every subclass of Params is a dataclass
        value: object = getattr(values, field.name)
        if not (value is None or isinstance(value, bool | int | float | str)):
            fix = "Use bool, int, float, str or None."
            raise _refuse(training, f"The parameter {field.name} is not plain.", repr(value), fix)
        out[field.name] = value
    return out


def params_of(training: Training, values: Mapping[str, Json]) -> Params:
    """Parameters from JSON, where a float without decimals looks like an int.

    Raises:
        InputError: There are others than the training has.
    """
    defaults = params_json(training)
    if set(defaults) != set(values):
        raise InputError(
            "factory.params",
            f"These are not the parameters of {training.name}.",
            place=training.place,
            found=", ".join(sorted(values)),
            fix=f"Give exactly {', '.join(defaults) or 'none'}.",
        )
    typed = {
        name: float(value) if isinstance(defaults[name], float) and isinstance(value, int) else value
        for name, value in values.items()
    }
    return training.params(**typed)


def _refuse(training: Training, message: str, found: str, fix: str) -> UsageError:
    return UsageError("factory.params", message, place=training.place, found=found, fix=fix)
