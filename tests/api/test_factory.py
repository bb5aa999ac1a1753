"""A factory becomes one declaration, and what is missing or contradictory is refused at its line."""

import dataclasses
import importlib.util
import shutil
import sys
import textwrap
from pathlib import Path

import pytest

from andon.contracts.declaration import Declaration
from andon.contracts.policy import Criterion
from andon.contracts.wire import from_json, to_json
from andon.expressions.plan import plan_from_json
from andon.kernel.canonical import dumps, loads
from andon.kernel.errors import AndonError, UsageError
from andon.runtime.handed import UserFactory

CODE = '''
import polars as pl
from andon import (
    Contract, Factory, Holdout, Params, Predictor, SignOff, TrainingSet, Window, auc, brier, by_time, category, checks,
    event_time, integer, rmse,
)

factory = Factory("orders", owner="ops", purpose="Say which order will be late")


class Order(Contract):
    id = category(key=True)
    asked = event_time(known_after="0s")
    shop = category(segment=True)
    items = integer(ge=0)


class Arrival(Contract):
    id = category(key=True)
    arrived = event_time(known_after="5m")
    late_min = integer()


class Plain(Contract):
    id = category(key=True)
    name = category()


@factory.ingest(Order, every="1h")
def orders(window: Window) -> pl.LazyFrame:
    return pl.LazyFrame()


@factory.ingest(Arrival, every="10m", owner="data")
def arrivals(window: Window) -> pl.LazyFrame:
    return pl.LazyFrame()


is_late = Arrival.late_min.lookup(match=Arrival.id == Order.id) > 15


@factory.features(Order, label=is_late, label_within="2d")
class Known:
    items = Order.items
    shop = Order.shop.codes(min_count=2)
    double = items * 2


class Knobs(Params):
    leaves: int = 31
    rate: float = 1.0


@factory.model(Known, split=by_time(tune="14d", holdout="21d"), limit="30m", seed=7, threads=2)
def late(train: TrainingSet, p: Knobs, seed: int) -> object:
    return (len(train), p, seed)


@factory.measure(late)
def lift(model: Predictor, holdout: Holdout) -> float:
    """How much it lifts."""
    return 1.0


factory.data_gate(orders, arrivals, require=[checks.quarantined_at_most(0.1)])
factory.training_gate(late, require=[checks.converged])
factory.model_gate(late, owner="risk", require=[auc.lower() >= 0.7, auc.by(Order.shop, min_n=5) >= 0.6, lift <= 2])
factory.release_gate(late, require=[checks.target_healthy, SignOff("operations", people=2)])
factory.release(late, to="local", latency="20ms")
'''


def load(folder: Path, code: str, name: str = "factory"):
    path = folder / "factory.py"
    path.write_text(code)
    shutil.rmtree(
        folder / "__pycache__", ignore_errors=True
    )  # of code of the same size, written within the same second
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules[name]
    return module


def declared(folder: Path, code: str = CODE) -> Declaration:
    return load(folder, code).factory.declaration(folder)


def test_a_factory_becomes_a_declaration_that_survives_the_wire(tmp_path):
    found = declared(tmp_path)
    assert from_json(Declaration, loads(dumps(to_json(found)))) == dataclasses.replace(
        found, **{name: loads(dumps(to_json(getattr(found, name)))) for name in ("contracts", "code")}
    )
    assert [source.name for source in found.sources] == ["orders", "arrivals"]
    assert [source.owner for source in found.sources] == ["ops", "data"]
    assert [source.every_ns for source in found.sources] == [3600 * 10**9, 600 * 10**9]
    assert set(found.contracts) == {"Order", "Arrival"}
    assert found.contracts["Arrival"]["owner"] == "data"
    (features,) = found.feature_sets
    assert plan_from_json(features.plan).names == ("items", "shop", "double")
    assert (features.spine, features.label_kind, features.label_within_ns) == ("Order", "bool", 2 * 86_400 * 10**9)
    (model,) = found.models
    assert (model.name, model.seed, model.threads, model.params) == ("late", 7, 2, {"leaves": 31, "rate": 1.0})
    assert [name for name, _ in model.measures] == ["lift"]
    assert found.releases[0].latency_ns == 20_000_000
    assert set(found.code) == {"factory.py"}


