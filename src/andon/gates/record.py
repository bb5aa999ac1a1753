"""The gates' record: statements signed, appended to the ledger, and found again with their signatures checked."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from andon.attest import envelope as envelopes
from andon.attest.envelope import Envelope
from andon.attest.statement import DELEGATION, REVOCATION, Statement, seal
from andon.attest.succession import verify_versions
from andon.attest.trust_root import LOG_ROLE, TrustRoot, uncompromised_verifiers_of, verifiers_of
from andon.attest.witness_keys import witness_keys
from andon.gates.ports import Sealed, Statements, TrustRoots
from andon.gates.said import Said, entered, kind_of, opened, read_said, signed
from andon.gates.signers import gate_behind
from andon.kernel.digest import Digest, of_bytes
from andon.kernel.errors import ConflictError, IntegrityError
from andon.kernel.signing import PublicKey, Signer, Verifier
from andon.kernel.unit import Unit, Units
from andon.ledger.entry import Entry, parse_leaf
from andon.ledger.log import Ledger
from andon.ledger.memory import Remembered, accept
from andon.ledger.ports import Memory
from andon.ledger.verify import Report
from andon.ledger.witnessing import Witnessed


def log_verifiers(root: TrustRoot, verifier: Callable[[PublicKey], Verifier]) -> dict[str, Verifier]:
    """The checks of the keys that may sign the ledger's head, those of services with the role `log`, by key id."""
    keepers = [one for one in root.principals if any(interval.role == LOG_ROLE for interval in one.roles)]
    known = {key.public.key_id for one in keepers for key in one.keys}
    return {key_id: check for key_id, check in uncompromised_verifiers_of(root, verifier).items() if key_id in known}


def root_then(versions: Sequence[TrustRoot], version: int) -> TrustRoot:
    """The trust root as it was, with what has become of its keys since.

    Roles and floors are those of the version; a key that was compromised later is compromised here too.

    Args:
        versions: Every version, verified, the first one first.
        version: Which one.

    Raises:
        IntegrityError: There is no such version (`gates.root-unknown`).
    """
    if not 1 <= version <= len(versions):
        raise IntegrityError(
            "gates.root-unknown",
            "There is no such version of the trust root.",
            found=f"version {version} of {len(versions)}",
            fix="Restore every version of the trust root.",
        )
    roles = {principal.name: principal.roles for principal in versions[version - 1].principals}
    now = versions[-1]
    principals = tuple(replace(principal, roles=roles.get(principal.name, ())) for principal in now.principals)
    return replace(now, version=version, principals=principals, floors=versions[version - 1].floors)


