"""Everything one deployment is, and the proof that it may be one."""

from collections.abc import Mapping
from dataclasses import dataclass

from andon.kernel.canonical import Json
from andon.kernel.digest import Digest


@dataclass(frozen=True, slots=True)
class ReleaseFacts:
    """The facts of a release manifest; its inputs name the model and the report.

    Attributes:
        target: Where it is served.
        predecessor: The release that was the target's champion when this one was bound; empty for the first.
        initiators: Who submitted the code and who started the run; they never sign off.
        plan: Digest of the feature plan with its fitted constants.
        root_version: Version of the trust root it was bound under.
    """

    factory: str
    model_name: str
    target: str
    predecessor: Digest
    initiators: tuple[str, ...]
    plan: Digest
    environment: Digest
    declaration: Digest
    latency_ns: int
    root_version: int


@dataclass(frozen=True, slots=True)
class Bundle:
    """All that a load needs to check a release without any database.

    Attributes:
        release: Digest of the release manifest.
        manifests: Canonical manifests of the release and all its ancestors, by digest.
        statements: Envelopes of every statement the admission relied on, and the admission itself.
        proofs: Inclusion proof of each statement, by the statement's digest, `.tlog-proof` text.
        root: The trust root, as an envelope.
    """

    release: Digest
    manifests: Mapping[str, Json]
    statements: tuple[Mapping[str, Json], ...]
    proofs: Mapping[str, str]
    root: Mapping[str, Json]
