"""Running the application of one worker on a socket that it shares with the others."""

import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import uvicorn

from andon.adapters.asgi.app import App

DRAIN_S: Final = 10


class WorkerServer(uvicorn.Server):
    """A server that ends by itself when it is told to: what it has begun to answer is answered first.

    Args:
        app: The application.
        on_ready: Called once the socket is listened to.
    """

    def __init__(self, app: App, on_ready: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=DRAIN_S,
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

    def end(self) -> None:
        """Stop listening, answer what was begun, and return from `run`; for any thread."""
        self.should_exit = True


def run_worker(server: WorkerServer, listener: socket.socket) -> None:
    """Serve on a listening socket until the server is told to end."""
    server.run(sockets=[listener])
