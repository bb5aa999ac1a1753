"""Measurements as stages store them, beside the artefact they are about."""

from typing import cast

from andon.contracts.evidence import Measurement
from andon.contracts.wire import from_json
from andon.kernel.canonical import Json, loads
from andon.kernel.digest import Digest
from andon.runtime.line import Line


def read_measurements(line: Line, digest: Digest) -> tuple[Measurement, ...]:
    """The measurements in a stored object.

    Raises:
        AndonError: The object is damaged, or holds something else.
    """
    items = cast("list[Json]", loads(line.records.blobs.read(digest)))
    return tuple(from_json(Measurement, item) for item in items)
