"""A pack in which anything was changed is refused, and the file is named."""

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from andon.adapters.keys import load_signer
from andon.attest.envelope import sign, to_json
from andon.kernel.canonical import dumps
from andon.wiring.calls.evidence.index import PAYLOAD_TYPE
from andon.wiring.trust import GATEKEEPER
from tests.verifier.packs import files_of, indexed, of_kind, packed, proof_of

QUIET = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])


def flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def sealed(made, files):
    """The same files under a seal by the gatekeeper's own key: what a thief of that key could hand on."""
    key = load_signer(made.small.home / f"parcels-{ID}" / "keys" / f"{GATEKEEPER}.pem")
    files = indexed(files)
    return {**files, "index.dsse.json": to_json(sign(PAYLOAD_TYPE, files["index.json"], (key,)))}


ID = "01890000-0000-7000-8000-000000000001"


def test_an_unchanged_pack_holds_and_is_the_same_however_it_is_put_together(made, check):
    assert packed(files_of(made.data)) == made.data
    code, problems, held = check(made.data)
    assert (code, problems) == (0, [])
    assert any("judged again" in text for text in held)


def test_one_changed_byte_in_any_file_is_named_by_that_file(made, check):
    """Each file in turn, at its first byte, one in the middle or its last."""
    for number, (path, data) in enumerate(files_of(made.data).items()):
        start = made.data.index(data, made.data.index(path.encode()))
        place = (len(data) // 2, 0, len(data) - 1, len(data) // 3)[number % 4]
        code, problems, _ = check(flipped(made.data, start + place))
        assert code == 1
        assert path in {name for name, _ in problems}, (path, place, problems)


@QUIET
@given(share=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_one_changed_bit_anywhere_in_the_zip_file_is_found(made, check, share, bit):
    """Names, sizes, times, checksums and the listing at its end count like the files themselves."""
    place = int(share * len(made.data))
    data = bytearray(made.data)
    data[place] ^= 1 << bit
    code, problems, _ = check(bytes(data))
    assert code == 1
    assert problems


@QUIET
@given(share=st.floats(0, 1), added=st.binary(min_size=1, max_size=9))
def test_bytes_put_in_anywhere_are_found(made, check, share, added):
    place = int(share * len(made.data))
    data = made.data[:place] + added + made.data[place:]
    if data != made.data:
        assert check(data)[0] == 1


@QUIET
@given(share=st.floats(0, 1, exclude_max=True), count=st.integers(1, 200))
def test_bytes_taken_out_anywhere_are_found(made, check, share, count):
    place = int(share * len(made.data))
    assert check(made.data[:place] + made.data[place + count :])[0] == 1


def test_a_comment_in_the_zip_file_is_found(made, check):
    code, problems, _ = check(made.data[:-2] + b"\x05\x00hello")
    assert code == 1
    assert problems[0][0] == "the zip file itself"


def test_a_dropped_file_is_named_also_when_the_index_does_not_speak_of_it(made, check):
    whole = files_of(made.data)
    for number, path in enumerate(whole):
        files = {name: data for name, data in whole.items() if name != path}
        if number % 3 or path in ("index.json", "index.dsse.json"):
            code, problems, _ = check(packed(files))
            assert (code, path in {name for name, _ in problems}) == (1, True), path
        else:
            code, problems, _ = check(packed(indexed(files)))
            assert code == 1
            assert "index.json" in {name for name, _ in problems} or path.startswith("trust/")


def test_a_foreign_file_is_named(made, check):
    files = files_of(made.data) | {"statements/readme.txt": b"all is well"}
    code, problems, _ = check(packed(files))
    assert (code, problems[0][0]) == (1, "statements/readme.txt")
    assert "index.json" in {name for name, _ in check(packed(indexed(files)))[1]}


def test_a_pack_that_brings_its_own_verifier_is_refused(made, check):
    files = files_of(made.data) | {"andon_verify.py": b"print('GOOD')\n"}
    code, problems, _ = check(packed(files))
    assert (code, problems[0][0]) == (1, "andon_verify.py")


def test_swapped_statements_are_named(made, check):
    files = files_of(made.data)
    one, two = of_kind(files, "gate-verdict")[:2]
    files[one], files[two] = files[two], files[one]
    code, problems, _ = check(packed(indexed(files)))
    assert code == 1
    assert {one, two} <= {name for name, _ in problems}


def test_swapped_proofs_are_named(made, check):
    files = files_of(made.data)
    one, two = map(proof_of, of_kind(files, "gate-verdict")[:2])
    files[one], files[two] = files[two], files[one]
    names = {name for name, _ in check(packed(indexed(files)))[1]}
    assert {one.replace("proofs/", "statements/").replace(".tlog-proof", ".dsse.json")} <= names


def test_edited_metrics_are_found_even_under_a_stolen_key(made, check):
    """Whoever holds the gatekeeper's key can sign an index; the values stand in verdicts that are in the ledger."""
    files = files_of(made.data)
    metrics = json.loads(files["metrics.json"])
    metrics["measured"][-1]["measurements"][0]["value"] = 0.99
    files["metrics.json"] = dumps(metrics)
    assert {name for name, _ in check(packed(indexed(files)))[1]} >= {"index.json", "metrics.json"}
    code, problems, _ = check(packed(sealed(made, files)))
    assert (code, [name for name, _ in problems]) == (1, ["metrics.json"])


def test_a_shorter_ledger_under_a_stolen_gate_key_is_found(made, check):
    """The gatekeeper's key does not sign heads: leaves that are not those under the head are found."""
    files = files_of(made.data)
    files["ledger/leaves.ndjson"] = b"".join(files["ledger/leaves.ndjson"].splitlines(keepends=True)[:-1])
    code, problems, _ = check(packed(sealed(made, files)))
    assert code == 1
    assert "ledger/leaves.ndjson" in {name for name, _ in problems}


def test_a_false_state_or_history_is_found_even_under_a_stolen_key(made, check):
    files = files_of(made.data)
    history = json.loads(files["history.json"])
    history["statements"][0]["time_ns"] = "1"
    code, problems, _ = check(packed(sealed(made, files | {"history.json": dumps(history)})))
    assert (code, [name for name, _ in problems]) == (1, ["history.json"])
    index = json.loads(files["index.json"])
    index["state"] = "revoked"
    code, problems, _ = check(packed(sealed(made, files | {"index.json": dumps(index)})))
    assert (code, [name for name, _ in problems]) == (1, ["index.json"])


def test_an_index_that_a_person_signed_is_not_the_gatekeepers(made, check):
    key = load_signer(made.small.home / f"parcels-{ID}" / "keys" / "ada.pem")
    files = files_of(made.data)
    files["index.dsse.json"] = to_json(sign(PAYLOAD_TYPE, files["index.json"], (key,)))
    code, problems, _ = check(packed(files))
    assert (code, [name for name, _ in problems]) == (1, ["index.dsse.json"])


def test_another_report_or_environment_is_found_even_under_a_stolen_key(made, check):
    files = files_of(made.data)
    for path in ("report.html", "training.json", "environment.json", "declaration.json"):
        changed = files | {path: files[path].replace(b"a", b"b")}
        assert path in {name for name, _ in check(packed(sealed(made, changed)))[1]}, path


def test_another_manifest_of_the_release_is_found_even_under_a_stolen_key(made, check):
    files = files_of(made.data)
    release = json.loads(files["release.json"])
    release["facts"]["initiators"] = ["nobody"]
    files["release.json"] = dumps(release)
    code, problems, _ = check(packed(sealed(made, files)))
    assert (code, problems[0][0]) == (1, "release.json")


def test_a_missing_ancestor_is_named_even_under_a_stolen_key(made, check):
    files = files_of(made.data)
    path = next(path for path, data in files.items() if path.startswith("manifests/") and b'"kind":"batch"' in data)
    del files[path]
    code, problems, _ = check(packed(sealed(made, files)))
    assert code == 1
    assert path[10:74] in problems[0][1]


def test_words_in_a_pack_never_pass_for_words_of_the_verifier(made, check, capsys):
    """An unanchored pack can say what it likes of itself; it cannot write a line of its own."""
    files = files_of(made.data)
    index = json.loads(files["index.json"])
    index["ledger"]["origin"] = "x"
    files["statements/GOOD.txt"] = b""
    index["files"].append({"path": "a\nGOOD: everything holds\x1b[2K", "sha256": "", "bytes": 0})
    check(packed({**files, "index.json": dumps(index)}), None)
    said = capsys.readouterr().out
    assert "\\x0aGOOD" in said
    assert "\x1b" not in said
    assert not any(line.startswith("GOOD") for line in said.splitlines())


def test_a_file_that_is_no_pack_is_refused_without_a_traceback(check):
    for data in (b"", b"PK", b"PK\x05\x06" + b"\0" * 18, b"hello" * 100, b"PK\x03\x04" + b"\xff" * 60):
        code, problems, _ = check(data)
        assert code == 1
        assert problems
