"""Asking a packaged model about rows, in a child that gets no labels."""

from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from andon.kernel.clock import SECOND_NS
from andon.line.package import MODEL, PACKAGE, read_package
from andon.runtime.children import Job
from andon.runtime.line import Line
from andon.store.manifest import Manifest

ASK_LIMIT_NS: Final = 1_800 * SECOND_NS
ROWS: Final = "rows.parquet"


def ask(line: Line, model: Manifest, rows: pl.DataFrame) -> npt.NDArray[np.float64]:
    """The model's answers to rows, in their order.

    Only the features go to the child, whatever else the frame holds.

    Args:
        line: The line.
        model: The model's artefact.
        rows: A frame with the model's features.

    Returns:
        `n` answers, or `n` rows of one a class.

    Raises:
        AndonError: The model cannot be loaded, fails its golden questions, or gives something that is no answer.
    """
    package = read_package(line.records.blobs.read(model.object(PACKAGE).sha256))
    with line.scratch() as folder:
        path = folder / ROWS
        rows.select(feature.name for feature in package.features).write_parquet(path)
        job = Job(
            verb="predict",
            factory=None,
            inputs={**model_files(line, model), ROWS: path},
            arguments={},
            limit_ns=ASK_LIMIT_NS,
        )
        with line.children.run(job, lambda _: None) as outcome:
            answers = pl.read_parquet(outcome.folder / "predictions.parquet").to_numpy()
    return np.ascontiguousarray(answers[:, 0] if answers.shape[1] == 1 else answers)


def model_files(line: Line, model: Manifest) -> dict[str, Path]:
    """The files of a model's package, checked, by the names a child reads them under."""
    return {name: line.records.blobs.local(model.object(name).sha256) for name in (MODEL, PACKAGE)}
