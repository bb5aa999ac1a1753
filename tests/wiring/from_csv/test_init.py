"""A first factory from people's own CSV files: it declares itself, takes every row, and says what it guessed."""

import ast
import datetime as dt
import random
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.contracts.dataset import contract_from_json
from andon.contracts.declaration import Declaration
from andon.contracts.wire import from_json
from andon.kernel.canonical import loads
from andon.kernel.errors import AndonError
from andon.line.ingest.judge import judge_rows
from andon.wiring.from_csv.csv_file import FORMATS, moment_format, moments
from andon.wiring.from_csv.init import init_from_csv
from andon.wiring.from_csv.spelling import identifier, identifiers

SECOND = 10**9
NOW_NS = 1_800_000_000 * SECOND


def _churn(path: Path) -> None:
    """A binary text target, an id, ISO days, two categories, missing values."""
    pick = random.Random(1)
    lines = ["customer_id,signed_up,age,plan,region,score,churned"]
    for number in range(300):
        day = dt.date(2023, 1, 1) + dt.timedelta(days=number)
        age = pick.randint(18, 90)
        score = "" if number % 17 == 0 else f"{pick.random():.4f}"
        answer = "" if number > 295 else ("yes" if age + pick.gauss(0, 10) > 60 else "no")
        lines.append(
            f"{number + 1000},{day},{age},{pick.choice(['free', 'pro'])},{pick.choice('NSEW')},{score},{answer}"
        )
    path.write_text("\n".join(lines))


def _prices(path: Path) -> None:
    """A number to predict, no column that names a row, times with a clock, negative numbers."""
    pick = random.Random(2)
    lines = ["sold_at,area_m2,rooms,street,balance,is_new,price"]
    for number in range(200):
        at = dt.datetime(2022, 3, 1, 8) + dt.timedelta(hours=7 * number)  # noqa: DTZ001  # as files have them
        area = pick.uniform(20, 200)
        lines.append(
            f"{at:%Y-%m-%d %H:%M:%S},{area:.1f},{pick.randint(1, 6)},Street {number // 2},{pick.uniform(-5, 5):.2f},"
            f"{pick.choice(['true', 'false'])},{1000 * area + pick.gauss(0, 5000):.2f}"
        )
    path.write_text("\n".join(lines))


