"""A promise: what a gate said can be judged again by anyone, from the statement alone, with no andon at hand."""

import base64
import json
import math


def holds(demand, measured):
    value = measured[{"point": "value", "lower": "lower", "upper": "upper"}[demand["side"]]]
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not is_number or measured["n"] < demand["min_n"]:
        return False
    return value >= demand["bound"] if demand["op"] == "ge" else value <= demand["bound"]


def test_an_auditor_with_nothing_but_json_comes_to_the_same_verdicts(at):
    world = at("admitted")
    world.judge_training(world.model(b"broken"), completed=0.0)
    words = []
    for sealed in world.database.statements.of_type("andon/gate-verdict/v1"):
        statement = json.loads(base64.b64decode(json.loads(sealed.envelope)["payload"]))
        said = statement["predicate"]
        by_metric = {one["metric"]: one for one in said["evidence"]["measurements"]}
        demanded = [one for one in said["policy"]["criteria"] if not (one["baseline"] and not said["champion"])]
        all_hold = all(one["metric"] in by_metric and holds(one, by_metric[one["metric"]]) for one in demanded)
        assert said["outcome"] == ("PASSED" if all_hold else "FAILED")
        assert said["evidence"]["subject"] == "sha256:" + statement["subject"][0]["digest"]["sha256"]
        words.append((said["gate"], said["outcome"]))
    assert words == [
        ("data:schedule", "PASSED"),
        ("training:late", "PASSED"),
        ("model:late", "PASSED"),
        ("release:late", "PASSED"),
        ("training:late", "FAILED"),
    ]
