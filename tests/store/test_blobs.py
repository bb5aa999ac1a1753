"""What every store must do, whether in memory or in a folder."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from andon.adapters.files import FileBlobs
from andon.kernel.digest import of_bytes
from andon.kernel.errors import InputError
from tests.fakes.blobs import MemoryBlobs


@pytest.fixture(params=["memory", "folder"])
def blobs(request, tmp_path):
    return MemoryBlobs(tmp_path) if request.param == "memory" else FileBlobs(tmp_path)


@given(chunks=st.lists(st.binary(max_size=20), max_size=4))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_bytes_come_back_by_their_digest_however_they_were_cut(blobs, chunks):
    data = b"".join(chunks)
    stored = blobs.put(chunks)
    assert (stored.digest, stored.size_bytes) == (of_bytes(data), len(data))
    assert blobs.put([data]) == stored
    assert blobs.has(stored.digest)
    assert blobs.read(stored.digest) == data
    assert blobs.local(stored.digest).read_bytes() == data


def test_a_file_is_stored_as_its_bytes(blobs, tmp_path):
    source = tmp_path / "source"
    source.write_bytes(b"rows" * 1000)
    assert blobs.put_file(source) == blobs.put([b"rows" * 1000])


def test_what_was_never_put_is_refused_by_name(blobs):
    missing = of_bytes(b"never")
    assert not blobs.has(missing)
    for read in (blobs.read, blobs.local):
        with pytest.raises(InputError) as caught:
            read(missing)
        assert caught.value.code == "store.unknown-object"


@pytest.mark.parametrize("text", ["", "sha256:", "../../etc/passwd", "sha256:../x", "SHA256:" + "0" * 64])
def test_a_path_is_not_a_digest(blobs, text):
    for read in (blobs.read, blobs.local, blobs.has):
        with pytest.raises(InputError) as caught:
            read(text)
        assert caught.value.code == "digest.malformed"


def test_a_missing_file_and_a_link_are_refused(blobs, tmp_path):
    (tmp_path / "link").symlink_to("/etc/hostname")
    for name in ("missing", "link"):
        with pytest.raises(InputError) as caught:
            blobs.put_file(tmp_path / name)
        assert caught.value.code == "store.unreadable-file"
