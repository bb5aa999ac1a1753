"""The process that runs user code for one job: it has an input folder, an output folder and a pipe, and no keys.

Every verb writes into the output folder:

* `declare`: `declaration.json`, the factory as data, and its files of code in order of their paths: `code-0` and so on.
* `read` (`ReadArguments`): `landed.parquet`, the raw rows as the source's function gave them.
* `fetch` (`FetchArguments`, `seen.json`; the factory's folder, but no user code): `account.json`, what was read, and
  `landed.parquet`, the raw rows, where there is something new.
* `train` (`TrainArguments`, `fit.parquet` and `tune.parquet` with the features and `label`): `model`, `package.json`,
  `record.json`.
* `predict` (no arguments, `model`, `package.json`, `rows.parquet`; no user code): `predictions.parquet` with the column
  `prediction`, or `prediction_0`, `prediction_1` and so on for a task of many classes; a row for each row.
* `measure` (`MeasureArguments`, `model`, `package.json`, `rows.parquet` with the features): `measurements.json`, a list
  of measurements.

Then it writes `done.json` beside the folder, or `error.json`.
"""

import json
import os
import shutil
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, cast

import polars as pl

from andon.contracts.evidence import Measurement, measurement
from andon.contracts.model import Package
from andon.contracts.reading import variables_of
from andon.contracts.wire import from_json, to_json
from andon.expressions.conformance import conformance
from andon.expressions.plan import plan_from_json
from andon.kernel.canonical import Json, dumps, loads
from andon.kernel.digest import Digest
from andon.kernel.errors import ConflictError, InputError, WaitingError
from andon.line.ingest.ports import Asked
from andon.line.matrix import matrix_of
from andon.line.package import (
    Predictor,
    Recipe,
    answer,
    choose_questions,
    load_package,
    make_package,
    package_objects,
    read_package,
)
from andon.line.train.environment import capture
from andon.line.train.record import Step, TrainingRecord
from andon.runtime.handed import (
    FetchArguments,
    FilesRead,
    LearningRows,
    MeasureArguments,
    ReadArguments,
    TrainArguments,
    UserFactory,
)
from andon.wiring.doors import doors
from andon.wiring.processes.landing import land
from andon.wiring.processes.user_code import factory_of, is_away, refusal
from andon.wiring.readers import reader_of
from andon.wiring.wrappers import leave_out_wrappers

_STEPS_KEPT: Final = 10_000


class _Work:
    """One job, as this process sees it."""

    def __init__(self, folder: Path, told: int) -> None:
        request = cast("Mapping[str, Json]", loads((folder / "job.json").read_bytes()))
        self.verb = str(request["verb"])
        self.factory_file = None if request["factory"] is None else Path(str(request["factory"]))
        self.arguments = cast("Mapping[str, Json]", request["arguments"])
        self.threads = int(cast("int", request["threads"]))
        self.inputs = folder / "in"
        self.out = folder / "out"
        self.steps: list[Step] = []
        self.place = ""
        self._told = told

    @property
    def root(self) -> Path | None:
        """The factory folder."""
        return None if self.factory_file is None else self.factory_file.parent

    def factory(self, functions: Mapping[str, Digest]) -> tuple[UserFactory, Path]:
        """The factory, imported, with its folder, if these functions are what was declared.

        Raises:
            ConflictError: The code was edited since.
        """
        if self.factory_file is None:
            raise InputError("child.no-factory", "This verb needs a factory.", place=self.verb, fix="Give its file.")
        factory, folder = factory_of(self.factory_file), self.factory_file.parent
        for name, wanted in functions.items():
            self.place = factory.place_of(name)
            if wanted and factory.digest_of(name, folder) != wanted:
                raise ConflictError(
                    "factory.edited",
                    f"The code of {name} was edited since the run began.",
                    place=self.place,
                    found=factory.digest_of(name, folder),
                    fix="Run again: andon run. It takes the new code from the beginning.",
                )
        return factory, folder

    def frame(self, name: str) -> pl.DataFrame:
        """An input of rows."""
        return pl.read_parquet(self.inputs / name)

    def report(self, step: int, of: int, metrics: Mapping[str, float]) -> None:
        """Note how far the work is, and tell the parent."""
        finite = {name: value if abs(value) < float("inf") else None for name, value in metrics.items()}
        if len(self.steps) < _STEPS_KEPT:
            self.steps += [Step(step, name, value) for name, value in finite.items()]
        known = {name: value for name, value in finite.items() if value is not None}
        line = json.dumps({"step": step, "of": of, "metrics": known})
        os.write(self._told, line.encode() + b"\n")


