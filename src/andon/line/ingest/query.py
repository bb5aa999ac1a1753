"""The window's two moments in a query: found where they are meant, and written as a database's own parameters."""

import re
from collections.abc import Callable
from typing import Final

from andon.kernel.errors import UsageError

NAMES: Final = ("since", "until")
_PARTS: Final = re.compile(
    r"""
      '(?:[^']|'')*'                        # a text
    | "(?:[^"]|"")*"                        # a name in quotes
    | --[^\n]*                              # a comment to the end of the line
    | /\*.*?\*/                             # a comment
    | \$(?P<tag>[A-Za-z_]\w*|)\$.*?\$(?P=tag)\$   # a text in dollars
    | ::                                    # a cast
    | (?<![\w:]):(?P<name>[A-Za-z_]\w*)
    | (?P<end>;)
    """,
    re.VERBOSE | re.DOTALL,
)


def parameters_of(query: str) -> tuple[str, ...]:
    """The moments that a query takes, in the order in which they are numbered: `since`, `until`, both or none.

    Raises:
        UsageError: It names another parameter, or holds several statements.
    """
    named: set[str] = set()
    for part in _PARTS.finditer(query):
        name, is_end = part["name"], part["end"]
        if name is not None and name not in NAMES:
            fix = "Use :since and :until, the window's two moments; write everything else into the query."
            raise UsageError("source.parameter", "A query takes only two parameters.", found=f":{name}", fix=fix)
        if is_end and query[part.end() :].strip():
            fix = "Give one statement; leave out the semicolon."
            raise UsageError("source.statements", "A source is one statement.", found=query[:200], fix=fix)
        named |= {name} if name else set()
    return tuple(name for name in NAMES if name in named)


def numbered(query: str, mark: str) -> str:
    """The query with its parameters as a database writes them: `$1` or `?1`, by the mark that it has."""
    order = parameters_of(query)

    def write(part: re.Match[str]) -> str:
        return part[0] if part["name"] is None else f"{mark}{order.index(part['name']) + 1}"

    replace: Callable[[re.Match[str]], str] = write
    return _PARTS.sub(replace, query).strip().rstrip(";")
