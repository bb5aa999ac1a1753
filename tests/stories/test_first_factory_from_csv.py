"""A stranger has a CSV file and wants predictions from it: what andon makes of the files that people really have."""

import csv
import json
import os
import random
import shlex
import signal
import subprocess
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from andon.kernel.errors import AndonError
from andon.wiring.from_csv.init import init_from_csv
from tests.factories.place import ANDON

ROWS = 300


def rows():
    chance = random.Random(7)
    for number in range(ROWS):
        amount, colour = chance.randint(1, 100), chance.choice(["red", "grün", "blue, light"])
        is_late = chance.random() < amount / 120 + 0.15 * (colour == "red")
        yield number, datetime(2025, 1, 1, tzinfo=UTC) + timedelta(hours=7 * number), amount, colour, is_late


def write(path, head, lines, *, separator=",", encoding="utf-8", end="\n"):
    with path.open("w", newline="", encoding=encoding) as file:
        writer = csv.writer(file, delimiter=separator, lineterminator=end)
        writer.writerow(head)
        writer.writerows(lines)
    return path


HEAD = ("id", "date", "amount", "colour", "late")


def plain(is_late):
    return "yes" if is_late else "no"


FILES = {
    "yes or no": lambda p: write(p, HEAD, [(i, d, a, c, plain(y)) for i, d, a, c, y in rows()]),
    "zero or one": lambda p: write(p, HEAD, [(10**17 + i, d, a, c, int(y)) for i, d, a, c, y in rows()]),
    "a number": lambda p: write(p, HEAD, [(i, d.date(), a, c, a * 1.5 + 20 * y) for i, d, a, c, y in rows()]),
    "as Excel writes it in Germany": lambda p: write(
        p,
        ("Bestell Nr", "Datum", "Größe (cm)", "class", "late"),
        [(f"B{i}", d.strftime("%d.%m.%Y %H:%M"), a, c, "ja" if y else "nein") for i, d, a, c, y in rows()],
        separator=";",
        encoding="utf-8-sig",
        end="\r\n",
    ),
    "gaps": lambda p: write(
        p,
        HEAD,
        [(i, d, a if a % 7 else "NA", c if a % 5 else "", plain(y) if i % 9 else "") for i, d, a, c, y in rows()],
    ),
    "ids that repeat": lambda p: write(p, HEAD, [(i // 3, d, a, c, plain(y)) for i, d, a, c, y in rows()]),
    "booleans": lambda p: write(p, HEAD, [(i, d, str(a > 50), c, str(y).upper()) for i, d, a, c, y in rows()]),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_factory_is_written_and_its_code_is_python(tmp_path, kind):
    guess = init_from_csv(tmp_path / "mine", FILES[kind](tmp_path / "rows.csv"), predict="late")
    compile(guess.code.read_text(), str(guess.code), "exec")
    assert guess.lines[0] == f"read {ROWS} rows from rows.csv, copied to data.csv"
    assert not any(line.startswith("look at") for line in guess.lines)


@pytest.mark.parametrize(
    ("head", "lines", "code", "word"),
    [
        (HEAD, [], "init.no-rows", "0 rows"),
        (HEAD, [(i, d, a, c, "yes") for i, d, a, c, _ in rows()], "init.nothing-to-predict", "1 different"),
        (("id", "amount", "late"), [(i, a, y) for i, _, a, _, y in rows()], "init.no-time", "amount (int)"),
        (("id", "date", "Late"), [(i, d, y) for i, d, _, _, y in rows()], "init.no-column", "Late"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_what_was_found_and_what_to_do(tmp_path, head, lines, code, word):
    with pytest.raises(AndonError) as refusal:
        init_from_csv(tmp_path / "mine", write(tmp_path / "rows.csv", head, lines), predict="late")
    assert refusal.value.code == code
    assert word in refusal.value.found
    assert refusal.value.fix
    assert not (tmp_path / "mine").exists()


@pytest.mark.parametrize("data", [b"", b"\n\n", bytes(range(256)) * 4, None])
def test_what_is_no_table_is_refused_in_plain_words(tmp_path, data):
    path = tmp_path / "rows.csv"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(AndonError) as refusal:
        init_from_csv(tmp_path / "mine", path, predict="late")
    assert refusal.value.code.startswith("init.")
    assert "Errno" not in str(refusal.value)
    assert "codec" not in str(refusal.value)


def test_a_column_that_gives_the_answer_away_is_pointed_at(tmp_path):
    lines = [(i, d, a, "L" if y else "N", plain(y)) for i, d, a, _, y in rows()]
    guess = init_from_csv(tmp_path / "mine", write(tmp_path / "rows.csv", HEAD, lines), predict="late")
    (line,) = [line for line in guess.lines if line.startswith("look at")]
    assert "'colour'" in line
    assert "'late'" in line


@pytest.mark.slow
def test_from_a_file_to_an_answer_by_what_is_printed(tmp_path):
    """init, run, up, and the printed question, pasted into a shell."""
    write(tmp_path / "it's.csv", HEAD, [(f"o'{i}", d, a, c, plain(y)) for i, d, a, c, y in rows()])
    environment = {**os.environ, "ANDON_HOME": str(tmp_path / "home"), "ANDON_AS": "ada"}

    def andon(*words):
        done = subprocess.run(
            [*ANDON, *words], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=300
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    andon("init", "mine", "--from", "it's.csv", "--predict", "late")
    said = andon("run", "-C", "mine").replace("\n", " ")
    question = said[said.index("curl ") :].strip()
    server = subprocess.Popen(
        [*ANDON, "up", "--port", "0", "-C", "mine"], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        url = next(word for word in server.stdout.readline().split() if word.startswith("http"))
        assert shlex.split(question)[0] == "curl"
        port = url.split("/")[2]
        answered = subprocess.run(
            ["sh", "-c", question.replace("127.0.0.1:8080", port)],
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        )
        assert 0 < json.loads(answered.stdout)["prediction"] < 1, answered.stdout
    finally:
        server.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            server.wait(30)
        server.stdout.close()
