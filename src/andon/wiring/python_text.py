"""Pieces of Python as text, laid out as people write it."""

from collections.abc import Iterator, Sequence
from typing import Final

WIDTH: Final = 116


def call(start: str, items: Sequence[str], end: str = "") -> Iterator[str]:
    """Something with items in brackets: on one line if that is short enough, else one line for each item."""
    line = f"{start}({', '.join(items)}){end}"
    if len(line) <= WIDTH:
        yield line
        return
    indent = " " * (len(start) - len(start.lstrip()))
    yield f"{start}("
    for item in items:
        yield f"{indent}    {item},"
    yield f"{indent}){end}"


def text_of(value: str) -> str:
    """A text as Python writes it, in double quotes."""
    plain = repr(value)
    inner = plain[1:-1]
    return f'"{inner}"' if '"' not in inner and "\\'" not in inner else plain
