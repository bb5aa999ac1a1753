"""The envelope against an independent implementation, and against whoever wants to pass for a signer."""

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from securesystemslib.dsse import Envelope as OracleEnvelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import CryptoSigner, SSlibKey

from andon.adapters.keys import verifier
from andon.attest.envelope import (
    Envelope,
    Signature,
    digest_of,
    from_json,
    pae,
    sign,
    signers_of,
    to_json,
    with_signature,
)
from andon.kernel.canonical import dumps
from andon.kernel.digest import of_bytes
from andon.kernel.errors import IntegrityError
from andon.kernel.signing import public_key

kinds = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)


def oracle_key(signer) -> SSlibKey:
    return SSlibKey(signer.key_id, "ed25519", "ed25519", {"public": signer.public.raw.hex()})


@given(kinds, st.binary(max_size=60), st.sets(st.integers(1, 5), min_size=1))
@settings(max_examples=40, deadline=None)
def test_our_envelopes_verify_in_securesystemslib(signer_of, kind, payload, seeds):
    signers = [signer_of(seed) for seed in sorted(seeds)]
    envelope = sign(kind, payload, signers)
    theirs = OracleEnvelope.from_dict(json.loads(to_json(envelope)))
    assert theirs.pae() == pae(kind, payload)
    assert set(theirs.verify([oracle_key(one) for one in signers], len(signers))) == {one.key_id for one in signers}
    with pytest.raises(VerificationError):
        theirs.verify([oracle_key(signer_of(9))], 1)


@given(kinds, st.binary(max_size=60))
@settings(max_examples=20, deadline=None)
def test_envelopes_of_securesystemslib_verify_here(kind, payload):
    signer = CryptoSigner.generate_ed25519()
    theirs = OracleEnvelope(payload, kind, {})
    public = public_key(bytes.fromhex(signer.public_key.keyval["public"]))
    signature = signer.sign(theirs.pae())
    theirs.signatures[public.key_id] = type(signature)(public.key_id, signature.signature)
    envelope = from_json(dumps(theirs.to_dict()))
    assert (envelope.payload_type, envelope.payload) == (kind, payload)
    assert signers_of(envelope, {public.key_id: verifier(public)}) == {public.key_id}


@given(kinds, st.binary(max_size=40), kinds, st.binary(max_size=40))
def test_two_contents_never_sign_the_same_bytes(kind, payload, other_kind, other_payload):
    same = (kind, payload) == (other_kind, other_payload)
    assert (pae(kind, payload) == pae(other_kind, other_payload)) is same


@given(kinds, st.binary(max_size=60), st.sets(st.integers(1, 5)))
@settings(max_examples=30, deadline=None)
def test_an_envelope_reads_back_and_is_named_by_its_bytes(signer_of, kind, payload, seeds):
    envelope = sign(kind, payload, [signer_of(seed) for seed in sorted(seeds)])
    assert from_json(to_json(envelope)) == envelope
    assert digest_of(envelope) == of_bytes(to_json(envelope))


def test_a_later_signature_counts_beside_the_first(signer_of, verifiers_for):
    envelope = with_signature(sign("a", b"x", [signer_of(1)]), signer_of(2))
    assert signers_of(envelope, verifiers_for(1, 2)) == {signer_of(1).key_id, signer_of(2).key_id}
    assert signers_of(envelope, verifiers_for(2)) == {signer_of(2).key_id}
    with pytest.raises(IntegrityError, match="two signatures"):
        with_signature(envelope, signer_of(1))


