"""`andon policy`: the trust root, that is who may sign and what each target asks for; shown, proposed, signed."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from andon.cli.options import HERE, As, AsJson, Folder, KeyUri
from andon.cli.output import Output, reported

if TYPE_CHECKING:
    from andon.wiring.calls.policy_shown import Differences, Put, Shown
    from andon.wiring.calls.rotation import Standing

app = typer.Typer(
    help="Who may sign, and what each target asks for: show, propose, sign, withdraw, diff, history, pin.",
    no_args_is_help=True,
)
STYLES = {"weaker": "bold red", "stricter": "green", "ended": "yellow"}


@app.command("show")
def show(
    version: Annotated[int | None, typer.Option(help="Which version; by default the one in force.")] = None,
    toml: Annotated[bool, typer.Option("--toml", help="Print the file that people edit, and nothing else.")] = False,
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Show who may sign and what each target asks for, verified from the fingerprint that is pinned here."""
    output = Output(as_json)
    with reported(output):
        from andon.wiring.calls.policy import policy_of

        found = policy_of(folder, version)
        if toml and not as_json:
            typer.echo(found.toml, nl=False)
            return
        show_policy(output, found)
        output.result(found.to_json())


@app.command("propose")
def propose(
    file: Annotated[Path, typer.Argument(help="What `andon policy show --toml` wrote, edited.", dir_okay=False)],
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Propose the next version, and say in words what it changes; nothing is in force until enough people signed."""
    output = Output(as_json)
    with reported(output):
        from andon.wiring.calls.policy import propose_policy
        from andon.wiring.files import read_file

        put = propose_policy(folder, read_file(file), str(file))
        show_put(output, put)


@app.command("sign")
def sign(
    person: As = "",
    key: KeyUri = "",
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Sign what is proposed with your own key; with the last signature of both quorums it is in force."""
    output = Output(as_json)
    with reported(output):
        from andon.wiring.calls.policy import sign_policy

        show_put(output, sign_policy(folder, person=person, key_uri=key))


@app.command("withdraw")
def withdraw(person: As = "", folder: Folder = HERE, as_json: AsJson = False) -> None:
    """Withdraw what is proposed, with the signatures it has."""
    output = Output(as_json)
    with reported(output):
        from andon.wiring.calls.policy import withdraw_policy

        gone = withdraw_policy(folder, person=person)
        output.say(f"Version {gone.version} is no longer proposed; version {gone.version - 1} stays in force.")
        output.result(gone.to_json())


@app.command("diff")
def diff(
    old: Annotated[int | None, typer.Argument(help="A version; by default the one before.")] = None,
    new: Annotated[int | None, typer.Argument(help="Another; by default what is proposed, or in force.")] = None,
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Say in words what two versions differ in: who came and went, what got stricter, what got weaker."""
    output = Output(as_json)
    with reported(output):
        from andon.wiring.calls.policy import policy_diff

        found = policy_diff(folder, old, new)
        output.say(found.headline)
        _show_changes(output, found)
        for text in found.quorums:
            output.say(text)
        output.result(found.to_json())


@app.command("history")
def history(folder: Folder = HERE, as_json: AsJson = False) -> None:
    """List every version: until when it holds, who signed it, its fingerprint."""
    output = Output(as_json)
    with reported(output):
        from andon.wiring.calls.policy import policy_history

        found = policy_history(folder)
        output.table(["version", "expires", "signed by", "fingerprint"], found.rows)
        output.result(found.to_json())


@app.command("pin")
def pin(
    fingerprint: Annotated[
        list[str], typer.Argument(help="Of version 1, as its owner told you; spaces do not matter.")
    ],
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Pin the first version's fingerprint on this machine, got on another way than the files themselves."""
    output = Output(as_json)
    with reported(output):
        from andon.wiring.calls.policy import pin_policy

        found = pin_policy(folder, "".join(fingerprint))
        output.say("Pinned: from now on this machine believes this trust root, and no other.")
        show_policy(output, found)
        output.result(found.to_json())


def show_policy(output: Output, found: "Shown") -> None:
    """Show a version: until when, its fingerprint to be read out, people and targets."""
    from andon.wiring.calls.policy_shown import in_groups

    output.say(found.headline, style="bold red" if found.days <= 0 else "yellow" if found.is_ending else "")
    for title, line in zip(("Fingerprint of version 1:", ""), in_groups(found.first), strict=True):
        output.say(f"{title:<26}{line}")
    output.say()
    output.table(["principal", "kind", "roles", "keys", ""], found.people)
    output.say(f"{found.root.quorum} of those who sign versions must sign each.", style="dim")
    output.say()
    output.table(["target", "owner", "tier", "gates", "sign-offs", "criteria"], found.targets)
    if found.proposed:
        output.say(f"Version {found.proposed} is proposed: andon policy diff", style="yellow")


def show_put(output: Output, put: "Put") -> None:
    """Show what a proposal changes, and how it stands."""
    _show_changes(output, put.found)
    show_standing(output, put.standing, put.signed)
    output.result(put.to_json())


def _show_changes(output: Output, found: "Differences") -> None:
    for kind, text in found.rows:
        output.say(f"{kind:>8}  {text}", style=STYLES.get(kind, ""))


def show_standing(output: Output, standing: "Standing", signed: str) -> None:
    """Show who signed what is proposed, who is missing, and whether it is in force."""
    from andon.wiring.calls.policy_shown import in_groups

    if signed:
        output.say(f"{signed} signed version {standing.version}.")
    if standing.is_in_force:
        output.say(f"Version {standing.version} of the trust root is in force.", style="bold green")
        return
    output.say(f"Version {standing.version} is proposed; nothing is in force yet.")
    for line in in_groups(standing.fingerprint):
        output.say(f"  {line}", style="dim")
    for quorum in standing.quorums:
        output.say(quorum.text())
    output.say("Next: andon policy sign")
