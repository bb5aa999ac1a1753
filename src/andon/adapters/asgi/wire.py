"""What goes over the wire: typed requests and answers of the Open Inference Protocol and of `/predict`."""

from typing import Final

import msgspec

Data = list[bool | int | float | str | list[bool | int | float | str | None] | None]
Entity = dict[str, bool | int | float | str | list[bool | int | float | str | None] | None]
"""Columns of a row by name."""
Shown = dict[str, bool | int | float | str | tuple[float, ...] | None]
"""Features by name."""
Parameters = dict[str, bool | int | float | str]


class RequestInput(msgspec.Struct, forbid_unknown_fields=True):
    """One tensor of a request."""

    name: str
    shape: list[int]
    datatype: str
    data: Data
    parameters: Parameters | None = None


class RequestOutput(msgspec.Struct, forbid_unknown_fields=True):
    """One output that is asked for by name."""

    name: str
    parameters: Parameters | None = None


class InferRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A request for inference."""

    inputs: list[RequestInput]
    id: str | None = None
    parameters: Parameters | None = None
    outputs: list[RequestOutput] | None = None


class PredictRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A question about an entity, or about several at one moment."""

    entity: Entity | None = None
    entities: list[Entity] | None = None
    asked: str | None = None
    explain: bool = False


class PredictResponse(msgspec.Struct, omit_defaults=True):
    """The answer to a question about an entity.

    Attributes:
        prediction: The probability of true, the value, or the most probable class.
        probabilities: Probability of each class, for a task of many classes.
    """

    id: str
    prediction: float | str
    model: str
    release: str
    sequence: int
    asked: str
    probabilities: dict[str, float] | None = None
    features: Shown | None = None


class EntityPrediction(msgspec.Struct, omit_defaults=True):
    """What an answer says of one of several entities."""

    id: str
    prediction: float | str
    probabilities: dict[str, float] | None = None
    features: Shown | None = None


class PredictionsResponse(msgspec.Struct):
    """The answer to a question about several entities, in their order."""

    model: str
    release: str
    sequence: int
    asked: str
    predictions: list[EntityPrediction]


INFER: Final = msgspec.json.Decoder(InferRequest)
PREDICT: Final = msgspec.json.Decoder(PredictRequest)
ENCODER: Final = msgspec.json.Encoder()
