"""Keys in files: private to their owner, never overwritten, and nothing but ed25519."""

import os
import pickle
import stat
import subprocess

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.adapters.keys import Ed25519Signer, generate_key, load_signer, verifier
from andon.kernel.errors import InputError
from andon.kernel.signing import public_key

# RFC 8032, section 7.1: secret key, public key, message, signature.
RFC_8032 = (
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
)


@pytest.fixture
def folder(tmp_path):
    """A folder of one's own, whatever the umask."""
    folder = tmp_path / "keys"
    folder.mkdir(mode=0o700)
    return folder


def write(folder, data, mode=0o600):
    path = folder / "key.pem"
    path.write_bytes(data)
    path.chmod(mode)
    return path


def pem(private, encryption=None):
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption())


def test_a_new_key_signs_what_its_public_half_verifies(tmp_path):
    path = tmp_path / "home" / "keys" / "ada.pem"
    public = generate_key(path)
    signer = load_signer(path)
    assert signer.public == public
    assert signer.key_id == public.key_id == verifier(public).key_id
    assert verifier(public).verify(signer.sign(b"data"), b"data")
    assert not verifier(public).verify(signer.sign(b"data"), b"date")


def test_a_new_key_is_private_to_its_owner_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        generate_key(tmp_path / "keys" / "ada.pem")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "keys" / "ada.pem").stat().st_mode) == 0o600


def test_a_new_key_is_readable_by_openssl(folder):
    public = generate_key(folder / "ada.pem")
    shown = subprocess.run(
        ["openssl", "pkey", "-in", str(folder / "ada.pem"), "-pubout", "-outform", "DER"],
        capture_output=True,
        check=True,
    )
    assert shown.stdout[-32:] == public.raw


def test_two_keys_are_never_the_same(folder):
    assert generate_key(folder / "a.pem").key_id != generate_key(folder / "b.pem").key_id


def test_a_key_is_never_overwritten_nor_written_through_a_link(folder):
    path = write(folder, b"precious")
    link = folder / "link.pem"
    link.symlink_to(folder / "elsewhere.pem")
    for target in (path, link):
        with pytest.raises(InputError, match=r"keys\.exists"):
            generate_key(target)
    assert path.read_bytes() == b"precious"
    assert not (folder / "elsewhere.pem").exists()


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777, 0o1777])
def test_a_key_is_not_written_where_others_could_replace_it(folder, mode):
    folder.chmod(mode)
    with pytest.raises(InputError, match=r"keys\.folder-open"):
        generate_key(folder / "ada.pem")
    assert list(folder.iterdir()) == []


def test_a_disk_that_takes_no_bytes_leaves_no_key(folder):
    path = folder / "ada.pem"
    script = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10));"
        "from pathlib import Path; from andon.adapters.keys import generate_key\n"
        "try: generate_key(Path(sys.argv[1]))\n"
        "except Exception as error: print(error.code)"
    )
    import sys

    ran = subprocess.run([sys.executable, "-B", "-c", script, str(path)], capture_output=True, text=True, check=True)
    assert ran.stdout == "keys.not-written\n"
    assert not path.exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o602, 0o644, 0o610, 0o601, 0o777])
def test_a_key_that_others_can_reach_is_refused_with_the_way_out(folder, mode):
    path = write(folder, pem(Ed25519PrivateKey.generate()), mode)
    with pytest.raises(InputError, match="readable-by-others") as caught:
        load_signer(path)
    assert f"chmod 600 {path}" in caught.value.fix
    path.chmod(0o600)
    assert load_signer(path).sign(b"")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00" * 32,
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        pickle.dumps({"key": 1}),
        pem(ec.generate_private_key(ec.SECP256R1())),
        pem(ed448.Ed448PrivateKey.generate()),
        pem(rsa.generate_private_key(65537, 2048)),
        pem(Ed25519PrivateKey.generate(), BestAvailableEncryption(b"password")),
        Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        Ed25519PrivateKey.generate().private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
        pem(Ed25519PrivateKey.generate())[:-40],
    ],
    ids=["empty", "raw", "broken", "pickle", "ec", "ed448", "rsa", "encrypted", "public", "der", "cut"],
)
def test_anything_but_an_ed25519_key_is_refused(folder, data):
    with pytest.raises(InputError, match="not-ed25519"):
        load_signer(write(folder, data))


def test_what_is_no_file_is_refused(folder):
    with pytest.raises(InputError, match=r"keys\.missing"):
        load_signer(folder / "nothing.pem")
    os.mkfifo(folder / "pipe", 0o600)
    for path in (folder, folder / "pipe"):
        with pytest.raises(InputError, match="not-a-file"):
            load_signer(path)


def test_a_signer_never_shows_its_key(folder):
    public = generate_key(folder / "ada.pem")
    signer = load_signer(folder / "ada.pem")
    assert public.key_id in repr(signer)
    assert "rivate" not in repr(signer)
    with pytest.raises(TypeError):
        pickle.dumps(signer)


@pytest.mark.parametrize(("secret", "raw", "message", "signature"), RFC_8032, ids=["empty", "one byte"])
def test_signatures_are_those_of_rfc_8032(secret, raw, message, signature):
    public = public_key(bytes.fromhex(raw))
    signer = Ed25519Signer(public, Ed25519PrivateKey.from_private_bytes(bytes.fromhex(secret)))
    assert signer.sign(bytes.fromhex(message)).hex() == signature
    assert verifier(public).verify(bytes.fromhex(signature), bytes.fromhex(message))


@given(st.binary(max_size=130), st.binary(max_size=20), st.binary(min_size=32, max_size=32))
@settings(max_examples=60, deadline=None)
def test_a_wrong_signature_is_false_and_never_an_exception(signature, data, raw):
    assert verifier(public_key(bytes.fromhex(RFC_8032[0][1]))).verify(signature, data) is False
    assert verifier(public_key(raw)).verify(signature, data) in (False, True)


def test_a_signature_with_its_scalar_moved_by_the_group_order_is_refused():
    """Malleability: S + L is another encoding of the same signature, and must not pass as a second one."""
    _, raw, message, signature = RFC_8032[1]
    value = bytes.fromhex(signature)
    order = 2**252 + 27742317777372353535851937790883648493
    moved = value[:32] + (int.from_bytes(value[32:], "little") + order).to_bytes(32, "little")
    assert not verifier(public_key(bytes.fromhex(raw))).verify(moved, bytes.fromhex(message))
