"""Being a witness, as the command line asks for it: knowing ledgers, cosigning their heads, going back with one."""

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from andon.adapters.witness.sink import put_recovery
from andon.attest.envelope import Envelope, from_json
from andon.attest.recovery import RecoveryClaim, read_recovery
from andon.attest.statement import PAYLOAD_TYPE, from_bytes
from andon.kernel.canonical import Json
from andon.kernel.digest import hex_of, of_bytes
from andon.kernel.errors import InputError, RefusedError, UsageError
from andon.wiring.witnessing import SinkRead, cosign_sink, desk_of, witness_folder

BACKLOG: Final = 64
_PORT: Final = 65_536


@dataclass(frozen=True, slots=True)
class Seen:
    """A ledger that a witness knows.

    Attributes:
        origin: Its name.
        size: How many entries its head had that was cosigned last; 0 when none was.
        root: The root of that head, in hex; empty when there is none.
    """

    origin: str
    size: int
    root: str

    def to_json(self) -> dict[str, Json]:
        """The ledger for programs."""
        return {"origin": self.origin, "size": self.size, "root": self.root}


def seen_by(folder: Path) -> list[Seen]:
    """The ledgers that the witness of a folder knows, and how far it saw each.

    Raises:
        AndonError: There is no witness, or what it remembers cannot be read.
    """
    kept = witness_folder(folder)
    kept.name()
    heads = [(origin, kept.load(origin)) for origin in kept.origins()]
    return [Seen(origin, head.size if head else 0, head.root.hex() if head else "") for origin, head in heads]


def know_log(folder: Path, origin: str, key: str) -> None:
    """Let the witness of a folder know a ledger, or a further key of it.

    Raises:
        AndonError: There is no witness, or the key is none of this ledger.
    """
    kept = witness_folder(folder)
    kept.name()
    kept.add_log(origin, key)


def serve(folder: Path, listen: str, on_ready: Callable[[str], None]) -> None:
    """Be the witness of a folder, over HTTP, until told to end.

    Args:
        folder: The witness's folder.
        listen: `HOST:PORT`; port 0 for any that is free.
        on_ready: Called with the URL once it answers.

    Raises:
        UsageError: The address is none, or cannot be had.
        ConflictError: Another process is this witness.
    """
    from andon.adapters.asgi.witness import serve_witness  # noqa: PLC0415  # only who serves loads a web server

    kept = witness_folder(folder)
    with kept.writing():
        desk = desk_of(kept)
        with _listener(listen) as listener:
            host, port = listener.getsockname()[:2]
            shown = f"[{host}]" if ":" in host else host
            serve_witness(desk.answer, listener, lambda: on_ready(f"http://{shown}:{port}"))


def cosign_heads(folder: Path, sink: Path) -> list[SinkRead]:
    """Cosign, once, the newest head that each known ledger left in a sink.

    Raises:
        AndonError: There is no witness, or another process is it.
    """
    kept = witness_folder(folder)
    with kept.writing():
        return cosign_sink(kept, desk_of(kept), sink)


def keep_cosigning(folder: Path, sink: Path, every_s: float, tell: Callable[[SinkRead], None]) -> None:
    """Cosign what ledgers leave in a sink until told to end; what changed is told.

    Raises:
        AndonError: There is no witness, or another process is it.
    """
    kept = witness_folder(folder)
    told: dict[str, str] = {}
    with kept.writing():
        desk = desk_of(kept)
        while True:
            for one in cosign_sink(kept, desk, sink):
                what = f"{one.size} {one.refusal.code if one.refusal else ''}"
                if told.get(one.origin) != what:
                    told[one.origin] = what
                    tell(one)
            time.sleep(every_s)


def recover_witness(folder: Path, file: Path, sink: Path | None) -> Seen:
    """Let the witness of a folder go back with a ledger that was restored; its operator's decision.

    Args:
        folder: The witness's folder.
        file: The recovery, as people signed it.
        sink: The folder in which the ledger leaves its heads, where it does.

    Raises:
        AndonError: The file is no recovery, or not about the head that this witness cosigned last.
    """
    claim = _claim(file)
    kept = witness_folder(folder)
    origin = claim.recovery.lost.origin
    mark = hex_of(of_bytes(claim.recovery.lost.root + claim.recovery.resumed.root))
    with kept.writing():
        if kept.has_recovered(origin, mark):
            raise RefusedError(
                "witness.not-recovered",
                "This witness went back by this recovery before.",
                place=origin,
                found=f"back to {claim.recovery.resumed.size} of {claim.recovery.lost.size} entries",
                fix="A second restored backup needs a second recovery.",
            )
        resumed = desk_of(kept).recover(claim.recovery, claim.note)
        kept.note_recovered(origin, mark)
    if sink:
        put_recovery(sink, claim.note)
    return Seen(resumed.origin, resumed.size, resumed.root.hex())


def _claim(file: Path) -> RecoveryClaim:
    try:
        envelope: Envelope = from_json(file.read_bytes())
    except OSError as error:
        raise InputError(
            "witness.unreadable", "This file cannot be read.", place=str(file), found=str(error), fix="Check the path."
        ) from error
    if envelope.payload_type != PAYLOAD_TYPE:
        raise UsageError(
            "witness.no-recovery",
            "This is not a recovery.",
            place=str(file),
            found=envelope.payload_type,
            fix="Bring the file that andon audit recover wrote.",
        )
    return read_recovery(from_bytes(envelope.payload))


def _listener(listen: str) -> socket.socket:
    host, _, port = listen.rpartition(":")
    if not host or not port.isdecimal() or int(port) >= _PORT:
        raise UsageError(
            "witness.not-an-address", "This is not an address.", found=repr(listen), fix="Write --listen 127.0.0.1:7890"
        )
    try:
        return socket.create_server((host.strip("[]"), int(port)), backlog=BACKLOG, reuse_port=False)
    except OSError as error:
        raise UsageError(
            "witness.no-address",
            "This address cannot be had.",
            found=f"{listen}: {error}",
            fix="Choose another with --listen HOST:PORT",
        ) from error
