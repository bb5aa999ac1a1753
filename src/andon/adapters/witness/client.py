"""A witness that is asked over HTTP (C2SP tlog-witness)."""

import re
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Final
from urllib.parse import urlsplit

from andon.kernel.errors import ConflictError, IntegrityError, RefusedError, UsageError
from andon.ledger.checkpoint import parse
from andon.ledger.witness import Shown, WitnessConflictError, write_request

TIMEOUT_S: Final = 5.0
_MOST_BYTES: Final = 64 * 1024
_SIZE: Final = re.compile(rb"(0|[1-9][0-9]{0,18})\n")
_OK, _CONFLICT, _INCONSISTENT = 200, 409, 422


@dataclass(frozen=True, slots=True)
class HttpWitness:
    """Implements `andon.ledger.ports.Witness` over HTTP or HTTPS.

    Attributes:
        name: What the settings call it.
        url: Its submission prefix, such as `https://witness.example/andon`.
        timeout_s: How long each wait for it may take, in seconds.
    """

    name: str
    url: str
    timeout_s: float = TIMEOUT_S

    @property
    def is_live(self) -> bool:
        """It signs when it is asked."""
        return True

    def cosign(self, shown: Shown) -> str:
        """The signature lines under the head that it is shown.

        Raises:
            WitnessConflictError: It saw the ledger last at another size than the one the proof starts from.
            ConflictError: It cannot be reached, or does not answer in time (`witness.unreachable`).
            RefusedError: It refuses (`witness.refused`).
            IntegrityError: It saw a ledger that this one does not continue (`witness.inconsistent`), or its answer is
                none (`witness.bad-answer`).
        """
        status, kind, body = self._post(write_request(shown))
        if status == _OK:
            return self._text(body)
        size = _SIZE.fullmatch(body)
        if status == _CONFLICT and kind == "text/x.tlog.size" and size:
            raise WitnessConflictError(
                parse(shown.note).origin, int(size[1]), f"{self.name} saw {int(size[1])} entries"
            )
        found = f"status {status}: {body[:200].decode(errors='replace').strip()}"
        if status == _INCONSISTENT:
            raise IntegrityError(
                "witness.inconsistent",
                "The witness has seen a ledger that this one does not continue.",
                place=f"{self.name} at {self.url}",
                found=found,
                fix="Restore the newest ledger; after a restored backup: andon audit recover --reason WHY",
            )
        raise RefusedError(
            "witness.refused",
            "The witness refuses to cosign.",
            place=f"{self.name} at {self.url}",
            found=found,
            fix="Ask its owner; the answer says what is wrong.",
        )

    def _post(self, request: bytes) -> tuple[int, str, bytes]:
        """Status, content type and body of the answer to one request."""
        parts = urlsplit(self.url)
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=self.timeout_s)
        try:
            path = f"{parts.path.rstrip('/')}/add-checkpoint"
            connection.request("POST", path, request, {"Content-Type": "text/plain; charset=utf-8"})
            answer = connection.getresponse()
            return answer.status, answer.headers.get("Content-Type", ""), answer.read(_MOST_BYTES + 1)
        except (OSError, HTTPException) as error:
            raise ConflictError(
                "witness.unreachable",
                "The witness cannot be asked.",
                place=f"{self.name} at {self.url}",
                found=f"{type(error).__name__}: {error}",
                fix="Bring it back, then try again; what runs keeps running meanwhile.",
            ) from error
        finally:
            connection.close()

    def _text(self, body: bytes) -> str:
        try:
            if len(body) <= _MOST_BYTES:
                return body.decode()
        except UnicodeDecodeError:
            pass
        raise IntegrityError(
            "witness.bad-answer",
            "The witness did not answer with signature lines.",
            place=f"{self.name} at {self.url}",
            found=repr(body[:60]),
            fix="Check that the URL is that of a witness.",
        )


def http_witness(name: str, url: str) -> HttpWitness:
    """The witness at a URL.

    Raises:
        UsageError: It is not an `http://` or `https://` URL of a host.
    """
    try:
        parts = urlsplit(url)
        is_fit = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
        is_fit = is_fit and not (parts.query or parts.fragment or parts.username)
    except ValueError:
        is_fit = False
    if not is_fit:
        raise UsageError(
            "witness.not-a-url",
            "This is not where a witness can be asked.",
            found=repr(url),
            fix="Write https://host/prefix, http://host:port or folder:/path.",
        )
    return HttpWitness(name, url)