def test_nothing_counts_but_a_known_key_with_its_own_right_signature(signer_of, verifiers_for):
    good = sign("a", b"x", [signer_of(1)])
    one, two = signer_of(1), signer_of(2)
    right = good.signatures[0].value
    attacks = {
        "unknown key": (sign("a", b"x", [two]), verifiers_for(1)),
        "wrong signature": (
            Envelope("a", b"x", (Signature(one.key_id, two.sign(pae("a", b"x"))),)),
            verifiers_for(1, 2),
        ),
        "borrowed signature": (Envelope("a", b"x", (Signature(two.key_id, right),)), verifiers_for(1, 2)),
        "other payload": (Envelope("a", b"y", good.signatures), verifiers_for(1)),
        "other type": (Envelope("b", b"x", good.signatures), verifiers_for(1)),
        "shifted border": (Envelope("a ", b"x", good.signatures), verifiers_for(1)),
        "payload signed bare": (Envelope("a", b"x", (Signature(one.key_id, one.sign(b"x")),)), verifiers_for(1)),
        "empty signature": (Envelope("a", b"x", (Signature(one.key_id, b""),)), verifiers_for(1)),
        "cut signature": (Envelope("a", b"x", (Signature(one.key_id, right[:63]),)), verifiers_for(1)),
        "long signature": (Envelope("a", b"x", (Signature(one.key_id, right + b"\0"),)), verifiers_for(1)),
        "key under another's id": (
            Envelope("a", b"x", (Signature(two.key_id, right),)),
            {two.key_id: verifiers_for(1)[one.key_id]},
        ),
        "no signature": (Envelope("a", b"x", ()), verifiers_for(1)),
        "no verifiers": (good, {}),
    }
    for attack, (envelope, verifiers) in attacks.items():
        assert signers_of(envelope, verifiers) == frozenset(), attack
    assert signers_of(good, verifiers_for(1)) == {one.key_id}


def test_every_flipped_bit_of_the_signature_or_the_payload_is_seen(signer_of, verifiers_for):
    good = sign("a", b"payload", [signer_of(1)])
    key_id, value = good.signatures[0].key_id, good.signatures[0].value
    for place in range(len(value) * 8):
        flipped = bytearray(value)
        flipped[place // 8] ^= 1 << place % 8
        assert not signers_of(Envelope("a", b"payload", (Signature(key_id, bytes(flipped)),)), verifiers_for(1))


def test_a_key_id_that_stands_there_twice_is_refused(signer_of):
    twice = sign("a", b"x", [signer_of(1)]).signatures * 2
    with pytest.raises(IntegrityError, match="two signatures"):
        Envelope("a", b"x", twice)
    item = {"keyid": "k", "sig": "AA=="}
    with pytest.raises(IntegrityError, match="two signatures"):
        from_json(dumps({"payload": "", "payloadType": "a", "signatures": [item, item]}))


GOOD = {"payload": "eA==", "payloadType": "a", "signatures": [{"keyid": "k", "sig": "AA=="}]}


@pytest.mark.parametrize(
    "changes",
    [
        {"payload": None},
        {"payload": "eA"},
        {"payload": "eB=="},
        {"payload": "eA==\n"},
        {"payload": "e A=="},
        {"payload": "_-=="},
        {"payloadType": ""},
        {"payloadType": 1},
        {"signatures": {}},
        {"signatures": ["k"]},
        {"signatures": [{"keyid": "k"}]},
        {"signatures": [{"keyid": 1, "sig": "AA=="}]},
        {"signatures": [{"keyid": "k", "sig": "AA==", "cert": ""}]},
        {"extra": 1},
    ],
    ids=str,
)
def test_a_malformed_envelope_is_refused(changes):
    assert from_json(dumps(GOOD)).payload == b"x"
    with pytest.raises(IntegrityError, match=r"attest\.malformed"):
        from_json(dumps({**GOOD, **changes}))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"null",
        b"\xff",
        json.dumps(GOOD).encode(),
        dumps(GOOD) + b"\n",
        dumps(GOOD).replace(b'"payload":"eA=="', b'"payload":"AA==","payload":"eA=="'),
        b'{"payload":' * 600 + b"1" + b"}" * 600,
        base64.b64encode(dumps(GOOD)),
    ],
)
def test_bytes_that_are_not_the_canonical_form_are_refused(data):
    with pytest.raises(IntegrityError, match=r"attest\.malformed"):
        from_json(data)
