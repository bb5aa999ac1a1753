"""Features of published data for a notebook: the bits of training, one row out for each row in, as of any moment."""

import io
import sys
from datetime import UTC, datetime

import polars as pl
import pytest

from andon.kernel.clock import iso
from andon.kernel.errors import InputError, UsageError
from andon.wiring.calls.feature_rows import feature_rows
from andon.wiring.factory import open_factory
from tests.wiring.small_factory import DAY_NS, START_NS

AS_OF = iso(START_NS + 58 * DAY_NS)


def rows(small, *, since: str = "", until: str = "", as_of: str = AS_OF, questions: bytes = b"") -> pl.DataFrame:
    return pl.read_parquet(feature_rows(small.folder, "Lateness", None, since, until, as_of, questions))


def as_file(frame: pl.DataFrame) -> bytes:
    file = io.BytesIO()
    frame.write_parquet(file)
    return file.getvalue()


def test_they_are_bit_for_bit_what_the_model_learned_from(released):
    """A notebook that shows other numbers than training used would explain nothing."""
    with open_factory(released.folder) as opened:
        snapshot = opened.database.manifests.get(opened.database.manifests.of_kind("snapshot", 1)[0])
        parts = [
            pl.read_parquet(opened.blobs.read(snapshot.object(f"{name}.parquet").sha256)) for name in ("fit", "tune")
        ]
        as_of = snapshot.facts["split"]["times"]["holdout_until"]
    learned = pl.concat([part.select("_key.parcel", "before", "busy", "weight", "label") for part in parts])
    found = (
        rows(released)
        .rename({"parcel": "_key.parcel"})
        .join(learned.select("_key.parcel"), on="_key.parcel", how="semi")
    )
    assert found.height == learned.height > 300, as_of
    both = found.select(learned.columns).sort("_key.parcel").equals(learned.sort("_key.parcel"))
    assert both


def test_every_question_has_a_row_and_a_reason_where_it_has_no_label(released):
    whole = rows(released)
    early = rows(released, as_of=iso(START_NS + 20 * DAY_NS + 1))
    assert whole.columns == ["parcel", "sent", "weight", "depot", "before", "busy", "label", "_no_label"]
    assert early.height == 201 - 2  # ten parcels a day; two of them are quarantined for their weight
    young = early.filter(pl.col("sent") > datetime.fromtimestamp((START_NS + 19 * DAY_NS) / 1e9, UTC))
    assert set(young["_no_label"]) == {"immature"}
    assert (early["label"].is_null() == early["_no_label"].is_not_null()).all()
    same = [name for name in whole.columns if name not in ("label", "_no_label", "depot")]
    assert whole.join(early, on="parcel", how="semi").select(same).equals(early.select(same))


def test_questions_of_ones_own_get_the_same_bits_in_their_own_order(released):
    published = rows(released, since=iso(START_NS + 20 * DAY_NS), until=iso(START_NS + 22 * DAY_NS))
    number = pl.col("parcel").str.slice(1).cast(pl.Int64)
    depot = pl.when(number % 3 == 0).then(pl.lit("south")).otherwise(pl.lit("north"))
    asked = published.select("parcel", "sent", "weight", depot=depot).reverse()
    found = rows(released, questions=as_file(asked))
    assert found.height == 20
    assert found.drop("depot").equals(published.drop("depot").reverse())  # its codes are learned from fewer rows


def test_a_definition_of_a_notebook_is_computed_from_what_is_published(released, monkeypatch):
    monkeypatch.syspath_prepend(str(released.folder))
    try:
        import factory as code

        @code.factory.features(
            code.Parcel,
            label=code.Delivery.late_min.lookup(match=code.Delivery.parcel == code.Parcel.parcel) > 0,
            label_within="1d",
        )
        class Tried:
            half = code.Parcel.weight * 0.5

        found = code.factory.frame(Tried, as_of=AS_OF, folder=released.folder)
    finally:
        sys.modules.pop("factory", None)
    assert found["half"].to_list() == [weight / 2 for weight in rows(released)["weight"]]


@pytest.mark.parametrize(
    ("questions", "code"),
    [
        (b"no parquet", "look.questions"),
        (
            as_file(pl.DataFrame({"parcel": ["a"], "sent": ["2024-01-01"], "depot": ["x"], "weight": [99]})),
            "look.questions",
        ),
        (
            as_file(
                pl.DataFrame({"parcel": ["a", "a"], "sent": ["2024-01-01"] * 2, "depot": ["x"] * 2, "weight": [9] * 2})
            ),
            "look.questions",
        ),
        (as_file(pl.DataFrame({"parcel": ["a"]})), "ingest.missing-column"),
    ],
)
def test_questions_that_are_none_are_refused(released, questions, code):
    with pytest.raises(InputError) as error:
        rows(released, questions=questions)
    assert error.value.code == code


def test_features_that_are_not_declared_are_refused_by_name(released):
    with pytest.raises(UsageError, match="Lateness"):
        feature_rows(released.folder, "Latenes", None, "", "", "", b"")
