"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Folder = Annotated[Path, typer.Option("--folder", "-C", help="The factory's folder.", file_okay=False)]
Target = Annotated[str, typer.Option("--target", help="Where releases are served.")]
As = Annotated[str, typer.Option("--as", help="Who is acting; by default ANDON_AS or the machine's user.")]
KeyUri = Annotated[
    str, typer.Option("--key", help="Their key: file:/path or pkcs11:...; by default ANDON_KEY or their key file.")
]
Out = Annotated[
    Path | None, typer.Option("--out", help="Write what would be signed to a file instead, to sign it elsewhere.")
]
Reason = Annotated[str, typer.Option("--reason", help="Why, for those who read it later.")]
HERE = Path()
