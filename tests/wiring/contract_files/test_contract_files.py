"""A contract written in the standard, or as Python, is the very same contract when it is read again."""

import json
import os
from pathlib import Path

import jsonschema
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from andon.adapters.yaml import read_yaml, write_yaml
from andon.api.columns import blob, boolean, category, event_time, fixed, integer, known_at, number, text, time, vector
from andon.api.contract import Contract, contract_value
from andon.api.rules import exists_in, rule, unique
from andon.kernel.errors import InputError
from andon.line.ingest.judge import judge_rows
from andon.wiring.calls.contracts import contract_from_table, import_contract
from andon.wiring.contract_files.odcs_read import read_odcs
from andon.wiring.contract_files.odcs_written import write_odcs
from andon.wiring.contract_files.python_source import write_contract

VECTORS = Path(os.environ.get("ANDON_VECTORS") or Path(__file__).parents[4] / "shared" / "vectors")


@pytest.fixture(scope="module")
def schema():
    path = VECTORS / "odcs" / "odcs-json-schema-v3.1.0.json"
    if not path.exists():
        if os.environ.get("CI") == "true":
            pytest.fail(f"no published schema at {path}")
        pytest.skip(f"no published schema at {path}; set ANDON_VECTORS")
    return jsonschema.Draft201909Validator(json.loads(path.read_text()))


class Plane(Contract):
    tail = category(key=True)
    seats = integer()


shares = st.sampled_from([1.0, 0.5, 0.07, 0.1 + 0.2])
words = st.sampled_from(["EWR", "no", "null", "1:30", "2024-01-01", "ü ' \"", "007", "~", ""])


def strict(has_rules):
    severities = ["quarantine", "warn"] if has_rules else ["quarantine"]
    loose = st.fixed_dictionaries({"severity": st.sampled_from(severities), "tolerance": shares})
    return st.one_of(loose, st.just({"severity": "block"})) if has_rules else st.just({})


@st.composite
def columns(draw):
    kind = draw(
        st.sampled_from(["integer", "number", "fixed", "boolean", "category", "time", "text", "vector", "blob"])
    )
    options = {"nullable": draw(st.booleans()), "pii": draw(st.booleans()), "protected": draw(st.booleans())}
    if options["nullable"] and draw(st.booleans()):
        options["max_null_share"] = draw(st.sampled_from([0.0, 0.07, 0.29, 1.0]))
    has_rules = False
    if kind in ("integer", "number", "fixed"):
        some = {"integer": st.integers(-(2**40), 2**40), "number": st.floats(-1e300, 1e300), "fixed": st.just(-0.25)}[
            kind
        ]
        bounds = draw(st.dictionaries(st.sampled_from(["ge", "gt", "le", "lt"]), some, max_size=3))
        has_rules, options = bool(bounds), options | bounds | {"unit": draw(st.sampled_from(["", "mi", "°C"]))}
    if kind == "fixed":
        options["scale"] = draw(st.integers(2, 9))
    if kind == "category":
        options["one_of"] = tuple(draw(st.lists(words, max_size=3, unique=True)))
        options["pattern"] = draw(st.sampled_from(["", "[A-Z]{3}", r"\d+\"'\\", "(?i)ü|no"]))
        has_rules = bool(options["one_of"] or options["pattern"])
    if kind == "time":
        options["tz"] = draw(st.sampled_from(["UTC", "America/New_York"]))
    if kind in ("category", "integer", "boolean"):
        options["segment"] = draw(st.booleans())
    if kind in ("text", "vector", "blob"):
        size = {"size": draw(st.integers(1, 2000))} if kind == "vector" else {}
        return {"text": text, "vector": vector, "blob": blob}[kind](**options, **size)
    make = {
        "integer": integer,
        "number": number,
        "fixed": fixed,
        "boolean": boolean,
        "category": category,
        "time": time,
    }
    return make[kind](**options, **draw(strict(has_rules)))


