"""The web application of a witness: one request, `POST .../add-checkpoint`, and what the witness answers to it."""

import asyncio
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any, Final

import uvicorn

from andon.ledger.desk import Answer
from andon.ledger.witness import MAX_REQUEST_BYTES

_TEXT: Final = "text/plain; charset=utf-8"
_TOO_LARGE: Final = Answer(413, _TEXT, b"a request holds at most 64 KiB\n")
_NOT_FOUND: Final = Answer(404, _TEXT, b"POST to add-checkpoint\n")
_NOT_POST: Final = Answer(405, _TEXT, b"POST to add-checkpoint\n")
_MOST_AT_ONCE: Final = 32
Scope = MutableMapping[str, Any]  # as ASGI defines it
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class WitnessApp:
    """Answers HTTP requests for a witness.

    Args:
        answer: What the witness answers to the body of a request; called in a thread, because it waits for the disk.
    """

    def __init__(self, answer: Callable[[bytes], Answer]) -> None:
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI wants it."""
        if scope["type"] != "http":
            return
        made = await self._reply(scope, receive)
        headers = [(b"content-type", made.content_type.encode()), (b"content-length", b"%d" % len(made.body))]
        await send({"type": "http.response.start", "status": made.status, "headers": headers})
        await send({"type": "http.response.body", "body": made.body})

    async def _reply(self, scope: Scope, receive: Receive) -> Answer:
        if not scope["path"].endswith("/add-checkpoint"):
            return _NOT_FOUND
        if scope["method"] != "POST":
            return _NOT_POST
        body, is_more = b"", True
        while is_more:
            message = await receive()
            body += message.get("body", b"")
            is_more = message.get("more_body", False)
            if len(body) > MAX_REQUEST_BYTES:
                return _TOO_LARGE
        return await asyncio.to_thread(self._answer, body)


class WitnessServer(uvicorn.Server):
    """A server that ends by itself when it is told to.

    Args:
        app: The application.
        on_ready: Called once the socket is listened to.
    """

    def __init__(self, app: WitnessApp, on_ready: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                limit_concurrency=_MOST_AT_ONCE,
                timeout_graceful_shutdown=5,
                ws="none",
            )
        )
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen, and say so."""
        await super().startup(sockets)
        self._on_ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End on SIGTERM and SIGINT, and return to the caller instead of dying of the signal."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.handle_exit)
        yield


def serve_witness(answer: Callable[[bytes], Answer], listener: socket.socket, on_ready: Callable[[], None]) -> None:
    """Answer for a witness on a listening socket until told to end."""
    WitnessServer(WitnessApp(answer), on_ready).run(sockets=[listener])
