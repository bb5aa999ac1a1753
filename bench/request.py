"""What a governed prediction for one row costs a server, against an ASGI echo on the same uvicorn."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from made import ANDON, END, andon, found
from measured import against, surroundings, tell

REQUESTS, ROUNDS, WAIT_S = 1500, 3, 60
ECHO = """
import asyncio, uvicorn
async def app(scope, receive, send):
    body = (await receive())["body"]
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
uvicorn.run(app, port=int(__import__("sys").argv[1]), lifespan="off", log_config=None, access_log=False,
            server_header=False, date_header=False, ws="none")
"""
ROW = [0.3, -0.2, 1.1, -0.06, 13.0, 4.0, 1.0, 1.0]


def main() -> None:
    """Ask both servers the same number of questions in turns, and keep the least of each."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        place = found(Path(folder))
        andon(place, home, "run", "--as-of", END.isoformat())
        with governed(place, home) as (port, worker), echo() as (echo_port, echo_worker):
            row = json.dumps({"inputs": inputs(port)}).encode()
            path = b"/v2/models/late/infer"
            assert b"outputs" in ask(port, path, row, 1), "the server does not predict"
            ours = floor = float("inf")
            for _ in range(ROUNDS):
                floor = min(floor, cpu_us(echo_worker, echo_port, path, row))
                ours = min(ours, cpu_us(worker, port, path, row))
    tell(
        against(
            "governed_request_one_row",
            "us",
            ours,
            floor,
            "uvicorn with the same settings, whose raw ASGI application sends the body back.",
            times=3,
            note="Processor time of the server process for one inference of eight given features, logged.",
        )
    )


def inputs(port: int) -> list[dict]:
    """One row in the form in which the server's own description of the model asks for it."""
    described = json.loads(ask(port, b"/v2/models/late", b"", 1, method=b"GET"))
    kinds = {"BOOL": bool, "INT64": int, "BYTES": str}
    return [
        {
            "name": one["name"],
            "shape": [1, 1] if len(one["shape"]) == 2 else [1],
            "datatype": one["datatype"],
            "data": [kinds.get(one["datatype"], float)(value)],
        }
        for one, value in zip(described["inputs"], ROW, strict=True)
    ]


@contextmanager
def governed(place: Path, home: Path) -> Iterator[tuple[int, int]]:
    """andon's server with one worker: its port and the worker's process."""
    command = [ANDON, "up", "--port", "0"]
    with subprocess.Popen(command, cwd=place, env=surroundings(home), stdout=subprocess.DEVNULL) as server:
        try:
            said = place / ".andon" / "serve" / "local" / "server.json"
            wait_for(said.exists)
            told = json.loads(said.read_bytes())
            yield int(told["url"].rsplit(":", 1)[1]), next(iter(told["workers"].values()))
        finally:
            server.terminate()


@contextmanager
def echo() -> Iterator[tuple[int, int]]:
    """The floor's server: its port and its process."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with subprocess.Popen([sys.executable, "-c", ECHO, str(port)], stdout=subprocess.DEVNULL) as server:
        try:
            wait_for(lambda: listens(port))
            yield port, server.pid
        finally:
            server.terminate()


def listens(port: int) -> bool:
    """Whether somebody takes connections."""
    with socket.socket() as attempt:
        return attempt.connect_ex(("127.0.0.1", port)) == 0


def wait_for(holds) -> None:
    """Wait until something holds."""
    end = time.monotonic() + WAIT_S
    while not holds():
        if time.monotonic() > end:
            raise RuntimeError("waited in vain for a server")
        time.sleep(0.05)


def cpu_us(process: int, port: int, path: bytes, body: bytes) -> float:
    """Processor time of a process for one request, in microseconds."""
    ask(port, path, body, REQUESTS // 10)
    before = spent_s(process)
    ask(port, path, body, REQUESTS)
    return (spent_s(process) - before) / REQUESTS * 1e6


def spent_s(process: int) -> float:
    """Processor time of a process so far, all its threads together, in seconds to the nanosecond."""
    tasks = Path(f"/proc/{process}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def ask(port: int, path: bytes, body: bytes, times: int, method: bytes = b"POST") -> bytes:
    """Send a request some times on one connection, and give the last answer's body.

    Raises:
        RuntimeError: An answer is not a success.
    """
    head = b"%s %s HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    request, answer = head % (method, path, len(body)) + body, b""
    with socket.create_connection(("127.0.0.1", port)) as connection, connection.makefile("rb") as stream:
        for _ in range(times):
            connection.sendall(request)
            status, length = stream.readline(), 0
            while (line := stream.readline()) != b"\r\n":
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            answer = stream.read(length)
            if b" 200 " not in status:
                raise RuntimeError(f"{status!r}: {answer!r}")
    return answer


if __name__ == "__main__":
    os.environ.pop("ANDON_HOME", None)
    main()
