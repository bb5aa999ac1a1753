"""Two people who run the line at the same moment do not harm each other: every stage is done once."""

import pytest

from tests.factories.place import answer_of, found_parcels


@pytest.mark.slow
def test_two_runs_started_together_do_every_stage_once(parcels, tmp_path):
    place = found_parcels(tmp_path / "shared")
    together = [place.start("run", "--as-of", "2024-01-10") for _ in range(2)]
    answers = [answer_of(process) for process in together]
    assert [answer.code for answer in answers] == [0, 0], answers
    assert place.calls() == {"sent": 1, "delivered": 1, "late": 1, "above_half": 1}
    assert set(place.sql("select stage, count(*) from attempts where state = 'done' group by stage")) == {
        ("ingest", 2),
        ("features", 1),
        ("train", 1),
        ("validate", 1),
    }
    assert not place.sql("select 1 from attempts where state != 'done'")
    assert place.digests() == parcels("finished").digests()
    assert place.is_clean()
