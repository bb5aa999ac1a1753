import errno
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from andon.adapters.files import FileBlobs
from andon.kernel.digest import hex_of, of_bytes
from andon.kernel.errors import InputError, IntegrityError
from andon.store.errors import StorageError


def files_under(root):
    return sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file())


def path_of(root, digest):
    return root / hex_of(digest)[:2] / hex_of(digest)


def python(code, *args, **options):
    return subprocess.Popen([sys.executable, "-c", code, *map(str, args)], **options)


@given(chunks=st.lists(st.binary(max_size=50), max_size=5))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_was_put_is_read_and_lies_under_its_digest(tmp_path, chunks):
    data = b"".join(chunks)
    stored = FileBlobs(tmp_path).put(chunks)
    assert stored.digest == of_bytes(data)
    assert stored.size_bytes == len(data)
    assert path_of(tmp_path, stored.digest).read_bytes() == data
    assert not list((tmp_path / "tmp").iterdir())


def test_an_object_is_read_only_and_the_same_bytes_again_leave_it_untouched(tmp_path):
    blobs = FileBlobs(tmp_path)
    first = blobs.put([b"x" * 10])
    before = path_of(tmp_path, first.digest).stat()
    assert stat.S_IMODE(before.st_mode) == 0o444
    assert before.st_nlink == 1
    assert blobs.put([b"x" * 4, b"x" * 6]) == first
    after = path_of(tmp_path, first.digest).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize("damage", [b"", b"prediction", b"Predictions", b"predictions and more"])
def test_a_damaged_object_is_never_read_and_the_refusal_names_it(tmp_path, damage):
    blobs = FileBlobs(tmp_path)
    digest = blobs.put([b"predictions"]).digest
    path = path_of(tmp_path, digest)
    path.chmod(0o644)
    path.write_bytes(damage)
    for read in (blobs.read, blobs.local, lambda _: blobs.put([b"predictions"])):
        with pytest.raises(IntegrityError) as caught:
            read(digest)
        assert caught.value.code == "store.object-damaged"
        assert digest in str(caught.value)
        assert caught.value.place == str(path)
        assert caught.value.fix
    assert path.read_bytes() == damage, "the evidence of the damage was overwritten"


def test_killed_while_putting_it_leaves_no_object_and_the_sweep_clears_up(tmp_path):
    code = """
import sys, time
from pathlib import Path
from andon.adapters.files import FileBlobs
def chunks():
    while True:
        yield b"x" * 4096
        print("put", flush=True)
        time.sleep(0.01)
FileBlobs(Path(sys.argv[1])).put(chunks())
"""
    child = python(code, tmp_path, stdout=subprocess.PIPE)
    assert child.stdout.readline() == b"put\n"
    blobs = FileBlobs(tmp_path)
    assert blobs.sweep() == 0, "a living writer's file was swept"
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    assert [name.split("/")[0] for name in files_under(tmp_path)] == ["tmp"]
    assert blobs.sweep() == 1
    assert files_under(tmp_path) == []


def test_killed_at_any_moment_the_store_holds_whole_objects_only(tmp_path):
    code = """
import sys
from pathlib import Path
from andon.adapters.files import FileBlobs
blobs = FileBlobs(Path(sys.argv[1]))
for n in range(int(sys.argv[2]), 1 << 30):
    print(blobs.put([str(n).encode() * 500]).digest, flush=True)
"""
    reported = []
    for start in range(4):
        child = python(code, tmp_path, start * 1_000_000, stdout=subprocess.PIPE, text=True)
        reported.append(child.stdout.readline().strip())
        time.sleep(0.013 * start)
        child.kill()
        reported += [line.strip() for line in child.stdout if line.endswith("\n")]
        child.wait()
        child.stdout.close()
    blobs = FileBlobs(tmp_path)
    blobs.sweep()
    assert not list((tmp_path / "tmp").iterdir())
    for name in files_under(tmp_path):
        blobs.read(f"sha256:{Path(name).name}")
    assert all(blobs.has(digest) for digest in reported)


def test_processes_putting_the_same_bytes_agree_on_one_object(tmp_path):
    code = """
import sys
from pathlib import Path
from andon.adapters.files import FileBlobs
blobs = FileBlobs(Path(sys.argv[1]))
sys.stdin.readline()
for n in range(20):
    print(blobs.put([str(n).encode() * 20_000]).digest)
    blobs.sweep()
"""
    children = [python(code, tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    for child in children:
        child.stdin.write("go\n")
        child.stdin.flush()
    outputs = [child.communicate()[0].split() for child in children]
    assert [child.returncode for child in children] == [0, 0, 0]
    assert outputs[0] == outputs[1] == outputs[2] == [of_bytes(str(n).encode() * 20_000) for n in range(20)]
    assert len(files_under(tmp_path)) == 20


@pytest.fixture
def small_disk(tmp_path):
    """A file system of one MiB: a tmpfs, where this user may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "andon-test", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only root may mount a small disk; the limit on file sizes is tested beside this")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_refused_with_a_fix_and_leaves_nothing_behind(small_disk):
    blobs = FileBlobs(small_disk)
    kept = blobs.put([b"kept"])
    with pytest.raises(StorageError) as caught:
        blobs.put(b"x" * 65536 for _ in range(64))
    assert caught.value.code == "store.disk-full"
    assert caught.value.fix
    assert files_under(small_disk) == [str(path_of(small_disk, kept.digest).relative_to(small_disk))]
    assert blobs.read(kept.digest) == b"kept"
    blobs.put([b"y" * 65536])


def test_a_limit_on_file_size_is_refused_like_a_full_disk(tmp_path):
    code = """
import resource, sys
from pathlib import Path
from andon.adapters.files import FileBlobs
from andon.store.errors import StorageError
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    FileBlobs(Path(sys.argv[1])).put([b"x" * 60_000, b"x" * 60_000])
except StorageError as error:
    print(error.code)
"""
    child = python(code, tmp_path, stdout=subprocess.PIPE, text=True)
    assert child.communicate()[0].strip() == "store.disk-full"
    assert files_under(tmp_path) == []


def test_a_store_that_may_not_be_written_is_refused_with_a_fix(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError) as caught:
        FileBlobs(tmp_path / "file" / "store").put([b"x"])
    assert caught.value.code == "store.disk-failed"
    assert os.strerror(errno.ENOTDIR) == caught.value.found


def test_a_source_that_fails_half_way_leaves_nothing_behind(tmp_path):
    def chunks():
        yield b"half"
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        FileBlobs(tmp_path).put(chunks())
    assert files_under(tmp_path) == []


def test_links_pipes_folders_and_missing_files_are_not_put(tmp_path):
    secret = tmp_path / "key"
    secret.write_bytes(b"secret")
    (tmp_path / "link").symlink_to(secret)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    blobs = FileBlobs(tmp_path / "store")
    for name in ("link", "pipe", "folder", "missing"):
        with pytest.raises(InputError) as caught:
            blobs.put_file(tmp_path / name)
        assert caught.value.code == "store.unreadable-file", name
    assert files_under(tmp_path / "store") == []
    assert blobs.put_file(secret).digest == of_bytes(b"secret")


def test_making_a_store_writes_nothing_until_something_is_put(tmp_path):
    blobs = FileBlobs(tmp_path / "store")
    assert not blobs.has(of_bytes(b"x"))
    assert blobs.sweep() == 0
    assert not (tmp_path / "store").exists()
