"""Revocations where servers see them: signed files beside what a target serves, read at every load."""

from pathlib import Path

from andon.adapters.keys import verifier
from andon.attest import envelope as envelopes
from andon.attest.statement import REVOCATION, unseal
from andon.attest.trust_root import GATE_ROLE, TrustRoot
from andon.contracts.wire import from_json
from andon.gates.serving import Revocation
from andon.kernel.digest import Digest, hex_of
from andon.kernel.errors import AndonError, IntegrityError
from andon.line.serve.folder import replace_file


def publish_revocation(target: Path, envelope: envelopes.Envelope) -> None:
    """Lay a signed revocation out for the servers of a target.

    Args:
        target: The folder of the target, in which it is said what is served.
        envelope: The revocation as the gatekeeper signed it.
    """
    folder = target / "revocations"
    folder.mkdir(parents=True, exist_ok=True)
    replace_file(folder / f"{hex_of(envelopes.digest_of(envelope))}.json", envelopes.to_json(envelope))


def revoked_on(target: Path, root: TrustRoot) -> frozenset[Digest]:
    """The releases that were revoked, as far as the servers of a target were told.

    A key that was retired or compromised since still revokes: in doubt a release is not loaded.

    Args:
        target: The folder of the target.
        root: Who the gates are.

    Raises:
        IntegrityError: A revocation cannot be read, or no gate signed it (`serve.revocation-damaged`); what it hides
            might be any release, so none is loaded.
    """
    gates = {
        key.public.key_id: verifier(key.public)
        for principal in root.principals
        for key in principal.keys
        if any(interval.role == GATE_ROLE for interval in principal.roles)
    }
    found: set[Digest] = set()
    for path in sorted((target / "revocations").glob("*.json")):
        try:
            statement, _ = unseal(envelopes.from_json(path.read_bytes()), gates, REVOCATION)
            found.add(from_json(Revocation, statement.predicate).revoked)
        except (OSError, AndonError) as error:
            raise IntegrityError(
                "serve.revocation-damaged",
                "A revocation cannot be read, and it might be about any release.",
                place=str(path),
                found=str(error)[:300],
                fix="Lay it out again: andon release revoke, for the release it was about.",
            ) from error
    return frozenset(found)


class KnownRevocations:
    """The releases that are known to be revoked, read again only when a file came or went.

    What cannot be read hides no release that was known before; a release that is loaded anew is refused meanwhile.

    Args:
        target: The folder of the target.
        root: Who the gates are.
    """

    def __init__(self, target: Path, root: TrustRoot) -> None:
        self._target = target
        self._root = root
        self._seen_ns = 0
        self._known: frozenset[Digest] = frozenset()

    def __call__(self) -> frozenset[Digest]:
        """The releases; one look at the folder while nothing changed."""
        try:
            seen_ns = (self._target / "revocations").stat().st_mtime_ns
        except FileNotFoundError:
            return self._known
        if seen_ns != self._seen_ns:
            try:
                self._known = self._known | revoked_on(self._target, self._root)
                self._seen_ns = seen_ns
            except IntegrityError:
                return self._known
        return self._known