def declare(work: _Work) -> None:
    """Write the factory as data, and the code that says so: whoever keeps it need not be able to read the folder."""
    factory, folder = work.factory({})
    declaration = factory.declaration(folder)
    (work.out / "declaration.json").write_bytes(dumps(to_json(declaration)))
    for place, path in enumerate(sorted(declaration.code)):
        shutil.copyfile(folder / path, work.out / f"code-{place}")


def read(work: _Work) -> None:
    """Ask a source for its raw rows."""
    arguments = from_json(ReadArguments, {"function": "", **work.arguments})
    factory, _ = work.factory({arguments.source: arguments.function})
    try:
        rows = factory.run_source(arguments.source, arguments.since_ns, arguments.until_ns)
        land(rows, work.out / "landed.parquet", place=work.place)
    except OSError as error:
        if not is_away(error):
            raise
        raise WaitingError(
            "source.unreachable",
            "What the source asks cannot be reached.",
            found=f"{type(error).__name__}: {error}"[:500],
            fix="Start it, or wait; andon run asks again.",
        ).with_traceback(error.__traceback__) from error


def fetch(work: _Work) -> None:
    """Read what a source reads without a function: no code of the team's runs beside the secrets that this may need."""
    arguments = from_json(FetchArguments, work.arguments)
    work.place = arguments.source
    scratch = work.inputs.parent / "tmp" / "files"
    scratch.mkdir()
    asked = Asked(
        source=arguments.source,
        reads=arguments.reads,
        folder=work.root or Path(),
        variables={name: os.environ[name] for name in variables_of(arguments.reads) if name in os.environ},
        since_ns=arguments.since_ns,
        until_ns=arguments.until_ns,
        now_ns=arguments.now_ns,
        settle_ns=arguments.settle_ns,
        seen=from_json(FilesRead, loads((work.inputs / "seen.json").read_bytes())).files,
        version=arguments.version,
        nullable=arguments.nullable,
        scratch=scratch,
    )
    brought = reader_of(arguments.reads)(asked)
    if brought.rows is not None:
        land(brought.rows, work.out / "landed.parquet", place=work.place)
    (work.out / "account.json").write_bytes(dumps(to_json(brought.account)))


def train(work: _Work) -> None:
    """Train a model, and package it."""
    arguments = from_json(TrainArguments, work.arguments)
    factory, _ = work.factory({arguments.model: arguments.function})
    rows = LearningRows(work.frame("fit.parquet"), work.frame("tune.parquet"), arguments.features, arguments.classes)
    began = time.monotonic()
    model = factory.run_training(arguments.model, rows, arguments.params, arguments.seed, work.report)
    seconds = time.monotonic() - began
    if model is None:
        raise InputError(
            "train.no-model",
            "The training gave no model.",
            place=work.place,
            found="None",
            fix="Return the trained model from the function.",
        )
    environment = capture()
    record = TrainingRecord(
        params=arguments.params,
        seed=arguments.seed,
        threads=work.threads,
        environment=environment,
        seconds=seconds,
        peak_bytes=peak_bytes(),
        rows_fit=rows.fit.height,
        rows_tune=rows.tune.height,
        steps=tuple(work.steps),
        completed=True,
    )
    (work.out / "record.json").write_bytes(record.to_bytes())
    _package(work, arguments, model, rows, environment.digest())