def test_the_same_code_gives_the_same_digest_and_a_bound_changes_only_the_policy(tmp_path):
    one, again = declared(tmp_path), declared(tmp_path)
    assert one.digest() == again.digest()
    other = declared(tmp_path, CODE.replace("auc.lower() >= 0.7", "auc.lower() >= 0.9"))
    assert other.models == one.models
    assert other.gates != one.gates


def test_a_dict_of_expressions_is_a_feature_for_each_key(tmp_path):
    """A dozen windows are a comprehension, not a dozen lines."""
    many = '    many = {f"{n}x": items * n for n in (2, 3)}\n'.replace("items", "Order.items")
    (features,) = declared(tmp_path, CODE.replace("    double = items * 2\n", many)).feature_sets
    assert plan_from_json(features.plan).names == ("items", "shop", "many_2x", "many_3x")
    with pytest.raises(UsageError, match="many_a"):
        declared(tmp_path, CODE.replace("    double = items * 2\n", '    many = {"a": 2}\n'))


def test_gates_always_demand_what_their_kind_demands(tmp_path):
    gates = {policy.gate: policy for policy in declared(tmp_path).gates}
    assert set(gates) == {"data:orders", "data:arrivals", "training:late", "model:late", "release:late"}
    metrics = {name: [criterion.metric for criterion in gate.criteria] for name, gate in gates.items()}
    assert metrics["data:orders"] == ["blocked", "schema.matches", "rows.quarantined.share"]
    assert metrics["training:late"] == ["completed", "packaged", "converged"]
    assert metrics["model:late"][0] == "leak.rows"
    assert Criterion("factory:lift", "le", 2.0) in gates["model:late"].criteria
    assert gates["model:late"].owner == "risk"
    assert gates["data:arrivals"].owner == "data"
    assert gates["release:late"].signoffs[0].people == 2


def test_a_check_that_is_listed_and_demanded_anyway_stands_there_once(tmp_path):
    code = CODE.replace("require=[checks.converged]", "require=[checks.completed, checks.converged, checks.packaged]")
    (policy,) = [each for each in declared(tmp_path, code).gates if each.gate == "training:late"]
    assert [criterion.metric for criterion in policy.criteria] == ["completed", "packaged", "converged"]


def test_decorated_functions_stay_what_they_were(tmp_path):
    module = load(tmp_path, CODE)
    assert module.late("rows", module.Knobs(), 3)[1:] == (module.Knobs(), 3)
    assert module.lift(None, None) == 1.0
    assert module.lift.__doc__ == "How much it lifts."
    assert module.Known.__name__ == "Known"
    assert isinstance(module.factory, UserFactory)


def test_parameters_come_back_from_json_as_the_types_they_were(tmp_path):
    module = load(tmp_path, CODE)
    from andon.api import calls

    training = module.factory.registered.models["late"]
    params = calls.params_of(training, loads(dumps(calls.params_json(training))))
    assert params == module.Knobs()
    assert isinstance(params.rate, float)
    with pytest.raises(AndonError, match="parameters"):
        calls.params_of(training, {"leaves": 3})


def _without(text: str) -> str:
    assert text in CODE
    return CODE.replace(text, "")


GATE = {
    kind: next(line for line in CODE.splitlines() if line.startswith(f"factory.{kind}_gate"))
    for kind in ("data", "training", "model", "release")
}
RELEASE = 'factory.release(late, to="local", latency="20ms")'
LABEL = "is_late = Arrival.late_min.lookup(match=Arrival.id == Order.id) > 15"


