"""The proof that travels with a release: made at admission, and checked again at every load, without any database."""

import base64
import binascii
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from andon.attest import envelope as envelopes
from andon.attest.envelope import Envelope
from andon.attest.succession import MakeVerifier, verify_versions
from andon.attest.trust_root import Floor, TrustRoot, floor_of, verifiers_of
from andon.attest.witness_keys import witness_keys
from andon.contracts.declaration import Declaration
from andon.contracts.release import Bundle, ReleaseFacts
from andon.contracts.wire import from_json
from andon.gates.admission import check_unrevoked, revoked
from andon.gates.chain import Chain, by_subject, general_of, read_declaration, release_facts, single_input
from andon.gates.proving import check_chain
from andon.gates.record import log_verifiers, root_then
from andon.gates.refusal import refuse
from andon.gates.said import Said, read_said
from andon.gates.serving import Admission, admission_of
from andon.kernel.canonical import dumps, joined, loads
from andon.kernel.digest import Digest, of_bytes
from andon.kernel.errors import AndonError, IntegrityError
from andon.kernel.signing import Verifier
from andon.ledger.checkpoint import parse
from andon.ledger.cosignature import WitnessKey, count_witnesses
from andon.ledger.entry import Entry, leaf_bytes, parse_leaf
from andon.ledger.memory import Remembered
from andon.ledger.proof import parse_proof, verify_proof
from andon.store.manifest import Manifest, manifest_from_json

ReadObject = Callable[[Digest], bytes]
_HEAD: Final = "c2sp.org/tlog-proof@v1\n"
_EXTRA: Final = "extra "


@dataclass(frozen=True, slots=True)
class Trust:
    """What a server knows from elsewhere than the bundle.

    Attributes:
        fingerprint: Of the first trust root, pinned.
        verifier: Makes the check of one key.
        revoked: Releases known to be revoked.
        remembered: What this server saw of the ledger before; `None` when nothing.
        versions: Every version of the trust root that this server knows, verified; what became of keys after an
            admission stands there, and not in its bundle.
    """

    fingerprint: Digest
    verifier: MakeVerifier
    revoked: Collection[Digest] = ()
    remembered: Remembered | None = None
    versions: Sequence[TrustRoot] = ()


@dataclass(frozen=True, slots=True)
class LoadedRelease:
    """A release whose bytes and proofs were checked just now.

    Attributes:
        model: Digest of the model.
        objects: The model's objects by name: the very bytes that were checked.
    """

    release: Digest
    facts: ReleaseFacts
    model: Digest
    objects: Mapping[str, bytes]
    declaration: Declaration
    admission: Admission


def make_bundle(
    release: Digest,
    manifests: Mapping[Digest, Manifest],
    relied: Sequence[Said],
    proofs: Mapping[int, str],
    roots: Sequence[Envelope],
) -> bytes:
    """Put together what a load needs, as the canonical bytes that `read_bundle` reads.

    Everything in it is written canonically already, so nothing is read and written anew.

    Args:
        release: Digest of the release manifest.
        manifests: The release and all that it rests on.
        relied: The statements the admission relied on, and the admission itself.
        proofs: That the ledger holds them, by their place in it.
        roots: Every version of the trust root, the first one first.
    """
    return joined(
        {
            "release": dumps(release),
            "manifests": joined({digest: manifest.to_bytes() for digest, manifest in manifests.items()}),
            "statements": b"[" + b",".join(one.envelope for one in relied) + b"]",
            "proofs": dumps({one.digest: _with_leaf(one.entry, proofs[one.index]) for one in relied}),
            "root": joined({str(n): envelopes.to_json(envelope) for n, envelope in enumerate(roots, start=1)}),
        }
    )


def read_bundle(data: bytes) -> Bundle:
    """The bundle in canonical bytes, without believing it.

    Raises:
        IntegrityError: There is none in them (`gates.bundle-damaged`).
    """
    try:
        return from_json(Bundle, loads(data))
    except AndonError as error:
        raise _damaged(error.found) from error