@dataclass(frozen=True, slots=True)
class Record:
    """Statements, the ledger that names them, and the trust root that says who may have signed them.

    Attributes:
        signer: The gate's key.
        roots: Where the versions of the trust root are kept.
        fingerprint: Of the first trust root, pinned from elsewhere.
        verifier: Makes the check of one key.
        memory: What was seen of the ledger and the trust root before, kept elsewhere.
    """

    statements: Statements
    ledger: Ledger
    signer: Signer
    roots: TrustRoots
    fingerprint: Digest
    verifier: Callable[[PublicKey], Verifier]
    memory: Memory

    def root(self) -> TrustRoot:
        """The newest trust root, verified from the pinned one on; never older than one seen before.

        Raises:
            IntegrityError: The chain of versions does not hold (`trust.*`), or ends before one that was seen
                (`gates.root-rolled-back`).
        """
        return self.all_roots()[-1]

    def root_then(self, version: int) -> TrustRoot:
        """The trust root of a version, with what is known of its keys now; see `root_then`."""
        return root_then(self.all_roots(), version)

    def all_roots(self) -> Sequence[TrustRoot]:
        """Every version of the trust root, the first one first; see `root`."""
        versions = verify_versions(self.roots.envelopes(), self.fingerprint, self.verifier)
        root = versions[-1]
        remembered = self.remembered()
        if remembered and root.version < remembered.root_version:
            raise IntegrityError(
                "gates.root-rolled-back",
                "A newer trust root was seen before.",
                place=root.domain,
                found=f"version {root.version} after {remembered.root_version}",
                fix="Restore the newest trust root.",
            )
        return versions

    def verifiers(self, root: TrustRoot) -> dict[str, Verifier]:
        """The checks of all keys of a trust root, by key id."""
        return verifiers_of(root, self.verifier)

    def remembered(self) -> Remembered | None:
        """What was seen of this ledger and its trust root before."""
        return self.memory.load(self.ledger.origin)

    def check_memory(self) -> None:
        """Refuse to go on with a ledger that is not the one seen before.

        Raises:
            IntegrityError: It is smaller, or another one (`ledger.shrunk`, `ledger.forked`).
        """
        remembered = self.remembered()
        if remembered and remembered.size:
            self._accept(remembered, remembered.root_version)

    def remember(self, root: TrustRoot, unit: Unit | None = None) -> None:
        """Remember the ledger and the trust root as they stand now; in a unit, as that one sees them.

        Raises:
            IntegrityError: They do not continue what was seen before.
        """
        self.memory.save(self._accept(self.remembered(), root.version, unit))

    def say(self, unit: Unit, statement: Statement) -> Digest:
        """Sign a statement with the gate's key and append it."""
        return self.add(unit, seal(statement, self.signer))

    def decide(self, unit: Unit, statement: Statement, root: TrustRoot) -> Said:
        """Sign a statement with the gate's key and append it, if everybody else will take it for a gate's.

        Raises:
            RefusedError: By this trust root the key is not a gate's (`gates.signer-not-gate`).
        """
        data, entry = self._append(unit, seal(statement, self.signer))
        said = read_said(data, entry, self.verifiers(root))
        gate_behind(said, root)
        return said

    def add(self, unit: Unit, envelope: Envelope) -> Digest:
        """Append a signed statement to the ledger and keep it."""
        _, entry = self._append(unit, envelope)
        return entry.statement

    def get(self, digest: Digest, root: TrustRoot) -> Said:
        """One statement.

        Raises:
            InputError: There is none of that digest.
            IntegrityError: It is not what was recorded.
        """
        return self._reader(root)(self.statements.get(digest))

    def many(self, digests: Collection[Digest], root: TrustRoot) -> list[Said]:
        """Several statements at once, in the order of the ledger; see `get`."""
        found = sorted(self.statements.many(digests).values(), key=lambda sealed: sealed.index)
        entries = self.ledger.entries([sealed.index for sealed in found])
        verifiers, seen = self.verifiers(root), self._witness_of(root)
        return [seen(read_said(sealed.envelope, entries[sealed.index], verifiers)) for sealed in found]

    def about(self, subject: Digest, root: TrustRoot, predicate_type: str | None = None) -> list[Said]:
        """What was said about a subject, in the order of the ledger."""
        read = self._reader(root)
        return [read(sealed) for sealed in self.statements.about(subject, predicate_type)]

    def of_types(self, root: TrustRoot, *predicate_types: str) -> list[Said]:
        """All statements of some types, in the order of the ledger."""
        read = self._reader(root)
        found = [read(sealed) for kind in predicate_types for sealed in self.statements.of_type(kind)]
        return sorted(found, key=lambda one: one.index)

    def known(self, subjects: Collection[Digest], root: TrustRoot) -> list[Said]:
        """What was said about some subjects, with all delegations and revocations, in the order of the ledger."""
        about = [one for subject in dict.fromkeys(subjects) for one in self.about(subject, root)]
        found = {one.digest: one for one in (*about, *self.of_types(root, DELEGATION, REVOCATION))}
        return sorted(found.values(), key=lambda one: one.index)

    def audit(self, root: TrustRoot) -> Report:
        """Read the whole ledger again and compare it with its signed head and with what was seen before."""
        return self.ledger.verify_whole(log_verifiers(root, self.verifier), self.remembered())

    def everything(self, size: int) -> Iterator[tuple[Entry, Sealed]]:
        """Every entry of the ledger with its statement, in order; not one is left out.

        Args:
            size: How many entries the ledger has, as its audit found.

        Raises:
            IntegrityError: A statement is missing, or stands elsewhere than its entry (`gates.statement-missing`).
        """
        statements = iter(self.statements.all())
        for index, leaf in self.ledger.rows.leaves(0, size):
            entry, sealed = parse_leaf(leaf), next(statements, None)
            if sealed is None or (sealed.index, sealed.digest) != (index, entry.statement):
                raise IntegrityError(
                    "gates.statement-missing",
                    "The ledger names a statement that is not kept.",
                    place=f"ledger entry {index}",
                    found=sealed.digest if sealed else "nothing",
                    fix="Restore the control database from a backup, and run: andon audit verify.",
                )
            yield entry, sealed

    def read_whole(
        self, size: int, root: TrustRoot, *, subjects: Collection[Digest], predicate_types: Collection[str]
    ) -> list[Said]:
        """Everything that was ever said about some subjects, or in some types, found by reading the whole ledger.

        The notes by which the database finds statements are not believed here: what they hid would be missed.
        """
        wanted, kinds = frozenset(subjects), {kind_of(one) for one in predicate_types}
        verifiers, seen = self.verifiers(root), self._witness_of(root)
        found: list[Said] = []
        for entry, sealed in self.everything(size):
            statement = entered(sealed.envelope, entry)
            if entry.kind in kinds or not wanted.isdisjoint(subject.digest for subject in statement.subjects):
                found.append(seen(signed(sealed.envelope, entry, verifiers)))
        return found

    def check_size(self, unit: Unit, size: int) -> None:
        """Refuse to decide on what somebody has added to meanwhile.

        Raises:
            ConflictError: The ledger has grown (`gates.ledger-grew`).
        """
        found = self.ledger.rows.size(unit)
        if found != size:
            raise ConflictError(
                "gates.ledger-grew",
                "Something was decided meanwhile.",
                place=self.ledger.origin,
                found=f"{found} entries, and {size} were read",
                fix="Ask again.",
            )

    def witnessed(self, units: Units, root: TrustRoot) -> Witnessed:
        """Ask every witness to cosign the ledger's head, and count who did; never inside a unit.

        Raises:
            IntegrityError: The head, or what is kept of witnesses under it, is not rightly signed.
        """
        return self.ledger.witnessed(units, witness_keys(root, self.verifier))

    def _append(self, unit: Unit, envelope: Envelope) -> tuple[bytes, Entry]:
        data = envelopes.to_json(envelope)
        _, statement = opened(data)
        entry = self.ledger.append(unit, kind_of(statement.predicate_type), of_bytes(data))
        subjects = tuple(subject.digest for subject in statement.subjects)
        self.statements.add(unit, Sealed(entry.statement, statement.predicate_type, subjects, data, entry.index))
        return data, entry

    def _reader(self, root: TrustRoot) -> Callable[[Sealed], Said]:
        verifiers, seen = self.verifiers(root), self._witness_of(root)
        return lambda sealed: seen(read_said(sealed.envelope, self.ledger.entry(sealed.index), verifiers))

    def _witness_of(self, root: TrustRoot) -> Callable[[Said], Said]:
        """Adds the witnesses' time to what a compromised key signed: only for that does it matter."""
        states = (key for principal in root.principals for key in principal.keys)
        compromised = {key.public.key_id for key in states if key.state == "compromised"}
        keys = witness_keys(root, self.verifier) if compromised else ()

        def seen(said: Said) -> Said:
            if compromised.isdisjoint(said.keys):
                return said
            return replace(said, witnessed_ns=self.ledger.witnessed_ns(said.index, keys))

        return seen

    def _accept(self, remembered: Remembered | None, root_version: int, unit: Unit | None = None) -> Remembered:
        head = self.ledger.head(unit)
        seen = Remembered(head.origin, head.size, head.root, root_version)
        if remembered is None or head.size < remembered.size:
            return accept(remembered, seen, ())
        return accept(remembered, seen, self.ledger.prove_growth(remembered.size, head.size, unit))
