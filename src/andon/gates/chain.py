"""Everything a release rests on, as values: its manifests, what was said about them, and how they hang together."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from andon.attest.statement import DELEGATION, REVOCATION
from andon.attest.trust_root import TrustRoot
from andon.contracts.declaration import Declaration
from andon.contracts.release import ReleaseFacts
from andon.contracts.wire import from_json
from andon.gates.refusal import refuse
from andon.gates.said import Said
from andon.kernel.canonical import loads
from andon.kernel.digest import Digest
from andon.kernel.errors import InputError
from andon.store.manifest import Kind, Manifest

_MOST_READ: Final = 16


@dataclass(frozen=True, slots=True)
class Chain:
    """A release, its ancestors down to the source batches, and all that was said about them.

    Attributes:
        release: Digest of the release manifest.
        target: Where it is to be served.
        manifests: The release, its report, its model and all the model's ancestors, and the release before it with its
            model, each read again from its bytes.
        said: Statements about any of them, by each subject, each proved to be in the ledger; see `by_subject`.
        general: Every delegation and revocation, whatever it is about, in the order of the ledger.
        objects: Digests of the objects whose bytes were just read and found right.
        declaration: The factory's declaration that the release names, read again from its bytes.
        root: Who is who, and the targets' floors.
        at_ns: The moment for which people are counted: now for an admission, the admission's own for a load.
    """

    release: Digest
    target: str
    manifests: Mapping[Digest, Manifest]
    said: Mapping[Digest, Sequence[Said]]
    objects: frozenset[Digest]
    declaration: Declaration
    root: TrustRoot
    at_ns: int
    general: Sequence[Said] = ()

    def about(self, *subjects: Digest) -> Sequence[Said]:
        """What was said about an artefact, or about bytes, and what is general, in the order of the ledger."""
        about = [one for subject in subjects for one in self.said.get(subject, ())]
        found = {one.digest: one for one in (*about, *self.general)}
        return sorted(found.values(), key=lambda one: one.index)


@dataclass(frozen=True, slots=True)
class Proven:
    """What a chain that stands was proved to be.

    Attributes:
        relied: Digests of the statements that were relied on, in the order of the ledger.
    """

    facts: ReleaseFacts
    model: Digest
    report: Digest
    relied: tuple[Digest, ...]


def by_subject(said: Iterable[Said]) -> dict[Digest, list[Said]]:
    """Statements by what they are about, each list in the order of the ledger."""
    found: dict[Digest, list[Said]] = {}
    for one in sorted(said, key=lambda one: one.index):
        for subject in dict.fromkeys(one.subjects):
            found.setdefault(subject, []).append(one)
    return found


def general_of(said: Iterable[Said]) -> tuple[Said, ...]:
    """The delegations and revocations among statements, in the order of the ledger."""
    found = (one for one in said if one.statement.predicate_type in (DELEGATION, REVOCATION))
    return tuple(sorted(found, key=lambda one: one.index))


@lru_cache(maxsize=_MOST_READ)
def read_declaration(data: bytes) -> Declaration:
    """The declaration in canonical bytes; the same bytes always are the same one.

    Raises:
        InputError: They are no declaration.
    """
    return from_json(Declaration, loads(data))


def release_facts(manifest: Manifest) -> ReleaseFacts:
    """The facts of a release.

    Raises:
        RefusedError: The artefact is not a release (`gates.not-a-release`).
    """
    try:
        if manifest.kind == "release":
            return from_json(ReleaseFacts, manifest.facts)
        found = f"a {manifest.kind}"
    except InputError as error:
        found = error.found
    raise refuse(
        "gates.not-a-release",
        "This artefact is not a release.",
        manifest.digest,
        found,
        "Name the digest of a release.",
    )


def ancestry(of: Digest, manifests: Mapping[Digest, Manifest]) -> list[Digest]:
    """An artefact and everything it was made from, directly or not.

    Raises:
        RefusedError: An ancestor is missing (`gates.lineage-open`).
    """
    seen: dict[Digest, None] = {}
    waiting = [of]
    while waiting:
        digest = waiting.pop()
        if digest in seen:
            continue
        if digest not in manifests:
            raise refuse(
                "gates.lineage-open",
                "An ancestor of this release is not recorded.",
                digest,
                "no manifest",
                "Run the line.",
            )
        seen[digest] = None
        waiting += [item.digest for item in manifests[digest].inputs]
    return list(seen)


def single_input(manifest: Manifest, kind: Kind, manifests: Mapping[Digest, Manifest]) -> Digest:
    """The one input of a kind.

    Raises:
        RefusedError: There is none, or more than one (`gates.lineage-open`).
    """
    found = [i.digest for i in manifest.inputs if i.digest in manifests and manifests[i.digest].kind == kind]
    if len(set(found)) != 1:
        raise refuse(
            "gates.lineage-open",
            f"This {manifest.kind} does not name one {kind}.",
            manifest.digest,
            f"{len(found)} found",
        )
    return found[0]
