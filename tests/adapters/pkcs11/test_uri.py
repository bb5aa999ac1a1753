"""URIs of keys on tokens: read as RFC 7512 writes them, and refused where they do not name one key."""

from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from andon.adapters.pkcs11.uri import TokenKey, parse_uri
from andon.kernel.errors import UsageError

LABELS = st.text(min_size=1, max_size=20)


@given(token=LABELS, name=LABELS, number=st.binary(max_size=8), module=LABELS)
@example(token="a;b?c&d=e%25", name="ü", number=b"\x00;", module="/a b.so")
def test_whatever_stands_in_a_label_is_read_as_it_was_written(token, name, number, module):
    path = f"token={quote(token, safe='')};object={quote(name, safe='')}"
    path += f";id={quote(number, safe='')}" if number else ""
    read = parse_uri(f"pkcs11:{path}?module-path={quote(module, safe='')}")
    assert read == TokenKey(token=token, object=name, id=number, module=module)


def test_the_example_of_the_rfc_with_a_pin_file_is_read():
    uri = "pkcs11:token=Software%20PKCS%2311%20softtoken;object=my-key;type=private?pin-source=file:/etc/token_pin"
    assert parse_uri(uri) == TokenKey("Software PKCS#11 softtoken", object="my-key", pin_source="/etc/token_pin")


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "file:/key",
        "pkcs11:",
        "pkcs11:token=a",
        "pkcs11:object=a",
        "pkcs11:token=;object=a",
        "pkcs11:token=a;object=b;object=c",
        "pkcs11:token=a;object=b;slot-id=3",
        "pkcs11:token=a;object=b;type=public",
        "pkcs11:token=a;object=b;type=cert",
        "pkcs11:token=a;object=%zz",
        "pkcs11:token=a;object=%ff",
        "pkcs11:token=a;object",
        "pkcs11:token=a;object=b?object=c",
        "pkcs11:token=a;object=b?pin-source=|/bin/sh",
        "pkcs11:token=a;object=b?pin-source=pin",
        "pkcs11:token=a;object=b?module-name=p11-kit",
    ],
)
def test_what_does_not_name_exactly_one_private_key_is_refused(uri):
    with pytest.raises(UsageError, match=r"pkcs11\.not-a-uri"):
        parse_uri(uri)


def test_a_pin_on_the_command_line_is_refused_and_not_repeated():
    with pytest.raises(UsageError) as refused:
        parse_uri("pkcs11:token=a;object=b?pin-value=secret")
    assert "secret" not in str(refused.value)
    assert "pin-source" in str(refused.value)
