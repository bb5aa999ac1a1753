"""The main job on real flights, as a session of two people at the command line: `make demo`.

Ada builds the model; grace is of operations and answers for what is served. Everything below is done with the command
`andon`, with plain HTTP, and with the one file that checks evidence packs. The state is kept in `build/demo`, so a
second run finds what was made before; remove that folder to begin anew.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from flights_source import read

HERE = Path(__file__).parent
ROOT = HERE.parent.parent / "build" / "demo"
FACTORY = ROOT / "flights"
FLOOR, WAIVER = ROOT / "floor.toml", ROOT / "waiver.json"
PACK, VERIFIER = ROOT / "evidence.zip", ROOT / "andon_verify.py"
SERVE = FACTORY / ".andon" / "serve" / "local"
ANDON = Path(sys.executable).parent / "andon"
TRAINED_AS_OF = "2013-07-01"
LIVE_UNTIL = "2013-07-08"
QUESTIONS = 300
DEMANDED_BRIER = 0.185  # by operations; the factory's own gate asks for 0.20
WAIVED_S = 2
WAITS_FOR_PEOPLE = 3
REFUSED = 4
BOLD, DIM, RED, GREEN, PLAIN = (
    ("\033[1m", "\033[2m", "\033[31m", "\033[32m", "\033[0m") if sys.stdout.isatty() else ("",) * 5
)


class DemoError(Exception):
    """Something did not go as the demo promises."""


@dataclass
class Facts:
    """What was measured in this run, for the summary."""

    started: float = field(default_factory=time.monotonic)
    rows: list[tuple[str, str]] = field(default_factory=list)

    def note(self, name: str, value: str) -> None:
        self.rows.append((name, value))


facts = Facts()


def headline(text: str) -> None:
    print(f"\n{BOLD}{text}{PLAIN}  {DIM}[{time.monotonic() - facts.started:.0f} s]{PLAIN}", flush=True)


def environment(person: str) -> dict[str, str]:
    return {**os.environ, "ANDON_HOME": str(ROOT / "home"), "ANDON_AS": person, "COLUMNS": "110"}


def andon(*words: str, person: str = "ada", expect: int = 0, quiet: bool = False, only: str = "") -> str:
    """Run one command, show it and what it says, and insist on its exit code.

    Args:
        words: What follows `andon` on the command line.
        person: Who runs it.
        expect: The exit code.
        quiet: Whether to show nothing of what it says.
        only: Show only the lines in which this is found.
    """
    print(f"{DIM}{person}${PLAIN} andon {' '.join(words)}", flush=True)
    done = subprocess.run(
        [ANDON, *words], cwd=FACTORY, env=environment(person), capture_output=True, text=True, check=False
    )
    said = done.stderr + done.stdout
    if not quiet or done.returncode != expect:
        lines = [line for line in said.splitlines() if done.returncode != expect or re.search(only, line)]
        print("".join(f"  {line}\n" for line in lines), end="", flush=True)
    if done.returncode != expect:
        raise DemoError(f"andon {' '.join(words)}: exit code {done.returncode}, not {expect}")
    return said


def asked_as_json(*words: str) -> Any:
    """What a command says to programs."""
    done = subprocess.run(
        [ANDON, *words, "--json"], cwd=FACTORY, env=environment("ada"), capture_output=True, text=True, check=False
    )
    return json.loads(done.stdout)


def write_factory(**changes: str) -> None:
    """Put the example's code into the factory folder, with some parameters changed."""
    text = (HERE / "factory.py").read_text()
    for name, value in changes.items():
        before = next(line for line in text.splitlines() if line.strip().startswith(f"{name}:"))
        text = text.replace(before, f"{before.split('=')[0]}= {value}")
    (FACTORY / "factory.py").write_text(text)
    shutil.copy(HERE / "flights_source.py", FACTORY / "flights_source.py")


@contextmanager
def server() -> Iterator[str]:
    """`andon up` in the background on a free port; gives its address."""
    print(f"{DIM}ada${PLAIN} andon up --port 0 &", flush=True)
    log = (ROOT / "up.log").open("w+")
    running = subprocess.Popen(
        [ANDON, "up", "--port", "0"], cwd=FACTORY, env=environment("ada"), stdout=log, stderr=log
    )
    try:
        yield wait_for_server(running, log)
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait(timeout=60)


