"""The verifier computes for itself what andon computes; the two are held against each other."""

import base64
import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.contracts.evidence import Evidence, Measurement
from andon.contracts.policy import Criterion, Policy
from andon.contracts.wire import to_json
from andon.gates.criteria import weigh
from andon.kernel.canonical import dumps
from andon.ledger.merkle import leaf_hash, root

HERE = Path(__file__).parent
QUIET = settings(max_examples=80)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53) + 1, 2**53 - 1)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(st.characters(exclude_categories=("Cs",)), max_size=6),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(exclude_categories=("Cs",))), inner)
    ),
    max_leaves=12,
)
SLICES = st.sampled_from(["", "depot=north", "depot=south", "depot=", "day=1"])
CHAMPION = "sha256:" + "c" * 64
METRICS = st.sampled_from(["auc", "auc.difference", "factory:mine", "target.healthy"])
MEASUREMENTS = st.builds(
    Measurement,
    metric=METRICS,
    value=st.none() | st.floats(0, 1),
    lower=st.none() | st.floats(0, 1),
    upper=st.none() | st.floats(0, 1),
    n=st.integers(0, 50),
    slice=SLICES,
    baseline=st.sampled_from(["", CHAMPION]),
    measured_by=st.sampled_from(["andon", "andon", "factory"]),
)
CRITERIA = st.builds(
    Criterion,
    metric=METRICS,
    op=st.sampled_from(["ge", "le"]),
    bound=st.sampled_from([0.0, 0.5, 1.0]),
    side=st.sampled_from(["point", "lower", "upper"]),
    by=st.sampled_from(["", "", "depot"]),
    min_n=st.sampled_from([0, 20]),
    baseline=st.sampled_from(["", "champion", "published"]),
    slice=st.sampled_from(["", "", "depot=north"]),
    severity=st.sampled_from(["block", "warn"]),
).filter(lambda one: not (one.by and one.slice))


@QUIET
@given(value=JSON)
def test_canonical_json_is_the_same(verify, value):
    assert verify.canonical(value) == dumps(value)
    assert verify.canonical(verify.parse(dumps(value))) == dumps(value)


@pytest.mark.parametrize("text", [b'{"a":1 }', b'{"b":1,"a":2}', b"1.0", b'{"a":1,"a":1}', b"NaN", b"[1,]", b""])
def test_json_that_is_not_canonical_is_refused(verify, text):
    with pytest.raises(verify.WrongError):
        verify.parse(text)


@QUIET
@given(
    criteria=st.lists(CRITERIA, min_size=1, max_size=4),
    measured=st.lists(MEASUREMENTS, max_size=6),
    champion=st.sampled_from(["", CHAMPION]),
)
def test_values_come_out_the_same_against_a_policy(verify, criteria, measured, champion):
    evidence = Evidence("sha256:" + "a" * 64, "sha256:" + "b" * 64, tuple(measured))
    theirs = weigh(Policy("model:late", "ops", tuple(criteria)), evidence, champion)
    verdict = {"evidence": to_json(evidence), "champion": champion, "looks": 0}
    ours = verify.weigh([to_json(one) for one in criteria], verdict)
    expected = [
        {name: item[name] for name in ("criterion", "slice", "holds", "value", "n")} for item in map(to_json, theirs)
    ]
    assert verify.canonical(ours) == dumps(expected)


@QUIET
@given(leaves=st.lists(st.binary(max_size=8), min_size=1, max_size=40))
def test_roots_over_leaves_are_the_same_at_every_size(verify, leaves):
    sizes = set(range(1, len(leaves) + 1))
    hashes = [leaf_hash(leaf) for leaf in leaves]
    assert verify.roots_at(leaves, sizes) == {size: root(hashes[:size]) for size in sizes}


def test_published_inclusion_proofs_come_out_as_published(verify):
    """RFC 6962 probes of another project."""
    given_folder = os.environ.get("ANDON_VECTORS")
    vectors = Path(given_folder) if given_folder else HERE.parents[2] / "shared" / "vectors"
    probes = sorted((vectors / "merkle" / "inclusion").glob("**/*.json"))
    if not probes:
        if os.environ.get("CI") == "true":
            pytest.fail(f"no published vectors in {vectors}")
        pytest.skip(f"no published vectors in {vectors}; set ANDON_VECTORS")
    for path in probes:
        probe = json.loads(path.read_bytes())
        given_ = [base64.b64decode(one) for one in probe["proof"] or []]
        leaf, top = base64.b64decode(probe["leafHash"] or ""), base64.b64decode(probe["root"] or "")
        found = verify.is_included(probe["leafIdx"], probe["treeSize"], leaf, given_, top)
        assert found is not bool(probe["wantErr"]), path