def _package(work: _Work, arguments: TrainArguments, model: object, rows: LearningRows, environment: Digest) -> None:
    names = [feature.name for feature in arguments.features]
    seen = matrix_of(pl.concat([rows.fit.select(names), rows.tune.select(names)]), arguments.features)
    recipe = Recipe(
        name=arguments.model,
        task=arguments.task,
        features=arguments.features,
        classes=arguments.classes,
        plan=arguments.plan,
        params=arguments.params,
        seed=arguments.seed,
        threads=work.threads,
        environment=environment,
        arithmetic=conformance(plan_from_json(arguments.plan)),
    )
    package, data = make_package(model, recipe, choose_questions(seen, arguments.features), doors())
    for name, content in package_objects(package, data).items():
        (work.out / name).write_bytes(content)


def predict(work: _Work) -> None:
    """Ask a packaged model about rows."""
    leave_out_wrappers()
    package, model = _model(work)
    rows = matrix_of(work.frame("rows.parquet"), package.features)
    answers = answer(model, rows, package.task, len(package.classes))
    names = ["prediction"] if answers.ndim == 1 else [f"prediction_{place}" for place in range(answers.shape[1])]
    columns = answers.reshape(len(answers), len(names))
    frame = pl.DataFrame({name: columns[:, place] for place, name in enumerate(names)})
    frame.write_parquet(work.out / "predictions.parquet")


def measure(work: _Work) -> None:
    """Let the team's own functions measure a packaged model."""
    arguments = from_json(MeasureArguments, work.arguments)
    functions = {name: str(wanted) for name, wanted in arguments.measures.items()}
    factory, _ = work.factory(functions)
    package, model = _model(work)
    rows = work.frame("rows.parquet")
    found: list[Json] = []
    for name in functions:
        value = factory.run_measure(name, model, package, rows)
        found.append(to_json(_measured(name, value, rows=rows.height)))
    (work.out / "measurements.json").write_bytes(dumps(found))


def _measured(name: str, value: object, *, rows: int) -> Measurement:
    """Whatever a team's measurement returned: a number, or `{"value": number, "n": rows it rests on}`."""
    n: object = rows
    if isinstance(value, Mapping):
        told = cast("Mapping[str, object]", value)
        value, n = told.get("value"), told.get("n", rows)
    count = n if isinstance(n, int) and not isinstance(n, bool) and n >= 0 else 0
    return measurement(f"factory:{name}", _plain(value), n=count, measured_by="factory")


def _plain(value: object) -> object:
    """A number of NumPy or Polars as Python's own."""
    item = getattr(value, "item", None)
    return item() if callable(item) and getattr(value, "shape", None) == () else value


def _model(work: _Work) -> tuple[Package, Predictor]:
    package = read_package((work.inputs / "package.json").read_bytes())
    return package, load_package(package, (work.inputs / "model").read_bytes(), doors())


VERBS: Final[Mapping[str, Callable[[_Work], None]]] = {
    "declare": declare,
    "read": read,
    "fetch": fetch,
    "train": train,
    "predict": predict,
    "measure": measure,
}


def peak_bytes() -> int:
    """The most memory this process held; 0 where the system does not say."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), 0)


def main(folder: Path, told: int) -> int:
    """Do the job in a folder and say how it went.

    Returns:
        The exit status: 0 when it is done, 1 when it was refused.
    """
    work = _Work(folder, told)
    try:
        VERBS[work.verb](work)
    except BaseException as error:  # noqa: BLE001  # user code may raise anything, SystemExit too
        _write(folder / "error.json", refusal(error, work.root, work.place))
        traceback.print_exc()
        return 1
    _write(folder / "done.json", {"peak_bytes": peak_bytes()})
    return 0


def _write(path: Path, value: Mapping[str, Json]) -> None:
    path.write_bytes(dumps(value))


def _end_with_parent() -> None:
    """End this process and its children when the parent is gone: then standard input closes."""
    guard = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)

    def watch() -> None:
        while os.read(guard, 1):
            pass
        os.killpg(os.getpgrp(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    _end_with_parent()
    status = main(Path(sys.argv[1]), int(sys.argv[2]))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # threads that user code left running must not hold the line up
