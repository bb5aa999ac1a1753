"""The real child doing every verb, and the stories of user code that goes wrong: told with file, line and a way out."""

import json
import os
import py_compile
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from andon.contracts.declaration import Declaration
from andon.contracts.evidence import Measurement
from andon.contracts.model import Feature
from andon.contracts.wire import from_json, to_json
from andon.expressions import tree
from andon.expressions.conformance import conformance
from andon.expressions.functions import FLOAT
from andon.expressions.plan import FeaturePlan, plan_from_json
from andon.kernel.canonical import loads
from andon.kernel.errors import AndonError, ConflictError, InputError, UsageError
from andon.line.matrix import matrix_of
from andon.line.package import load_package, read_package
from andon.line.train.record import record_from_bytes
from andon.runtime.children import Job
from andon.runtime.handed import MeasureArguments, ReadArguments, TrainArguments
from andon.wiring.children import LocalChildren
from andon.wiring.doors import doors

SIZE = tree.column("Order", "size", FLOAT)
PLAN = FeaturePlan(
    "Order", "asked", (("size", SIZE), ("big", tree.apply("mul", SIZE, tree.literal(2.0, FLOAT))))
).to_json()
SECOND = 10**9
LIMIT = 90 * SECOND
HEAD = """
import os
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
from andon import (
    Contract, Factory, Holdout, Params, Predictor, TrainingSet, Window, auc, by_time, category, checks, event_time,
    integer, number, progress,
)

factory = Factory("orders", owner="ops", purpose="Say which order will be late")


class Order(Contract):
    id = category(key=True)
    asked = event_time(known_after="0s")
    size = number(nullable=True)
    late = integer(ge=0, le=1)


@factory.features(Order, label=Order.late == 1, label_within="1d")
class Known:
    size = Order.size
    big = Order.size * 2


class Knobs(Params):
    rate: float = 1.0
    rounds: int = 3
"""
SOURCE = """
@factory.ingest(Order, every="1h")
def orders(window: Window) -> pl.LazyFrame:
    {body}
"""
MODEL = """
@factory.model(Known, split=by_time(tune="1d", holdout="1d"))
def late(train: TrainingSet, p: Knobs, seed: int):
    {body}


@factory.measure(late)
def tilt(model: Predictor, holdout: Holdout) -> float:
    return float((model(holdout.changed(size=9.0)) - model(holdout.changed(size=0.0))).mean())


@factory.measure(late)
def odd(model: Predictor, holdout: Holdout) -> float:
    return {odd}
"""
GATES = """
factory.data_gate(orders, require=[checks.schema])
factory.training_gate(late, require=[auc >= 0.6])
factory.model_gate(late, require=[tilt <= 1])
factory.release_gate(late, require=[checks.target_healthy])
factory.release(late)
"""
FIT = """from sklearn.linear_model import LogisticRegression
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    x, y = train.xy()
    for step in range(p.rounds):
        progress(step + 1, p.rounds, loss=1 / (step + 1))
    return make_pipeline(SimpleImputer(), LogisticRegression(random_state=seed)).fit(x.to_numpy(), y.to_numpy())"""
FEATURES = (Feature("size", "float", False), Feature("big", "float", False))


def code(source="return pl.LazyFrame({'id': ['a'], 'late': [1]})", model=FIT, odd="float('nan')"):
    return HEAD + SOURCE.format(body=source) + MODEL.format(body=model, odd=odd) + GATES


@pytest.fixture
def home(tmp_path):
    (tmp_path / "factory").mkdir()
    return tmp_path / "factory"


class Ran:
    """What a job left, read before its folder goes."""

    def __init__(self, tmp_path):
        self.children = LocalChildren(tmp_path / "spool")
        self.told = []

    def __call__(self, job):
        with self.children.run(job, self.told.append) as outcome:
            self.outcome = outcome
            return {path.name: path.read_bytes() for path in outcome.folder.iterdir()}


@pytest.fixture
def run(tmp_path):
    return Ran(tmp_path)


def write(home: Path, text: str, name: str = "factory.py") -> Path:
    path = home / name
    path.write_text(text)
    return path


def job(path, verb="declare", arguments=None, inputs=None, limit_ns=LIMIT):
    return Job(verb, path, inputs or {}, to_json(arguments) if arguments else {}, limit_ns)


def read_job(path, function="", limit_ns=LIMIT):
    return job(path, "read", ReadArguments("orders", function, None, 10**18), limit_ns=limit_ns)


def rows(count, seed):
    rng = np.random.default_rng(seed)
    size = rng.normal(size=count)
    label = size + rng.normal(scale=0.3, size=count) > 0
    frame = pl.DataFrame({"size": size, "big": size * 2, "label": label})
    return frame.with_columns(pl.when(pl.int_range(count) % 9 == 0).then(None).otherwise(pl.col("size")).alias("size"))


