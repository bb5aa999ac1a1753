"""Keys on a token: made there, and signing there; the private half is never seen here."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass, PKCS11Error
from pkcs11.constants import TokenFlag
from pkcs11.types import Object, SignMixin

from andon.adapters.pkcs11.uri import TokenKey
from andon.kernel.errors import InputError
from andon.kernel.signing import RAW_KEY_BYTES, PublicKey, public_key

_ED25519: Final = bytes.fromhex("06032b6570")
"""The object identifier 1.3.101.112 in DER, as RFC 8410 has it."""
_CURVES: Final = (_ED25519, b"\x13\x0cedwards25519")
_OCTET_STRING: Final = b"\x04\x20"
_TURN: Final = Lock()
"""A login is one per process and token, so one signature is made at a time."""


@dataclass(frozen=True, slots=True)
class TokenSigner:
    """Signs with a key on a token; it logs in for each signature, and out again."""

    public: PublicKey
    wanted: TokenKey
    _pin: str = field(repr=False, compare=False)

    @property
    def key_id(self) -> str:
        """The id of the public key."""
        return self.public.key_id

    def sign(self, data: bytes) -> bytes:
        """The 64-byte signature over these bytes.

        Raises:
            InputError: The token does not sign: it is gone, or the PIN no longer opens it.
        """
        with _logged_in(self.wanted, self._pin) as session:
            return bytes(_private(session, self.wanted).sign(data, mechanism=Mechanism.EDDSA))


def load_token_signer(wanted: TokenKey, pin: str) -> TokenSigner:
    """Find an ed25519 key on a token.

    Args:
        wanted: Which key; with the module that reads its token.
        pin: The user's PIN; empty for a token with a keypad of its own.

    Raises:
        InputError: There is no such module, token or key, or more than one; the PIN is wrong; or the key is another
            kind of key, or one that the token would give away.
    """
    with _logged_in(wanted, pin) as session:
        _private(session, wanted)
        return TokenSigner(_public(wanted, _one(session, wanted, ObjectClass.PUBLIC_KEY)), wanted, pin)


def make_token_key(wanted: TokenKey, pin: str) -> PublicKey:
    """Make an ed25519 key on a token, from which it can be neither read nor copied.

    Raises:
        InputError: A key of that name is there already, or the token cannot make such a key.
    """
    with _logged_in(wanted, pin, writing=True) as session:
        if any(True for _ in session.get_objects(_named(wanted, ObjectClass.PRIVATE_KEY))):
            raise _refuse("exists", "There is a key of that name already; a key is never overwritten.", wanted, "", "")
        parameters = session.create_domain_parameters(KeyType.EC_EDWARDS, {Attribute.EC_PARAMS: _ED25519}, local=True)
        public, _ = parameters.generate_keypair(
            id=wanted.id or None,
            label=wanted.object or None,
            store=True,
            mechanism=Mechanism.EC_EDWARDS_KEY_PAIR_GEN,
            private_template={Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False},
        )
        return _public(wanted, public)


@contextmanager
def _logged_in(wanted: TokenKey, pin: str, *, writing: bool = False) -> Iterator[pkcs11.Session]:
    try:
        with _TURN:
            token = _token(wanted)
            has_keypad = bool(token.flags & TokenFlag.PROTECTED_AUTHENTICATION_PATH)
            with token.open(rw=writing, user_pin=pkcs11.PROTECTED_AUTH if has_keypad and not pin else pin) as session:
                yield session
    except PKCS11Error as error:
        raise _understood(wanted, error) from error


def _token(wanted: TokenKey) -> pkcs11.Token:
    if not wanted.module:
        fix = "Name it with module-path in the URI, or with ANDON_PKCS11_MODULE."
        raise _refuse("no-module", "No PKCS#11 module is named.", wanted, "", fix)
    library = pkcs11.lib(wanted.module)
    library.reinitialize()  # a token that was put in since is seen, and a forked process is not its parent
    tokens = [
        token
        for token in library.get_tokens(token_label=wanted.token or None)
        if not wanted.serial or token.serial.decode(errors="replace").strip() == wanted.serial
    ]
    if len(tokens) != 1:
        found = ", ".join(repr(token.label) for token in library.get_tokens() if token.label)
        raise _refuse(
            "no-token",
            "There is no such token." if not tokens else "More than one token is called so.",
            wanted,
            f"tokens: {found or 'none'}",
            "Put it in, or write its label as found; add serial= where labels are alike.",
        )
    return tokens[0]


def _named(wanted: TokenKey, kind: ObjectClass) -> dict[Attribute, object]:
    named: dict[Attribute, object] = {Attribute.CLASS: kind}
    if wanted.object:
        named[Attribute.LABEL] = wanted.object
    if wanted.id:
        named[Attribute.ID] = wanted.id
    return named


def _one(session: pkcs11.Session, wanted: TokenKey, kind: ObjectClass) -> Object:
    found = list(session.get_objects(_named(wanted, kind)))
    if len(found) == 1:
        return found[0]
    half = "private" if kind is ObjectClass.PRIVATE_KEY else "public"
    raise _refuse(
        "no-key",
        f"There is no such {half} key on the token." if not found else f"More than one {half} key is called so.",
        wanted,
        f"{len(found)} keys",
        "Make one with: andon key new NAME --uri URI" if not found else "Name it with id= too.",
    )


def _private(session: pkcs11.Session, wanted: TokenKey) -> SignMixin:
    """The private half, if it is of the right kind and stays where it is."""
    private = _one(session, wanted, ObjectClass.PRIVATE_KEY)
    if not isinstance(private, SignMixin) or private.key_type is not KeyType.EC_EDWARDS:
        raise _not_ed25519(wanted, f"a key of the type {private[Attribute.KEY_TYPE]}")
    if private[Attribute.EXTRACTABLE] or not private[Attribute.SENSITIVE]:
        raise _refuse(
            "copyable",
            "The token would give this private key away.",
            wanted,
            "a key that is extractable or not sensitive",
            "Make one that never leaves the token: andon key new NAME --uri URI",
        )
    return private


def _public(wanted: TokenKey, key: Object) -> PublicKey:
    """The public half; some modules wrap the point in an octet string, some do not."""
    if bytes(key[Attribute.EC_PARAMS]) not in _CURVES:
        raise _not_ed25519(wanted, "a key on another curve")
    point = bytes(key[Attribute.EC_POINT])
    raw = point.removeprefix(_OCTET_STRING) if len(point) == RAW_KEY_BYTES + len(_OCTET_STRING) else point
    return public_key(raw)


def _understood(wanted: TokenKey, error: PKCS11Error) -> InputError:
    found = f"{type(error).__name__} {error}".strip()
    if isinstance(error, pkcs11.PinIncorrect | pkcs11.PinInvalid | pkcs11.PinLenRange):
        fix = "Put the right one into the pin-source file or ANDON_PIN; after a few wrong ones a token locks itself."
        return _refuse("pin", "This PIN does not open the token.", wanted, found, fix)
    if isinstance(error, pkcs11.PinLocked):
        return _refuse("locked", "The token has locked itself.", wanted, found, "Unlock it with its SO PIN.")
    if isinstance(error, pkcs11.MechanismInvalid | pkcs11.KeyTypeInconsistent | pkcs11.AttributeValueInvalid):
        return _not_ed25519(wanted, found)
    fix = "Check that the module's path is right, that this user may read it, and that the token is in."
    return _refuse("failed", "The token did not do what it was asked.", wanted, found, fix)


def _not_ed25519(wanted: TokenKey, found: str) -> InputError:
    fix = "Use a token and a key that can: PKCS#11 calls them CKK_EC_EDWARDS and CKM_EDDSA."
    return _refuse("not-ed25519", "This key or token does not sign with ed25519.", wanted, found, fix)


def _refuse(what: str, message: str, wanted: TokenKey, found: str, fix: str) -> InputError:
    place = f"{wanted.name()}, {wanted.module}" if wanted.module else wanted.name()
    return InputError(f"pkcs11.{what}", message, place=place, found=found, fix=fix or "Choose another name.")