def rules_for(draw, key, others):
    """Rules in many forms over the columns that there are."""
    found = [rule(~key.is_null() | (key.len_chars() > 3), text=draw(st.sampled_from(["", "a key is long"])))]
    for other in others:
        kind = other.node.type.kind
        if kind == "int":
            found += [rule((other + 3) * 2 - (-other) % 7 <= abs(other), severity="warn"), rule(other.is_in((1, 2)))]
            found += [exists_in(other, Plane.seats, tolerance=0.25), exists_in((key, other), (Plane.tail, Plane.seats))]
        if kind == "float":
            found += [rule(other.clip(-1.5, 2.5).round() / 3 >= 1e-9), rule(other.is_null() | (other.sqrt() < 2))]
        if kind == "category":
            found += [rule(other.starts_with("N") | (other.head(2) == "no")), unique(other, severity="block")]
            found += [exists_in(other, Plane.tail, severity="warn", text="somebody knows it")]
        if kind == "time":
            found += [rule(other.hour("America/New_York") >= 5, tolerance=0.5), rule(other > "2024-01-01")]
        if kind == "bool":
            found += [rule(other.fill_null(value=False) == True)]  # noqa: E712  # an expression
        if kind == "fixed":
            found += [rule(-other <= 12), rule(other.to_float() * 2.0 != 1.0)]
    chosen = draw(st.lists(st.sampled_from(range(len(found))), max_size=3, unique=True))
    return {f"rule_{number}": found[number] for number in chosen}


@st.composite
def contracts(draw):
    names = draw(st.lists(st.sampled_from(["alpha", "beta", "gamma", "no", "Late"]), max_size=4, unique=True))
    others = [draw(columns()) for _ in names]
    key = category(key=True, pii=draw(st.booleans()))
    body = {"key": key, **dict(zip(names, others, strict=True))}
    if draw(st.booleans()):
        body["at"] = event_time(known_after=draw(st.sampled_from([None, "0s", "1h30m", "5ms"])), tz="America/New_York")
    elif draw(st.booleans()):
        body |= {"at": event_time(), "known": known_at()}
    cls = type("Flight", (Contract,), {**body, **rules_for(draw, key, others)})
    return contract_value(cls, draw(st.sampled_from(["", "ops"])))


QUIET = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@QUIET
@given(contracts())
def test_the_standard_holds_a_contract_whole(schema, contract):
    """Else who edits the file in another tool would change what nobody meant to change."""
    document = write_odcs(contract)
    schema.validate(document)
    for written in (write_yaml(document), json.dumps(document)):
        again, notes = read_odcs(read_yaml(written, "x.yaml"), "x.yaml")
        assert again == contract
        assert again.digest() == contract.digest()
        assert notes == ()


@QUIET
@given(contracts())
def test_python_holds_a_contract_whole(contract):
    source = write_contract(contract)
    space = {"Plane": Plane}
    exec(compile(source, "contract.py", "exec"), space)
    assert contract_value(space["Flight"], contract.owner).digest() == contract.digest(), source


FOREIGN = """
apiVersion: v3.1.0
kind: DataContract
id: 53581432-6c55-4ba2-a65f-72344a91553a
version: 1.1.0
status: active
team: {name: sellers}
customProperties:
  - {property: refRulesetName, value: gcsc.ruleset.name}
schema:
  - name: tbl_orders
    properties:
      - {name: order-id, logicalType: string, primaryKey: true, required: true, logicalTypeOptions: {pattern: "[0-9]+"}}
      - name: country
        logicalType: string
        classification: PII
        logicalTypeOptions: {minLength: 2}
        quality:
          - {metric: invalidValues, arguments: {validValues: [no, SE]}, mustBe: 0}
          - {type: sql, query: "select 1", mustBe: 1}
      - {name: amount, logicalType: number, required: true, logicalTypeOptions: {exclusiveMinimum: 0}, tags: [money]}
    quality:
      - {metric: rowCount, mustBeGreaterThan: 10}
    relationships:
      - {from: tbl_orders.country, to: countries.code}
"""


