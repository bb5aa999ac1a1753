"""Exporting evidence: everything that was said about a release, as one zip file; and the file that checks it."""

import io
import zipfile
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Final, cast

from andon.kernel.canonical import Json, loads
from andon.kernel.digest import Digest, hex_of, of_bytes
from andon.wiring.calls.evidence.gathered import gather
from andon.wiring.calls.evidence.index import INDEX
from andon.wiring.calls.evidence.pack import make_pack
from andon.wiring.calls.finding import find_artefact
from andon.wiring.factory import open_factory

VERIFIER: Final = "andon_verify.py"


@dataclass(frozen=True, slots=True)
class Exported:
    """A file to hand on, and what to know about it.

    Attributes:
        name: What to call it, unless somebody says otherwise.
        digest: The digest of its bytes.
        about: What it is about: the release; empty for the verifier.
        says: What to know about it, in sentences.
    """

    name: str
    digest: Digest
    about: Digest
    says: tuple[str, ...]

    def to_json(self) -> dict[str, Json]:
        """What was exported, for programs."""
        return {"release": self.about, "sha256": self.digest, "says": list(self.says)}


def evidence_of(folder: Path, release: str, *, whole: bool = False) -> bytes:
    """The evidence pack of a release: a zip file about the records as they stand at the newest head of the ledger.

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
        gathered = gather(opened, find_artefact(opened, release, "release"), whole=whole)
        return make_pack(gathered, {"tier": opened.standing.tier, "means": opened.standing.means}, opened.gate_key)


def about_pack(pack: bytes) -> Exported:
    """What a pack that was just made says of itself; nothing is checked, that is the verifier's work."""
    with zipfile.ZipFile(io.BytesIO(pack)) as files:
        index = cast("dict[str, Json]", loads(files.read(INDEX)))
        means = cast("dict[str, Json]", loads(files.read("tier.json")))["means"]
        count = sum(path.startswith("statements/") for path in files.namelist())
    ledger = cast("dict[str, Json]", index["ledger"])
    release = str(index["release"])
    says = (
        f"{count} of {ledger['size']} statements of the ledger; the release is {index['state']}",
        str(index["completeness"]),
        str(means),
    )
    return Exported(f"evidence-{hex_of(release)[:12]}.zip", of_bytes(pack), release, says)


def verifier_file() -> bytes:
    """The one file that checks evidence packs; it needs Python and `cryptography`, and nothing of andon."""
    return resources.files("andon.verifier").joinpath(VERIFIER).read_bytes()


def about_verifier(data: bytes) -> Exported:
    """What to know about the verifier."""
    return Exported(VERIFIER, of_bytes(data), "", ("Compare the digest with that of a release of andon you trust.",))
