from dataclasses import replace

import pytest

from andon.adapters.sql.database import open_database
from andon.gates.ports import Sealed
from andon.kernel.digest import of_bytes
from andon.kernel.errors import ConflictError, InputError, IntegrityError

A, B, C = (of_bytes(text) for text in (b"a", b"b", b"c"))


@pytest.fixture
def database(tmp_path):
    opened = open_database(f"sqlite:///{tmp_path}/andon.db")
    yield opened
    opened.close()


def sealed(index, kind="andon/signoff/v1", subjects=(A,)):
    envelope = f"envelope {index}".encode()
    return Sealed(of_bytes(envelope), kind, subjects, envelope, index)


def add(database, *records):
    with database.units.begin() as unit:
        for record in records:
            database.statements.add(unit, record)


def test_statements_are_found_by_digest_subject_and_type_in_ledger_order(database):
    records = [
        sealed(0, subjects=(A, B, A)),
        sealed(3, "andon/gate-verdict/v1", (B,)),
        sealed(7, subjects=()),
        sealed(2, "andon/gate-verdict/v1"),
    ]
    add(database, *records)
    zero, three, seven, two = records
    found = database.statements
    assert [found.get(record.digest) for record in records] == records
    assert found.about(A) == [zero, two]
    assert found.about(B) == [zero, three]
    assert found.about(C) == []
    assert found.about(A, "andon/gate-verdict/v1") == [two]
    assert found.of_type("andon/gate-verdict/v1") == [two, three]
    assert found.of_type("andon/release/v1") == []
    assert list(found.all()) == [zero, two, three, seven]


def test_the_same_statement_again_changes_nothing(database):
    add(database, sealed(0), sealed(1), sealed(0))
    add(database, sealed(0))
    assert list(database.statements.all()) == [sealed(0), sealed(1)]


@pytest.mark.parametrize(
    "rival",
    [
        replace(sealed(5), index=0),
        replace(sealed(0), index=5),
        sealed(0, "andon/release/v1"),
        sealed(0, subjects=(A, B)),
    ],
    ids=["index", "digest", "type", "subjects"],
)
def test_a_rival_record_is_refused(database, rival):
    add(database, sealed(0))
    with pytest.raises(ConflictError) as caught:
        add(database, rival)
    assert caught.value.code == "gates.statement-taken"
    assert list(database.statements.all()) == [sealed(0)]


def test_an_envelope_of_another_digest_is_not_taken(database):
    with pytest.raises(IntegrityError) as caught:
        add(database, replace(sealed(0), envelope=b"other"))
    assert caught.value.code == "gates.statement-damaged"
    with pytest.raises(InputError):
        add(database, sealed(0, subjects=("release-1",)))
    assert list(database.statements.all()) == []


def test_an_unknown_statement_is_refused(database):
    for digest, code in ((of_bytes(b"never"), "gates.unknown-statement"), ("x", "digest.malformed")):
        with pytest.raises(InputError) as caught:
            database.statements.get(digest)
        assert caught.value.code == code


def test_an_envelope_that_was_changed_is_never_given_out(database):
    add(database, sealed(0), sealed(1))
    with database.engine.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER statements_no_update")
        connection.exec_driver_sql("UPDATE statements SET envelope = x'00' WHERE position = 1")
    assert database.statements.get(sealed(0).digest) == sealed(0)
    for ask in (
        lambda: database.statements.get(sealed(1).digest),
        lambda: database.statements.about(A),
        lambda: database.statements.of_type("andon/signoff/v1"),
        lambda: list(database.statements.all()),
    ):
        with pytest.raises(IntegrityError) as caught:
            ask()
        assert caught.value.code == "gates.statement-damaged"


def test_more_statements_than_a_page_holds_all_come_in_order(database):
    records = [sealed(index) for index in range(1203)]
    add(database, *records)
    assert list(database.statements.all()) == records
    assert database.statements.about(A) == records
