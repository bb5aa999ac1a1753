"""A first factory from a CSV file: what was understood, what was guessed, and the code that says so."""

import shutil
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from andon.kernel.errors import InputError, UsageError
from andon.wiring.from_csv.csv_file import read_csv
from andon.wiring.from_csv.guessing import ROW_NUMBER, Understood, understand
from andon.wiring.from_csv.writing import ANSWER_AFTER, DATA, Draft, Framework, model_name, write_factory
from andon.wiring.settings import acting_person


@dataclass(frozen=True, slots=True)
class Guess:
    """What was guessed.

    Attributes:
        code: The file that was written.
        model: Name of the model it declares.
        lines: The guesses for people, one a line.
    """

    code: Path
    model: str
    lines: tuple[str, ...]


def init_from_csv(folder: Path, csv: Path, *, predict: str, key: str | None = None, time: str | None = None) -> Guess:
    """Write a factory that predicts a column of a CSV file: `factory.py`, and `data.csv` beside it.

    Args:
        folder: Where to; it is made, and its name is the factory's.
        csv: The file.
        predict: The column to predict.
        key: The column that names a row; guessed where it is not given.
        time: The column that says when a row happened; guessed where it is not given.

    Raises:
        UsageError: A named column is not there, or the folder has a `factory.py`.
        InputError: The file cannot be read, nothing in it says when a row happened, or nothing can be predicted.
    """
    code = folder / "factory.py"
    if code.exists():
        fix = "Choose another folder."
        raise UsageError("init.exists", "This folder has a factory.", place=str(code), fix=fix)
    frame, reading = read_csv(csv)
    found = understand(frame, csv, predict=predict, key=key, time=time)
    draft = Draft(folder.name, acting_person(), reading, _framework())
    text = write_factory(found, draft)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(csv, folder / DATA)
    code.write_text(text, encoding="utf-8")
    return Guess(code, model_name(found), tuple(_lines(found, draft, csv)))


def _framework() -> Framework:
    if find_spec("lightgbm"):
        return "lightgbm"
    if find_spec("sklearn") and find_spec("skops"):
        return "sklearn"
    raise InputError(
        "init.no-framework",
        "Nothing here can train a model.",
        found="neither lightgbm nor scikit-learn with skops",
        fix="Install one: pip install 'andon[lightgbm]' or pip install 'andon[sklearn]'.",
    )


def _lines(found: Understood, draft: Draft, csv: Path) -> list[str]:
    target = found.target
    tasks = {
        "binary": f"a yes or no: {target.positive or 'true'} is yes",
        "classes": f"one of {len(target.column.values)} classes",
        "regression": "a number",
    }
    key = f"{found.key.source!r} names a row"
    if found.key.source == ROW_NUMBER:
        key = (
            "no column names a row, so rows are numbered from the top: only append to the file, or name one with --key"
        )
    elif not found.is_key_unique:
        key = f"{found.key.source!r} and {found.time.source!r} together name a row"
    return [
        f"read {found.rows} rows from {csv.name}, copied to {DATA}",
        f"predict {target.column.source!r}, {tasks[target.task]}",
        key,
        f"{found.time.source!r} says when a row happened, as {found.time.format}; times without a zone are UTC",
        f"the answer is known {ANSWER_AFTER} after that: known_after= in Answer says otherwise if it is not so",
        f"learn from {_columns(len(found.features))}: {', '.join(each.source for each in found.features)}",
        *(
            f"look at {each.source!r}: it alone tells {target.column.source!r} in every row; take it out of factory.py "
            "if it is not known when the question is asked"
            for each in found.telling
        ),
        *(f"leave out {each.source!r}: {why}" for each, why in found.left_out),
        f"judge on the newest {found.holdout}, tune on {found.tune} before that",
        f"train with {draft.framework}",
        "ranges, sets and bounds in factory.py are guesses with room to spare: read them once",
    ]


def _columns(number: int) -> str:
    return "1 column" if number == 1 else f"{number} columns"