def train_job(path, tmp_path, function="", **changes):
    for name, seed in (("fit.parquet", 1), ("tune.parquet", 2)):
        rows(200, seed).write_parquet(tmp_path / name)
    params = {"rate": 1, "rounds": 3}
    arguments = TrainArguments("late", function, "binary", FEATURES, (), PLAN, params, changes.get("seed", 5))
    inputs = {name: tmp_path / name for name in ("fit.parquet", "tune.parquet")}
    return job(path, "train", arguments, inputs)


def error_of(run, job):
    with pytest.raises(AndonError) as caught:
        run(job)
    return caught.value


def line_of(path, text):
    return next(number for number, line in enumerate(path.read_text().splitlines(), 1) if text in line)


def test_declare_gives_the_declaration_and_writes_nothing_beside_the_code(home, run):
    path = write(home, code())
    files = run(job(path))
    declared = from_json(Declaration, loads(files["declaration.json"]))
    assert declared.factory == "orders"
    assert set(declared.code) == {"factory.py"}
    assert {item.name for item in home.iterdir()} == {"factory.py"}
    assert run.outcome.peak_bytes > 10_000_000
    assert run.outcome.seconds > 0


def test_code_edited_within_a_second_runs_as_it_is_now(home, run):
    """Stale byte code of the same second and size would run under the digest of the new source."""
    path = write(home, "from bound import OWNER\n" + code("return None").replace('"ops"', "OWNER"))
    bound = write(home, 'OWNER = "one"\n', "bound.py")
    for source in (path, bound):
        py_compile.compile(str(source))
    seconds = bound.stat().st_mtime
    bound.write_text('OWNER = "two"\n')
    os.utime(bound, (seconds, seconds))
    assert json.loads(run(job(path))["declaration.json"])["owner"] == "two"


@pytest.mark.slow
def test_train_predict_and_measure_follow_one_another(home, run, tmp_path):
    """What leaves the training is what answers later, bit for bit, and the measurements are the team's."""
    path = write(home, code())
    declared = from_json(Declaration, loads(run(job(path))["declaration.json"]))
    (model,) = declared.models
    files = run(train_job(path, tmp_path, model.function))
    assert set(files) == {"model", "package.json", "record.json"}
    record = record_from_bytes(files["record.json"])
    assert (record.seed, record.threads, record.rows_fit, record.rows_tune, record.completed) == (5, 1, 200, 200, True)
    assert [step.value for step in record.steps] == [1.0, 0.5, pytest.approx(1 / 3)]
    assert [(each.step, each.of) for each in run.told] == [(1, 3), (2, 3), (3, 3)]
    package = read_package(files["package.json"])
    assert package.environment == record.environment.digest()
    assert package.plan == PLAN
    assert package.arithmetic == conformance(plan_from_json(PLAN))

    for name in ("model", "package.json"):
        (tmp_path / name).write_bytes(files[name])
    asked = rows(50, 3)
    asked.drop("label").with_columns(_row_id=pl.lit("x")).write_parquet(tmp_path / "rows.parquet")
    inputs = {name: tmp_path / name for name in ("model", "package.json", "rows.parquet")}
    found = run(job(None, "predict", None, inputs))
    answers = pl.read_parquet(found["predictions.parquet"])
    predictor = load_package(package, files["model"], doors())
    direct = predictor.predict(matrix_of(asked, FEATURES))
    assert answers.columns == ["prediction"]
    assert answers["prediction"].to_numpy().tobytes() == direct.tobytes()

    arguments = MeasureArguments("late", dict(model.measures))
    measured = run(job(path, "measure", arguments, inputs))["measurements.json"]
    odd, tilt = sorted((from_json(Measurement, each) for each in loads(measured)), key=lambda each: each.metric)
    assert (tilt.metric, tilt.measured_by, tilt.n) == ("factory:tilt", "factory", 50)
    assert 0 < tilt.value <= 1
    assert odd.value is None
    assert "nan" in odd.problem


@pytest.mark.parametrize(
    ("answer", "value", "n"),
    [
        ("{'value': 0.5, 'n': 3}", 0.5, 3),
        ("np.float32(0.25)", 0.25, 2),
        ("np.int64(7)", 7.0, 2),
        ("True", None, 2),
        ("None", None, 2),
        ("'high'", None, 2),
        ("np.array([1.0, 2.0])", None, 2),
    ],
)
def test_whatever_a_measurement_returns_becomes_a_number_or_says_why_not(answer, value, n):
    """The conversion alone, without a process each."""
    from andon.wiring.processes.stage import _measured

    given = eval(answer)
    found = _measured("odd", given, rows=2)
    assert (found.value, found.n) == (value, n)
    assert bool(found.problem) is (value is None)