def wait_for_server(running: "subprocess.Popen[bytes]", log: Any) -> str:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        log.seek(0)
        for line in log.read().splitlines():
            if "http://" in line:
                print(f"  {line}", flush=True)
                return "http://" + str(line).split("http://")[1].split("/")[0]
        if running.poll() is not None:
            break
        time.sleep(0.1)
    log.seek(0)
    raise DemoError(f"the server did not come up: {log.read()}")


def post(url: str, body: Mapping[str, object], timeout: float = 30) -> dict[str, Any]:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=timeout) as answer:
        return dict(json.load(answer))


def later_flights() -> list[dict[str, str]]:
    """Some hundred flights of the week after the training, each with the moment its question is asked."""
    week = SimpleNamespace(since=datetime(2013, 7, 1, 12, tzinfo=UTC), until=datetime(2013, 7, 7, tzinfo=UTC))
    rows = read("schedule", week).select("flight", "asked").collect().sort("asked", "flight")
    return [
        {"flight": flight, "asked": asked.isoformat()}
        for flight, asked in rows.gather_every(max(1, rows.height // QUESTIONS)).head(QUESTIONS).iter_rows()
    ]


def ask(url: str, flight: Mapping[str, str]) -> dict[str, Any]:
    return post(f"{url}/predict/flights/late", {"entity": {"flight": flight["flight"]}, "asked": flight["asked"]})


class Traffic:
    """Clients that ask without a pause, and keep who answered each request and when it was begun."""

    def __init__(self, url: str, flights: list[dict[str, str]], clients: int = 4) -> None:
        self.answers: list[tuple[float, str]] = []
        self.failures: list[str] = []
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(url, flights[number::clients])) for number in range(clients)
        ]

    def _run(self, url: str, flights: list[dict[str, str]]) -> None:
        while not self._stop.is_set():
            for flight in flights:
                if self._stop.is_set():
                    return
                begun = time.monotonic()
                try:
                    self.answers.append((begun, ask(url, flight)["release"]))
                except (OSError, urllib.error.HTTPError) as error:
                    self.failures.append(repr(error))

    def __enter__(self) -> "Traffic":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


def found() -> bool:
    """Make the factory, unless an earlier run did; whether it is new."""
    headline("1. A factory, two people: ada builds the model, grace is of operations; neither can go on alone")
    if (FACTORY / "andon.toml").exists():
        write_factory()
        print(f"  {FACTORY} is there from an earlier run: finished stages will be reused.")
        return False
    FACTORY.mkdir(parents=True)
    write_factory()
    andon("init", "flights")
    andon("key", "add", "grace", "--role", "operations")
    return True


def raise_the_floor() -> None:
    """Have both people sign what the target demands, whatever a factory asks of itself."""
    headline("2. Operations demand more of what is served than the factory asks of itself; both sign it")
    lines = andon("policy", "show", "--toml", quiet=True).splitlines()
    grace = lines[lines.index('name = "grace"') + 3].split('"')[1]
    changed = {
        "quorum = 1": "quorum = 2",
        "root_keys = [": f'root_keys = [\n  "{grace}",',
        'owner = "ada"': 'owner = "grace"',
        "criteria = []": (
            f'criteria = [\n  {{ gate = "model:late", metric = "brier", at_most = {DEMANDED_BRIER} }},\n]'
        ),
        "waivable = []": (
            'waivable = [\n  { gate = "model:late", metric = "brier", role = "operations", longest = "1d" },\n]'
        ),
    }
    FLOOR.write_text("".join(f"{changed.get(line, line)}\n" for line in lines))
    andon("policy", "propose", str(FLOOR), only="stricter|weaker|came|proposed")
    andon("policy", "sign", only="missing")
    andon("policy", "sign", person="grace", only="in force")
    andon("check", only="floor|^local")


def refuse_a_small_model() -> None:
    """A model that is good enough for the factory and not for the floor; and a waiver that comes too late."""
    headline("3. A quick small model is good enough for the factory's own gate, and not for the floor")
    write_factory(leaves="4", rounds="30")
    run_line(expect=REFUSED)
    print(f"  {DIM}grace would let it pass for {WAIVED_S} seconds, under her own name; she signs too late.{PLAIN}")
    words = ("--metric", "brier", "--until", f"{WAIVED_S}s", "--reason", "a holiday needs a model")
    andon("waiver", "propose", "model:late", *words, "--out", str(WAIVER), quiet=True)
    time.sleep(WAIVED_S)
    andon("waiver", "sign", str(WAIVER), person="grace", expect=REFUSED, only="waiver-refused|expired|fix:")
    write_factory()
    facts.note("a model below the floor", "refused at the model gate, and the waiver for it because it had expired")