def _messy(path: Path) -> None:
    """Spaces, umlauts, keywords, words of a factory, a semicolon, decimal commas, an old encoding, German dates."""
    pick = random.Random(3)
    lines = ["Kunden-Nr.;Datum;Größe (cm);class;Ort;Kommentar;time;leer;number;42;Größe cm;Güte Klasse"]
    for number in range(240):
        day = dt.date(2024, 1, 1) + dt.timedelta(days=number // 2)
        size = f"{pick.gauss(170, 10):.1f}".replace(".", ",")
        place = pick.choice(["Köln", "Ulm", ""])
        lines.append(
            f'K{number % 120};{day:%d.%m.%Y};{size};{pick.choice("AB")};{place};Text "{number}";{pick.randint(0, 9)};;'
            f"{pick.randint(-5, 5)};{pick.random():.3f};{size};{pick.randint(1, 4)}"
        )
    path.write_bytes("\n".join(lines).replace('"', "'").encode("cp1252"))


CASES = {
    "churn": (_churn, "churned", "bool", {}),
    "prices": (_prices, "price", "float", {}),
    "messy": (_messy, "Güte Klasse", "category", {"key": "Kunden-Nr.", "time": "Datum"}),
}


ASK = """
import sys
from pathlib import Path
from andon.contracts.wire import to_json
from andon.kernel.canonical import dumps
from andon.wiring.processes.landing import land
from andon.wiring.processes.user_code import factory_of

code, out, since, until = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
factory = factory_of(code)
(out / "declaration.json").write_bytes(dumps(to_json(factory.declaration(code.parent))))
for name in ("rows", "answers"):
    land(factory.run_source(name, int(since) if since else None, until), out / f"{name}.parquet", place="")
"""


def _ask(code, out, since="", until=NOW_NS):
    """Declare a factory and read its sources in one process, as the child does it in three."""
    out.mkdir(exist_ok=True)
    command = [sys.executable, "-P", "-B", "-c", ASK, str(code), str(out), str(since), str(until)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return from_json(Declaration, loads((out / "declaration.json").read_bytes()))


@pytest.mark.parametrize("case", CASES)
def test_the_written_factory_declares_itself_and_takes_every_row_of_its_file(case, tmp_path):
    """A first try that quarantines half of the user's own file would be the last."""
    write, predict, label_kind, named = CASES[case]
    write(tmp_path / "data.csv")
    guess = init_from_csv(tmp_path / "mine", tmp_path / "data.csv", predict=predict, **named)
    declared = _ask(guess.code, tmp_path / "out")
    assert declared.factory == "mine"
    assert [model.name for model in declared.models] == [guess.model]
    assert declared.feature_sets[0].label_kind == label_kind
    assert not any(gate.signoffs for gate in declared.gates)
    rows = sum(1 for line in (tmp_path / "data.csv").read_bytes().split(b"\n") if line) - 1
    for source in declared.sources:
        contract = contract_from_json(declared.contracts[source.contract])
        judged = judge_rows(pl.read_parquet(tmp_path / "out" / f"{source.name}.parquet"), contract, now_ns=NOW_NS)
        unanswered = 4 if (case, source.contract) == ("churn", "Answer") else 0
        assert judged.counts.rows_in == rows - unanswered
        assert judged.quarantined.height == 0, judged.quarantined
        assert judged.counts.duplicate == 0


def test_the_label_never_stands_among_the_rows_that_ask(tmp_path):
    _churn(tmp_path / "data.csv")
    guess = init_from_csv(tmp_path / "mine", tmp_path / "data.csv", predict="churned")
    tree = ast.parse(guess.code.read_text())
    classes = {node.name: ast.unparse(node) for node in tree.body if isinstance(node, ast.ClassDef)}
    assert "churned" not in classes["Row"]
    assert "churned" not in classes["Inputs"]
    assert "churned" in classes["Answer"]
    assert "known_after" in classes["Answer"]


def test_a_window_takes_exactly_the_rows_that_happened_in_it(tmp_path):
    _churn(tmp_path / "data.csv")
    guess = init_from_csv(tmp_path / "mine", tmp_path / "data.csv", predict="churned")
    since, until = (int(dt.datetime(2023, month, 1, tzinfo=dt.UTC).timestamp()) * SECOND for month in (2, 3))
    _ask(guess.code, tmp_path / "out", since, until)
    assert pl.read_parquet(tmp_path / "out" / "rows.parquet").height == 28


def test_the_written_code_reads_like_a_persons_and_passes_the_formatter_and_the_type_checker(tmp_path):
    for case, (write, predict, _, named) in CASES.items():
        write(tmp_path / "data.csv")
        guess = init_from_csv(tmp_path / case, tmp_path / "data.csv", predict=predict, **named)
        assert max(map(len, guess.code.read_text().splitlines())) <= 120
    ruff = shutil.which("ruff", path=str(Path(sys.executable).parent))
    if ruff is None:
        pytest.skip("ruff is not installed beside this Python")
    files = [str(tmp_path / case / "factory.py") for case in CASES]
    done = subprocess.run(
        [ruff, "check", "--isolated", "--select", "E4,E7,E9,F,I,B", *files], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


def test_the_guesses_are_said_and_each_is_in_the_code(tmp_path):
    _churn(tmp_path / "data.csv")
    guess = init_from_csv(tmp_path / "mine", tmp_path / "data.csv", predict="churned")
    told = "\n".join(guess.lines)
    for words in (
        "300 rows",
        "'churned'",
        "'yes' is yes",
        "'customer_id' names a row",
        "'signed_up'",
        "known 1d after",
    ):
        assert words in told
    code = guess.code.read_text()
    assert '== "yes"' in code
    assert "customer_id = integer(key=True)" in code
    assert 'plan = category(one_of=("free", "pro"), segment=True)' in code
    assert "nullable=True" in code


def test_without_a_key_rows_are_numbered_and_that_is_said(tmp_path):
    _prices(tmp_path / "data.csv")
    guess = init_from_csv(tmp_path / "mine", tmp_path / "data.csv", predict="price")
    assert any("numbered from the top" in line for line in guess.lines)
    assert any("'street'" in line and "own text" in line for line in guess.lines)


def test_a_file_without_a_time_is_refused_with_the_way_out(tmp_path):
    (tmp_path / "data.csv").write_text("id,a,y\n1,2,0\n2,3,1\n3,4,0\n")
    with pytest.raises(AndonError) as caught:
        init_from_csv(tmp_path / "mine", tmp_path / "data.csv", predict="y")
    assert caught.value.code == "init.no-time"
    assert "--time" in caught.value.fix
    assert not (tmp_path / "mine").exists()


HEAD = "id,day,x,y\n"
ROWS = "".join(f"{n},2024-01-{n:02d},{n},{n % 2}\n" for n in range(1, 29))


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        ("", {}, "init.no-rows"),
        (HEAD, {}, "init.no-rows"),
        (HEAD + ROWS, {"predict": "z"}, "init.no-column"),
        (HEAD + ROWS, {"key": "idd"}, "init.no-column"),
        (HEAD + ROWS, {"time": "x"}, "init.not-a-time"),
        (HEAD + ROWS, {"key": "day"}, "init.not-a-key"),
        (HEAD + ROWS.replace("2024-01-05", ""), {}, "init.no-time"),
        (HEAD + "".join(f"{n},2024-01-01,{n},{n % 2}\n" for n in range(9)), {}, "init.one-moment"),
        (HEAD + "".join(f"{n},2024-01-{n:02d},{n},1\n" for n in range(1, 9)), {}, "init.nothing-to-predict"),
        (HEAD + ROWS, {"predict": "day"}, "init.no-time"),
        (HEAD + "".join(f"{n},2024-01-{n:02d},{n},t{n}\n" for n in range(1, 29)), {}, "init.too-many-classes"),
        ("day,y\n" + "".join(f"2024-01-{n:02d},{n % 2}\n" for n in range(1, 29)), {}, "init.no-features"),
    ],
)
def test_what_nothing_can_be_made_of_is_refused_and_leaves_no_folder(text, options, expected, tmp_path):
    (tmp_path / "data.csv").write_text(text)
    with pytest.raises(AndonError) as caught:
        init_from_csv(tmp_path / "mine", tmp_path / "data.csv", **{"predict": "y", **options})
    assert caught.value.code == expected, caught.value
    assert caught.value.fix
    assert not (tmp_path / "mine").exists()


def test_a_file_that_is_not_there_or_no_table_is_refused(tmp_path):
    for path in (tmp_path / "nothing.csv", tmp_path):
        with pytest.raises(AndonError) as caught:
            init_from_csv(tmp_path / "mine", path, predict="y")
        assert caught.value.code == "init.unreadable"


def test_a_factory_that_is_there_is_not_overwritten(tmp_path):
    _churn(tmp_path / "data.csv")
    guess = init_from_csv(tmp_path / "mine", tmp_path / "data.csv", predict="churned")
    guess.code.write_text("mine")
    with pytest.raises(AndonError, match="has a factory"):
        init_from_csv(tmp_path / "mine", tmp_path / "data.csv", predict="churned")
    assert guess.code.read_text() == "mine"


@given(st.lists(st.text(max_size=20), unique=True, max_size=12))
def test_every_column_gets_a_name_of_its_own_that_python_can_spell(names):
    found = identifiers(names)
    assert list(found) == names
    assert len(set(found.values())) == len(names)
    for name in found.values():
        assert name.isidentifier()
        assert name.isascii()
        ast.parse(f"class C:\n    {name} = 1")


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Größe (cm)", "groesse_cm"), ("class", "class_"), ("number", "number_"), ("42", "column_42"), ("", "column"),
     ("Share %", "share_percent"), ("___", "column"), ("time", "time_"), ("é", "e")],
)  # fmt: skip
def test_names_are_spelled_as_one_would_say_them(name, expected):
    assert identifier(name) == expected


@given(st.sampled_from(FORMATS), st.lists(st.datetimes(dt.datetime(1970, 1, 1), dt.datetime(2100, 1, 1)), min_size=1))  # noqa: DTZ001  # as files have them
def test_a_format_that_is_found_reads_the_moments_that_were_written(format_, given_moments):
    """A wrong guess between day and month would shift every row, so what is ambiguous may only be read one way."""
    written = [format_.replace("%.f", "").replace("%#z", "+0000") for _ in given_moments]
    texts = pl.Series([moment.strftime(form) for moment, form in zip(given_moments, written, strict=True)])
    found = moment_format(texts)
    assert found is not None
    if found.split(" ")[0] == format_.split(" ")[0]:
        back = moments(texts, found).dt.replace_time_zone(None).to_list()
        assert [b.strftime(f) for b, f in zip(back, written, strict=True)] == texts.to_list()
