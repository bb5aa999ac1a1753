"""Whoever signs, found by the URI of their key: a file of their own, or a token that the key never leaves."""

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from andon.adapters.keys import generate_key, load_signer, read_private
from andon.adapters.pkcs11.uri import SCHEME, TokenKey, parse_uri
from andon.adapters.trust_folder import HomeFolder
from andon.kernel.errors import InputError, UsageError
from andon.kernel.signing import PublicKey, Signer
from andon.wiring.settings import Settings, home_folder

KEY: Final = "ANDON_KEY"
PIN: Final = "ANDON_PIN"
MODULE: Final = "ANDON_PKCS11_MODULE"
FILE_SCHEME: Final = "file"


def person_signer(settings: Settings | None, person: str, key_uri: str = "") -> Signer:
    """The signer of a person: by the URI given, else that in `ANDON_KEY`, else their key file on this machine.

    Whether the key is that person's is for the trust root to say, where the signature is handed in.

    Args:
        settings: Of the factory whose folder of keys is looked into first; `None` away from any.
        person: Whose key file is looked for, where no URI is given.
        key_uri: `file:/path` or `pkcs11:...`.

    Raises:
        UsageError: The URI is none, or no key file of this person is here (`key.none-here`).
        InputError: The key cannot be read, or its token does not open.
    """
    uri = key_uri or os.environ.get(KEY, "")
    return service_signer(uri) if uri else load_signer(_key_file(settings, person))


def service_signer(uri: str) -> Signer:
    """The signer behind a URI.

    Raises:
        UsageError: The URI is none (`key.not-a-uri`, `pkcs11.not-a-uri`).
        InputError: The key cannot be read, or its token does not open.
    """
    return _LOADERS[_scheme(uri)](uri)


def make_key(uri: str) -> PublicKey:
    """Make an ed25519 key where a URI says; a key that is there is never overwritten.

    Raises:
        UsageError: The URI is none.
        InputError: There is one already, or it cannot be made there.
    """
    return _MAKERS[_scheme(uri)](uri)


def own_key_file(person: str) -> Path:
    """The file of a key that a person made for themselves, for whatever factory names it."""
    return HomeFolder(home_folder()).key(person)


def _key_file(settings: Settings | None, person: str) -> Path:
    places = [HomeFolder(settings.home).key(person)] if settings else []
    places.append(own_key_file(person))
    for path in places:
        if path.exists():
            return path
    raise UsageError(
        "key.none-here",
        f"There is no key of {person} here.",
        place=str(places[0]),
        found=f"no file, and {KEY} names no other key",
        fix=f"Sign as somebody else with --as, name the key with --key or {KEY}, or make one: andon key new {person}",
    )


def _scheme(uri: str) -> str:
    scheme = uri.partition(":")[0].lower()
    if scheme not in _LOADERS:
        raise _not_a_uri(uri)
    return scheme


def _path(uri: str) -> Path:
    parts = urlsplit(uri)
    path = Path(unquote(parts.path))
    if parts.netloc not in ("", "localhost") or parts.query or parts.fragment or not path.is_absolute():
        raise _not_a_uri(uri)
    return path


def _load_from_token(uri: str) -> Signer:
    wanted = _on_this_machine(parse_uri(uri))
    _need_pkcs11()
    from andon.adapters.pkcs11.token import load_token_signer  # noqa: PLC0415  # an extra that may not be installed

    return load_token_signer(wanted, _pin(wanted))


def _make_on_token(uri: str) -> PublicKey:
    wanted = _on_this_machine(parse_uri(uri))
    _need_pkcs11()
    from andon.adapters.pkcs11.token import make_token_key  # noqa: PLC0415  # an extra that may not be installed

    return make_token_key(wanted, _pin(wanted))


def _on_this_machine(wanted: TokenKey) -> TokenKey:
    return replace(wanted, module=wanted.module or os.environ.get(MODULE, ""))


def _pin(wanted: TokenKey) -> str:
    if not wanted.pin_source:
        return os.environ.get(PIN, "")
    try:
        return read_private(Path(wanted.pin_source)).decode().strip()
    except UnicodeDecodeError as error:
        raise InputError(
            "key.pin-malformed",
            "This file holds no PIN.",
            place=wanted.pin_source,
            found="bytes that are not text",
            fix="Write the PIN into it, as one line.",
        ) from error


def _need_pkcs11() -> None:
    if find_spec("pkcs11") is None:
        raise InputError(
            "key.no-pkcs11",
            "Keys on tokens need a package that is not installed here.",
            found="no python-pkcs11",
            fix="Install it with: pip install 'andon[pkcs11]'",
        )


def _not_a_uri(uri: str) -> UsageError:
    return UsageError(
        "key.not-a-uri",
        "This does not say where a key is.",
        found=repr(uri[:200]),
        fix="Write file:/absolute/path.pem, or pkcs11:token=LABEL;object=LABEL",
    )


_LOADERS: Final[Mapping[str, Callable[[str], Signer]]] = {
    FILE_SCHEME: lambda uri: load_signer(_path(uri)),
    SCHEME: _load_from_token,
}
_MAKERS: Final[Mapping[str, Callable[[str], PublicKey]]] = {
    FILE_SCHEME: lambda uri: generate_key(_path(uri)),
    SCHEME: _make_on_token,
}
