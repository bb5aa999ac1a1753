"""Keys on a token, on SoftHSM: they sign like any other, and nothing gets them out."""

from concurrent.futures import ThreadPoolExecutor

import pkcs11
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass

from andon.adapters.pkcs11.token import load_token_signer, make_token_key
from andon.adapters.pkcs11.uri import parse_uri
from andon.kernel.errors import InputError
from tests.factories.soft_token import PIN


def test_what_a_key_on_a_token_signs_anybody_can_check(soft_token):
    wanted = parse_uri(soft_token.uri("grace"))
    public = make_token_key(wanted, PIN)
    signer = load_token_signer(wanted, PIN)
    assert signer.public == public
    signature = signer.sign(b"what was judged")
    Ed25519PublicKey.from_public_bytes(public.raw).verify(signature, b"what was judged")
    assert PIN not in repr(signer)


def test_a_key_made_on_a_token_cannot_be_read_from_it(soft_token):
    make_token_key(parse_uri(soft_token.uri("stays")), PIN)
    token = pkcs11.lib(soft_token.module).get_token(token_label=soft_token.label)
    with token.open(user_pin=PIN) as session:
        private = session.get_key(object_class=ObjectClass.PRIVATE_KEY, label="stays")
        assert private[Attribute.NEVER_EXTRACTABLE]
        with pytest.raises(pkcs11.AttributeSensitive):
            private[Attribute.VALUE]


def test_a_key_is_never_made_over_another(soft_token):
    wanted = parse_uri(soft_token.uri("once"))
    public = make_token_key(wanted, PIN)
    with pytest.raises(InputError, match=r"pkcs11\.exists"):
        make_token_key(wanted, PIN)
    assert load_token_signer(wanted, PIN).public == public


def test_a_wrong_pin_opens_nothing_and_the_right_one_still_does(soft_token):
    wanted = parse_uri(soft_token.uri("pinned"))
    make_token_key(wanted, PIN)
    for wrong in ("0000", "", "x" * 1000):
        with pytest.raises(InputError, match=r"pkcs11\.pin"):
            load_token_signer(wanted, wrong)
    assert load_token_signer(wanted, PIN).sign(b"")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (("token=people", "token=others"), "no-token"),
        (("token=people", "serial=1234"), "no-token"),
        (("", ""), "no-key"),
        (("?module-path=", "?module-path=/nowhere"), "failed"),
    ],
)
def test_what_is_not_there_is_said(soft_token, change, code):
    uri = soft_token.uri("there")
    with pytest.raises(InputError, match=rf"pkcs11\.{code}"):
        load_token_signer(parse_uri(uri.replace(*change)), PIN)


def test_no_module_and_what_is_no_module_are_refused(soft_token):
    with pytest.raises(InputError, match=r"pkcs11\.no-module"):
        load_token_signer(parse_uri("pkcs11:token=people;object=grace"), PIN)
    with pytest.raises(InputError, match=r"pkcs11\.failed"):
        load_token_signer(parse_uri("pkcs11:token=people;object=grace?module-path=/etc/passwd"), PIN)


def test_a_key_that_can_be_copied_or_signs_otherwise_is_refused(soft_token):
    token = pkcs11.lib(soft_token.module).get_token(token_label=soft_token.label)
    with token.open(user_pin=PIN, rw=True) as session:
        curve = session.create_domain_parameters(
            KeyType.EC_EDWARDS, {Attribute.EC_PARAMS: bytes.fromhex("06032b6570")}, local=True
        )
        curve.generate_keypair(
            mechanism=Mechanism.EC_EDWARDS_KEY_PAIR_GEN,
            label="loose",
            store=True,
            private_template={Attribute.SENSITIVE: False, Attribute.EXTRACTABLE: True},
        )
        session.generate_keypair(KeyType.RSA, 2048, label="rsa", store=True)
    with pytest.raises(InputError, match=r"pkcs11\.copyable"):
        load_token_signer(parse_uri(soft_token.uri("loose")), PIN)
    with pytest.raises(InputError, match=r"pkcs11\.not-ed25519"):
        load_token_signer(parse_uri(soft_token.uri("rsa")), PIN)


def test_a_token_that_is_gone_signs_no_more_and_signs_again_when_it_is_back(soft_token, tmp_path):
    folder = soft_token.new("travels")
    wanted = parse_uri(soft_token.uri("grace").replace("token=people", "token=travels"))
    make_token_key(wanted, PIN)
    signer = load_token_signer(wanted, PIN)
    folder.rename(tmp_path / "pocket")
    with pytest.raises(InputError, match=r"pkcs11\."):
        load_token_signer(wanted, PIN)
    with pytest.raises(InputError, match=r"pkcs11\."):
        signer.sign(b"away")
    (tmp_path / "pocket").rename(folder)
    assert load_token_signer(wanted, PIN).sign(b"back") == signer.sign(b"back")


def test_two_threads_sign_at_once_without_spoiling_each_other(soft_token):
    wanted = parse_uri(soft_token.uri("busy"))
    key = Ed25519PublicKey.from_public_bytes(make_token_key(wanted, PIN).raw)
    signer = load_token_signer(wanted, PIN)
    texts = [b"%d" % number for number in range(24)]
    with ThreadPoolExecutor(4) as pool:
        for text, signature in zip(texts, pool.map(signer.sign, texts), strict=True):
            key.verify(signature, text)
