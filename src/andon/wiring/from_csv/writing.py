"""A factory written as text from what a table seems to be, in the plain style in which people write one."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from andon.wiring.from_csv.csv_file import NULLS, Reading
from andon.wiring.from_csv.guessing import ROW_NUMBER, Seen, Understood
from andon.wiring.from_csv.spelling import identifiers
from andon.wiring.python_text import call, text_of

Framework = Literal["lightgbm", "sklearn"]
DATA: Final = "data.csv"
ANSWER_AFTER: Final = "1d"
_FEW: Final = 12
_SEGMENTS: Final = 2
_SMALL: Final = 1_000
_SHORT: Final = 80


@dataclass(frozen=True, slots=True)
class Draft:
    """What goes into the text besides what the table seems to be."""

    factory: str
    owner: str
    reading: Reading
    framework: Framework


def write_factory(found: Understood, draft: Draft) -> str:
    """The text of `factory.py`."""
    parts = [
        "\n".join(_head(found, draft)),
        "\n".join(_contract("Row", _row_columns(found), "what is known when the question is asked")),
        "\n".join(_contract("Answer", _answer_columns(found), "what turned out to be")),
        "\n".join(_reading(found, draft)),
        "\n".join(_features(found)),
        "\n".join(_model(found, draft.framework)),
        "\n".join(_gates(found)),
    ]
    return "\n\n\n".join(parts) + "\n"


def model_name(found: Understood) -> str:
    """What the model is called: like the column it predicts."""
    name = found.target.column.name.rstrip("_")
    is_taken = name != found.target.column.name or name in ("answer", "boosted", "inputs", "row", "same")
    return f"{name}_model" if is_taken else name


def _head(found: Understood, draft: Draft) -> Iterator[str]:
    what = _plain(found.target.column.source)
    yield f'"""Predicts {what} from a table of rows. Written by andon init; now it is yours."""'
    yield ""
    yield "from pathlib import Path"
    yield ""
    if draft.framework == "lightgbm":
        yield "import lightgbm"
    yield "import polars as pl"
    if draft.framework == "sklearn":
        kind = "Regressor" if found.target.task == "regression" else "Classifier"
        yield f"from sklearn.ensemble import HistGradientBoosting{kind}"
    yield ""
    yield from call("from andon import ", _imports(found))
    yield ""
    purpose = f"Predict {what}"
    yield f"factory = Factory({text_of(draft.factory)}, owner={text_of(draft.owner)}, purpose={text_of(purpose)})"


def _imports(found: Understood) -> list[str]:
    used = {"Contract", "Factory", "Params", "TrainingSet", "Window", "by_time", "checks", "event_time"}
    used |= {_constructor(column) for column in (*found.features, found.key)}
    used |= {"category"} if found.target.task == "classes" else {_constructor(found.target.column)}
    used |= set(_metrics(found))
    return sorted(used - {""}, key=lambda name: (not name[0].isupper(), name))


def _contract(name: str, columns: Sequence[tuple[str, list[str]]], why: str) -> Iterator[str]:
    yield f"class {name}(Contract):  # {why}"
    for start, options in columns:
        yield from call(f"    {start}", options)


def _row_columns(found: Understood) -> list[tuple[str, list[str]]]:
    segments = [each for each in found.features if each.kind == "category" and each.distinct <= _FEW][:_SEGMENTS]
    others = [(_start(each), _options(each, is_segment=each in segments)) for each in found.features]
    return [(_start(found.key), ["key=True"]), (f"{found.time.name} = event_time", ['known_after="0s"']), *others]


def _answer_columns(found: Understood) -> list[tuple[str, list[str]]]:
    column = found.target.column
    known = (f"{found.time.name} = event_time", [f'known_after="{ANSWER_AFTER}"'])
    answer = (_start(column), _options(replace(column, nulls=0), is_segment=False))
    if found.target.task == "classes":
        answer = (f"{column.name} = category", [f"one_of=({', '.join(map(text_of, column.values))})"])
    return [(_start(found.key), ["key=True"]), known, answer]


def _start(column: Seen) -> str:
    return f"{column.name} = {_constructor(column)}"


def _constructor(column: Seen) -> str:
    return {
        "int": "integer",
        "float": "number",
        "bool": "boolean",
        "category": "category",
        "time": "time",
        "empty": "",
    }[column.kind]


def _options(column: Seen, *, is_segment: bool) -> list[str]:
    options = []
    if column.kind in ("int", "float"):
        low, high = range_of(column)
        options += [f"ge={low}", f"le={high}"]
    values = ", ".join(map(text_of, column.values))
    if column.kind == "category" and column.distinct <= _FEW and 0 < len(values) <= _SHORT:
        options.append(f"one_of=({values}{',' if len(column.values) == 1 else ''})")
    if is_segment:
        options.append("segment=True")
    if column.nulls:
        share = null_share(column)
        options += ["nullable=True"] + ([f"max_null_share={share}"] if share < 1 else [])
    return options


def null_share(column: Seen) -> float:
    """Half as many nulls again as there are, and some: more than that is worth a look."""
    return min(1.0, math.ceil(column.nulls / column.rows * 150 + 5) / 100)


def range_of(column: Seen) -> tuple[str, str]:
    """Bounds that leave as much room again as the values take, on both sides, and never below 0 for what never was."""
    room = max(column.high - column.low, abs(column.high), 1.0)
    low = 0.0 if column.low >= 0 else _round(column.low - room, math.floor)
    high = _round(column.high + room, math.ceil)
    if column.kind == "int":
        return str(max(int(low), -(2**62))), str(min(int(high), 2**62))
    return f"{low:g}", f"{high:g}"


def _round(value: float, towards: Callable[[float], int]) -> float:
    """Two digits are enough for a bound."""
    if not value:
        return 0.0
    step = 10.0 ** (math.floor(math.log10(abs(value))) - 1)
    return towards(value / step) * step


def _reading(found: Understood, draft: Draft) -> Iterator[str]:
    reading, time = draft.reading, found.time
    nulls = ", ".join(text_of(each) for each in NULLS)
    options = [f"Path(__file__).parent / {text_of(DATA)}", "infer_schema_length=None", f"null_values=[{nulls}]"]
    options += [f"separator={text_of(reading.separator)}"] if reading.separator != "," else []
    options += [f"encoding={text_of(reading.encoding)}"] if reading.encoding != "utf8" else []
    options += ["decimal_comma=True"] if reading.decimal_comma else []
    yield "def table(window: Window) -> pl.LazyFrame:"
    yield f'    """The rows of {DATA} that happened in a window of time, under names that Python can spell."""'
    yield from call("    found = pl.read_csv", options, ".lazy()")
    names = {each.source: each.name for each in _columns(found) if each.source != each.name}
    if names:
        yield "    found = found.rename("
        yield "        {"
        for source, name in names.items():
            yield f"            {text_of(source)}: {text_of(name)},"
        yield "        }"
        yield "    )"
    if found.key.source == ROW_NUMBER:
        yield "    # Nothing in the file names a row, so rows are numbered: only ever append to it."
        yield f"    found = found.with_row_index({text_of(ROW_NUMBER)})"
    casts = [f"{time.name}={_moment(time)}"]
    if found.target.task == "classes" and found.target.column.kind != "category":
        casts.append(f"{found.target.column.name}=pl.col({text_of(found.target.column.name)}).cast(pl.String)")
    yield from call("    found = found.with_columns", casts)
    yield f"    happened = pl.col({text_of(time.name)})"
    yield "    # A row without a time is no row of any window; the data gate shall see it all the same."
    yield "    found = found.filter((happened < window.until).fill_null(value=True))"
    yield "    if window.since is None:"
    yield "        return found"
    yield "    return found.filter((happened >= window.since).fill_null(value=True))"
    yield ""
    yield ""
    yield '@factory.ingest(Row, every="1h")'
    yield "def rows(window: Window) -> pl.LazyFrame:"
    unused = [found.target.column, *(each for each, _ in found.left_out)]
    yield from call("    return table(window).drop", [text_of(each.name) for each in unused])
    yield ""
    yield ""
    yield '@factory.ingest(Answer, every="1h")'
    yield "def answers(window: Window) -> pl.LazyFrame:"
    target = found.target.column.name
    chosen = ", ".join(text_of(name) for name in (found.key.name, time.name, target))
    drop = f".drop_nulls({text_of(target)})  # not answered yet" if found.target.column.nulls else ""
    yield f"    return table(window).select({chosen}){drop}"


def _moment(time: Seen) -> str:
    zone = "" if "%#z" in time.format else ', time_zone="UTC"'
    return f"pl.col({text_of(time.name)}).str.to_datetime({text_of(time.format)}{zone}, strict=False)"


def _features(found: Understood) -> Iterator[str]:
    target = found.target
    same = f"Answer.{found.key.name} == Row.{found.key.name}"
    if not found.is_key_unique:
        same = f"({same}) & (Answer.{found.time.name} == Row.{found.time.name})"
    test = f" == {_quoted(target.positive)}" if target.positive else ""
    yield f"same = {same}"
    yield f"answer = Answer.{target.column.name}.lookup(match=same){test}"
    yield ""
    yield ""
    yield f'@factory.features(Row, label=answer, label_within="{_within()}")'
    yield "class Inputs:  # one definition, for training and for serving"
    for column in found.features:
        codes = f".codes(min_count={max(2, found.rows // 500)})" if column.kind == "category" else ""
        yield f"    {column.name} = Row.{column.name}{codes}"
    names = identifiers(["weekday", "month", "hour"], [column.name for column in found.features])
    yield f'    {names["weekday"]} = Row.{found.time.name}.weekday("UTC")'
    yield f'    {names["month"]} = Row.{found.time.name}.month("UTC")'
    if not found.is_daily:
        yield f'    {names["hour"]} = Row.{found.time.name}.hour("UTC")'


def _within() -> str:
    return "2d"


def _model(found: Understood, framework: Framework) -> Iterator[str]:
    rounds, leaves = (200, 31) if found.rows >= _SMALL else (60, 7)
    split = f'by_time(tune="{found.tune}", holdout="{found.holdout}")'
    yield "class Boosted(Params):"
    yield f"    leaves: int = {leaves}"
    yield f"    rounds: int = {rounds}"
    yield "    rate: float = 0.05"
    yield ""
    yield ""
    yield f'@factory.model(Inputs, split={split}, limit="30m")'
    body = _lightgbm if framework == "lightgbm" else _sklearn
    yield from body(found, model_name(found))


def _lightgbm(found: Understood, name: str) -> Iterator[str]:
    objective = {"binary": "binary", "classes": "multiclass", "regression": "regression"}[found.target.task]
    yield f"def {name}(train: TrainingSet, p: Boosted, seed: int) -> lightgbm.Booster:"
    yield "    x, y = train.xy()"
    yield "    options = {"
    yield f'        "objective": "{objective}",'
    if found.target.task == "classes":
        yield '        "num_class": len(train.classes),'
    yield '        "num_leaves": p.leaves,'
    yield '        "learning_rate": p.rate,'
    yield '        "seed": seed,'
    yield '        "deterministic": True,'
    yield '        "num_threads": 1,'
    yield '        "verbosity": -1,'
    yield "    }"
    yield "    return lightgbm.train(options, lightgbm.Dataset(x.to_numpy(), y.to_numpy()), num_boost_round=p.rounds)"


def _sklearn(found: Understood, name: str) -> Iterator[str]:
    kind = "HistGradientBoosting" + ("Regressor" if found.target.task == "regression" else "Classifier")
    yield f"def {name}(train: TrainingSet, p: Boosted, seed: int) -> {kind}:"
    yield "    x, y = train.xy()"
    yield f"    model = {kind}("
    yield "        max_leaf_nodes=p.leaves,"
    yield "        max_iter=p.rounds,"
    yield "        learning_rate=p.rate,"
    yield "        early_stopping=False,"
    yield "        random_state=seed,"
    yield "    )"
    yield "    return model.fit(x.to_numpy(), y.to_numpy())"


def _metrics(found: Understood) -> dict[str, str]:
    """The metrics of the task and what a model must at least achieve: more than a guess that looks at nothing."""
    target = found.target
    if target.task == "regression":
        bound = f"{target.typical:.3g}"
        return {"rmse": f"rmse <= {bound},  # the spread of all answers: what a constant guess achieves"}
    if target.task == "classes":
        bound = f"{math.floor(target.typical * 100) / 100:g}"
        return {"accuracy": f"accuracy >= {bound},  # the most frequent answer alone achieves as much"}
    return {"auc": "auc >= 0.55,  # 0.5 is a coin; raise it to what you need"}


def _gates(found: Understood) -> Iterator[str]:
    name, (metric, bound) = model_name(found), next(iter(_metrics(found).items()))
    margin = "0.005" if metric in ("auc", "accuracy") else f"{found.target.typical * 0.01:.3g}"
    yield "factory.data_gate(rows, answers, require=[checks.schema, checks.quarantined_at_most(0.05)])"
    yield ""
    yield f"factory.training_gate({name}, require=[checks.completed, checks.converged, checks.packaged])"
    yield ""
    yield "factory.model_gate("
    yield f"    {name},"
    yield "    require=["
    yield "        checks.no_leak,"
    yield f"        {bound}"
    yield f"        {metric}.no_worse_than_champion(margin={margin}),"
    yield "    ],"
    yield ")"
    yield ""
    yield f"factory.release_gate({name}, require=[checks.lineage_closed, checks.target_healthy])"
    yield ""
    yield f'factory.release({name}, to="local", latency="50ms")'


def _columns(found: Understood) -> list[Seen]:
    return [found.key, found.time, found.target.column, *found.features, *(each for each, _ in found.left_out)]


def _quoted(literal: str) -> str:
    return text_of(literal[1:-1]) if literal.startswith("'") and "\\" not in literal else literal


def _plain(text: str) -> str:
    """A name as it can stand in a sentence inside of quotes."""
    return text.replace("\\", " ").replace('"', "'").replace("\n", " ").strip() or "a column"