def test_a_document_of_others_becomes_a_class_and_says_what_it_left_out(schema, tmp_path):
    path = tmp_path / "orders.yaml"
    path.write_text(FOREIGN)
    document = read_yaml(FOREIGN, "orders.yaml")
    schema.validate(document)
    written = import_contract(path)
    assert (
        written.source
        == """from andon import Contract, category, exists_in, number


# its team is sellers: @factory.ingest(..., owner=...)
# tbl_orders.country: a quality rule is left out: sql
# tbl_orders.country: minLength is left out
# tbl_orders.amount: tags is left out
# tbl_orders.quality 0: a quality rule is left out
# its source calls order_id 'order-id': rename the column there
# countries is declared elsewhere: import it, or declare it above
class tbl_orders(Contract):
    order_id = category(key=True, pattern="[0-9]+")
    country = category(one_of=("no", "SE"), nullable=True, pii=True)
    amount = number(gt=0.0)

    country_exists = exists_in(country, countries.code)
"""
    )


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda text: text.replace("refRulesetName", "andon.speed"), "andon.speed"),
        (lambda text: text.replace("tags: [money]", "customProperties: [{property: andon.x, value: 1}]"), "andon.x"),
        (lambda text: text.replace("v3.1.0", "v2.2.2"), "v2.2.2"),
        (lambda text: text.replace("kind: DataContract", "kind: Table"), "Table"),
        (lambda text: text.replace("logicalType: number", "logicalType: object"), "object"),
        (lambda text: text.replace("exclusiveMinimum: 0", "exclusiveMinimum: none"), "none"),
        (lambda text: text.replace("status: active", "status: active\nstatus: draft"), "twice"),
        (lambda text: text.replace("{name: sellers}", "&a {name: sellers}\nother: *a"), "another place"),
        (lambda text: text.replace("{name: sellers}", "!!python/object/apply:os.getcwd []"), "tag"),
        (lambda text: text + "\n  - name: second\n    properties: []\n", "2 objects"),
        (lambda text: text.replace("to: countries.code", "to: code"), "code"),
        (lambda text: text.replace("[0-9]+", "[0-9"), "[0-9"),
        (lambda text: text.replace("schema:", "- schema:"), ""),
    ],
)  # fmt: skip
def test_what_is_no_contract_is_refused(tmp_path, change, found):
    path = tmp_path / "orders.yaml"
    path.write_text(change(FOREIGN))
    with pytest.raises(InputError) as caught:
        import_contract(path)
    assert found in f"{caught.value.found} {caught.value.place}"
    assert caught.value.fix


def test_a_contract_that_the_numbers_of_json_cannot_hold_is_not_written():
    class Exact(Contract):
        key = integer(key=True)
        money = fixed(scale=18, ge=0.1)
        small = integer(le=2**62 + 1)

    assert read_odcs(write_odcs(contract_value(Exact, "ops")), "")[0] == contract_value(Exact, "ops")

    class Finer(Contract):
        key = integer(key=True)
        rate = number(le=float("inf"))

    with pytest.raises(InputError) as caught:
        write_odcs(contract_value(Finer, "ops"))
    assert caught.value.code == "odcs.inexact"


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_contract_guessed_from_a_table_holds_for_that_table(tmp_path, suffix):
    """Whatever is guessed, the rows that it was guessed from must pass."""
    rows = pl.DataFrame(
        {
            "Order No": range(100),
            "placed": [f"2024-01-{day % 28 + 1:02d}T10:00:00" for day in range(100)],
            "depot": ["hill" if number % 3 else None for number in range(100)],
            "weight": [number / 7 for number in range(100)],
            "paid": [number % 2 == 0 for number in range(100)],
            "nothing": [None] * 100,
        },
        schema_overrides={"nothing": pl.String},
    )
    path = tmp_path / f"late-orders.{suffix}"
    if suffix == "csv":
        rows.write_csv(path)
    else:
        rows = rows.with_columns(pl.col("placed").str.to_datetime())
        rows.write_parquet(path)
    written = contract_from_table(path)
    space = {}
    exec(compile(written.source, "contract.py", "exec"), space)
    contract = contract_value(space["LateOrders"], "ops")
    assert contract.identity == ("order_no", "placed")
    assert "'nothing' has no values" in written.source
    frame = rows.rename({"Order No": "order_no"}).drop("nothing")
    assert judge_rows(frame, contract, now_ns=2 * 10**18).counts.good == 100


def test_a_table_in_which_nothing_names_a_row_is_refused(tmp_path):
    (tmp_path / "x.csv").write_text("a,b\n1.5,2.5\n1.5,2.5\n")
    with pytest.raises(InputError) as caught:
        contract_from_table(tmp_path / "x.csv")
    assert caught.value.code == "infer.no-key"
