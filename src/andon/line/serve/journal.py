"""The journal of an open batch: records appended one after another, readable up to the last whole one after a crash."""

import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from andon.contracts.prediction import Prediction
from andon.line.serve.ports import RecordCodec

_HEAD: Final = struct.Struct("<II")


class Journal:
    """A file of records, each with its length and checksum before it.

    Args:
        path: The file; made when missing.
        codec: Form of the records.
    """

    def __init__(self, path: Path, codec: RecordCodec) -> None:
        self._codec = codec
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        self._size_bytes = 0
        self._found = list(self._read(path.read_bytes()))
        os.ftruncate(self._file, self._size_bytes)

    def records(self) -> list[Prediction]:
        """The whole records that were there when the journal was opened; what follows a broken one is cut off."""
        return list(self._found)

    def append(self, records: Sequence[Prediction]) -> None:
        """Write records behind the others, all or none.

        Raises:
            OSError: The disk refuses; the journal is as it was.
        """
        data = b"".join(_framed(self._codec.encode(one)) for one in records)
        try:
            rest = memoryview(data)
            at = self._size_bytes
            while rest:
                written = os.pwrite(self._file, rest, at)
                rest, at = rest[written:], at + written
        except OSError:
            os.ftruncate(self._file, self._size_bytes)
            raise
        self._size_bytes += len(data)

    def clear(self) -> None:
        """Forget all records: they stand in a closed batch now."""
        os.ftruncate(self._file, 0)
        self._size_bytes = 0

    def sync(self) -> None:
        """Make what was written outlast a power cut."""
        os.fdatasync(self._file)

    def _read(self, data: bytes) -> Iterator[Prediction]:
        while len(data) - self._size_bytes >= _HEAD.size:
            length, check = _HEAD.unpack_from(data, self._size_bytes)
            start = self._size_bytes + _HEAD.size
            body = data[start : start + length]
            if len(body) != length or zlib.crc32(body) != check:
                return
            try:
                record = self._codec.decode(body)
            except ValueError:
                return
            self._size_bytes = start + length
            yield record


def _framed(body: bytes) -> bytes:
    return _HEAD.pack(len(body), zlib.crc32(body)) + body
