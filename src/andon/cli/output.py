"""How the command line speaks: tables and sentences for people, JSON for programs, errors with a way out."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from andon.kernel.canonical import Json
from andon.kernel.errors import AndonError

EXIT_FAILED = 1
WIDE = 200


@dataclass
class Output:
    """Where a command's words go.

    Attributes:
        as_json: Print one JSON object at the end instead of words.
    """

    as_json: bool = False
    console: Console = field(default_factory=lambda: _console(stderr=False))
    errors: Console = field(default_factory=lambda: _console(stderr=True))

    def say(self, text: str = "", style: str = "") -> None:
        """A sentence for a person; nothing in JSON mode."""
        if not self.as_json:
            self.console.print(escape(text), style=style or None)
            self.console.file.flush()

    def text(self, text: str) -> None:
        """A file's text as it stands, to be written to one; nothing in JSON mode."""
        if not self.as_json:
            sys.stdout.write(text)

    def progress(self, text: str) -> None:
        """A line about work that goes on; on the error stream, so that results stay clean."""
        self.errors.print(escape(text), style="dim")

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]], title: str = "") -> None:
        """A table for a person; nothing in JSON mode."""
        if self.as_json:
            return
        table = Table(
            *(Column(name, overflow="fold") for name in columns),
            title=title or None,
            title_justify="left",
            box=None,
            pad_edge=False,
            padding=(0, 2, 0, 0),
            show_header=any(columns),
        )
        for row in rows:
            table.add_row(*(escape(cell) for cell in row))
        self.console.print(table)

    def result(self, value: Json) -> None:
        """The command's result for a program; nothing in words mode."""
        if self.as_json:
            sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")

    def error(self, error: AndonError) -> None:
        """An error, with where, what was found and the way out."""
        if self.as_json:
            sys.stdout.write(json.dumps({"error": error.to_json()}, indent=2, ensure_ascii=False) + "\n")
            return
        self.errors.print(f"[bold red]{escape(error.message)}[/]  [dim]{escape(error.code)}[/]")
        for name, text in error.details().items():
            if text:
                style = "bold" if name == "fix" else "dim"
                self.errors.print(f"  [{style}]{name}:[/] {escape(text)}")


@contextmanager
def reported(output: Output) -> Iterator[None]:
    """Turn refusals into messages and exit codes: 1 failed, 2 usage, 3 waits for people, 4 gate refused."""
    try:
        yield
    except AndonError as error:
        output.error(error)
        raise SystemExit(error.exit_code) from error
    except KeyboardInterrupt as error:
        output.errors.print("Interrupted; what was finished is kept. Run the same command again to go on.")
        raise SystemExit(EXIT_FAILED) from error
    except BrokenPipeError as error:
        raise SystemExit(0) from error


def _console(*, stderr: bool) -> Console:
    """As wide as the terminal; where there is none, wide enough that no table is cut."""
    console = Console(stderr=stderr, highlight=False, soft_wrap=True)
    return console if console.is_terminal else Console(stderr=stderr, highlight=False, soft_wrap=True, width=WIDE)