@pytest.mark.parametrize(
    ("body", "height"),
    [
        ("return pl.LazyFrame({'id': ['a', 'b']})", 2),
        ("return pl.DataFrame({'id': ['a']})", 1),
        ("return Arrow()", 1),
        ("return pl.LazyFrame({'id': []}, schema={'id': pl.String})", 0),
    ],
)
def test_a_source_may_give_any_kind_of_table(body, height, tmp_path):
    from andon.wiring.processes.landing import land

    class Arrow:
        """A table of a library that andon does not know."""

        def __arrow_c_stream__(self, requested_schema=None):
            return pl.DataFrame({"id": ["a"]}).__arrow_c_stream__(requested_schema)

    scope = {"pl": pl, "Arrow": Arrow}
    exec(f"def give():\n    {body}", scope)
    land(scope["give"](), tmp_path / "landed.parquet", place="here")
    assert pl.read_parquet(tmp_path / "landed.parquet").height == height


@pytest.mark.parametrize("given", [[1], {"id": [1]}, None, "data.csv", pl.Series([1]), 3])
def test_what_is_no_table_is_refused_with_its_type(given, tmp_path):
    from andon.wiring.processes.landing import land

    with pytest.raises(InputError) as caught:
        land(given, tmp_path / "landed.parquet", place="factory.py:9")
    assert caught.value.code == "read.not-a-table"
    assert type(given).__name__ in caught.value.found


def test_the_same_rows_land_as_the_same_bytes(tmp_path):
    from andon.wiring.processes.landing import land

    frame = pl.DataFrame({"a": range(300_000), "b": [f"x{n % 7}" for n in range(300_000)]})
    for name in ("one", "two"):
        land(frame.lazy() if name == "one" else frame, tmp_path / name, place="")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_reading_gives_the_rows_as_they_are_and_a_wrong_type_names_the_function(home, run):
    path = write(home, code("return pl.LazyFrame({'until': [window.until.isoformat()], 'since': [window.since]})"))
    found = pl.read_parquet(run(read_job(path))["landed.parquet"])
    assert found["until"].to_list() == ["2001-09-09T01:46:40+00:00"]
    path = write(home, code("return [1, 2]"))
    error = error_of(run, read_job(path))
    assert error.code == "read.not-a-table"
    assert error.place == f"factory.py:{line_of(path, '@factory.ingest')}"


def test_a_source_that_raises_names_its_line_the_type_and_the_words(home, run):
    path = write(home, code("from helper import broken\n    return broken(window)"))
    write(home, "def broken(window):\n    return {}['missing']\n", "helper.py")
    error = error_of(run, read_job(path))
    assert isinstance(error, InputError)
    assert (error.code, error.place) == ("factory.raised", "helper.py:2")
    assert "KeyError: 'missing'" in error.found
    assert error.fix


def test_an_error_in_a_lazy_table_names_the_source(home, run):
    """Polars raises it only when andon collects the table, outside of any line of the user."""
    path = write(home, code("return pl.LazyFrame({'a': [1]}).select('b')"))
    error = error_of(run, read_job(path))
    assert error.code == "factory.raised"
    assert error.place == f"factory.py:{line_of(path, '@factory.ingest')}"
    assert "ColumnNotFoundError" in error.found


def test_a_source_that_leaves_the_process_is_told_from_one_that_works(home, run):
    path = write(home, code("sys.exit(3)"))
    error = error_of(run, read_job(path))
    assert error.code == "factory.raised"
    assert "SystemExit: 3" in error.found
    assert error.place == f"factory.py:{line_of(path, 'sys.exit(3)')}"


def test_a_source_without_an_end_meets_its_limit(home, run):
    path = write(home, code("while True:\n        time.sleep(0.1)"))
    error = error_of(run, read_job(path, limit_ns=4 * SECOND))
    assert error.code == "child.time-limit"
    assert "read orders" in error.place


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("raise ConnectionRefusedError('no')", "WaitingError"),
        ("from urllib.request import urlopen; return urlopen('http://127.0.0.1:1/')", "WaitingError"),
        ("raise PermissionError('no')", "InputError"),
    ],
)
def test_a_function_whose_world_is_away_is_waited_for_and_any_other_error_is_not(home, run, body, kind):
    path = write(home, code(body))
    error = error_of(run, read_job(path))
    assert type(error).__name__ == kind
    assert (error.code == "source.unreachable") == (kind == "WaitingError")
    assert error.place == f"factory.py:{line_of(path, body)}"


