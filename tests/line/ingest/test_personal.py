"""Values about people are found in columns that do not say so, and what only looks a little like them is not."""

import string

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.contracts.dataset import Column, DatasetContract
from andon.line.ingest.personal import PERSONAL, measure_personal


def measured(values: list, name: str = "note", kind: str = "category", *, pii: bool = False) -> dict[str, float]:
    contract = DatasetContract(
        "Order", (Column("order", "category", "key"), Column(name, kind, nullable=True, pii=pii))
    )
    frame = pl.DataFrame({"order": [f"o{number}" for number in range(len(values))], name: values})
    return {
        one.metric: one.value
        for one in measure_personal(frame, contract)
        if one.slice in (f"column={name}", "column=*")
    }


def luhn(digits: str) -> str:
    """The digits with the check digit that ISO/IEC 7812 adds: the right one of ten, found by trying."""

    def total(text: str) -> int:
        return sum(sum(map(int, str(int(d) * (2 if place % 2 else 1)))) for place, d in enumerate(reversed(text)))

    (right,) = [digits + str(check) for check in range(10) if total(digits + str(check)) % 10 == 0]
    return right


def iban(country: str, account: str) -> str:
    """An account number with the check digits of ISO 13616: 98 less the remainder."""
    letters = {letter: str(10 + place) for place, letter in enumerate(string.ascii_uppercase)}
    number = int("".join(letters.get(each, each) for each in f"{account}{country}00"))
    return f"{country}{98 - number % 97:02d}{account}"


words = st.text(string.ascii_lowercase, min_size=1, max_size=8)
emails = st.builds("{}.{}@{}.{}".format, words, words, words, st.sampled_from(["com", "de", "co.uk", "example"]))
accounts = st.sampled_from([("DE", 18), ("GB", 18), ("FR", 23), ("NO", 11), ("MT", 27)]).flatmap(
    lambda country: st.text(string.digits, min_size=country[1], max_size=country[1]).map(
        lambda account: iban(country[0], account)
    )
)
cards = st.text(string.digits, min_size=14, max_size=14).map(lambda rest: luhn("4" + rest))
decoys = {"iban": "DE00 0000 0000 0000 0000 00", "card": "4000-0000-0000-0001", "ssn": "000-12-3456"}
phones = st.integers(10**9, 10**11).map(lambda number: f"+49 {number}")
numbers = st.builds("{:03d}-{:02d}-{:04d}".format, st.integers(1, 665), st.integers(1, 99), st.integers(1, 9999))


@pytest.mark.parametrize(
    ("kind", "some"), [("email", emails), ("iban", accounts), ("card", cards), ("phone", phones), ("ssn", numbers)]
)
@given(data=st.data())
def test_each_kind_is_found_alone_and_within_text(kind, some, data):
    value = data.draw(some)
    texts = [value, f"Ask {value}, please.", f"({value})", f"{decoys.get(kind, 'NONE')} {value}"]
    texts += [] if kind == "phone" else [f"{value} PAID 12"]
    for text in texts:
        found = measured([text])
        assert found[PERSONAL] == 1.0, text
        assert found[f"{PERSONAL}.{kind}"] == 1


@given(some=st.lists(emails, min_size=1, max_size=3, unique=True), others=st.integers(0, 200))
def test_one_address_among_many_words_is_enough(some, others):
    found = measured([*some, *(f"word {number}" for number in range(others)), None])
    assert found[PERSONAL] == pytest.approx(len(some) / (len(some) + others))


@given(st.lists(st.integers(3 * 10**15, 7 * 10**15 - 1), min_size=200, max_size=200, unique=True))
def test_numbers_that_pass_luhn_by_chance_are_no_cards(some):
    """Every tenth does."""
    assert measured([str(number) for number in some])[PERSONAL] == 0.0


@given(account=accounts, place=st.integers(4, 14), digit=st.sampled_from(string.digits))
def test_an_account_number_with_one_wrong_digit_is_none(account, place, digit):
    wrong = account[:place] + digit + account[place + 1 :]
    assert (measured([wrong])[PERSONAL] == 1.0) == (wrong == account)


def test_what_only_looks_a_little_like_it_is_not():
    rows = [
        "2024-01-01",
        "1.2.3",
        "10.4.2.1",
        "N14228",
        "a@b",
        "000-12-3456",
        "666-12-3456",
        "DE-2024-000123",
        "0042",
        "v 3.11.7.1",
    ]
    assert measured([*rows, *(f"word {number}" for number in range(20))])[PERSONAL] == 0.0


def test_addresses_of_machines_count_where_they_are_half_of_the_values():
    assert measured(["192.168.0.1", "10.0.0.7", "somewhere"])[f"{PERSONAL}.ip"] == 2
    assert measured(["300.1.1.1", "10.0.0.7", "x", "y"])[PERSONAL] == 0.0


@pytest.mark.parametrize("name", ["email", "customer_email", "PHONE", "date_of_birth", "iban", "last_name"])
def test_a_name_of_a_column_says_it_whatever_is_in_it(name):
    assert measured(["x"], name)[PERSONAL] == 1.0
    assert measured([1], name, "int")[PERSONAL] == 1.0
    assert PERSONAL not in measured(["x"], name, pii=True)


@pytest.mark.parametrize("name", ["mailbox_size", "phones", "births", "ibanez", "company_name"])
def test_a_name_that_only_contains_such_a_word_does_not(name):
    assert measured(["x"], name)[PERSONAL] == 0.0
