"""Tensors of the Open Inference Protocol as rows of numbers, and back."""

from collections.abc import Sequence
from typing import Final, cast

import numpy as np
import numpy.typing as npt

from andon.adapters.asgi.wire import Data, InferRequest, RequestInput
from andon.contracts.model import Package
from andon.kernel.errors import InputError
from andon.line.matrix import Matrix

OUTPUT: Final = "predictions"
_FLOATS: Final = ("FP64", "FP32")
_INTEGERS: Final = {f"{sign}INT{bits}": (sign, bits) for sign in ("", "U") for bits in (8, 16, 32, 64)}
DATATYPES: Final = (*_FLOATS, *_INTEGERS, "BOOL", "BYTES")
_EXACT: Final = 2**53
_REAL: Final = {float}
_PLAIN: Final = {float, int}
_MOST_FP32: Final = float(np.finfo(np.float32).max)


def read_matrix(request: InferRequest, columns: Sequence[str], most_rows: int) -> Matrix:
    """The rows of a request in the model's columns, nulls as NaN.

    Args:
        request: One input of shape [n, k], or one of shape [n] or [n, 1] for each column.
        columns: The model's columns, in order.
        most_rows: More rows are refused.

    Raises:
        InputError: An input is missing, unknown or doubled, has another shape or a datatype andon does not take, or its
            data are not of its datatype; or there are too many rows.
    """
    _check_outputs(request)
    if len(request.inputs) == 1 and len(request.inputs[0].shape) == 2 and request.inputs[0].shape[1] == len(columns):
        only = request.inputs[0]
        if len(columns) != 1 or only.name == columns[0] or only.name not in columns:
            return _tensor(only, tuple(only.shape), most_rows)
    return _columns(request.inputs, columns, most_rows)


def output_shape(package: Package) -> list[int]:
    """The shape of the answers, -1 for any number of rows."""
    return [-1] if package.task != "classes" else [-1, len(package.classes)]


def _check_outputs(request: InferRequest) -> None:
    for output in request.outputs or ():
        if output.name != OUTPUT:
            raise _refuse("unknown-output", f"There is no output {output.name!r}.", output.name, f"Ask for {OUTPUT}.")
    if not request.inputs:
        raise _refuse("no-inputs", "The request has no inputs.", "[]", "Send one input [n, k], or one a column.")


def _columns(inputs: Sequence[RequestInput], columns: Sequence[str], most_rows: int) -> Matrix:
    named = {one.name: one for one in inputs}
    if len(named) != len(inputs):
        raise _refuse("doubled-input", "Two inputs have one name.", ", ".join(one.name for one in inputs))
    odd = sorted(set(named) ^ set(columns))
    if odd:
        known = f"Send one input of shape [n, {len(columns)}], or one a column: {', '.join(columns)}."
        raise _refuse("wrong-inputs", f"The input {odd[0]!r} is {_odd(odd[0], named)}.", ", ".join(named), known)
    rows = named[columns[0]].shape[0] if named[columns[0]].shape else 0
    parts = []
    for column in columns:
        if named[column].shape not in ([rows], [rows, 1]):
            raise _refuse("wrong-shape", f"The input {column!r} has the wrong shape.", repr(named[column].shape)[:80])
        parts.append(_tensor(named[column], (rows, 1), most_rows))
    return np.concatenate(parts, axis=1)


def _odd(name: str, named: dict[str, RequestInput]) -> str:
    return "not one of the model's" if name in named else "missing"


def _tensor(tensor: RequestInput, shape: tuple[int, ...], most_rows: int) -> Matrix:
    if not 1 <= shape[0] <= most_rows:
        raise _refuse("too-many-rows", f"A request holds 1 to {most_rows} rows.", str(shape[0]))
    values = _flat(tensor.data)
    if len(values) != shape[0] * shape[1]:
        raise _refuse("wrong-shape", f"The data of {tensor.name!r} do not fill its shape.", f"{len(values)} values")
    return _numbers(tensor, values).reshape(shape)


def _flat(data: Data) -> list[bool | int | float | str | None]:
    if data and isinstance(data[0], list):
        return [value for row in data for value in (row if isinstance(row, list) else [row])]
    return cast("list[bool | int | float | str | None]", data)


def _numbers(tensor: RequestInput, values: Sequence[object]) -> npt.NDArray[np.float64]:
    kinds = set(map(type, values))
    if tensor.datatype == "FP64" and kinds <= _PLAIN and (kinds == _REAL or _are_exact(values)):
        return np.array(values, dtype=np.float64)
    kinds.discard(type(None))
    if tensor.datatype in _FLOATS:
        most = float("inf") if tensor.datatype == "FP64" else _MOST_FP32
        good = kinds <= {int, float} and all(abs(value) <= most for value in values if isinstance(value, int | float))
    elif tensor.datatype in _INTEGERS:
        good = kinds <= {int} and _fit(values, *_INTEGERS[tensor.datatype])
    elif tensor.datatype == "BOOL":
        good = kinds <= {bool}
    elif tensor.datatype == "BYTES":
        values, good = _from_text(values), kinds <= {str}
    else:
        raise _refuse("datatype", f"andon takes no {tensor.datatype[:20]!r}.", tensor.name, ", ".join(DATATYPES))
    if not good or not _are_exact(values):
        raise _refuse("wrong-type", f"The data of {tensor.name!r} are not {tensor.datatype}.", repr(values[:3])[:80])
    numbers = np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    return numbers.astype(np.float32).astype(np.float64) if tensor.datatype == "FP32" else numbers


def _are_exact(values: Sequence[object]) -> bool:
    """Whether a double tells every integer among them apart."""
    return not any(isinstance(value, int) and abs(value) > _EXACT for value in values)


def _fit(values: Sequence[object], sign: str, bits: int) -> bool:
    low, high = (0, 2**bits - 1) if sign else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return all(low <= value <= high for value in values if isinstance(value, int))


def _from_text(values: Sequence[object]) -> list[object]:
    """Numbers written as text, for clients that send every tensor as BYTES."""
    try:
        return [float(value) if isinstance(value, str) else value for value in values]
    except ValueError as error:
        raise _refuse("wrong-type", "These BYTES are not numbers.", repr(values[:3])[:80]) from error


def _refuse(what: str, message: str, found: str, fix: str = "") -> InputError:
    return InputError(
        f"infer.{what}", message, found=found, fix=fix or "See the model's metadata: GET /v2/models/NAME."
    )
