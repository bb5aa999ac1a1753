"""A zip file that depends on nothing but what is in it: names sorted, times fixed, nothing compressed."""

import struct
import zlib
from collections.abc import Mapping
from typing import Final

from andon.kernel.errors import InputError

_LOCAL: Final = struct.Struct("<4s5H3I2H")
_CENTRAL: Final = struct.Struct("<4s6H3I5H2I")
_END: Final = struct.Struct("<4s4H2IH")
_VERSION: Final = 20
_MADE_ON_UNIX: Final = 3 << 8 | _VERSION
_FIRST_DAY: Final = (1 << 5) | 1  # 1 January 1980, the first day that zip files know
_MODE: Final = 0o100644 << 16
_MOST_FILES: Final = 0xFFFF - 1
_MOST_BYTES: Final = 0xFFFF_FFFF - 1


def archive(files: Mapping[str, bytes]) -> bytes:
    """The bytes of a zip file with these files; the same files always give the same bytes, on every machine.

    Args:
        files: Contents by path; paths are ASCII.

    Raises:
        InputError: There are more files or more bytes than a plain zip file holds.
    """
    parts: list[bytes] = []
    central: list[bytes] = []
    offset = 0
    for path in sorted(files):
        data, name = files[path], path.encode("ascii")
        common = (0, 0, 0, _FIRST_DAY, zlib.crc32(data), len(data), len(data), len(name), 0)
        local = _LOCAL.pack(b"PK\x03\x04", _VERSION, *common) + name
        central.append(_CENTRAL.pack(b"PK\x01\x02", _MADE_ON_UNIX, _VERSION, *common, 0, 0, 0, _MODE, offset) + name)
        parts += [local, data]
        offset += len(local) + len(data)
    listing = b"".join(central)
    if len(files) > _MOST_FILES or offset + len(listing) > _MOST_BYTES:
        raise _too_large(len(files), offset)
    end = _END.pack(b"PK\x05\x06", 0, 0, len(files), len(files), len(listing), offset, 0)
    return b"".join([*parts, listing, end])


def _too_large(count: int, size: int) -> InputError:
    return InputError(
        "evidence.too-large",
        "This evidence does not fit into one zip file.",
        found=f"{count} files, {size} bytes",
        fix="Bind the next release on a dataset that was published in fewer batches.",
    )
