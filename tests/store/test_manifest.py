import json
from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.kernel.canonical import dumps
from andon.kernel.digest import of_bytes
from andon.kernel.errors import InputError
from andon.store.manifest import Input, Kind, Manifest, Object, manifest_from_bytes, manifest_from_json

digests = st.integers(0, 3).map(lambda n: of_bytes(bytes([n])))
counts = st.integers(0, 2**53 - 1)
names = st.from_regex(r"[a-z_][a-z0-9.]{0,4}(/[a-z0-9_][a-z0-9.]{0,4}){0,2}", fullmatch=True)
objects = st.builds(Object, sha256=digests, bytes=counts, rows=st.none() | counts, name=names)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
manifests = st.builds(
    Manifest,
    kind=st.sampled_from(get_args(Kind)),
    content=st.lists(objects, max_size=3, unique_by=lambda o: o.name).map(tuple),
    contract=digests | st.just(""),
    inputs=st.lists(
        st.builds(Input, role=st.sampled_from(["dataset:Schedule", "parent"]), digest=digests), max_size=3
    ).map(tuple),
    stage_key=digests | st.just(""),
    facts=st.dictionaries(st.text(max_size=3), json_values, max_size=3),
)
ONE = Manifest(
    kind="dataset",
    content=(Object(of_bytes(b"rows"), 4, 1, "part-0.parquet"),),
    contract=of_bytes(b"contract"),
    inputs=(Input("parent", of_bytes(b"parent")), Input("batch", of_bytes(b"batch"))),
    stage_key=of_bytes(b"key"),
    facts={"rows": 1, "cursor": "2013-07-01T00:00:00Z"},
)


@given(manifests)
def test_a_manifest_reads_back_as_itself_and_its_digest_is_of_its_bytes(manifest):
    data = manifest.to_bytes()
    assert manifest_from_bytes(data) == manifest
    assert manifest_from_bytes(data).to_bytes() == data
    assert manifest.digest == of_bytes(data)


@given(manifests, manifests)
def test_two_manifests_have_one_digest_only_when_they_are_equal(one, other):
    as_text = [json.dumps(m.to_json(), sort_keys=True) for m in (one, other)]
    assert (one.digest == other.digest) is (as_text[0] == as_text[1])


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "snapshot"},
        {"content": ()},
        {"contract": ""},
        {"inputs": ONE.inputs[::-1]},
        {"stage_key": ""},
        {"facts": {"rows": 1}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_member_is_part_of_the_identity(change):
    assert replace(ONE, **change).digest != ONE.digest


def test_the_wire_format_of_a_manifest_never_changes():
    assert ONE.digest == "sha256:1ee5a43ead818a26eaf17194ec05e4ae5739dc24629cac1977e94d5921b4a14f"


def with_member(path, value):
    tree = json.loads(ONE.to_bytes())
    inner = tree
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return tree


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["format"], "andon/manifest/v2"),
        (["kind"], "pickle"),
        (["kind"], None),
        (["created"], "2026-11-23"),
        (["content"], {}),
        (["content", 0, "bytes"], -1),
        (["content", 0, "bytes"], True),
        (["content", 0, "bytes"], "4"),
        (["content", 0, "rows"], 1.5),
        (["content", 0, "owner"], "me"),
        (["content", 0], "rows"),
        (["content", 0, "sha256"], "sha256:0"),
        (["contract"], None),
        (["contract"], "sha256:0"),
        (["stage_key"], "key"),
        (["inputs"], None),
        (["inputs", 0, "role"], ""),
        (["inputs", 0, "digest"], ""),
        (["facts"], []),
    ],
)
def test_a_member_of_another_form_is_refused(path, value):
    with pytest.raises(InputError):
        manifest_from_json(with_member(path, value))


@pytest.mark.parametrize("member", sorted(ONE.to_json()))
def test_a_missing_member_is_refused(member):
    with pytest.raises(InputError) as caught:
        manifest_from_json({name: value for name, value in ONE.to_json().items() if name != member})
    assert caught.value.code == "store.malformed-manifest"


@pytest.mark.parametrize(
    "name", ["", "/etc/passwd", "../key", "a/../../key", "a//b", "a/", ".hidden", "a\\b", "a\nb", "a\0"]
)
def test_a_name_that_could_leave_its_folder_is_refused(name):
    with pytest.raises(InputError) as caught:
        Object(of_bytes(b""), 0, None, name)
    assert caught.value.code == "store.malformed-manifest"


def test_two_objects_of_one_name_are_refused():
    with pytest.raises(InputError):
        replace(ONE, content=ONE.content * 2)


def test_facts_that_have_no_canonical_form_are_refused_at_once():
    with pytest.raises(InputError):
        replace(ONE, facts={"loss": float("nan")})


def test_bytes_in_another_spelling_are_refused():
    with pytest.raises(InputError) as caught:
        manifest_from_bytes(json.dumps(ONE.to_json(), indent=1).encode())
    assert caught.value.code == "canonical.not-canonical"
    for value in ([], None, "text", 1):
        with pytest.raises(InputError):
            manifest_from_bytes(dumps(value))


def test_objects_and_inputs_are_found_by_what_they_are_called():
    assert ONE.object("part-0.parquet").bytes == 4
    assert ONE.inputs_of("batch") == (of_bytes(b"batch"),)
    assert ONE.inputs_of("label") == ()
    with pytest.raises(InputError) as caught:
        ONE.object("part-1.parquet")
    assert caught.value.code == "store.unknown-object"
