"""Exporting evidence: everything that was said about a release, as one zip file; and the file that checks it."""

from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Final

from andon.kernel.canonical import Json
from andon.kernel.digest import Digest, hex_of, of_bytes
from andon.wiring.calls.evidence.gathered import gather
from andon.wiring.calls.evidence.pack import make_pack
from andon.wiring.calls.finding import find_artefact
from andon.wiring.factory import open_factory
from andon.wiring.trust import TIER, TIER_MEANS

VERIFIER: Final = "andon_verify.py"


@dataclass(frozen=True, slots=True)
class Exported:
    """A file to hand on.

    Attributes:
        name: What to call it, unless somebody says otherwise.
        data: Its bytes.
        about: The release; empty for the verifier.
        says: What to know about it, in sentences.
    """

    name: str
    data: bytes
    about: Digest
    says: tuple[str, ...]

    @property
    def digest(self) -> Digest:
        """The digest of its bytes."""
        return of_bytes(self.data)

    def to_json(self) -> dict[str, Json]:
        """What was exported, for programs."""
        return {"release": self.about, "sha256": self.digest, "bytes": len(self.data), "says": list(self.says)}


def evidence_of(folder: Path, release: str, *, whole: bool = False) -> Exported:
    """The evidence pack of a release, as the records stand at the newest head of the ledger.

    Args:
        folder: The factory's folder.
        release: The release's digest or its beginning.
        whole: Put in the statement of every ledger entry, so that completeness is proved and not only stated.

    Raises:
        UsageError: No release has such a digest, or more than one.
        InputError: Its evidence does not fit into one zip file.
        IntegrityError: Something is not what was recorded.
    """
    with open_factory(folder) as opened:
        digest = find_artefact(opened, release, "release")
        gathered = gather(opened, digest, whole=whole)
        data = make_pack(gathered, {"tier": TIER, "means": TIER_MEANS}, opened.gate_key)
    says = (
        f"{len(gathered.sealed)} of {gathered.head.size} statements of the ledger, {len(gathered.manifests)} artefacts",
        f"the release is {gathered.state}",
        TIER_MEANS,
    )
    return Exported(f"evidence-{hex_of(digest)[:12]}.zip", data, digest, says)


def verifier_file() -> Exported:
    """The one file that checks evidence packs; it needs Python and `cryptography`, and nothing of andon."""
    data = resources.files("andon.verifier").joinpath(VERIFIER).read_bytes()
    return Exported(VERIFIER, data, "", ("compare its sha256 with the one of a release of andon that you trust",))
