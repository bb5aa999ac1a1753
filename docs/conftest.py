"""The examples in the documents, run as they stand: console blocks in a shell, files written, Python evaluated.

A `console` block has commands on lines that begin with `$ `, and below each what it says. `...` on a line of its own
stands for any lines, within a line for any text; runs of spaces count as one. A command ends with exit code 0, unless
the last line below it is `[exit N]`. One that ends with `&` runs until its document ends, and the first address that it
prints is `$URL` from then on. A Python block that begins with `# NAME.py` is written to that file, with `# NAME.py,
continued` it is added to it, and any other is evaluated; TOML likewise, but any other is only read.

Each document has a temporary folder of its own, but those of `ONE_STORY` go on where the one before ended.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sybil import Example, Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import CodeBlockParser

ROOT = Path(__file__).parent.parent
README = "README.md"
ON_ITS_DATA = (README, "people.md")
"""Each with a factory of its own, whose `data.csv` is the file that the tour writes."""
ONE_STORY = ("tour.md", "gates.md", "serving.md", "evidence.md", "policy.md")
SHELL = "shell of the document"
UP_WITHIN_S = 120
COMMAND_WITHIN_S = 300
FILE = re.compile(r"# (?P<name>[\w/]+\.(?:py|toml))(?P<more>, continued)?\n")
EXIT = re.compile(r"\[exit (\d+)\]")
SCRIPT = """\
. "$STATE/variables"; cd "$(cat "$STATE/folder")"; set -a
{}
code=$?; pwd > "$STATE/folder"; export -p > "$STATE/variables"; exit $code
"""
"""Goes on with the variables and in the folder in which the command before ended."""


@dataclass(frozen=True)
class Command:
    """One command of a block, what it should say, and how it should end."""

    text: str
    expected: str
    code: int
    line: int


@dataclass
class Shell:
    """Where the commands of a document run, one after another."""

    top: Path
    state: Path
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        """The folder in which the next command runs."""
        return Path((self.state / "folder").read_text().strip())

    def environment(self) -> dict[str, str]:
        """The variables of the commands: this project's `andon` first, a home of its own, ada at the keyboard."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("ANDON_")},
            "PATH": path,
            "STATE": str(self.state),
            "ANDON_HOME": str(self.top / "home"),
            "ANDON_AS": "ada",
        }

    def run(self, command: str) -> tuple[str, int]:
        """What a command says, on both streams, and its exit code."""
        done = subprocess.run(
            ["sh", "-c", SCRIPT.format(command)],
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            check=False,
            timeout=COMMAND_WITHIN_S,
        )
        return done.stdout, done.returncode

    def start(self, command: str, expected: str) -> str:
        """Start a command that goes on; what it said until it said what is expected, or until it took too long."""
        said = self.state / f"said-{len(self.started)}"
        with said.open("w") as out:
            running = subprocess.Popen(
                ["sh", "-c", f'cd "$(cat "$STATE/folder")"; exec {command}'],
                env=self.environment(),
                stdout=out,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                text=True,
            )
        self.started.append(running)
        deadline = time.monotonic() + UP_WITHIN_S
        while time.monotonic() < deadline and running.poll() is None and not agrees(expected, said.read_text()):
            time.sleep(0.1)
        if address := re.search(r"http://[^/\s]+", said.read_text()):
            with (self.state / "variables").open("a") as variables:
                variables.write(f"export URL={address[0]}\n")
        return said.read_text()

    def stop(self) -> None:
        """End what still runs."""
        for running in self.started:
            running.send_signal(signal.SIGTERM)
        for running in self.started:
            running.wait(timeout=UP_WITHIN_S)
        self.started.clear()


def commands_of(block: str, line: int) -> Iterator[Command]:
    """The commands of a console block."""
    parts = re.split(r"^\$ ", block, flags=re.MULTILINE)
    if parts[0].strip():
        raise ValueError(f"line {line}: a console block begins with a command: {parts[0]!r}")
    line += parts[0].count("\n") + 1
    for part in parts[1:]:
        text, _, below = part.partition("\n")
        while text.endswith("\\"):
            more, _, below = below.partition("\n")
            text = f"{text}\n{more.removeprefix('> ')}"
        *expected, last = below.rstrip().split("\n")
        ends = EXIT.fullmatch(last)
        lines = expected if ends else [*expected, last]
        yield Command(text, "\n".join(lines), int(ends[1]) if ends else 0, line)
        line += part.count("\n")