def check_bundle(bundle: Bundle, target: str, read_object: ReadObject, trust: Trust) -> LoadedRelease:
    """Check a release from its bytes and its bundle alone: everything that admission proved, once more.

    What was rightly admitted goes on being served: neither a trust root that has expired since, nor a floor that
    demands more since, nor an approver who has left takes it down. A compromised key does, and a revocation.

    Args:
        bundle: The proof.
        target: Where it is to be served.
        read_object: Gives the bytes of an object.
        trust: What is known from elsewhere.

    Raises:
        RefusedError: A proof is missing or does not hold; it was never admitted to this target, or it was revoked.
        IntegrityError: The bundle or an object is not what was recorded.
    """
    if bundle.release in trust.revoked:
        raise revoked(bundle.release)
    roots = _newest(verify_versions(_roots(bundle), trust.fingerprint, trust.verifier), trust.versions)
    said = _said(bundle, roots[-1], trust)
    one, admission = _admission(bundle, said, roots[-1], target)
    root = root_then(roots, admission.root_version)
    _check_witnessed(bundle, floor_of(root, target), witness_keys(roots[-1], trust.verifier))
    manifests = _manifests(bundle)
    facts = release_facts(_release(bundle, manifests))
    model = single_input(manifests[bundle.release], "model", manifests)
    objects = {item.name: _read(read_object, item.sha256) for item in manifests[model].content}
    declaration = read_declaration(_read(read_object, facts.declaration))
    chain = Chain(
        release=bundle.release,
        target=target,
        manifests=manifests,
        said=by_subject(said),
        objects=frozenset(of_bytes(data) for data in objects.values()),
        declaration=declaration,
        root=root,
        at_ns=admission.time_ns,
        general=general_of(said),
    )
    check_unrevoked(chain)
    proven = check_chain(chain)
    if proven.model != admission.model or not set(proven.relied) <= set(admission.relied):
        raise _incomplete(one.digest, "it was admitted on other proofs")
    return LoadedRelease(bundle.release, facts, model, objects, declaration, admission)


def _newest(carried: Sequence[TrustRoot], known: Sequence[TrustRoot]) -> Sequence[TrustRoot]:
    """The versions of the trust root that a bundle carries, or the more that this server knows."""
    both = min(len(carried), len(known))
    if list(carried[:both]) != list(known[:both]):
        raise _damaged("its trust root is not the one known here")
    return known if len(known) > len(carried) else carried


def _check_witnessed(bundle: Bundle, floor: Floor, keys: Sequence[WitnessKey]) -> None:
    """Every head that a statement is proved to be under must be cosigned, where the target asks for witnesses."""
    if not floor.witnesses:
        return
    for note in {parse_proof(text).checkpoint for text in bundle.proofs.values()}:
        times = count_witnesses(note, keys)
        if len(times) < floor.witnesses:
            raise refuse(
                "ledger.unwitnessed",
                f"The target {floor.target} needs {floor.witnesses} witnesses of the ledger.",
                bundle.release,
                f"{len(times)}: {', '.join(sorted(times)) or 'nobody'}",
                "Bring the witnesses back, then have the release promoted again: andon run.",
            )


def _roots(bundle: Bundle) -> list[Envelope]:
    try:
        numbers = sorted(bundle.root, key=int)
    except ValueError as error:
        raise _damaged("trust roots without numbers") from error
    return [envelopes.from_json(dumps(bundle.root[number])) for number in numbers]


def _manifests(bundle: Bundle) -> dict[Digest, Manifest]:
    found: dict[Digest, Manifest] = {}
    for digest, value in bundle.manifests.items():
        try:
            manifest = manifest_from_json(value)
        except AndonError as error:
            raise _damaged(f"manifest {digest}: {error.found}") from error
        if manifest.digest != digest:
            raise _damaged(f"manifest {digest} is {manifest.digest}")
        found[digest] = manifest
    return found


