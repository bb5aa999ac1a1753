"""Write HOUSE.md, the map of the rooms, from the first sentence of every module; `--check` only compares."""

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "andon"
FLOORS = [
    ["cli"],
    ["api", "web"],
    ["wiring"],
    ["adapters"],
    ["runtime"],
    ["line"],
    ["gates"],
    ["registry"],
    ["attest"],
    ["store", "ledger", "expressions", "measures"],
    ["contracts"],
    ["kernel"],
    ["verifier"],
]
OPENING = """\
# The house

The map of `src/andon`, written by `tools/house.py` from the first sentence of every module and compared with the code
by `make check`. Rooms stand from high to low. A room may import from the rooms below it, never from one above or
beside it; stages never import one another; every foreign library has one door in `adapters`. The import contracts in
`pyproject.toml` hold this without an exception.
"""


def sentence(path: Path) -> str:
    """The first paragraph of a module's docstring, on one line."""
    text = ast.get_docstring(ast.parse(path.read_text())) or ""
    return " ".join(text.split("\n\n")[0].split())


def room_lines(room: Path, depth: int = 0) -> list[str]:
    """One line for each module of a room, its inner rooms after it."""
    indent = "  " * depth
    lines = []
    for path in sorted(room.iterdir()):
        if path.suffix == ".py" and path.name != "__init__.py":
            lines.append(f"{indent}- `{path.name}` {sentence(path)}")
        elif (path / "__init__.py").exists():
            lines.append(f"{indent}- **`{path.name}/`** {sentence(path / '__init__.py')}")
            lines.extend(room_lines(path, depth + 1))
    return lines


def house() -> str:
    """The whole map."""
    parts = [OPENING]
    for floor in FLOORS:
        for name in floor:
            room = SOURCE / name
            if room.exists():
                parts.append(f"## {name}/\n\n{sentence(room / '__init__.py')}\n\n" + "\n".join(room_lines(room)) + "\n")
    return "\n".join(parts)


def main() -> int:
    """Write the map, or compare it."""
    path = ROOT / "HOUSE.md"
    if "--check" not in sys.argv:
        path.write_text(house())
        return 0
    if path.read_text() == house():
        return 0
    print("HOUSE.md is not the map of the house any more.\n  fix: run python tools/house.py")
    return 1


if __name__ == "__main__":
    sys.exit(main())