def test_threads_left_running_do_not_hold_the_line_up(home, run):
    body = "import threading\n    threading.Thread(target=time.sleep, args=(600,)).start()\n"
    body += "    return pl.LazyFrame({'a': [1]})"
    assert "landed.parquet" in run(read_job(write(home, code(body))))


def test_what_is_written_to_a_relative_path_stays_in_the_childs_own_folder(home, run, tmp_path):
    """The working folder is the child's; the factory folder is not littered, and a forgotten path is explained."""
    path = write(home, code("Path('left.txt').write_text('x')\n    return pl.scan_csv('data.csv')"))
    (home / "data.csv").write_text("id\na\n")
    error = error_of(run, read_job(path))
    assert "__file__" in error.fix
    assert {item.name for item in home.iterdir()} == {"factory.py", "data.csv"}
    assert not list(tmp_path.rglob("left.txt"))


def test_a_missing_package_is_named_with_how_to_install_it(home, run):
    path = write(home, "import yaml_that_is_not_there\n" + code())
    error = error_of(run, job(path))
    assert error.code == "factory.missing-package"
    assert error.place == "factory.py:1"
    assert "pip install yaml_that_is_not_there" in error.fix


def test_code_that_was_edited_since_it_was_declared_is_refused(home, run, tmp_path):
    """Else the model would come from other code than its record says."""
    path = write(home, code())
    declared = from_json(Declaration, loads(run(job(path))["declaration.json"]))
    write(home, code(model=FIT.replace("random_state=seed", "random_state=seed + 1")))
    error = error_of(run, train_job(path, tmp_path, declared.models[0].function))
    assert isinstance(error, ConflictError)
    assert error.code == "factory.edited"
    assert "landed.parquet" in run(read_job(path, declared.sources[0].function))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("return None", "train.no-model"),
        ("return lambda x: x", "package.unknown-framework"),
        ("from sklearn.linear_model import LogisticRegression\n    return LogisticRegression()", "package.sklearn"),
    ],
)
def test_a_training_without_a_usable_model_is_refused(home, run, tmp_path, model, expected):
    error = error_of(run, train_job(write(home, code(model=model)), tmp_path))
    assert error.code == expected
    assert error.fix


@pytest.mark.parametrize(
    ("text", "expected", "place"),
    [
        ("x = 1\n", "factory.none", "factory.py"),
        ("from andon import Factory\n", "factory.none", "factory.py"),
        (
            "from andon import Factory\na, b = (Factory(name, owner='o', purpose='p') for name in 'ab')\n",
            "factory.several",
            "factory.py",
        ),
        ("x = 1\ndef broken(:\n", "factory.syntax", "factory.py:2"),
        ("import helper\n", "factory.syntax", "helper.py:3"),
        ("\n\nraise ValueError('no')\n", "factory.raised", "factory.py:3"),
        ("from andon import Canary\n", "factory.raised", "factory.py:1"),
        (HEAD.replace("Order.late == 1", "Order.lat == 1"), "api.unknown-name", "factory.py:"),
        (HEAD.replace("Order.late == 1", "0 < Order.late < 3"), "expression.no-truth", "factory.py:"),
    ],
)
def test_a_file_that_declares_no_factory_says_why_and_where(home, text, expected, place):
    """In this process: importing and telling is the same code, and starting a child for each would take long."""
    import subprocess
    import sys

    path = write(home, text)
    write(home, "x = 1\n\nif\n", "helper.py")
    program = (
        "import json, sys\nfrom pathlib import Path\nfrom andon.wiring.processes.user_code import factory_of, refusal\n"
        "path = Path(sys.argv[1])\ntry:\n    factory_of(path)\nexcept BaseException as error:\n"
        "    print(json.dumps(refusal(error, path.parent, '')))\n"
    )
    out = subprocess.run(
        [sys.executable, "-P", "-B", "-c", program, str(path)], capture_output=True, text=True, check=True
    )
    told = json.loads(out.stdout)
    assert told["code"] == expected, told
    assert place in told["place"]
    assert told["fix"]
    assert str(home) not in told["place"]


def test_a_factory_that_is_not_there_is_said(run, tmp_path):
    assert error_of(run, job(tmp_path / "factory.py")).code == "factory.missing"


def test_a_refusal_of_the_declaration_keeps_its_kind_and_line(home, run):
    path = write(home, code().replace("factory.model_gate(late, require=[tilt <= 1])\n", ""))
    error = error_of(run, job(path))
    assert isinstance(error, UsageError)
    assert error.code == "factory.no-gate"
    assert error.place == f"factory.py:{line_of(path, '@factory.model')}"
