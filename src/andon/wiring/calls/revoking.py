"""Revocations: a release must not be loaded any more, a waiver or a delegation counts no more."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from andon.attest import envelope as envelopes
from andon.attest.statement import DELEGATION, WAIVER
from andon.gates.chain import release_facts
from andon.gates.request import serving_ref
from andon.kernel.canonical import Json
from andon.kernel.digest import Digest
from andon.kernel.errors import UsageError
from andon.wiring.calls.approving import person_named
from andon.wiring.calls.drafts import listed
from andon.wiring.calls.finding import find_artefact
from andon.wiring.factory import Opened, open_factory
from andon.wiring.revocations import publish_revocation

_TYPES: Final = {"release": "", "waiver": WAIVER, "delegation": DELEGATION}
_SHORTEST: Final = 4


@dataclass(frozen=True, slots=True)
class Revoked:
    """Something that counts no more.

    Attributes:
        digest: What was revoked.
        statement: The revocation's own digest.
        serves: Targets, as `model on target`, whose record still names a revoked release.
    """

    kind: str
    digest: Digest
    statement: Digest
    by: str
    serves: tuple[str, ...]

    def to_json(self) -> dict[str, Json]:
        """The revocation for programs."""
        return {name: getattr(self, name) for name in ("kind", "digest", "statement", "by")} | {
            "serves": list(self.serves)
        }


def revoke(folder: Path, kind: str, text: str, *, person: str, reason: str) -> Revoked:
    """Let the gatekeeper sign that something counts no more; it is never taken back.

    Args:
        folder: The factory's folder.
        kind: What is to be revoked: `release`, `waiver` or `delegation`.
        text: Its digest, or the beginning of it.
        person: Who asks; empty for who is acting.
        reason: Why.

    Raises:
        UsageError: There is no such thing, no reason, or the person is nobody of the trust root.
    """
    if not reason.strip():
        raise UsageError("revoke.no-reason", "A revocation needs a reason.", fix="Say why: --reason '...'")
    if kind not in _TYPES:
        raise UsageError(
            "revoke.unknown-kind", "This cannot be revoked.", found=kind, fix=f"One of {listed(list(_TYPES))}."
        )
    with open_factory(folder) as opened:
        digest = find_artefact(opened, text, "release") if kind == "release" else _statement(opened, kind, text)
        who = person_named(opened.gatekeeper.keeping.record.root(), person or opened.settings.person)
        statement = opened.gatekeeper.revoke(digest=digest, by=who.name, reason=reason)
        if kind == "release":
            target = release_facts(opened.database.manifests.get(digest)).target
            publish_revocation(
                opened.settings.serving(target), envelopes.from_json(opened.database.statements.get(statement).envelope)
            )
        prefix = serving_ref(opened.settings.name, "", "").rstrip("/")
        refs = opened.database.refs.with_prefix(f"{prefix}/") if kind == "release" else []
        serves = tuple(" on ".join(ref.name.rsplit("/", 2)[1:]) for ref in refs if ref.digest == digest)
        return Revoked(kind, digest, statement, who.name, serves)


def _statement(opened: Opened, kind: str, text: str) -> Digest:
    record = opened.gatekeeper.keeping.record
    known = [one.digest for one in record.of_types(record.root(), _TYPES[kind])]
    asked = text.removeprefix("sha256:")
    found = [one for one in known if len(asked) >= _SHORTEST and one.removeprefix("sha256:").startswith(asked)]
    if len(found) == 1:
        return found[0]
    raise UsageError(
        f"{kind}.unknown",
        f"There is no such {kind}." if not found else f"More than one {kind} begins so.",
        place=text,
        found=listed([one[7:19] for one in known], "none"),
        fix="Write the beginning of a digest, at least 4 of its hex digits.",
    )
