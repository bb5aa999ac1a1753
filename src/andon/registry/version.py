"""Names of versions: how one is spelt, and which artefact it means."""

import re
from typing import Final

from andon.kernel.digest import Digest, parse
from andon.kernel.errors import InputError, UsageError
from andon.registry.ports import Manifests, Ref, Refs

_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")
_LONGEST: Final = 200
_VERSION: Final = re.compile(r"([^@]+)(?:@([1-9][0-9]{0,17}))?")


def check_name(name: str) -> str:
    """The same name, if it has the form of one: words joined by `/`, such as `dataset/Schedule`.

    Raises:
        InputError: It has another form, or more than 200 characters.
    """
    if len(name) > _LONGEST or not _NAME.fullmatch(name):
        raise InputError(
            "registry.malformed-name",
            "This is not a name that can point to a version.",
            found=repr(name[: _LONGEST + 1]),
            fix="Use words of letters, digits, _ . and -, joined by /, such as dataset/Schedule.",
        )
    return name


def resolve(text: str, refs: Refs, manifests: Manifests) -> Digest:
    """The artefact that a person means by a name, by `name@3` (where it stood third), or by a whole digest.

    Raises:
        UsageError: The text has no such form.
        InputError: There is no such name, version or artefact.
    """
    if text.startswith("sha256:"):
        return manifests.get(parse(text)).digest
    match = _VERSION.fullmatch(text)
    if match is None:
        raise UsageError(
            "registry.not-a-version",
            "This does not name a version.",
            found=repr(text),
            fix="Write a name, a name and a number such as model/delay@3, or a whole digest.",
        )
    name = check_name(match[1])
    history = refs.history(name)
    number = int(match[2]) if match[2] else len(history)
    if not 1 <= number <= len(history):
        raise _unknown(text, history, refs.with_prefix(name.split("/")[0]))
    return history[number - 1].digest


def _unknown(text: str, history: list[Ref], near: list[Ref]) -> InputError:
    known = f"versions 1 to {len(history)}" if history else ", ".join(ref.name for ref in near[:10])
    return InputError(
        "registry.unknown-version",
        f"There is no {text}.",
        found=known or "no name that begins so",
        fix="Use a name or a number that exists; `andon status` lists what is published.",
    )
