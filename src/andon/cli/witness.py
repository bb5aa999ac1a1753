"""`andon witness`: see that a ledger only grows, or ask those who do."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from andon.cli.options import AsJson
from andon.cli.output import Output, reported

if TYPE_CHECKING:
    from andon.wiring.witnessing import SinkRead

app = typer.Typer(
    help="Witnesses: status, key, log-add, serve, cosign, recover.",
    no_args_is_help=True,
)
Own = Annotated[Path, typer.Option("--folder", help="The witness's own folder.", file_okay=False)]


@app.command("status")
def status(
    folder: Annotated[
        Path, typer.Option("--folder", "-C", help="A factory's folder, or a witness's own.", file_okay=False)
    ] = Path(),
    as_json: AsJson = False,
) -> None:
    """Ask a factory's witnesses about its newest head; or, in a witness's folder, tell what it saw."""
    output = Output(as_json)
    with reported(output):
        from andon.wiring.calls.witness import seen_by

        if (folder / "keys" / "witness.pem").exists():
            seen = seen_by(folder)
            output.table(["ledger", "entries", "root"], [[one.origin, str(one.size), one.root[:16]] for one in seen])
            output.result([one.to_json() for one in seen])
            return
        from andon.wiring.ask import ask
        from andon.wiring.calls.witnessed import standing_of

        found = ask(standing_of, folder)
        output.say(f"The ledger {found.origin} has {found.size} entries.")
        for key in found.keys:
            output.say(f"Its key, for witnesses: {key}")
        output.table(["witness", "asked at", "found"], [list(row) for row in found.rows])
        output.say(f"{found.counted} of {found.entitled} witnesses of the trust root cosigned its newest head.")
        output.result(found.to_json())


@app.command("key")
def key(
    folder: Own,
    name: Annotated[str, typer.Option(help="Its name, such as witness.example/audit; needed once.")] = "",
    toml: Annotated[bool, typer.Option("--toml", help="Print it as the trust root's file wants it, no more.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a witness with a key of its own in a folder, or show the public key of the one that is there."""
    output = Output(as_json)
    with reported(output):
        from andon.kernel.clock import SystemClock
        from andon.wiring.witnessing import witness_key

        found = witness_key(folder, name)
        if toml:
            output.say(found.to_toml(SystemClock().now_ns()))
        else:
            output.say(found.line)
            output.say("Owners of a factory add it to the trust root: --toml prints what to add.", style="dim")
        output.result({"name": found.name, "key": found.line, "trust_root_key": found.key})


@app.command("log-add")
def log_add(
    origin: Annotated[str, typer.Argument(help="The ledger's name.")],
    public: Annotated[str, typer.Argument(metavar="KEY", help="Its key, as andon witness status prints it.")],
    folder: Own,
    as_json: AsJson = False,
) -> None:
    """Let a witness know a ledger, or a further key of it."""
    output = Output(as_json)
    with reported(output):
        from andon.wiring.calls.witness import know_log

        know_log(folder, origin, public)
        output.say(f"The witness knows {origin}.")
        output.result({"origin": origin})


@app.command("serve")
def serve(
    folder: Own,
    listen: Annotated[str, typer.Option(help="HOST:PORT")] = "127.0.0.1:7890",
) -> None:
    """Be a witness over HTTP (C2SP tlog-witness), until interrupted."""
    output = Output()
    with reported(output):
        from andon.wiring.calls.witness import serve as serve_witness

        serve_witness(folder, listen, lambda url: output.say(f"The witness answers at {url}"))


@app.command("cosign")
def cosign(
    sink: Annotated[Path, typer.Argument(help="The folder in which ledgers leave their heads.", file_okay=False)],
    folder: Own,
    every: Annotated[float, typer.Option(help="Look again every so many seconds; 0 to look once.")] = 0.0,
    as_json: AsJson = False,
) -> None:
    """Cosign the newest head that each known ledger left in a folder; for cron, or with --every to stay."""
    output = Output(as_json)
    with reported(output):
        from andon.wiring.calls.witness import cosign_heads, keep_cosigning

        if every > 0:
            keep_cosigning(folder, sink, every, lambda one: output.say(_said(one)))
        found = cosign_heads(folder, sink)
        for one in found:
            output.say(_said(one))
        output.result(
            [
                {"origin": one.origin, "size": one.size, "refusal": one.refusal.to_json() if one.refusal else None}
                for one in found
            ]
        )
        raise SystemExit(1 if any(one.refusal for one in found) else 0)


@app.command("recover")
def recover(
    file: Annotated[Path, typer.Argument(help="The recovery that people signed.", dir_okay=False)],
    folder: Own,
    sink: Annotated[
        Path | None, typer.Option(help="The folder in which the ledger leaves its heads, where it does.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Let a witness go back with a ledger that was restored from a backup; its operator's own decision."""
    output = Output(as_json)
    with reported(output):
        from andon.wiring.calls.witness import recover_witness

        seen = recover_witness(folder, file, sink)
        output.say(f"The witness goes on from {seen.size} entries of {seen.origin}.")
        output.result(seen.to_json())


def _said(one: "SinkRead") -> str:
    if one.refusal:
        return f"{one.origin}: refused. {one.refusal.code}: {one.refusal.message} {one.refusal.found}".rstrip()
    return f"{one.origin}: cosigned at {one.size} entries" if one.size else f"{one.origin}: nothing left here"