PLANE_SOURCE = """
@factory.ingest(Plain, every="1d")
def planes(window: Window) -> pl.LazyFrame:
    return pl.LazyFrame()


factory.data_gate(planes, require=[checks.schema])
"""
PLANES = CODE + PLANE_SOURCE
REFERRED = """
class Later(Contract):
    id = category(key=True)


class Plain(Contract):
    id = category(key=True)
    known = category()


class Order("""
OLD_PLAIN = "\n\nclass Plain(Contract):\n    id = category(key=True)\n    name = category()\n"
REFERRING = (
    PLANES.replace(OLD_PLAIN, "")
    .replace("event_time, integer", "event_time, exists_in, integer, known_at")
    .replace("\nclass Order(", REFERRED)
    .replace("    items = integer(ge=0)\n", "    items = integer(ge=0)\n    real = exists_in(shop, Plain.id)\n")
)
CIRCLE = REFERRING.replace(
    "class Arrival(",
    """class Plain(Contract):
    id = category(key=True)
    back = exists_in(id, Order.id)


class Arrival(""",
)
DERIVED = (
    REFERRING.replace("exists_in(shop, Plain.id)", "exists_in(shop, Leg.id)").replace(
        "class Later(Contract):",
        """class Leg(Contract):
    id = category(key=True)
    arrived = event_time()
    known = known_at()


class Later(Contract):""",
    )
    + """
@factory.derive(Leg, spine=Arrival)
class Legs:
    id = Arrival.id
    arrived = Arrival.arrived


factory.data_gate(Legs, require=[checks.schema])
"""
)


def test_sources_stand_after_what_their_rows_refer_to(tmp_path):
    """Otherwise a first run of everything would stop in the middle."""
    assert [source.name for source in declared(tmp_path, REFERRING).sources] == ["planes", "orders", "arrivals"]
    assert [source.name for source in declared(tmp_path, PLANES).sources] == ["orders", "arrivals", "planes"]


def test_a_promise_is_demanded_whether_or_not_the_gate_says_so(tmp_path):
    code = CODE.replace('every="1h"', 'every="1h", fresh="90m", volume=0.8')
    gates = {policy.gate: policy.criteria for policy in declared(tmp_path, code).gates}
    assert [one.text() for one in gates["data:orders"][3:]] == [
        "fresh.age_s <= 5400",
        "volume.lowest >= 0.8",
        "volume.highest <= 1.25",
    ]
    assert len(gates["data:arrivals"]) == 3
    both = declared(tmp_path, code.replace("quarantined_at_most(0.1)", "volume"))
    assert [one.bound for one in both.gates[1].criteria[2:]] == [0.5, 2.0]
    assert [one.text() for one in both.gates[0].criteria[2:]] == [
        "volume.lowest >= 0.8",
        "volume.highest <= 1.25",
        "fresh.age_s <= 5400",
    ]


