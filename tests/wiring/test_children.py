"""A child is clean, limited and heard to its end, and nothing of it is left behind, however it ends."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from andon.kernel.errors import AndonError, ConflictError, InputError
from andon.runtime.children import Job, Progress
from andon.wiring.child import Running, check_ended
from andon.wiring.children import LocalChildren, environment, sweep

SECOND = 10**9
JOB = Job("train", None, {}, {"model": "late"}, 20 * SECOND)


def _run(tmp_path, code, *, limit_ns=20 * SECOND, on_progress=lambda _: None, env=None):
    """A child of a few lines, without the weight of the real one; its last argument is the pipe."""
    command = [sys.executable, "-u", "-c", "import sys, os, time, json\npipe = int(sys.argv[-1])\n" + code]
    with Running(command, tmp_path, env if env is not None else environment(tmp_path, 1)) as running:
        return running.wait(limit_ns, on_progress)


def _done(tmp_path, code, **options):
    return check_ended(_run(tmp_path, code, **options), tmp_path, JOB)


FINISH = "open('done.json', 'w').write(json.dumps({'peak_bytes': 5}))\n"


SLEEP = "import os, time\nopen({!r}, 'w').write(str(os.getpid()))\ntime.sleep(600)\n"
IMPORTS = """
from pathlib import Path
from andon.runtime.children import Job
from andon.wiring.children import LocalChildren
"""


def _is_alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def _wait_until(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def test_a_child_that_finishes_says_what_it_took(tmp_path):
    assert _done(tmp_path, FINISH) == 5


def test_progress_arrives_while_the_child_works_and_nonsense_is_no_progress(tmp_path):
    told: list[Progress] = []
    code = "for step in (1, 2):\n    told = json.dumps({'step': step, 'of': 2, 'metrics': {'loss': 1 / step}})\n"
    code += "    os.write(pipe, told.encode() + b'\\n')\n"
    code += "os.write(pipe, b'nonsense\\n[1]\\n{\"step\": 1}\\n' + b'x' * 9000 + b'\\n')\n"
    _done(tmp_path, code + FINISH, on_progress=told.append)
    assert [(each.step, each.of, dict(each.metrics)) for each in told] == [(1, 2, {"loss": 1.0}), (2, 2, {"loss": 0.5})]
    assert told[0].seconds > 0
    assert "step 1 of 2, loss 1" in told[0].text
    assert "left" in told[0].text
    assert "left" not in told[1].text


def test_the_environment_is_clean_whatever_the_parent_has(tmp_path, monkeypatch):
    """No key path, no token and no library path travels along."""
    for name in ("ANDON_HOME", "ANDON_AS", "AWS_SECRET_ACCESS_KEY", "PYTHONPATH", "LD_PRELOAD_SECRET"):
        monkeypatch.setenv(name, "secret")
    code = "open('seen.json', 'w').write(json.dumps(dict(os.environ)))\n" + FINISH
    _done(tmp_path, code, env=environment(tmp_path, 3))
    seen = json.loads((tmp_path / "seen.json").read_text())
    threads = {name for name in seen if name.endswith("_THREADS")}
    assert set(seen) - threads <= {"PATH", "LANG", "HOME", "TMPDIR", "PYTHONHASHSEED", "PYTHONUSERBASE", "LC_CTYPE"}
    assert "secret" not in seen.values()
    assert {seen[name] for name in threads} == {"3"}
    assert "POLARS_MAX_THREADS" in threads
    assert seen["HOME"] == str(tmp_path)
    assert seen["PYTHONHASHSEED"] == "0"


def test_no_file_of_the_parent_is_open_in_the_child(tmp_path):
    with (tmp_path / "key.pem").open("w"):
        code = "paths = [os.path.realpath(f'/proc/self/fd/{n}') for n in os.listdir('/proc/self/fd')]\n"
        _done(tmp_path, code + "open('fds.json', 'w').write(json.dumps(paths))\n" + FINISH)
    assert not [path for path in json.loads((tmp_path / "fds.json").read_text()) if path.endswith("key.pem")]


def test_a_child_that_never_ends_is_stopped_with_all_it_started(tmp_path):
    """An endless loop must not hold the line up, nor go on in a process of its own."""
    code = "import subprocess\nc = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    code += "open('pids', 'w').write(f'{os.getpid()} {c.pid}')\nwhile True: pass\n"
    started = time.monotonic()
    ended = _run(tmp_path, code, limit_ns=2 * SECOND)
    assert time.monotonic() - started < 8
    with pytest.raises(InputError) as caught:
        check_ended(ended, tmp_path, JOB)
    assert caught.value.code == "child.time-limit"
    assert "limit=" in caught.value.fix
    assert "train late" in caught.value.place
    pids = (tmp_path / "pids").read_text().split()
    _wait_until(lambda: not any(_is_alive(pid) for pid in pids))


def test_a_child_that_prints_a_lot_neither_blocks_nor_fills_the_disk(tmp_path):
    code = "for n in range(300_000):\n    print('x' * 60, n)\nprint('the end', file=sys.stderr)\n"
    ended = _run(tmp_path, code + "print('y' * 5_000_000)\n" + FINISH, limit_ns=120 * SECOND)
    assert check_ended(ended, tmp_path, JOB) == 5
    assert (tmp_path / "log.txt").stat().st_size <= (8 << 20) + 4_000
    assert len(ended.last_lines) <= 40
    assert max(map(len, ended.last_lines)) <= 2_000


def test_the_last_lines_come_with_the_refusal(tmp_path):
    with pytest.raises(InputError) as caught:
        _done(tmp_path, "for n in range(100):\n    print('line', n)\nos._exit(3)\n")
    assert caught.value.code == "child.vanished"
    assert "line 99" in caught.value.found
    assert "line 60" in caught.value.found
    assert "line 59" not in caught.value.found
    assert "status 3" in caught.value.found


def test_a_child_that_claims_success_by_its_status_alone_is_not_believed(tmp_path):
    with pytest.raises(InputError, match="without a word"):
        _done(tmp_path, "os._exit(0)\n")


@pytest.mark.parametrize("name", ["SIGKILL", "SIGSEGV"])
def test_a_killed_child_names_the_signal(tmp_path, name):
    with pytest.raises(InputError) as caught:
        _done(tmp_path, f"import signal\nos.kill(os.getpid(), signal.{name})\ntime.sleep(9)\n")
    assert caught.value.code == "child.killed"
    assert name in caught.value.message
    assert ("memory" in caught.value.fix) is (name == "SIGKILL")


def test_what_the_child_refused_is_the_same_refusal_here(tmp_path):
    told = {"kind": "ConflictError", "code": "a.b", "message": "M.", "place": "p", "found": "f", "fix": "x"}
    with pytest.raises(ConflictError) as caught:
        _done(tmp_path, f"open('error.json', 'w').write({json.dumps(told)!r})\nsys.exit(1)\n")
    error = caught.value
    assert (error.code, error.message, error.place, error.found, error.fix) == ("a.b", "M.", "p", "f", "x")


@pytest.mark.parametrize("text", ["", "[]", "{", "null", '{"kind": "SystemExit"}', "[" * 100_000])
def test_a_damaged_word_of_refusal_is_a_refusal_all_the_same(tmp_path, text):
    (tmp_path / "text").write_text(text)
    with pytest.raises(AndonError):
        _done(tmp_path, "import shutil\nshutil.copy('text', 'error.json')\nsys.exit(1)\n")


def test_a_child_ends_when_its_parent_is_killed(tmp_path):
    """Else a killed run leaves trainings behind that nobody waits for."""
    factory = tmp_path / "factory.py"
    factory.write_text(SLEEP.format(str(tmp_path / "pid")))
    code = (
        f"{IMPORTS}"
        f"job = Job('declare', Path({str(factory)!r}), {{}}, {{}}, 600 * 10**9)\n"
        f"with LocalChildren(Path({str(tmp_path / 'spool')!r})).run(job, print): pass\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code])
    try:
        _wait_until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text(), 60)
        child = int((tmp_path / "pid").read_text())
        assert _is_alive(child)
        spool = tmp_path / "spool"
        sweep(spool)
        assert [path for path in spool.iterdir() if path.is_dir()], "a living process lost its folder"
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        _wait_until(lambda: not _is_alive(child))
        LocalChildren(spool)
        assert not list(spool.iterdir())
    finally:
        parent.kill()
        parent.wait()


def test_ctrl_c_ends_the_child_and_leaves_nothing(tmp_path):
    pid = tmp_path / "pid"
    factory = tmp_path / "factory.py"
    factory.write_text(SLEEP.format(str(pid)))
    code = (
        f"{IMPORTS}"
        f"job = Job('declare', Path({str(factory)!r}), {{}}, {{}}, 600 * 10**9)\n"
        "try:\n"
        f"    with LocalChildren(Path({str(tmp_path / 'spool')!r})).run(job, print): pass\n"
        "except KeyboardInterrupt:\n    print('interrupted')\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        _wait_until(lambda: pid.exists() and pid.read_text(), 60)
        parent.send_signal(signal.SIGINT)
        out, _ = parent.communicate(timeout=20)
    assert out.strip() == "interrupted"
    assert not _is_alive(int(pid.read_text()))
    assert not list((tmp_path / "spool").iterdir())


def test_inputs_are_copies_and_a_name_cannot_leave_the_folder(tmp_path):
    stored = tmp_path / "object"
    stored.write_text("precious")
    job = Job("predict", None, {"../model": stored}, {}, SECOND)
    with pytest.raises(InputError, match="plain file name"), LocalChildren(tmp_path / "spool").run(job, print):
        pass
    job = Job("predict", None, {"model": stored, "package.json": stored, "rows.parquet": stored}, {}, 60 * SECOND)
    with pytest.raises(AndonError), LocalChildren(tmp_path / "spool").run(job, print):
        pass
    assert stored.read_text() == "precious"
    assert not list((tmp_path / "spool").iterdir())


def test_many_children_one_after_the_other_leave_no_open_file(tmp_path):
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        _done(tmp_path, FINISH)
    assert len(list(Path("/proc/self/fd").iterdir())) <= before
