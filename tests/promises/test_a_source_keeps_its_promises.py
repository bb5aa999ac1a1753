"""A source that falls silent, brings half, or brings something else than before is stopped at its gate."""

import json

import pytest

from andon.kernel.clock import SystemClock
from andon.wiring.calls.auditing import verify_factory
from andon.wiring.calls.datasets import datasets_of
from andon.wiring.calls.runs import run_line
from andon.wiring.calls.verdicts import verdicts_of
from andon.wiring.settings import load_settings, write_settings
from andon.wiring.trust import found_trust
from tests.factories.place import Place
from tests.wiring.small_factory import CODE, ID

ROWS = '''
def parcels():
    """Twenty an hour, and from the 43rd day on what told.json says."""
    told = json.loads(Path(__file__).with_name("told.json").read_text())
    rows = []
    for hour in range(24 * 50):
        now = told if hour >= 24 * 43 else {"each": 20, "depot": "north"}
        for each in range(now["each"]):
            moment = START + hour * DAY // 24 + each * DAY // 1440
            rows.append({"parcel": f"p{hour}-{each}", "sent": moment, "depot": now["depot"], "weight": each})
    return pl.DataFrame(rows).with_columns(late_min=pl.col("weight"))


'''
HEAD, _, REST = CODE.partition("def parcels():")
SOURCES = (HEAD + ROWS.lstrip() + "def within" + REST.partition("def within")[2]).replace("LEAST", "0.5")
LIKE_BEFORE = """\
factory.data_gate(sent, require=[checks.nulls_like_before(0.05), checks.distribution_like_before(0.2)])
"""
PROMISES = (
    ("import polars", "import json\nfrom pathlib import Path\n\nimport polars"),
    ('@factory.ingest(Parcel, every="1h")', '@factory.ingest(Parcel, every="1h", fresh="6h", volume=0.6)'),
    (
        "factory.data_gate(sent, delivered, require=[",
        LIKE_BEFORE + "factory.data_gate(delivered, require=[checks.volume, ",
    ),
)
DAYS = {43: "2023-12-27T22:13:20", 44: "2023-12-28T22:13:20", 45: "2023-12-29T22:13:20"}
VOLUME = ["volume.lowest >= 0.6", "volume.highest <= 1.66667"]
BOTH = ["null_share_change.lower().by(column) <= 0.05", "distribution_change.lower().by(column) <= 0.2"]


def tell(place, each=20, depot="north"):
    (place.folder / "told.json").write_text(json.dumps({"each": each, "depot": depot}))


@pytest.fixture
def place(tmp_path, monkeypatch):
    place = Place(tmp_path / "parcels", tmp_path / "home")
    monkeypatch.setenv("ANDON_HOME", str(place.home))
    monkeypatch.setenv("ANDON_AS", "ada")
    place.folder.mkdir(parents=True)
    code = SOURCES
    for plain, promised in PROMISES:
        assert plain in code
        code = code.replace(plain, promised)
    (place.folder / "factory.py").write_text(code)
    tell(place)
    write_settings(place.folder, "parcels", ID)
    found_trust(load_settings(place.folder), SystemClock().now_ns())
    return place


def run(place, day):
    """How the run of the source ended, and how the criteria came out that compare with what was published."""
    (one,) = run_line(place.folder, ["sent"], as_of=DAYS[day], tell=print).runs
    newest = verdicts_of(place.folder, "data:sent").verdicts[0]
    found = {}
    for finding in newest.findings:
        if finding.criterion.baseline == "published":
            found.setdefault(finding.criterion.text(), set()).add(finding.holds)
    return one, found


def test_a_first_load_is_judged_by_nothing_that_was_not_there_yet(place):
    """Neither a silent pass nor a failure: the verdict says what does not apply. And what is new may go on."""
    one, found = run(place, 43)
    assert (one.state, one.facts["result"]) == ("done", "published")
    assert list(found) == [*BOTH, "fresh.age_s <= 21600", *VOLUME]
    assert found.pop("fresh.age_s <= 21600") == {"yes"}
    assert set().union(*found.values()) == {"not applicable"}
    one, found = run(place, 44)
    assert (one.state, one.facts["result"]) == ("done", "published")
    assert set().union(*found.values()) == {"yes"}
    assert verify_factory(place.folder, print).is_clean


def test_half_of_the_rows_or_other_rows_do_not_become_published(place):
    run(place, 43)
    tell(place, each=5)
    one, found = run(place, 44)
    assert one.state == "refused"
    assert (found[VOLUME[0]], found[VOLUME[1]]) == ({"no"}, {"yes"})
    tell(place, depot="south")
    one, found = run(place, 45)
    assert one.state == "refused"
    assert {text for text, holds in found.items() if "no" in holds} == {BOTH[1]}
    assert len(datasets_of(place.folder).batches) == 1


def test_a_source_that_brings_nothing_any_more_is_noticed(place):
    """Silence is what a promise to be fresh is about, and there is no row that could break a rule."""
    run(place, 43)
    tell(place, each=0)
    one, found = run(place, 44)
    assert one.state == "refused"
    assert found["fresh.age_s <= 21600"] == found[VOLUME[0]] == {"no"}
    assert len(datasets_of(place.folder).batches) == 1


def test_nothing_new_that_keeps_its_promises_is_no_new_version(place):
    run(place, 43)
    before = place.digests()
    tell(place, each=0)
    (one,) = run_line(place.folder, ["sent"], as_of="2023-12-27T22:13:40", tell=print).runs
    assert (one.state, one.facts["result"]) == ("done", "up to date")
    assert {kind for kind, _ in place.digests() - before} == {"batch"}
    assert verify_factory(place.folder, print).is_clean
