"""Features tried on rows at hand mean what they mean in a factory, and rows that would be set aside are refused."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.api.columns import category, event_time, integer
from andon.api.contract import Contract
from andon.api.factory import Factory
from andon.api.rules import exists_in
from andon.kernel.errors import InputError, UsageError

factory = Factory("parcels", owner="ada", purpose="Say which parcel will be late")
NOON = datetime(2025, 3, 3, 12, tzinfo=UTC)


class Parcel(Contract):
    parcel = category(key=True)
    asked = event_time(known_after="0s")
    depot = category()


class Scan(Contract):
    scan = category(key=True)
    scanned = event_time(known_after="5m")
    depot = category()
    behind = integer(ge=-1000)


class Depot(Contract):
    depot = category(key=True)
    size = integer()


class Silent(Contract):
    scan = category(key=True)
    scanned = event_time()
    depot = category()


same = Scan.depot == Parcel.depot


@factory.features(Parcel, label=Parcel.depot == "north", label_within="1d")
class Inputs:
    depot = Parcel.depot.codes()
    most = Scan.behind.max(over="1d", match=same)
    mean = Scan.behind.mean(over="1d", match=same)
    size = Depot.size.lookup(match=Depot.depot == Parcel.depot)


@factory.features(Parcel, label=Parcel.depot == "north", label_within="1d")
class Unsaid:
    scans = Silent.scan.count(over="1d", match=Silent.depot == Parcel.depot)


def parcels(*minutes):
    asked = [NOON + timedelta(minutes=m) for m in minutes]
    names = [f"p{n}" for n in range(len(minutes))]
    return pl.DataFrame({"parcel": names, "asked": asked, "depot": ["north", "south"] * (len(minutes) // 2)})


def scans(rows):
    frame = pl.DataFrame(rows, schema=["minute", "depot", "behind"], orient="row")
    times = [NOON + timedelta(minutes=m) for m in frame["minute"]]
    named = [f"s{n}" for n in range(len(frame))]
    return frame.select(pl.Series("scan", named), pl.Series("scanned", times), "depot", "behind")


DEPOTS = pl.DataFrame({"depot": ["north"], "size": [7]})
SCANS = st.lists(
    st.tuples(st.integers(-1500, 60), st.sampled_from(["north", "south"]), st.integers(-9, 9)), min_size=1, max_size=30
)


@settings(max_examples=40, deadline=None)
@given(rows=SCANS, seed=st.integers(0, 9))
def test_rows_in_any_order_give_what_plain_python_finds(rows, seed):
    """What somebody sees in a notebook must be what the factory will do."""
    asking = parcels(0, 10, 30, 60)
    given_rows = scans(rows).sample(fraction=1.0, shuffle=True, seed=seed)
    found = factory.frame(Inputs, {Parcel: asking, Scan: given_rows, Depot: DEPOTS})
    assert found.columns == ["parcel", "asked", "depot", "most", "mean", "size"]
    for minute, row in zip((0, 10, 30, 60), found.to_dicts(), strict=True):
        depot = "south" if row["depot"] else "north"
        first = (minute - 24 * 60) // 60 * 60
        seen = [behind for m, where, behind in rows if where == depot and first <= m and m + 5 < minute]
        assert row["most"] == max(seen, default=None)
        assert row["mean"] == (float(sum(seen)) / len(seen) if seen else None)
        assert row["size"] == (7 if depot == "north" else None)


def test_what_is_missing_or_broken_is_said():
    rows = scans([(0, "north", 1)])
    with pytest.raises(UsageError, match="needs rows of Depot"):
        factory.frame(Inputs, {Parcel: parcels(0, 1), Scan: rows})
    broken = scans([(0, "north", -5000)])
    with pytest.raises(InputError, match=r"behind\.range: 1"):
        factory.frame(Inputs, {Parcel: parcels(0, 1), Scan: broken, Depot: DEPOTS})
    with pytest.raises(UsageError, match="become known"):
        factory.frame(Unsaid, {Parcel: parcels(0, 1), Silent: rows.drop("behind")})
    with pytest.raises(UsageError, match="no features of this factory"):
        factory.frame(Depot, {})


def test_rows_at_hand_refer_to_rows_at_hand():
    """A trial sets aside what a factory would, and asks for the rows that it needs for that."""

    class Loose(Contract):
        parcel = category(key=True)
        asked = event_time(known_after="0s")
        depot = category()
        known = exists_in(depot, Depot.depot)

    local = Factory("parcels", owner="ada", purpose="Say which parcel will be late")

    @local.features(Loose, label=Loose.depot == "north", label_within="1d")
    class Plain:
        depot = Loose.depot.codes()

    depots = pl.DataFrame({"depot": ["north", "south"], "size": [1, 2]})
    assert local.frame(Plain, {Loose: parcels(0, 1), Depot: depots})["depot"].to_list() == [0, 1]
    with pytest.raises(UsageError) as caught:
        local.frame(Plain, {Loose: parcels(0, 1)})
    assert caught.value.code == "trial.no-rows"
    with pytest.raises(InputError, match="known: 1"):
        local.frame(Plain, {Loose: parcels(0, 1), Depot: depots[:1]})
