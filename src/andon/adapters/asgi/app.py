"""The web application of one worker: raw ASGI, one request at a time, every refusal as JSON."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from andon.adapters.asgi.answers import Reply, refusal, refuse, unexpected
from andon.adapters.asgi.endpoints import Endpoints, Routes
from andon.adapters.asgi.metrics import Metrics
from andon.kernel.errors import AndonError

MOST_BYTES: Final = 4 * 1024 * 1024
MOST_ROWS: Final = 10_000
Scope = MutableMapping[str, Any]  # as ASGI defines it
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class App:
    """Answers HTTP requests with the routes of one worker.

    Args:
        factory: The factory whose models are served.
        routes: Every model that is served, by name.
        metrics: Where requests are counted.
    """

    def __init__(self, factory: str, routes: Routes, metrics: Metrics) -> None:
        self._endpoints = Endpoints(factory, routes, MOST_ROWS)
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI wants it."""
        if scope["type"] != "http":
            return
        path: str = scope["path"]
        try:
            reply = self._answer(scope["method"], path, await _body(receive))
        except AndonError as error:
            reply = refusal(error, is_oip=path.startswith("/v2"))
        except Exception as error:  # noqa: BLE001  # a failure of ours must not show its inside to the caller
            reply = unexpected(type(error).__name__, is_oip=path.startswith("/v2"))
        self._metrics.count(reply.model, reply.release, reply.status, reply.predictions)
        headers = [(b"content-type", reply.content_type), (b"content-length", b"%d" % len(reply.body))]
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.body})

    def _answer(self, method: str, path: str, body: bytes) -> Reply:
        if path == "/metrics" and method == "GET":
            return Reply(200, self._metrics.text().encode(), content_type=b"text/plain; version=0.0.4; charset=utf-8")
        return self._endpoints.dispatch(method, path, body)


async def _body(receive: Receive) -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False):
        return _checked(body)
    parts, size_bytes = [body], len(body)
    while message.get("more_body", False):
        message = await receive()
        parts.append(message.get("body", b""))
        size_bytes += len(parts[-1])
        if size_bytes > MOST_BYTES:
            break
    return _checked(b"".join(parts))


def _checked(body: bytes) -> bytes:
    if len(body) > MOST_BYTES:
        raise refuse(
            "too-large",
            f"The body of a request holds at most {MOST_BYTES} bytes.",
            f"{len(body)} bytes or more",
            "Send fewer rows at a time.",
        )
    return body
