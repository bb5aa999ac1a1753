"""Everything the gatekeeper reads and writes, and what it can tell from it."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from andon.attest.statement import ADMISSION, ROLLBACK
from andon.attest.trust_root import TrustRoot
from andon.contracts.policy import Tier
from andon.gates.chain import single_input
from andon.gates.ports import Commits
from andon.gates.record import Record
from andon.gates.request import serving_ref
from andon.gates.said import Said
from andon.gates.serving import serving
from andon.kernel.clock import Clock
from andon.kernel.digest import Digest
from andon.kernel.errors import IntegrityError
from andon.kernel.unit import Units
from andon.registry.ports import Manifests, Ref, Refs
from andon.store.manifest import Manifest
from andon.store.ports import Blobs


@dataclass(frozen=True, slots=True)
class Keeping:
    """The gatekeeper's ports: control database, store, record, clock.

    Attributes:
        tier: The trust tier at which it runs, as the wiring computed it; every decision carries it.
    """

    units: Units
    manifests: Manifests
    refs: Refs
    blobs: Blobs
    commits: Commits
    record: Record
    clock: Clock
    tier: Tier = "T0"

    def remember(self, root: TrustRoot) -> None:
        """Remember the ledger and the trust root as they stand now; one at a time, so that memory never goes back."""
        with self.units.begin() as unit:
            self.record.remember(root, unit)

    def decisions(self, root: TrustRoot) -> list[Said]:
        """Every admission and rollback."""
        return self.record.of_types(root, ADMISSION, ROLLBACK)

    def serving(
        self, decisions: Iterable[Said], root: TrustRoot, model_name: str, target: str
    ) -> tuple[Digest, Ref | None]:
        """The release a target serves, as signed decisions say, and the name that says the same.

        Raises:
            IntegrityError: The name stands where no decision put it (`gates.ref-moved`).
        """
        decision = serving(decisions, root, model_name=model_name, target=target)
        ref = self.refs.get(serving_ref(root.factory, model_name, target))
        said = (decision.publish.digest, decision.publish.sequence) if decision else None
        if said != ((ref.digest, ref.sequence) if ref else None):
            raise IntegrityError(
                "gates.ref-moved",
                "A name stands where no signed decision put it.",
                place=serving_ref(root.factory, model_name, target),
                found=f"{ref.digest}, number {ref.sequence}" if ref else "nothing",
                fix="Find out who moved it; put it back with a rollback or a new release.",
            )
        return (ref.digest if ref else ""), ref

    def model_of(self, release: Digest) -> Digest:
        """The model of a release; empty for no release."""
        if not release:
            return ""
        manifest = self.manifests.get(release)
        inputs = {item.digest: self.manifests.get(item.digest) for item in manifest.inputs}
        return single_input(manifest, "model", inputs)

    def lineage_of(self, release: Digest) -> dict[Digest, Manifest]:
        """A release, what it names, everything its model was made from, and the release before it with what that names.

        Each is read again from its bytes.

        Raises:
            InputError: One of them is not recorded.
            IntegrityError: One of them is not what was recorded.
        """
        noted = self.manifests.ancestry(release)

        def read(digests: Collection[Digest]) -> dict[Digest, Manifest]:
            missed = [digest for digest in digests if digest not in noted]
            known = {**noted, **(self.manifests.many(missed) if missed else {})}
            return {digest: known[digest] for digest in digests}

        found = read((release,))
        before = str(found[release].facts.get("predecessor", ""))
        named = {item.digest for item in found[release].inputs}
        found |= read({*named, before} if before else named)
        waiting = {item.digest for digest in named if found[digest].kind == "model" for item in found[digest].inputs}
        while waiting := waiting - set(found):
            generation = read(waiting)
            found |= generation
            waiting = {item.digest for manifest in generation.values() for item in manifest.inputs}
        if before:
            found |= read({item.digest for item in found[before].inputs} - set(found))
        return found
