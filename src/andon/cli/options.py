"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Folder = Annotated[Path, typer.Option("--folder", "-C", help="The factory's folder.", file_okay=False)]
Target = Annotated[str, typer.Option("--target", help="Where releases are served.")]
As = Annotated[str, typer.Option("--as", help="Who is acting; by default ANDON_AS or the machine's user.")]
HERE = Path()