def release(which: str) -> str:
    """Take the model through all gates, with the sign-off of somebody who did not start it; give the release."""
    if run_line() == WAITS_FOR_PEOPLE:
        print(f"  {DIM}ada started it, so her own approval would not count; grace signs.{PLAIN}")
        andon("approve", "--reason", which, person="grace")
        run_line()
    return serving()


def run_line(*, expect: int | None = None) -> int:
    """`andon run`, shown while it works; gives its exit code: 0, or 3 where it waits for people.

    Args:
        expect: Which one it must be; `None` for either of those.
    """
    print(f"{DIM}ada${PLAIN} andon run --as-of {TRAINED_AS_OF}", flush=True)
    running = subprocess.Popen(
        [ANDON, "run", "--as-of", TRAINED_AS_OF],
        cwd=FACTORY,
        env=environment("ada"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    for line in running.stdout or ():
        print(f"  {line}", end="", flush=True)
    if running.wait() not in ((0, WAITS_FOR_PEOPLE) if expect is None else (expect,)):
        raise DemoError(f"andon run: exit code {running.returncode}")
    return running.returncode


def serving() -> str:
    """The release that the local target serves."""
    targets = asked_as_json("status")["targets"]
    return str(next(item["release"] for item in targets if item["model"] == "late"))


def replay(url: str, flights: list[dict[str, str]]) -> str:
    headline(f"6. {len(flights)} later flights over HTTP, each as of two hours before it left")
    began = time.monotonic()
    answers = [ask(url, flight) for flight in flights]
    seconds = time.monotonic() - began
    late = sum(answer["prediction"] > 0.5 for answer in answers)
    facts.note(
        "questions answered over HTTP",
        f"{len(answers)}, {seconds / len(answers) * 1000:.1f} ms each, one after another",
    )
    print(f"  {len(answers)} answers, {late} of them above 0.5; the first one:")
    print(f"  {json.dumps(answers[0])}")
    return str(answers[0]["id"])


def roll_back(url: str, flights: list[dict[str, str]], first: str, second: str) -> None:
    headline("9. Back to the first release, under traffic")
    with Traffic(url, flights) as traffic:
        time.sleep(1)
        said = asked_as_json("rollback", "--reason", "the demo shows it")
        returned = time.monotonic()
        time.sleep(1)
    by = Counter(
        "first" if release == first else "second" if release == second else release for _, release in traffic.answers
    )
    stale = sum(begun > returned and release != first for begun, release in traffic.answers)
    print(
        f"  {len(traffic.answers)} requests: {dict(by)}; {len(traffic.failures)} failed, {stale} stale after the flip"
    )
    if traffic.failures or stale:
        raise DemoError(f"rollback under traffic: {traffic.failures[:3]}, {stale} stale")
    facts.note(
        "rollback under traffic",
        f"{said['flip_ms']:.1f} ms to the flip, {len(traffic.answers)} requests, 0 failed, 0 stale",
    )


def refuse_a_flipped_byte(first: str) -> None:
    headline("11. One byte of the model file is flipped: the server refuses it")
    bundle = json.loads((SERVE / "late" / "bundles" / f"{first.removeprefix('sha256:')}.json").read_text())
    model = next(item for item in bundle["manifests"].values() if item["kind"] == "model")
    sha = next(item["sha256"] for item in model["content"] if item["name"] == "model").removeprefix("sha256:")
    path = FACTORY / ".andon" / "store" / sha[:2] / sha
    good = path.read_bytes()
    path.chmod(0o644)
    try:
        path.write_bytes(good[:1000] + bytes([good[1000] ^ 1]) + good[1001:])
        said = ask_refusing_server()
        andon("audit", "verify", expect=1)
    finally:
        path.write_bytes(good)
        path.chmod(0o444)
    facts.note("one flipped byte in the model file", said)


def ask_refusing_server() -> str:
    with server() as url:
        try:
            ask(url, {"flight": "?", "asked": "2013-07-02"})
        except urllib.error.HTTPError as error:
            refusal = json.load(error)["error"]
            print(f"  {error.code} {refusal['code']}: {refusal['message']}")
            if error.code == 503:
                return f"the server refuses to serve it ({refusal['code']}), the audit names the object"
    raise DemoError("the server answered with a damaged model")


def hand_over_the_evidence(release: str) -> None:
    """Export what was said about a release, and have it checked by a program that knows nothing of this factory."""
    headline("12. The evidence for somebody who trusts neither ada nor andon: one file, checked by another one")
    for path in (PACK, VERIFIER):
        path.unlink(missing_ok=True)
    andon("export", "evidence", release, "--out", str(PACK))
    andon("export", "verifier", "--out", str(VERIFIER), quiet=True)
    pinned = str(asked_as_json("policy", "history")[-1]["fingerprint"])
    began = time.monotonic()
    verified(PACK, pinned, expect=0)
    facts.note("evidence pack", f"{PACK.stat().st_size / 1e6:.1f} MB, verified in {time.monotonic() - began:.1f} s")
    data = bytearray(PACK.read_bytes())
    data[len(data) // 2] ^= 1
    changed = PACK.with_name("evidence-changed.zip")
    changed.write_bytes(data)
    print(f"  {DIM}And with one byte of it changed:{PLAIN}")
    verified(changed, pinned, expect=1)


def verified(pack: Path, pinned: str, *, expect: int) -> None:
    """Run the verifier, shut off from everything that is installed here but what it needs."""
    print(f"{DIM}auditor${PLAIN} python {VERIFIER.name} {pack.name} --root {pinned[:19]}...", flush=True)
    command = [sys.executable, "-I", str(VERIFIER), str(pack), "--root", pinned]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    print("".join(f"  {line}\n" for line in (done.stdout + done.stderr).splitlines()), end="", flush=True)
    if done.returncode != expect:
        raise DemoError(f"the verifier ended with {done.returncode}, not {expect}")


def main() -> None:
    print(
        f"{BOLD}andon: from raw flights to a traced prediction{PLAIN}, real flights of New York, January to June 2013"
    )
    if found():
        raise_the_floor()
        refuse_a_small_model()
    headline("4. The real model: all gates, the sign-off of somebody else, admission")
    first = release("first release")
    note_rows(asked_as_json("data", "list"))
    headline("5. Serve it, and publish the week after: what features see from now on")
    with server() as url:
        andon("run", "schedule", "departures", "arrivals", "weather", "--as-of", LIVE_UNTIL, quiet=True)
        flights = later_flights()
        prediction = replay(url, flights)
        headline("7. Their labels have come: live against what was promised")
        time.sleep(1.5)  # the prediction log closes a batch once a second
        andon("monitor", "report", "--to", str(ROOT / "live.html"))
        headline("8. A second version (smaller trees) goes through the same gates, and is promoted under the server")
        write_factory(leaves="15")
        second = release("second release")
        roll_back(url, flights, first, second)
        write_factory()
        headline("10. Where one prediction comes from, and whether everything is as it was recorded")
        andon("lineage", prediction)
    began = time.monotonic()
    andon("audit", "verify")
    facts.note("audit", f"clean, {time.monotonic() - began:.1f} s")
    refuse_a_flipped_byte(first)
    hand_over_the_evidence(first)
    summary(first, second)


def note_rows(datasets: Any) -> None:
    counts: Counter[str] = Counter()
    for item in datasets:
        for name in ("in", "good", "quarantined", "duplicate"):
            counts[name] += int(item[name])
    facts.note("rows", ", ".join(f"{counts[name]} {name}" for name in ("in", "good", "quarantined", "duplicate")))


def summary(first: str, second: str) -> None:
    gates = asked_as_json("gates", "model:late")
    facts.note("first release, second release", f"{first[7:19]}, {second[7:19]}")
    headline("What this run showed")
    for name, value in (*facts.rows, *measured(gates)):
        print(f"  {GREEN}+{PLAIN} {name}: {value}")
    print(f"  {DIM}Report of a model: andon model list, andon model report MODEL; live: {ROOT / 'live.html'}{PLAIN}")
    print(f"  {DIM}Whole demo: {time.monotonic() - facts.started:.0f} s{PLAIN}")


def measured(gates: Any) -> Iterator[tuple[str, str]]:
    for verdict in gates:
        for item in verdict["findings"]:
            if item["criterion"].startswith("brier"):
                yield (
                    f"model gate, {verdict['outcome']}",
                    f"{item['criterion']}, measured {item['value']:.3f} on {item['n']} rows",
                )


if __name__ == "__main__":
    try:
        main()
    except DemoError as error:
        sys.exit(f"{RED}The demo failed: {error}{PLAIN}")
    except KeyboardInterrupt:
        sys.exit("Interrupted; run it again to go on.")
