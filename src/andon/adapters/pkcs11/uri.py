"""Where a key on a token is, as a `pkcs11:` URI (RFC 7512) says it."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from andon.kernel.errors import UsageError

SCHEME: Final = "pkcs11"
_PATH: Final = frozenset({"token", "serial", "object", "id", "type"})
_QUERY: Final = frozenset({"module-path", "pin-source"})
_ESCAPES: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class TokenKey:
    """One key on one token. What is empty is not asked for; `token` or `serial` and `object` or `id` always are.

    Attributes:
        token: Label of the token.
        serial: Serial number of the token.
        object: Label of the key.
        id: Id of the key on its token.
        module: The PKCS#11 module, a shared library; empty where the URI leaves that to the machine.
        pin_source: The file that holds the PIN; empty where the URI leaves that to the environment.
    """

    token: str = ""
    serial: str = ""
    object: str = ""
    id: bytes = b""
    module: str = ""
    pin_source: str = ""

    def name(self) -> str:
        """The key in words for a person."""
        return f"{self.object or self.id.hex()} on the token {self.token or self.serial}"


def parse_uri(text: str) -> TokenKey:
    """Read a `pkcs11:` URI.

    `pin-value` is refused: whoever lists the processes of a machine reads its command lines.

    Raises:
        UsageError: It is no such URI, says a thing twice or one that is unknown here, or does not name one key
            (`pkcs11.not-a-uri`).
    """
    scheme, _, rest = text.partition(":")
    if scheme.lower() != SCHEME:
        raise _refuse(text, f"it begins with {scheme[:20]!r}")
    path, _, query = rest.partition("?")
    said = {**_members(text, path, ";", _PATH), **_members(text, query, "&", _QUERY)}
    if said.get("type", "private") != "private":
        raise _refuse(text, f"type={said['type']}, and only a private key signs")
    if not (said.get("token") or said.get("serial")) or not (said.get("object") or said.get("id")):
        raise _refuse(text, "it names no token or no key")
    return TokenKey(
        token=_text(text, said.get("token", "")),
        serial=_text(text, said.get("serial", "")),
        object=_text(text, said.get("object", "")),
        id=unquote_to_bytes(said.get("id", "")),
        module=_text(text, said.get("module-path", "")),
        pin_source=_file(text, said.get("pin-source", "")),
    )


def _members(text: str, part: str, between: str, known: frozenset[str]) -> dict[str, str]:
    said: dict[str, str] = {}
    for member in part.split(between) if part else ():
        name, is_said, value = member.partition("=")
        if name == "pin-value":
            raise _refuse("pkcs11:...", "pin-value; put the PIN into a file of your own and name it with pin-source")
        if not is_said or name not in known or name in said or _ESCAPES.search(value):
            raise _refuse(text, f"{member[:60]!r}")
        said[name] = value
    return said


def _text(text: str, value: str) -> str:
    try:
        return unquote(value, errors="strict")
    except UnicodeDecodeError as error:
        raise _refuse(text, f"{value!r}, which is not UTF-8") from error


def _file(text: str, value: str) -> str:
    """The path in a `pin-source`, which is a path or a `file:` URI."""
    path = _text(text, value)
    if path.startswith("file:"):
        path = urlsplit(path).path
    if path and (path.startswith("|") or not Path(path).is_absolute()):
        raise _refuse(text, f"pin-source={value!r}, which is not the absolute path of a file")
    return path


def _refuse(text: str, found: str) -> UsageError:
    return UsageError(
        "pkcs11.not-a-uri",
        "This does not name a key on a token.",
        place=text,
        found=found,
        fix="Write it so: pkcs11:token=LABEL;object=LABEL?module-path=/path/module.so&pin-source=/path/pin",
    )
