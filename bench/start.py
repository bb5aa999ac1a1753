"""How long the command line takes to say what it can do, and the import to be there."""

import sys
import tempfile
from pathlib import Path

from measured import against, children_cpu_s, surroundings, tell

ROUNDS = 7


def main() -> None:
    """Start three processes in turns, and keep the least of each."""
    python, script = sys.executable, str(Path(sys.executable).with_name("andon"))
    commands = {
        "floor": [python, "-c", "pass"],
        "help": [script, "--help"],
        "import": [python, "-c", "import andon"],
    }
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        least = dict.fromkeys(commands, float("inf"))
        for _ in range(ROUNDS):
            for name, command in commands.items():
                taken = children_cpu_s(command, cwd=place, environment=surroundings(place))
                least[name] = min(least[name], taken * 1000)
    floor_is = "python -c pass."
    tell(
        against("andon_help", "ms", least["help"], least["floor"], floor_is, more=150),
        against("import_andon", "ms", least["import"], least["floor"], floor_is, more=150),
    )


if __name__ == "__main__":
    main()