def _release(bundle: Bundle, manifests: Mapping[Digest, Manifest]) -> Manifest:
    if bundle.release not in manifests:
        raise _incomplete(bundle.release, "the release's own manifest is missing")
    return manifests[bundle.release]


def _said(bundle: Bundle, root: TrustRoot, trust: Trust) -> list[Said]:
    logs = log_verifiers(root, trust.verifier)
    verifiers = verifiers_of(root, trust.verifier)
    keys = witness_keys(root, trust.verifier)
    said = [_one_said(dumps(value), bundle.proofs, logs, verifiers, trust.remembered) for value in bundle.statements]
    return [replace(one, witnessed_ns=_witnessed_ns(bundle.proofs[one.digest], keys)) for one in said]


def _witnessed_ns(proof: str, keys: Sequence[WitnessKey]) -> int | None:
    """When a witness first cosigned the head that a statement is proved to be under, as far as the proof says."""
    return min(count_witnesses(parse_proof(proof).checkpoint, keys).values(), default=None) if keys else None


def _one_said(
    data: bytes,
    proofs: Mapping[str, str],
    logs: Mapping[str, Verifier],
    verifiers: Mapping[str, Verifier],
    remembered: Remembered | None,
) -> Said:
    """One statement, once it is proved that the ledger holds it."""
    text = proofs.get(of_bytes(data))
    if text is None:
        raise _incomplete(of_bytes(data), "no proof that the ledger holds this statement")
    entry = _leaf_of(text)
    claimed = parse(parse_proof(text).checkpoint)
    origin = remembered.origin if remembered else claimed.origin
    head = verify_proof(text, entry, origin, logs.values())
    if remembered and (head.size, head.root) != (remembered.size, remembered.root) and head.size == remembered.size:
        raise _damaged("a ledger of the same size with another root was seen before")
    return read_said(data, entry, verifiers)


def _admission(bundle: Bundle, said: Sequence[Said], root: TrustRoot, target: str) -> tuple[Said, Admission]:
    found = admission_of(said, root, release=bundle.release, target=target)
    if found is None:
        raise refuse(
            "gates.not-admitted",
            "This release was not admitted to this target.",
            target,
            bundle.release,
            "Admit it first.",
        )
    missing = set(found[1].relied) - {one.digest for one in said}
    if missing:
        raise _incomplete(", ".join(sorted(missing)), "a statement that the admission relied on is missing")
    return found


def _with_leaf(entry: Entry, text: str) -> str:
    """The proof, with its entry in the line the format leaves free: the proof alone does not say when."""
    extra = base64.b64encode(leaf_bytes(entry)).decode()
    return text.replace(_HEAD, f"{_HEAD}{_EXTRA}{extra}\n", 1)


def _leaf_of(text: str) -> Entry:
    line = text.removeprefix(_HEAD).partition("\n")[0]
    try:
        return parse_leaf(base64.b64decode(line.removeprefix(_EXTRA), validate=True))
    except (binascii.Error, ValueError) as error:
        raise _damaged("a proof without its ledger entry") from error


def _read(read_object: ReadObject, digest: Digest) -> bytes:
    data = read_object(digest)
    if of_bytes(data) != digest:
        raise IntegrityError(
            "gates.object-damaged",
            "The bytes of this object are not those that were admitted.",
            place=digest,
            found=of_bytes(data),
            fix="Restore the object from a copy of the store.",
        )
    return data


def _incomplete(place: str, found: str) -> IntegrityError:
    return IntegrityError(
        "gates.bundle-incomplete",
        "This bundle does not prove what it is for.",
        place=place,
        found=found,
        fix="Get the bundle again from the gatekeeper that admitted the release.",
    )


def _damaged(found: str) -> IntegrityError:
    return IntegrityError(
        "gates.bundle-damaged",
        "This is not the bundle of a release.",
        found=found,
        fix="Get the bundle again from the gatekeeper that admitted the release.",
    )