def agrees(expected: str, said: str) -> bool:
    """Whether a command said what was expected of it."""
    return re.fullmatch(pattern(expected), plain(said)) is not None


def pattern(expected: str) -> str:
    """What was expected as a regular expression over lines that each end with a newline."""
    lines = plain(expected).splitlines()
    return "".join(
        r"(?:[^\n]*\n)*?" if line.strip() == "..." else r"[^\n]*".join(map(re.escape, line.split("..."))) + r"\n"
        for line in lines
    )


def plain(text: str) -> str:
    """Lines without the spaces that only line up columns; no empty lines at either end."""
    lines = [re.sub(r"[ \t]+", " ", line).rstrip() for line in text.strip("\n").splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    return "".join(f"{line}\n" for line in lines)


class Folders:
    """Gives every document its shell: in a fresh folder, or for the documents of one story in the same."""

    def __init__(self) -> None:
        self.top = Path(tempfile.mkdtemp(prefix="andon-docs-"))
        self.shells: dict[str, Shell] = {}

    def shell_of(self, example: Example) -> Shell:
        """The shell in which the examples of a document run."""
        name = Path(example.path).name
        if name in (*ONE_STORY[1:], *ON_ITS_DATA) and ONE_STORY[0] not in self.shells:
            pytest.fail(f"{name} needs what {ONE_STORY[0]} makes: pytest docs/{ONE_STORY[0]} and this one")
        key = ONE_STORY[0] if name in ONE_STORY else name
        if key not in self.shells:
            self.shells[key] = self._fresh(Path(name).stem)
            if name in ON_ITS_DATA:
                shutil.copy(self.shells[ONE_STORY[0]].top / "deliveries.csv", self.shells[key].top / "data.csv")
        example.namespace[SHELL] = self.shells[key]
        return self.shells[key]

    def _fresh(self, name: str) -> Shell:
        top, state = self.top / name, self.top / f"{name}.state"
        top.mkdir()
        state.mkdir()
        (state / "folder").write_text(str(top))
        (state / "variables").write_text("")
        return Shell(top, state)

    def run_console(self, example: Example) -> str | None:
        """Run the commands of a block; what differs from the document, if anything does."""
        shell = self.shell_of(example)
        for command in commands_of(str(example.parsed), example.line):
            if command.text.endswith(" &"):
                said, code = shell.start(command.text.removesuffix(" &"), command.expected), 0
            else:
                said, code = shell.run(command.text)
            if code != command.code or not agrees(command.expected, said):
                return (
                    f"line {command.line}: $ {command.text}\nexpected, with exit code {command.code}:\n"
                    f"{plain(command.expected)}\nsaid, with exit code {code}:\n{plain(said)}"
                )
        return None

    def run_python(self, example: Example) -> None:
        """Write a block to the file that its first line names, or evaluate it."""
        if not self.write(example):
            PythonEvaluator()(example)

    def write(self, example: Example) -> bool:
        """Write a block to the file that its first line names; whether it names one."""
        text, shell = str(example.parsed), self.shell_of(example)
        named = FILE.match(text)
        if named is None:
            return False
        path = shell.folder / named["name"]
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a" if named["more"] else "x") as file:
            file.write(text[named.end() :] + "\n")
        return True

    def run_toml(self, example: Example) -> None:
        """Write a block to the file that its first line names, if it names one."""
        self.write(example)


class Examples:
    """Collects the documents, those of one story in their order and before all others."""

    def __init__(self) -> None:
        self.folders = Folders()
        parsers = [
            CodeBlockParser("console", self.folders.run_console),
            CodeBlockParser("python", self.folders.run_python),
            CodeBlockParser("toml", self.folders.run_toml),
        ]
        self.pytest_collect_file = Sybil(parsers, pattern="*.md", path=str(ROOT), teardown=stop_servers).pytest()

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """The tour first: the pages after it go on with its factory."""
        last = len(ONE_STORY)
        items.sort(key=lambda item: ONE_STORY.index(item.path.name) if item.path.name in ONE_STORY else last)

    def pytest_unconfigure(self) -> None:
        """Leave nothing behind."""
        shutil.rmtree(self.folders.top, ignore_errors=True)


def stop_servers(namespace: MutableMapping[str, object]) -> None:
    """A document has ended: so do its servers."""
    shell = namespace.get(SHELL)
    if isinstance(shell, Shell):
        shell.stop()


def pytest_configure(config: pytest.Config) -> None:
    """As a plug-in of its own, because a conftest's hooks do not see the README beside its folder."""
    config.pluginmanager.register(Examples())
