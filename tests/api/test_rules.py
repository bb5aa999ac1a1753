"""Rules beyond one column read like sentences, become data, and are refused where they could not be kept."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.api.columns import boolean, category, event_time, integer, number, time
from andon.api.contract import Contract, contract_value
from andon.api.rules import exists_in, rule, unique
from andon.contracts.dataset import contract_from_json
from andon.kernel.errors import AndonError, UsageError
from andon.line.ingest.judge import judge_rows


class Plane(Contract):
    tail = category(key=True, pattern="N[0-9]+", severity="block")
    maker = category(nullable=True)
    seats = integer(gt=0, severity="warn", tolerance=0.5)


class Flight(Contract):
    flight = category(key=True)
    asked = event_time(known_after="0s")
    tail = category(nullable=True)
    gate = category(nullable=True)
    slot = integer(nullable=True)

    one_gate = unique(gate, slot, tolerance=0.1)
    known_plane = exists_in(tail, Plane.tail, severity="warn")


class Charter(Flight):
    fee = number(ge=0)
    known_maker = exists_in((Flight.gate, Flight.tail), (Plane.maker, Plane.tail), text="we know who made it")


def rules_of(contract):
    value = contract_value(contract, "ops")
    assert contract_from_json(value.to_json()) == value
    return {each.id: each for each in value.rules}


def test_rules_become_data_that_reads_back():
    plane, flight, charter = rules_of(Plane), rules_of(Flight), rules_of(Charter)
    assert (plane["tail.pattern"].scope, plane["tail.pattern"].pattern) == ("pattern", "N[0-9]+")
    assert {plane[f"tail.{one}"].severity for one in ("pattern", "present")} == {"block"}
    assert (plane["seats.range"].severity, plane["seats.range"].tolerance) == ("warn", 0.5)
    assert (flight["one_gate"].scope, flight["one_gate"].columns, flight["one_gate"].tolerance) == (
        "unique",
        ("gate", "slot"),
        0.1,
    )
    known = flight["known_plane"]
    assert (known.scope, known.columns, known.of, known.of_columns, known.severity) == (
        "exists",
        ("tail",),
        "Plane",
        ("tail",),
        "warn",
    )
    assert charter["known_maker"].of_columns == ("maker", "tail")
    assert charter["known_plane"] == known
    assert contract_value(Charter, "ops").references == ("Plane",)


def test_what_only_warns_still_keeps_no_null_that_may_not_be():
    assert rules_of(Plane)["seats.present"].severity == "quarantine"
    frame = pl.DataFrame({"tail": ["N1", "N2", "N3"], "maker": ["a", "a", "b"], "seats": [-1, None, 4]})
    judged = judge_rows(frame, contract_value(Plane, "ops"), now_ns=0)
    assert judged.good["tail"].to_list() == ["N1", "N3"]
    assert judged.quarantined["_reasons"].to_list() == [["seats.null", "seats.present"]]
    assert (judged.counts.warned, judged.counts.broken["seats.range"]) == (1, 1)


def test_a_contract_without_the_newer_rules_is_what_it_was():
    """The digest of what was published before must stay."""

    class Old(Contract):
        key = integer(key=True)
        x = number(ge=0)
        y = number(nullable=True)
        more = rule(y > x, tolerance=0.25)

    written = contract_value(Old, "ops").to_json()["rules"]
    members = {"id", "scope", "severity", "columns", "expression", "share", "tolerance", "text"}
    assert all(set(one) == members for one in written)
    digest = "sha256:8b4dcec6bb37aa6e91adddb54743d09a3bde9d3ee74fdfb4ee406ae159e877e7"
    assert contract_value(Old, "ops").digest() == digest


@pytest.mark.parametrize(
    ("make", "hint"),
    [
        (lambda: category(pattern="("), "regex"),
        (lambda: category(pattern="a)|(?:b"), "regex"),
        (lambda: category(pattern="(?=a)b"), "look-around"),
        (lambda: category(pattern=r"(a)\1"), "references back"),
        (lambda: category(pattern="(?x)a # b"), "regex"),
        (lambda: integer(ge=0, severity="warm"), "warn"),
        (lambda: integer(ge=0, severity="block", tolerance=0.5), "tolerates none"),
        (lambda: integer(ge=0, tolerance=2), "0 to 1"),
        (lambda: integer(ge=0, tolerance=True), "0 to 1"),
        (lambda: integer(severity="warn"), "leave it out"),
        (lambda: boolean(severity="warn"), "leave it out"),
        (lambda: time(nullable=True, severity="block"), "leave it out"),
        (unique, "unique(number, year)"),
        (lambda: unique(Flight.gate, Flight.gate), "unique(number, year)"),
        (lambda: unique(Flight.slot + 1), "unique(number, year)"),
        (lambda: unique("gate"), "unique(number, year)"),
        (lambda: exists_in(Flight.slot, Plane.tail), "same kinds"),
        (lambda: exists_in((Flight.tail, Flight.gate), Plane.tail), "same kinds"),
        (lambda: exists_in(Flight.tail, category()), "one other contract"),
        (lambda: exists_in((Charter.tail, Charter.gate), (Plane.tail, Flight.gate)), "one other contract"),
        (lambda: exists_in(Flight.slot, Plane.seats + 1), "same kinds"),
    ],
)
def test_what_cannot_be_kept_is_refused_with_a_hint(make, hint):
    with pytest.raises(AndonError) as caught:
        make()
    assert hint in caught.value.fix


def declared(**members):
    return contract_value(type("Declared", (Contract,), members), "ops")


def test_a_rule_that_holds_in_any_case_or_refers_to_itself_is_refused():
    key, moment, other = integer(key=True), event_time(), integer()
    with pytest.raises(UsageError, match="unique in any case"):
        declared(key=key, moment=moment, other=other, again=unique(moment, key, other))
    assert declared(key=key, moment=moment, alone=unique(key)).rules[-1].columns == ("key",)
    with pytest.raises(UsageError, match="refer to itself"):
        contract_value(type("Later", (Charter,), {"boss": exists_in(Flight.tail, Charter.gate)}), "ops")
    with pytest.raises(UsageError, match="taken"):
        declared(key=key, future_event=unique(key))
    with pytest.raises(UsageError, match="own contract's columns"):
        declared(key=key, other=other, strange=unique(Plane.seats))


@given(st.lists(st.text("N12\n", max_size=4), min_size=1, max_size=6, unique=True))
def test_a_pattern_is_about_the_whole_text(texts):
    frame = pl.DataFrame({"tail": texts, "maker": texts, "seats": [1] * len(texts)})
    judged = judge_rows(frame, contract_value(Plane, "ops"), now_ns=0)
    good = [text for text in texts if text.startswith("N") and text[1:].isdigit() and "\n" not in text]
    assert judged.good["tail"].to_list() == good
