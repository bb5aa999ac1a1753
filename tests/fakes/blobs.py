"""A store of immutable bytes in memory, with files on the side for readers that need a path."""

from collections.abc import Iterable
from pathlib import Path

from andon.kernel.digest import Digest, hex_of, of_bytes
from andon.kernel.errors import InputError, IntegrityError
from andon.store.ports import Stored


class MemoryBlobs:
    """Implements `andon.store.ports.Blobs`.

    Args:
        folder: Where `local` lays files out.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.objects: dict[Digest, bytes] = {}

    def put(self, chunks: Iterable[bytes]) -> Stored:
        data = b"".join(chunks)
        digest = of_bytes(data)
        self.objects.setdefault(digest, data)
        self.read(digest)
        return Stored(digest, len(data))

    def put_file(self, path: Path) -> Stored:
        if path.is_symlink() or not path.is_file():
            raise InputError("store.unreadable-file", "This file cannot be put into the store.", place=str(path))
        return self.put([path.read_bytes()])

    def read(self, digest: Digest) -> bytes:
        hex_of(digest)
        if digest not in self.objects:
            raise InputError("store.unknown-object", "The store holds no such object.", found=digest)
        data = self.objects[digest]
        if of_bytes(data) != digest:
            raise IntegrityError("store.object-damaged", "The bytes are not those that were stored.", found=digest)
        return data

    def local(self, digest: Digest) -> Path:
        path = self._folder / hex_of(digest)
        path.write_bytes(self.read(digest))
        return path

    def has(self, digest: Digest) -> bool:
        hex_of(digest)
        return digest in self.objects
