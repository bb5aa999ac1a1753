"""Answers to requests as status and JSON bytes, refusals included."""

from typing import Final

import msgspec

from andon.adapters.asgi.wire import ENCODER
from andon.kernel.errors import AndonError, InputError
from andon.line.serve.errors import NotReadyError

_STATUS: Final = {
    "http.not-json": 400,
    "http.malformed": 400,
    "http.unknown-path": 404,
    "http.unknown-model": 404,
    "http.unknown-version": 404,
    "serve.unknown-entity": 404,
    "http.method": 405,
    "http.too-large": 413,
    "serve.no-features": 503,
    "online.full": 503,
    "online.unreadable": 503,
    "package.bad-answer": 503,
}


class Reply(msgspec.Struct, frozen=True):
    """What goes back.

    Attributes:
        model: The model asked, for the counts; empty when none was found.
        release: The release that answered.
        predictions: How many predictions the answer holds.
    """

    status: int
    body: bytes
    model: str = ""
    release: str = ""
    predictions: int = 0
    content_type: bytes = b"application/json"


def json_reply(value: object, status: int = 200) -> Reply:
    """A JSON answer."""
    return Reply(status, ENCODER.encode(value))


def refusal(error: AndonError, *, is_oip: bool) -> Reply:
    """A refusal as JSON.

    The Open Inference Protocol wants text as `error`, so code, found and fix stand beside it there; everywhere else
    they stand in it. Where in a question it is wrong is told; where in the server something is wrong is not.
    """
    status = status_of(error)
    place = {"at": error.place} if error.place and status < 500 else {}
    parts = {"code": error.code, "message": error.message, **place, "found": error.found, "fix": error.fix}
    body = {**parts, "error": f"{error.code}: {error.message}"} if is_oip else {"error": parts}
    return json_reply(body, status)


def status_of(error: AndonError) -> int:
    """The HTTP status of a refusal."""
    if error.code in _STATUS:
        return _STATUS[error.code]
    if isinstance(error, NotReadyError):
        return 503
    return 422 if isinstance(error, InputError) or error.exit_code == 2 else 503


def unexpected(kind: str, *, is_oip: bool) -> Reply:
    """The answer when andon itself fails: it says so, and nothing of the inside."""
    error = AndonError(
        "serve.unexpected", "andon failed on this request.", found=kind, fix="Report it with the request."
    )
    return Reply(500, refusal(error, is_oip=is_oip).body)


def refuse(what: str, message: str, found: str, fix: str) -> InputError:
    """A refusal of the request itself, before any model is asked."""
    return InputError(f"http.{what}", message, found=found[:200], fix=fix)
