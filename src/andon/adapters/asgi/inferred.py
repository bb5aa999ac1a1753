"""Answers to inference as JSON: all that one release says in every answer is written once."""

from collections.abc import Sequence
from typing import Final

from andon.adapters.asgi.tensors import OUTPUT, output_shape
from andon.adapters.asgi.wire import ENCODER
from andon.contracts.prediction import Prediction
from andon.line.serve.predict import Serving

_ONE: Final = b',"parameters":{"prediction_id":'
_MANY: Final = b',"parameters":{"prediction_ids":'
_DATA: Final = b',"datatype":"FP64","data":'


class InferForm:
    """Writes the answers of what serves.

    Args:
        model: Name of the model, as callers ask for it.
        serving: What answers.
    """

    def __init__(self, model: str, serving: Serving) -> None:
        package, release = serving.loaded.package, serving.loaded.release
        said = {"model": serving.loaded.model, "release": release, "sequence": serving.sequence}
        self.serving = serving
        self._width = output_shape(package)[1:]
        self._head = _open({"model_name": model, "model_version": release}) + b',"id":'
        self._middle = b"," + ENCODER.encode(said)[1:] + b',"outputs":[' + _open({"name": OUTPUT}) + b',"shape":'
        self._one_row = self._middle + ENCODER.encode([1, *self._width]) + _DATA

    def write(self, request_id: str | None, made: Sequence[Prediction]) -> bytes:
        """The answer to one request, under its own id or that of its first prediction.

        The answers stand in one tensor of shape [n], or [n, classes] for a task of many classes.
        """
        first = made[0]
        first_id = ENCODER.encode(first.id)
        head = self._head + (first_id if request_id is None else ENCODER.encode(request_id))
        if len(made) == 1:
            return b"".join((head, _ONE, first_id, self._one_row, ENCODER.encode(first.outputs), b"}]}"))
        ids = ENCODER.encode(",".join([one.id for one in made]))
        shape = ENCODER.encode([len(made), *self._width])
        data = ENCODER.encode([value for one in made for value in one.outputs])
        return b"".join((head, _MANY, ids, self._middle, shape, _DATA, data, b"}]}"))


def _open(members: dict[str, str]) -> bytes:
    """An object that is not closed yet."""
    return ENCODER.encode(members)[:-1]
