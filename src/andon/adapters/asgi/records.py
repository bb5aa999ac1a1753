"""Predictions as compact bytes for the journal of the prediction log."""

from typing import Final

import msgspec

from andon.contracts.prediction import Prediction

_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(Prediction)


class PackedRecords:
    """Writes and reads predictions as MessagePack."""

    def encode(self, prediction: Prediction) -> bytes:
        """A prediction as bytes."""
        return _ENCODER.encode(prediction)

    def decode(self, data: bytes) -> Prediction:
        """The prediction of these bytes.

        Raises:
            ValueError: These are not the bytes of a prediction.
        """
        return _DECODER.decode(data)
