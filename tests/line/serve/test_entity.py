"""What may be asked about, and what a key finds."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.contracts.dataset import Column, DatasetContract, Rule
from andon.expressions import tree
from andon.expressions.functions import INT, TIME
from andon.expressions.online.block import Block
from andon.expressions.online.spine import SpineBlocks
from andon.kernel.clock import iso
from andon.kernel.errors import InputError
from andon.line.serve.entity import Questions, SpineRows
from tests.line.serve.world import SPINE, spine_rows

WIDE = DatasetContract(
    "Wide",
    (
        Column("key", "category", "key"),
        Column("at", "time", "event_time"),
        Column("whole", "int"),
        Column("money", "fixed", scale=2),
        Column("share", "float", nullable=True),
        Column("is_new", "bool"),
        Column("when", "time", tz="America/New_York"),
    ),
)
GOOD = {"key": "a", "whole": 3, "money": "12.50", "share": None, "is_new": True, "when": "2013-07-01T12:00:00"}


def test_values_become_physical():
    values = Questions(WIDE).read([GOOD], 0, None)[0].values
    assert values == {
        "key": "a",
        "whole": 3,
        "money": 1250,
        "share": None,
        "is_new": True,
        "when": 1_372_694_400_000_000_000,
    }


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"whole": 3.0}, "serve.wrong-type"),
        ({"whole": True}, "serve.wrong-type"),
        ({"whole": None}, "serve.wrong-type"),
        ({"whole": 2**63}, "serve.wrong-type"),
        ({"money": "1.234"}, "serve.wrong-type"),
        ({"money": "1e400"}, "serve.wrong-type"),
        ({"money": "NaN"}, "serve.wrong-type"),
        ({"money": "inf"}, "serve.wrong-type"),
        ({"money": "x"}, "serve.wrong-type"),
        ({"share": "1"}, "serve.wrong-type"),
        ({"is_new": 1}, "serve.wrong-type"),
        ({"key": 1}, "serve.wrong-type"),
        ({"key": None}, "serve.wrong-type"),
        ({"when": "noon"}, "serve.wrong-type"),
        ({"when": 5}, "serve.wrong-type"),
        ({"at": "2013-07-01"}, "serve.time-in-entity"),
        ({"other": 1}, "serve.unknown-column"),
    ],
)
def test_a_wrong_value_is_refused_by_name(change, code):
    with pytest.raises(InputError) as error:
        Questions(WIDE).read([{**GOOD, **change}], 0, None)
    assert error.value.code == code
    assert next(iter(change)) in error.value.message


IS_POSITIVE = tree.apply("gt", tree.column("Wide", "whole", INT), tree.literal(0, INT))
IS_LATER = tree.apply("ge", tree.column("Wide", "when", TIME), tree.column("Wide", "at", TIME))


RULED = replace(
    WIDE,
    rules=(
        Rule("whole.range", "row", "quarantine", ("whole",), tree.to_json(IS_POSITIVE), text="whole > 0"),
        Rule("is_later", "row", "block", ("when", "at"), tree.to_json(IS_LATER), text="when >= at"),
        Rule("share.nulls", "null_share", "block", ("share",), share=0.1),
    ),
)


@given(whole=st.integers(-3, 3), when=st.integers(-2, 2))
def test_a_row_that_the_data_gate_would_set_aside_is_refused_with_the_rule(whole, when):
    asked_ns = 1_372_694_400_000_000_000
    row = {**GOOD, "whole": whole, "when": iso(asked_ns + when)}
    broken = ([] if whole > 0 else ["whole.range"]) + ([] if when >= 0 else ["is_later"])
    if not broken:
        assert Questions(RULED).read([row], asked_ns, None)[0].values["whole"] == whole
        return
    with pytest.raises(InputError) as error:
        Questions(RULED).read([row], asked_ns, None)
    assert error.value.code == "serve.out-of-contract"
    assert broken[0] in error.value.message
    assert f"whole={whole}" in error.value.found or broken[0] == "is_later"


@given(key=st.text("N7\n", max_size=3), whole=st.integers(-1, 1))
def test_a_text_that_does_not_match_is_refused_and_what_only_warns_is_not(key, whole):
    """A question is held to exactly what the rows are held to that models learn from."""
    matches, warns = (
        Rule("key.pattern", "pattern", "quarantine", ("key",), pattern="N7*", text="key matches"),
        Rule("whole.range", "row", "warn", ("whole",), tree.to_json(IS_POSITIVE)),
    )
    elsewhere = Rule("known", "exists", "block", ("key",), of="Other", of_columns=("key",))
    short = Rule("key.short", "pattern", "warn", ("key",), pattern=".")
    questions = Questions(replace(WIDE, rules=(matches, warns, short, elsewhere)))
    row = {**GOOD, "key": key, "whole": whole}
    if key.startswith("N") and set(key[1:]) <= {"7"}:
        assert questions.read([row], 0, None)[0].values["whole"] == whole
        return
    with pytest.raises(InputError) as error:
        questions.read([row], 0, None)
    assert (error.value.code, "key.pattern" in error.value.message) == ("serve.out-of-contract", True)


def test_a_missing_column_is_named_and_so_is_a_missing_key():
    for missing, name in (({"key", "whole"}, "Wide.key"), ({"whole"}, "Wide.whole")):
        with pytest.raises(InputError) as error:
            Questions(WIDE).read([{k: v for k, v in GOOD.items() if k not in missing}], 0, None)
        assert (error.value.code, name in error.value.message) == ("serve.missing-column", True)


ROWS = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 20), st.integers(0, 20), st.integers(0, 99)), max_size=12
)


@given(ROWS, st.sampled_from("abc"), st.integers(-1, 21))
def test_keys_find_the_newest_row_that_was_known_when_asked(rows, key, asked):
    """In memory and in the online store alike; of two rows of one moment, the one that stands later."""
    frame = spine_rows([{"flight": k, "asked": e, "distance": d, "speed": None, "_known_at": n} for k, e, n, d in rows])
    visible = [(event, known, place) for place, (k, event, known, _) in enumerate(rows) if k == key and known <= asked]
    blocks = SpineBlocks(SPINE)
    kept = dict(blocks.pack(frame.lazy()))
    block = kept.get(blocks.key({"flight": key}))
    online = blocks.newest(None if block is None else Block(block), asked)
    found = SpineRows(SPINE, frame).find([{"flight": key}], asked)[0]
    expected = None
    if visible:
        event, _, place = max(visible)
        expected = {"flight": key, "asked": event, "distance": rows[place][3], "speed": None}
    assert found == expected
    assert online == expected


def test_a_key_without_a_visible_row_is_unknown():
    rows = SpineRows(SPINE, spine_rows([]))
    for given_rows in (rows, None):
        with pytest.raises(InputError) as error:
            Questions(SPINE).read([{"flight": "x"}], 5, given_rows)
        assert error.value.code == "serve.unknown-entity"


@given(
    st.dictionaries(
        st.sampled_from([*GOOD, "at", "zz"]),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    )
)
def test_whatever_is_asked_is_answered_or_refused(entity):
    try:
        question = Questions(WIDE).read([entity], 0, None)[0]
    except InputError:
        return
    assert set(question.values) == set(GOOD)
    assert not isinstance(question.values["share"], float) or not math.isnan(question.values["share"])


@given(
    rows=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=12),
    asked_ns=st.integers(-1, 7),
)
def test_the_row_found_is_the_latest_event_of_those_that_were_known(rows, asked_ns):
    given_rows = [
        {"flight": "A", "asked": event, "distance": number, "speed": 0.0, "_known_at": known}
        for number, (event, known) in enumerate(rows)
    ]
    found = SpineRows(SPINE, spine_rows(given_rows)).find([{"flight": "A"}], asked_ns)[0]
    visible = [row for row in given_rows if row["_known_at"] <= asked_ns]
    if not visible:
        assert found is None
        return
    newest = max((row["asked"], row["_known_at"]) for row in visible)
    best = {row["distance"] for row in visible if (row["asked"], row["_known_at"]) == newest}
    assert found is not None
    assert found["distance"] in best
