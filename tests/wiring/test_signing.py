"""Signers by URI: the key named first wins, none is guessed, and a PIN is never asked for on a command line."""

from pathlib import Path

import pytest

from andon.adapters.keys import generate_key, verifier
from andon.kernel.errors import InputError, UsageError
from andon.wiring.settings import Settings
from andon.wiring.signing import make_key, own_key_file, person_signer, service_signer
from tests.factories.soft_token import PIN, software_token


@pytest.fixture(scope="session")
def soft_token(tmp_path_factory):
    with software_token(tmp_path_factory.getbasetemp() / "softhsm") as token:
        yield token


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.setenv("ANDON_HOME", str(tmp_path / "home"))
    for name in ("ANDON_KEY", "ANDON_PIN", "ANDON_PKCS11_MODULE"):
        monkeypatch.delenv(name, raising=False)
    nowhere = tmp_path / "nowhere"
    return Settings(nowhere, "parcels", "id", nowhere, nowhere, tmp_path / "home" / "parcels-id", "ada")


def pem(path: Path) -> str:
    generate_key(path)
    return path.as_uri()


def test_the_key_named_in_the_call_wins_over_that_of_the_environment_and_that_over_a_file(
    settings, tmp_path, monkeypatch
):
    in_file = generate_key(settings.home / "keys" / "grace.pem")
    other, third = pem(tmp_path / "k" / "other.pem"), pem(tmp_path / "k" / "third key.pem")
    assert person_signer(settings, "grace").public == in_file
    monkeypatch.setenv("ANDON_KEY", other)
    assert person_signer(settings, "grace").public == service_signer(other).public
    assert person_signer(settings, "grace", third).public == service_signer(third).public
    assert len({in_file.key_id, service_signer(other).key_id, service_signer(third).key_id}) == 3


def test_a_key_made_for_oneself_serves_any_factory_that_has_none_of_that_name(settings):
    own = generate_key(own_key_file("grace"))
    assert person_signer(settings, "grace").public == own
    assert person_signer(None, "grace").public == own
    of_factory = generate_key(settings.home / "keys" / "grace.pem")
    assert person_signer(settings, "grace").public == of_factory


def test_without_a_key_it_is_said_where_one_was_looked_for(settings):
    with pytest.raises(UsageError, match=r"key\.none-here") as refused:
        person_signer(settings, "grace")
    assert refused.value.place == str(settings.home / "keys" / "grace.pem")
    assert "andon key new grace" in refused.value.fix


@pytest.mark.parametrize(
    "uri", ["grace", "/k.pem", "file:k.pem", "file://host/k.pem", "file:/k?x", "http://x", "awskms:x"]
)
def test_what_is_no_uri_of_a_key_is_refused(settings, uri):
    for use in (service_signer, make_key, lambda text: person_signer(settings, "grace", text)):
        with pytest.raises(UsageError, match=r"key\.not-a-uri"):
            use(uri)


def test_a_key_is_made_where_a_file_uri_says_and_only_once(settings, tmp_path):
    uri = (tmp_path / "k" / "my key.pem").as_uri()
    public = make_key(uri)
    assert service_signer(uri).public == public
    with pytest.raises(InputError, match=r"keys\.exists"):
        make_key(uri)


def test_a_pin_comes_from_a_file_of_ones_own_or_from_the_environment(settings, soft_token, tmp_path, monkeypatch):
    monkeypatch.setenv("ANDON_PIN", PIN)
    public = make_key(soft_token.uri("signing"))
    signer = person_signer(settings, "grace", soft_token.uri("signing"))
    assert signer.public == public
    assert verifier(public).verify(signer.sign(b"text"), b"text")
    monkeypatch.setenv("ANDON_PIN", "wrong")
    file = tmp_path / "pin"
    file.write_text(f"{PIN}\n")
    file.chmod(0o600)
    assert service_signer(soft_token.uri("signing", f"&pin-source={file}")).public == public
    file.chmod(0o640)
    with pytest.raises(InputError, match=r"keys\.readable-by-others"):
        service_signer(soft_token.uri("signing", f"&pin-source={file}"))
    with pytest.raises(InputError, match=r"pkcs11\.pin"):
        service_signer(soft_token.uri("signing"))


def test_the_module_may_come_from_the_environment(settings, soft_token, monkeypatch):
    monkeypatch.setenv("ANDON_PIN", PIN)
    public = make_key(soft_token.uri("modular"))
    bare = soft_token.uri("modular").partition("?")[0]
    with pytest.raises(InputError, match=r"pkcs11\.no-module"):
        service_signer(bare)
    monkeypatch.setenv("ANDON_PKCS11_MODULE", soft_token.module)
    assert service_signer(bare).public == public