@pytest.mark.parametrize(
    ("code", "expected", "line"),
    [
        (_without(GATE["data"]), "factory.no-gate", "@factory.ingest(Order"),
        (CODE.replace("orders, arrivals, require", "orders, require"), "factory.no-gate", "@factory.ingest(Arrival"),
        (_without(GATE["training"]), "factory.no-gate", "@factory.model"),
        (_without(GATE["model"]), "factory.no-gate", "@factory.model"),
        (_without(GATE["release"]), "factory.no-gate", "@factory.model"),
        (_without(RELEASE), "factory.no-release", "@factory.model"),
        (CODE.replace('require=[checks.target_healthy, SignOff("operations", people=2)]', "require=[]"),
         "factory.empty-gate", "factory.release_gate"),
        (CODE.replace("require=[checks.converged]", "require=[checks.schema]"), "factory.wrong-gate",
         "factory.training_gate"),
        (CODE.replace("require=[checks.converged]", "require=[auc.by(Order.shop, min_n=3) >= 0.5]"),
         "factory.wrong-gate", "factory.training_gate"),
        (CODE.replace("auc.lower() >= 0.7", "rmse <= 3"), "factory.wrong-metric", "factory.model_gate"),
        (CODE.replace("auc.lower() >= 0.7", "checks.lineage_closed"), "factory.wrong-gate", "factory.model_gate"),
        (CODE.replace("auc.lower() >= 0.7", "True"), "factory.demand", "factory.model_gate"),
        (CODE.replace("by(Order.shop", "by(Order.items"), "factory.no-segment", "factory.model_gate"),
        (CODE.replace("by(Order.shop", "by(Arrival.late_min"), "factory.no-segment", "factory.model_gate"),
        (CODE.replace(LABEL, "is_late = Arrival.arrived.lookup(match=Arrival.id == Order.id)"), "factory.label",
         "@factory.features"),
        (CODE.replace("label=is_late", "label=True"), "factory.label", "@factory.features"),
        (CODE.replace("    items = Order.items\n", "    items = Order.items\n    limit = 3\n"), "factory.feature",
         "@factory.features"),
        (CODE.replace("shop = Order.shop.codes(min_count=2)", "shop = Order.shop"), "factory.not-numeric",
         "@factory.features"),
        (CODE.replace("shop = Order.shop.codes(min_count=2)",
                      "shop = Plain.name.lookup(match=Plain.id == Order.id).codes(min_count=2)"),
         "factory.no-source", "@factory.features"),
        (CODE.replace("codes(min_count=2)", "target_mean(of='late')"), "expression.target-mean", "@factory.features"),
        (CODE.replace("@factory.features(Order", "@factory.features(Plain"), "factory.no-source", "@factory.features"),
        (CODE.replace("@factory.model(Known", "@factory.model(Order"), "factory.unknown", "@factory.model"),
        (CODE.replace("p: Knobs", "p: int"), "factory.training", "@factory.model"),
        (CODE.replace("p: Knobs, seed: int", "p: Knobs"), "factory.training", "@factory.model"),
        (CODE.replace("leaves: int = 31", "leaves: int"), "factory.params", "@factory.model"),
        (CODE.replace("leaves: int = 31", "leaves: tuple = (1,)"), "factory.params", "@factory.model"),
        (CODE.replace("factory.training_gate(late", "factory.training_gate(orders"), "factory.unknown",
         "factory.training_gate"),
        (CODE.replace("factory.data_gate(orders", "factory.data_gate(late"), "factory.unknown", "factory.data_gate"),
        (CODE.replace("@factory.measure(late)", "@factory.measure(orders)"), "factory.unknown", "@factory.measure"),
        (CODE + f"\n{GATE['model']}\n", "factory.duplicate", None),
        (CODE + f"\n{RELEASE}\n", "factory.duplicate", None),
        (CODE.replace("def arrivals(", "def orders("), "factory.duplicate", "@factory.ingest(Arrival"),
        (CODE.replace("@factory.ingest(Arrival", "@factory.ingest(Order"), "factory.doubled-contract",
         '@factory.ingest(Order, every="10m"'),
        (CODE.replace('every="1h"', 'every="hourly"'), "time.not-a-duration", ""),
        (CODE.replace('tune="14d"', 'tune="0s"'), "factory.split", "@factory.model"),
        (CODE.replace('    asked = event_time(known_after="0s")\n', ""), "factory.no-event-time", "@factory.features"),
        (CODE.replace('every="10m"', 'every="10m", fresh="soon"'), "time.not-a-duration", ""),
        (CODE.replace('every="10m"', 'every="10m", volume=0'), "factory.volume", "@factory.ingest(Arrival"),
        (CODE.replace("quarantined_at_most(0.1)", "fresh"), "factory.no-promise", "@factory.ingest(Order"),
        (CODE.replace("[checks.converged]", "[checks.volume]"), "factory.no-promise", "factory.training_gate"),
        (CODE.replace("[checks.converged]", "[checks.nulls_like_before(0.1)]"), "factory.wrong-gate",
         "factory.training_gate"),
        (PLANES.replace('every="1d"', 'every="1d", fresh="2h"'), "factory.no-event-time", "factory.data_gate(planes"),
        (REFERRING.replace(PLANE_SOURCE, ""), "factory.no-source", "@factory.ingest(Order"),
        (REFERRING.replace("known = category()", "known = category()\n    back = exists_in(known, Later.id)"),
         "factory.no-source", "@factory.ingest(Plain"),
        (CIRCLE, "factory.reference-circle", "@factory.ingest(Order"),
        (DERIVED, "factory.reference-derived", "@factory.ingest(Order"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_at_its_line_with_a_fix(tmp_path, code, expected, line):
    with pytest.raises(AndonError) as caught:
        declared(tmp_path, code)
    error = caught.value
    assert error.code == expected, error
    assert error.fix
    if line == "":
        return
    lines = code.splitlines()
    wanted = len(lines) if line is None else next(n for n, text in enumerate(lines, 1) if text.startswith(line))
    assert f"factory.py:{wanted}" in error.place, error


def test_a_factory_without_models_or_sources_says_so(tmp_path):
    code = 'from andon import Factory\nfactory = Factory("x", owner="o", purpose="p")\n'
    with pytest.raises(UsageError) as caught:
        declared(tmp_path, code)
    assert caught.value.code == "factory.incomplete"
    assert "factory.py:2" in caught.value.place


def test_a_lambda_is_no_source(tmp_path):
    code = CODE.replace("is_late =", 'factory.ingest(Plain, every="1h")(lambda window: None)\nis_late =')
    with pytest.raises(UsageError) as caught:
        declared(tmp_path, code)
    assert caught.value.code == "factory.function"


def test_a_function_from_elsewhere_is_refused_because_its_versions_could_not_be_told_apart(tmp_path):
    code = CODE.replace("is_late =", 'import textwrap\nfactory.ingest(Plain, every="1h")(textwrap.dedent)\nis_late =')
    code += "factory.data_gate(textwrap.dedent, require=[])\n"
    with pytest.raises(UsageError) as caught:
        declared(tmp_path, code)
    assert caught.value.code == "factory.no-source"


def test_in_a_notebook_saying_it_again_replaces_it(tmp_path):
    """A cell that runs twice must not end in an error; a file that says two things under one name must."""
    twice = CODE + textwrap.dedent("""
        @factory.model(Known, split=by_time(tune="1d", holdout="1d"), seed=8)
        def late(train: TrainingSet, p: Knobs, seed: int) -> object:
            return 8
    """)
    assert load(tmp_path, twice, name="__main__").factory.registered.models["late"].seed == 8
    with pytest.raises(UsageError, match="twice"):
        load(tmp_path, twice)


def test_a_source_asks_for_a_window_and_a_measure_gets_no_labels(tmp_path):
    code = CODE.replace("return pl.LazyFrame()", "return (window.since, window.until, window.since_ns)", 1)
    module = load(tmp_path, code)
    since, until, ns = module.factory.run_source("orders", None, 86_400 * 10**9)
    assert since is None
    assert ns is None
    assert until.isoformat() == "1970-01-02T00:00:00+00:00"
    with pytest.raises(UsageError, match="no source"):
        module.factory.run_source("nothing", None, 1)


def test_the_example_of_the_flights_declares_itself():
    folder = Path(__file__).parents[2] / "examples" / "flights"
    pytest.importorskip("lightgbm")
    sys.path.insert(0, str(folder))
    try:
        spec = importlib.util.spec_from_file_location("factory", folder / "factory.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(folder))
        sys.modules.pop("flights_source", None)
    found = module.factory.declaration(folder)
    assert [model.name for model in found.models] == ["late"]
    assert len(found.gates) == 7
