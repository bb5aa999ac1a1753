"""What the commands share by which people sign: shown in words, signed here, or written down to be signed elsewhere."""

from pathlib import Path

from andon.cli.output import Output
from andon.wiring.ask import ask
from andon.wiring.calls.drafts import Draft, Signed, words_of
from andon.wiring.calls.handing_in import hand_in, sign_here
from andon.wiring.calls.revoking import Revoked
from andon.wiring.files import read_file, write_new
from andon.wiring.settings import acting_person

_SAID = {
    "signoff": "{person} signed {gate} off as {role}.",
    "waiver": "{person} took a criterion of {gate} upon themselves as {role}.",
    "annulment": "{person} says that the verdict of {gate} came from a broken evaluation.",
    "delegation": "{person} lets another speak as {role}.",
}


def show_draft(output: Output, draft: Draft) -> None:
    """Show everything that a person would sign, from the very bytes."""
    output.table(["", ""], words_of(draft.statement))
    if draft.note:
        output.say(draft.note, style="yellow")


def write_draft(output: Output, draft: Draft, path: Path, then: str = "") -> None:
    """Write down what a person would sign, for the machine where their key is.

    Args:
        output: Where words go.
        draft: What would be signed.
        path: The file.
        then: What to do next; empty for signing it elsewhere.

    Raises:
        UsageError: There is a file of that name, or it cannot be written.
    """
    write_new(path, draft.statement)
    show_draft(output, draft)
    output.say(f"Written to {path}; nobody has signed it yet.")
    output.say(then or f"Next: andon sign {path} --as {draft.person}, on the machine with their key")
    output.result({**draft.to_json(), "file": str(path)})


def hand_in_file(output: Output, folder: Path, path: Path) -> None:
    """Hand in what was signed elsewhere.

    Raises:
        AndonError: The file cannot be read, or what it holds is refused.
    """
    _show_handed_in(output, ask(hand_in, folder, read_file(path)))


def sign_file(output: Output, folder: Path, path: Path, *, person: str, key: str) -> None:
    """Show what was written down, sign it with a key of this machine, and hand it in.

    Raises:
        AndonError: The file holds nothing that people sign, or what was signed is refused.
    """
    text = read_file(path)
    output.table(["", ""], words_of(text))
    _show_handed_in(output, sign_here(folder, Draft(person or acting_person(), text), key_uri=key))


def show_revoked(output: Output, revoked: Revoked) -> None:
    """Show what counts no more, and which target's record still names it."""
    output.say(f"The {revoked.kind} {revoked.digest} is revoked, as {revoked.by} asked.")
    for place in revoked.serves:
        output.say(
            f"Servers of {place} fall back to the release before by themselves, or stop answering. "
            "For the record: andon rollback",
            style="bold red",
        )
    output.result(revoked.to_json())


def show_signed(output: Output, signed: Signed, headline: str) -> None:
    """Show what was signed, where it stands, and what speaks against it."""
    output.say(headline)
    output.say(f"It is about {signed.subject}, entry {signed.entry} of the ledger.", style="dim")
    if signed.note or signed.next:
        output.say(signed.note or signed.next, style="yellow" if signed.note else "")
    output.result(signed.to_json())


def _show_handed_in(output: Output, signed: Signed) -> None:
    show_signed(output, signed, _SAID[signed.kind].format(person=signed.person, gate=signed.gate, role=signed.role))
