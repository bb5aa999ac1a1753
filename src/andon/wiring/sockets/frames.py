"""Messages between two processes of one machine: canonical JSON of limited length over a socket, and open files."""

import os
import select
import socket
import struct
import time
from types import TracebackType
from typing import Final, Self

from andon.kernel.canonical import Json, dumps, loads
from andon.kernel.errors import AndonError, InputError

_HEADER: Final = struct.Struct(">I")
_PEER: Final = struct.Struct("3i")
_CHUNK_BYTES: Final = 1 << 18


class Frames:
    """One end of a connection: whole messages in, whole messages out, in a limited time.

    Args:
        connection: The connected Unix socket.
        limit_bytes: The longest message that is taken.
    """

    def __init__(self, connection: socket.socket, limit_bytes: int) -> None:
        self._connection = connection
        self._limit_bytes = limit_bytes

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    @property
    def peer_uid(self) -> int:
        """The user of the machine at the other end, as the kernel saw it when the connection was made."""
        told = self._connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
        return int(_PEER.unpack(told)[1])

    def send(self, value: Json, within_s: float, file: int | None = None) -> None:
        """Send a message, and an open file with it.

        Raises:
            InputError: The other end is gone, or does not read (`frames.lost`).
        """
        data = dumps(value)
        header = _HEADER.pack(len(data))
        deadline = time.monotonic() + within_s
        try:
            self._connection.settimeout(within_s)
            if file is None:
                self._connection.sendall(header)
            else:
                socket.send_fds(self._connection, [header], [file])
            for start in range(0, len(data), _CHUNK_BYTES):
                self._connection.settimeout(_left_s(deadline))
                self._connection.sendall(data[start : start + _CHUNK_BYTES])
        except OSError as error:
            raise _lost(error) from error

    def receive(self, within_s: float | None) -> Json:
        """The next message; open files that come with it are not taken.

        Args:
            within_s: How long the whole message may take, in seconds; `None` for as long as the other end lives.

        Raises:
            InputError: The other end is gone, too slow, or does not keep to the form (`frames.lost`,
                `frames.malformed`).
        """
        deadline = None if within_s is None else time.monotonic() + within_s
        return self._body(self._exactly(_HEADER.size, deadline), deadline)

    def receive_file(self, within_s: float) -> tuple[Json, int]:
        """The next message and the open file that comes with it, which the caller closes.

        Raises:
            InputError: The other end is gone, too slow, does not keep to the form, or sent no file or several.
        """
        deadline = time.monotonic() + within_s
        try:
            self._connection.settimeout(within_s)
            header, files, _, _ = socket.recv_fds(self._connection, _HEADER.size, 1, socket.MSG_CMSG_CLOEXEC)
        except OSError as error:
            raise _lost(error) from error
        try:
            header += self._exactly(_HEADER.size - len(header), deadline)
            value = self._body(header, deadline)
            if len(files) != 1:
                raise malformed(f"{len(files)} open files")
        except AndonError:
            for file in files:
                os.close(file)
            raise
        return value, files[0]

    def is_over(self) -> bool:
        """Whether the other end is gone; takes nothing of what it may have sent."""
        poll = select.poll()
        poll.register(self._connection, select.POLLRDHUP)
        return bool(poll.poll(0))

    def _body(self, header: bytes, deadline: float | None) -> Json:
        (length,) = _HEADER.unpack(header)
        if length > self._limit_bytes:
            raise malformed(f"a message of {length} bytes, and {self._limit_bytes} are the limit")
        return loads(self._exactly(length, deadline))

    def _exactly(self, length: int, deadline: float | None) -> bytes:
        parts = []
        try:
            while length:
                self._connection.settimeout(None if deadline is None else _left_s(deadline))
                part = self._connection.recv(min(length, _CHUNK_BYTES))
                if not part:
                    raise ConnectionResetError("it closed the connection")
                parts.append(part)
                length -= len(part)
        except OSError as error:
            raise _lost(error) from error
        return b"".join(parts)


def connect(path: str, limit_bytes: int) -> Frames:
    """Connect to a process that listens on a socket of this machine.

    Raises:
        OSError: Nobody listens there, or this user may not connect.
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(path)
    except OSError:
        connection.close()
        raise
    return Frames(connection, limit_bytes)


def malformed(found: str) -> InputError:
    """The refusal of a message that does not keep to the form."""
    return InputError(
        "frames.malformed",
        "This message is none that andon writes.",
        found=found[:200],
        fix="Use the same version of andon at both ends.",
    )


def _left_s(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("it took too long")
    return left


def _lost(error: OSError) -> InputError:
    return InputError(
        "frames.lost",
        "The other end of the connection is gone or too slow.",
        found=error.strerror or str(error) or type(error).__name__,
        fix="Ask again; what was finished before is kept.",
    )
