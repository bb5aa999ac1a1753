"""Trust begins with a fingerprint from elsewhere; without it, nothing in a pack proves anything."""

import json
import os
import subprocess
import sys
import time

import pytest

from andon.adapters.keys import generate_key, load_signer, verifier
from andon.kernel.armour import wrap
from tests.verifier.conftest import SOURCE
from tests.verifier.packs import files_of, packed

DAY_NS = 86_400_000_000_000


def alone(bare_python, *words, cwd):
    """The verifier in a Python that has `cryptography` and nothing of andon, with no variables of ours."""
    start = "import sys, runpy; sys.path.append(sys.argv.pop(1)); runpy.run_path(sys.argv.pop(1), run_name='__main__')"
    command = [sys.executable, "-I", "-S", "-c", f"import sys; sys.argv[0] = 'andon_verify.py'; {start}"]
    done = subprocess.run(
        [*command, str(bare_python), str(SOURCE), *words],
        cwd=cwd,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout


def test_the_verifier_runs_where_andon_is_not_installed(made, bare_python, tmp_path):
    pack = tmp_path / "pack.zip"
    pack.write_bytes(made.data)
    missing = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.append({str(bare_python)!r}); import andon"],
        capture_output=True,
        check=False,
    )
    assert missing.returncode == 1
    code, out = alone(bare_python, str(pack), "--root", made.root, cwd=tmp_path)
    assert (code, out.splitlines()[-2][:5]) == (0, "GOOD:"), out
    code, out = alone(bare_python, str(pack), cwd=tmp_path)
    assert code == 3
    assert "UNANCHORED" in out
    pack.write_bytes(made.data[:-1])
    code, out = alone(bare_python, str(pack), "--root", made.root, cwd=tmp_path)
    assert (code, out.splitlines()[-1][:4]) == (1, "BAD:")


def test_without_a_fingerprint_a_sound_pack_is_unanchored_and_a_broken_one_is_bad(made, check):
    assert check(made.data, None)[0] == 3
    assert check(made.data[:-1], None)[0] == 1


def test_another_factorys_fingerprint_does_not_fit(made, check):
    code, problems, _ = check(made.data, "sha256:" + "0" * 64)
    assert (code, problems[0][0]) == (1, "trust/000001.dsse.json")


def test_a_fingerprint_can_be_given_as_people_read_it_out(verify, made):
    digits = made.root.removeprefix("sha256:")
    groups = " ".join(digits[start : start + 4] for start in range(0, 64, 4))
    assert verify.fingerprint(groups) == verify.fingerprint(made.root.upper()) == made.root
    with pytest.raises(verify.argparse.ArgumentTypeError):
        verify.fingerprint(digits[:-1])


def test_an_old_pack_is_refused_where_its_age_matters(made, check):
    assert check(made.data, max_age_ns=DAY_NS)[0] == 0
    later = time.time_ns() + 40 * DAY_NS
    code, problems, _ = check(made.data, max_age_ns=30 * DAY_NS, now_ns=later)
    assert (code, len(problems)) == (1, 1)
    assert "older" in problems[0][1]


def test_a_pack_from_the_future_is_refused(made, check):
    assert check(made.data, now_ns=time.time_ns() - 40 * DAY_NS)[0] == 1


def test_a_witness_that_is_asked_for_must_have_cosigned_the_head(made, check, verify, tmp_path):
    """What a fresh verifier with an old trust root relies on: somebody outside saw this head not long ago."""
    public = generate_key(tmp_path / "keys" / "w.pem")
    signer = load_signer(tmp_path / "keys" / "w.pem")
    name, now = "witness.example/w", time.time_ns()
    key_id = verify.note_id(name, verify.COSIGNATURE, public.raw)
    asked = f"{name}+{key_id.hex()}+{wrap(verify.COSIGNATURE + public.raw)}"
    code, problems, _ = check(made.data, witnesses=(asked,))
    assert code == 1
    assert "did not cosign" in problems[0][1]

    files = files_of(made.data)
    head = next(path for path in files if path.startswith("ledger/checkpoint"))
    note = files[head].decode()
    text = note.rpartition("\n\n")[0] + "\n"
    seconds = now // 1_000_000_000
    value = signer.sign(f"cosignature/v1\ntime {seconds}\n{text}".encode())
    assert verifier(public).verify(value, f"cosignature/v1\ntime {seconds}\n{text}".encode())
    cosigned = f"{note}— {name} {wrap(key_id + seconds.to_bytes(8) + value)}\n"
    lines = verify.read_note(cosigned)[1]
    assert verify.cosigned_ns(text, lines, public.raw, name) == seconds * 1_000_000_000
    assert verify.cosigned_ns(text, lines, public.raw, "another") is None
    ledger = verify.Ledger("", 7, b"", cosigned)
    verify._check_witness(ledger, asked, oldest=now - DAY_NS)
    with pytest.raises(verify.WrongError, match="longer ago"):
        verify._check_witness(ledger, asked, oldest=now + DAY_NS)


def test_a_ledger_must_continue_the_one_seen_before(made, check):
    files = files_of(made.data)
    head = next(data for path, data in files.items() if path.startswith("ledger/checkpoint")).decode()
    assert check(made.data, seen=head)[0] == 0
    lines = head.split("\n")
    lines[2] = wrap(b"\x01" * 32)
    code, problems, _ = check(made.data, seen="\n".join(lines))
    assert (code, problems[0][0]) == (1, "ledger/leaves.ndjson")


def test_a_pack_of_another_trust_root_is_not_taken_for_this_one(made, check):
    """A forged first version is internally consistent with itself only; its fingerprint is another."""
    files = files_of(made.data)
    envelope = json.loads(files["trust/000001.dsse.json"])
    envelope["signatures"] = []
    files["trust/000001.dsse.json"] = json.dumps(envelope, separators=(",", ":"), sort_keys=True).encode()
    assert "trust/000001.dsse.json" in {name for name, _ in check(packed(files))[1]}
