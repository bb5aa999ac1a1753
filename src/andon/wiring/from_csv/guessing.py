"""What a table of rows seems to be: which column names a row, which says when, what is predicted, what may help."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import polars as pl

from andon.kernel.errors import InputError, UsageError
from andon.wiring.from_csv.csv_file import moment_format, moments
from andon.wiring.from_csv.spelling import identifiers

Task = Literal["binary", "classes", "regression"]
ROW_NUMBER: Final = "row_number"
_YES: Final = frozenset({"yes", "y", "true", "t", "1", "1.0", "ja", "oui", "si", "positive", "late", "churned"})
_FEW: Final = 12
_MANY_CLASSES: Final = 20
NAMES_OF_KEYS: Final = ("id", "key", "uuid", "number", "nr", "no", "code")


@dataclass(frozen=True, slots=True)
class Seen:
    """One column of the file.

    Attributes:
        source: What the file calls it.
        name: What the factory calls it.
        kind: `int float bool category time`, or `empty` where it has no values.
        format: How its texts tell moments, for a time.
        distinct: How many different values it has.
        values: Its values as texts, where they are few.
        low: Its lowest value, for a number.
        high: Its highest value, for a number.
    """

    source: str
    name: str
    kind: Literal["int", "float", "bool", "category", "time", "empty"]
    format: str
    nulls: int
    rows: int
    distinct: int
    values: tuple[str, ...]
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Target:
    """What is predicted.

    Attributes:
        positive: The value that counts as true in a binary task, as Python writes it; empty for a column of bools.
        typical: What a guess without any features achieves: the share of the most frequent class, or the standard
            deviation.
    """

    column: Seen
    task: Task
    positive: str
    typical: float


@dataclass(frozen=True, slots=True)
class Understood:
    """Everything that was guessed.

    Attributes:
        is_key_unique: Whether the key alone names a row; else key and time do.
        features: Columns to predict from.
        left_out: Columns that are not used, with the reason.
        telling: Features of which each value goes with one answer only, in every row: too good to be true, often.
        tune: Length of the tuning rows.
        holdout: Length of the holdout rows.
    """

    rows: int
    key: Seen
    is_key_unique: bool
    time: Seen
    target: Target
    features: tuple[Seen, ...]
    left_out: tuple[tuple[Seen, str], ...]
    tune: str
    holdout: str
    is_daily: bool
    telling: tuple[Seen, ...] = ()


def understand(frame: pl.DataFrame, place: Path, *, predict: str, key: str | None, time: str | None) -> Understood:
    """What a table seems to be.

    Raises:
        UsageError: A column that was named is not there.
        InputError: Nothing says when each row happened, the rows cannot be told apart, or there is nothing to predict
            or to predict from.
    """
    for named in filter(None, (predict, key, time)):
        if named not in frame.columns:
            raise _unknown(named, frame.columns, place)
    columns = columns_of(frame)
    asked = _time(columns, time, predict, place)
    when = moments(frame[asked.source], asked.format)
    named_by = _key(frame, columns, key, {predict, asked.source}, place)
    target = _target(columns[predict], frame[predict], place)
    others = [each for each in columns.values() if each.source not in (predict, asked.source, named_by.source)]
    reasons = {each.source: _unfit(each) for each in others}
    features = tuple(each for each in others if not reasons[each.source])
    if not features:
        found = ", ".join(f"{name}: {why}" for name, why in reasons.items()) or "no other columns"
        raise _refuse("no-features", "No column is left to predict from.", place, found, "Add columns to the file.")
    tune, holdout = _parts(when, frame[predict], place)
    return Understood(
        rows=frame.height,
        key=named_by,
        is_key_unique=named_by.source == ROW_NUMBER or _is_unique(frame, [named_by.source]),
        time=asked,
        target=target,
        features=features,
        left_out=tuple((each, reasons[each.source]) for each in others if reasons[each.source]),
        tune=tune,
        holdout=holdout,
        is_daily=bool((when.dt.hour() == 0).all()),
        telling=tuple(each for each in features if _tells(frame, each, predict)),
    )


def columns_of(frame: pl.DataFrame) -> dict[str, Seen]:
    """What each column of a table seems to be, by its name in the table."""
    names = identifiers(frame.columns)
    return {name: _seen(frame[name], names[name]) for name in frame.columns}


def _seen(values: pl.Series, name: str) -> Seen:
    known = values.drop_nulls()
    distinct = known.n_unique()
    format_ = moment_format(values) or ""
    low, high = 0.0, 0.0
    if known.is_empty():
        kind: Literal["int", "float", "bool", "category", "time", "empty"] = "empty"
    elif values.dtype == pl.Boolean:
        kind = "bool"
    elif values.dtype.is_numeric():
        kind = "int" if values.dtype.is_integer() else "float"
        low, high = float(known.min()), float(known.max())  # type: ignore[arg-type]  # numbers, and there are some
    else:
        kind = "time" if format_ or isinstance(values.dtype, pl.Datetime | pl.Date) else "category"
    few = tuple(known.unique().sort().cast(pl.String).to_list()) if distinct <= _MANY_CLASSES else ()
    return Seen(values.name, name, kind, format_, values.null_count(), len(values), distinct, few, low, high)


def _time(columns: dict[str, Seen], named: str | None, predict: str, place: Path) -> Seen:
    """The column that says when each row happened."""
    if named is not None:
        found = columns[named]
        if found.kind != "time" or found.nulls:
            what = f"{found.kind}, {found.nulls} of {found.rows} values are missing"
            fix = "Write moments like 2024-05-31 or 2024-05-31 14:30, in every row."
            raise _refuse("not-a-time", f"{named!r} does not tell a moment in every row.", place, what, fix)
        return found
    fit = [each for each in columns.values() if each.kind == "time" and not each.nulls and each.source != predict]
    if fit:
        return fit[0]
    raise _refuse(
        "no-time",
        "No column says when each row happened.",
        place,
        ", ".join(f"{each.source} ({each.kind})" for each in columns.values()),
        "Name it with --time COLUMN; a made-up time would let the model learn from what it cannot know yet. "
        "If the file has none, add a column with the day on which each row was recorded.",
    )


def _key(frame: pl.DataFrame, columns: dict[str, Seen], named: str | None, taken: set[str], place: Path) -> Seen:
    """The column that names a row; the number of the row where there is none."""
    asked = next(name for name in columns if name in taken and columns[name].kind == "time")
    if named is not None:
        found = columns[named]
        if found.nulls or found.kind not in ("int", "category") or not _is_unique(frame, [named, asked]):
            what = f"{found.kind}, {found.nulls} missing, {found.distinct} different in {found.rows} rows"
            fix = "Name a column of texts or whole numbers that is different in every row of one moment."
            raise _refuse("not-a-key", f"{named!r} does not tell rows apart.", place, what, fix)
        return found
    fit = [
        each
        for each in columns.values()
        if each.kind in ("int", "category") and not each.nulls and each.source not in taken
    ]
    named_so = [each for each in fit if each.name.split("_")[-1] in NAMES_OF_KEYS or each.name.endswith("id")]
    for each in (*named_so, *fit):
        if each.distinct == each.rows:
            return each
    for each in named_so:
        if _is_unique(frame, [each.source, asked]):
            return each
    rows = frame.height
    return Seen(ROW_NUMBER, ROW_NUMBER, "int", "", 0, rows, rows, (), 0.0, float(rows - 1))


def _target(column: Seen, values: pl.Series, place: Path) -> Target:
    """What kind of task a column makes."""
    known = values.drop_nulls()
    if column.distinct < 2:
        found = f"{column.distinct} different values in {column.rows} rows"
        raise _refuse(
            "nothing-to-predict", f"{column.source!r} never changes.", place, found, "Predict another column."
        )
    if column.kind == "time":
        fix = "Predict a number, such as the days between two moments."
        raise _refuse("nothing-to-predict", "A moment cannot be predicted.", place, column.source, fix)
    counts = known.value_counts(sort=True, name="n")
    share = float(counts["n"][0]) / len(known)
    if column.kind == "bool":
        return Target(column, "binary", "", share)
    if column.distinct == 2:
        rarer = str(counts[column.source][1])
        likely = [value for value in column.values if value.strip().lower() in _YES]
        positive = likely[0] if len(likely) == 1 else rarer
        read = {"category": str, "int": int, "float": float}[column.kind]
        return Target(column, "binary", repr(read(positive)), share)
    is_small = column.kind == "int" and column.distinct <= _FEW and column.high - column.low <= 2 * _FEW
    if column.kind == "category" or is_small:
        if not column.values:
            found = f"{column.distinct} different texts"
            raise _refuse("too-many-classes", f"{column.source!r} has too many values.", place, found, "Group them.")
        return Target(column, "classes", "", share)
    return Target(column, "regression", "", float(known.cast(pl.Float64).std() or 0.0))  # type: ignore[arg-type]  # a number's


def _unfit(column: Seen) -> str:
    """Why a column is not predicted from; empty where it is."""
    if column.kind == "empty":
        return "it has no values"
    if column.distinct < 2:
        return "it never changes"
    if column.kind == "time":
        return "a second moment may tell what happened after the question"
    if column.kind == "category" and column.distinct > max(_FEW, column.rows // 3):
        return "nearly every row has its own text"
    return ""


def _tells(frame: pl.DataFrame, feature: Seen, predict: str) -> bool:
    """Whether a column gives the answer away: few values, and each goes with one answer only, in every row."""
    if feature.distinct > feature.rows // 10:
        return False
    answers = frame.select(feature.source, predict).drop_nulls().group_by(feature.source).n_unique()
    return not answers.is_empty() and int(answers[predict].max()) == 1  # type: ignore[arg-type]  # a count


def _parts(when: pl.Series, target: pl.Series, place: Path) -> tuple[str, str]:
    """Lengths of the tuning and the holdout rows, so that they hold about a sixth and a fifth of the rows."""
    labelled = when.filter(target.is_not_null()).sort().to_physical()
    newest = int(labelled[-1])
    micros = [newest - int(labelled[int((len(labelled) - 1) * share)]) for share in (0.8, 0.64)]
    if not micros[0]:
        found = f"{labelled.n_unique()} different moments"
        fix = "Give a file whose rows happened at different times; the newest of them judge the model."
        raise _refuse("one-moment", "The rows do not spread over time.", place, found, fix)
    holdout = _duration(micros[0])
    return _duration(max(micros[1] - micros[0], 1)), holdout


def _duration(micros: int) -> str:
    """A length of time in its largest unit of which it has at least two, rounded up."""
    for unit, length in (("d", 86_400_000_000), ("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000)):
        if micros >= 2 * length:
            return f"{-(-micros // length)}{unit}"
    return "2s"


def _is_unique(frame: pl.DataFrame, names: Sequence[str]) -> bool:
    return frame.select(names).n_unique() == frame.height


def _unknown(name: str, known: Sequence[str], place: Path) -> UsageError:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    fix = f"Did you mean {near[0]!r}?" if near else "Name one of the columns found."
    return UsageError(
        "init.no-column", f"The file has no column {name!r}.", place=str(place), found=", ".join(known), fix=fix
    )


def _refuse(what: str, message: str, place: Path, found: str, fix: str) -> InputError:
    return InputError(f"init.{what}", message, place=str(place), found=found, fix=fix)
