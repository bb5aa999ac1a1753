"""The ledger itself: append a decision, prove that it is there, audit the whole."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from andon.kernel.clock import Clock
from andon.kernel.digest import Digest
from andon.kernel.errors import AndonError, ConflictError, InputError, IntegrityError
from andon.kernel.signing import Signer, Verifier
from andon.kernel.unit import Unit, Units
from andon.ledger import verify as audit
from andon.ledger.checkpoint import Checkpoint, sign, verify
from andon.ledger.cosignature import Cosignature, WitnessKey, count_witnesses, earliest
from andon.ledger.entry import Entry, leaf_bytes, parse_leaf
from andon.ledger.memory import Remembered
from andon.ledger.merkle import Place, at_once, completed_nodes, consistency, inclusion, leaf_hash, root_at
from andon.ledger.ports import CheckpointRows, LedgerRows, Witness
from andon.ledger.proof import Proof, write_proof
from andon.ledger.witnessing import Witnessed, ask, counted

_NEAR: Final = 64


@dataclass(frozen=True, slots=True)
class Ledger:
    """The append-only log of one factory.

    Attributes:
        rows: Where entries and nodes are kept.
        checkpoints: Where signed heads are kept.
        signer: The log's key.
        origin: The log's name, such as `example.com/flights`.
        clock: Where the time comes from.
        verifiers: The keys that may have signed the head, by key id; the signer's own among them.
        witnesses: Who is asked for their word on a head.
    """

    rows: LedgerRows
    checkpoints: CheckpointRows
    signer: Signer
    origin: str
    clock: Clock
    verifiers: Mapping[str, Verifier]
    witnesses: Sequence[Witness] = ()

    def append(self, unit: Unit, kind: str, statement: Digest) -> Entry:
        """Add one decision and sign the new head, in the unit of whoever decides.

        The head before it is verified first, so that nothing is ever signed on top of altered entries.

        Args:
            unit: The open transaction.
            kind: What was decided, such as `gate-verdict`.
            statement: Digest of the sealed statement.

        Raises:
            ConflictError: The clock is behind the last entry (`ledger.clock-behind`), or somebody appended meanwhile.
            IntegrityError: The signed head does not fit the ledger (`ledger.head-mismatch`), or is not rightly signed.
        """
        index = self.rows.size(unit)
        edge = self._edge(unit, index)
        self._check_head(unit, index, edge)
        entry = Entry(index, self._time_after(unit, index, edge), kind, statement)
        leaf = leaf_bytes(entry)
        nodes = completed_nodes(index, leaf_hash(leaf), lambda level, at: edge[level, at])
        self.rows.append(unit, index, leaf, nodes)
        grown = {**edge, **{(node.level, node.index): node.hash for node in nodes}}
        head = Checkpoint(self.origin, index + 1, root_at(index + 1, lambda level, at: grown[level, at]))
        self.checkpoints.save(unit, index + 1, sign(head, self.signer))
        return entry

    def entry(self, index: int) -> Entry:
        """One entry.

        Raises:
            InputError: There is none with this index.
            IntegrityError: What is stored is not an entry, or not this one.
        """
        return self.entries((index,))[index]

    def entries(self, indices: Collection[int]) -> dict[int, Entry]:
        """Several entries, by index: those that stand near one another are read together.

        Raises:
            InputError: There is none with one of these indices.
            IntegrityError: What is stored is not an entry, or not that one.
        """
        wanted = sorted(set(indices))
        found: dict[int, Entry] = {}
        for first, stop in _stretches(wanted):
            for at, leaf in self.rows.leaves(first, stop):
                entry = parse_leaf(leaf)
                if entry.index != at:
                    raise self._mismatch(f"entry {entry.index} in place of {at}")
                found[at] = entry
        missing = next((index for index in wanted if index not in found), None)
        if missing is not None:
            raise InputError(
                "ledger.no-such-entry",
                "There is no such entry in the ledger.",
                place=self.origin,
                found=f"entry {missing} of {self.rows.size()}",
                fix="Ask for an entry below the size.",
            )
        return {index: found[index] for index in indices}

    def head(self, unit: Unit | None = None) -> Checkpoint:
        """The verified newest head; of what is committed, or as a unit sees it.

        Raises:
            InputError: Nothing was ever appended.
            IntegrityError: The head is not rightly signed.
        """
        return verify(self._newest(unit), self.origin, self.verifiers.values())

    def witnessed(self, units: Units, keys: Sequence[WitnessKey]) -> Witnessed:
        """Ask every witness to cosign the newest head, keep what they sign, and count who did; never inside a unit.

        Args:
            units: Where the unit comes from in which new cosignatures are kept.
            keys: Whose word counts, from the trust root.

        Raises:
            InputError: Nothing was ever appended.
            IntegrityError: The head or a line kept under it is not rightly signed. What is wrong with a witness's
                answer, or that it saw a greater ledger, is among the failures.
        """
        note = self._newest()
        head = verify(note, self.origin, self.verifiers.values())
        last = min(self.checkpoints.last_cosigned(), head.size)
        answers: list[tuple[Cosignature, bool]] = []
        failures: list[tuple[str, AndonError]] = []
        for witness in self.witnesses:
            try:
                lines = ask(witness, note, head, self.prove_growth, last)
                answers += [(one, witness.is_live) for one in counted(witness, note, lines, keys)]
            except AndonError as error:
                failures.append((witness.name, error))
        times = count_witnesses(note, keys)
        new = [one for one, _ in answers if one.name not in times]
        if new:
            with units.begin() as unit:
                for one in new:
                    self.checkpoints.cosign(unit, head.size, one.line)
        answered = earliest(one for one, is_live in answers if is_live)
        return Witnessed(head, {**earliest(new), **times}, answered, tuple(failures))

    def count_witnesses(self, size: int, keys: Sequence[WitnessKey]) -> Mapping[str, int]:
        """The different witnesses whose cosignature is kept under the head of a size; nobody is asked.

        Returns:
            The name of each with the earliest time at which it cosigned, in nanoseconds UTC.

        Raises:
            IntegrityError: The head of this size, or a line under it, is not rightly signed, or is of other entries.
        """
        note = self.checkpoints.at(size)
        return self._witnesses_of(size, note, keys) if note else {}

    def witnessed_ns(self, index: int, keys: Sequence[WitnessKey]) -> int | None:
        """When a witness first cosigned a kept head with this entry under it, in nanoseconds UTC; None when never.

        Raises:
            IntegrityError: A kept head, or a line under it, is not rightly signed, or is of other entries.
        """
        for size, note in self.checkpoints.cosigned(index):
            if times := self._witnesses_of(size, note, keys):
                return min(times.values())
        return None

    def prove(self, index: int) -> str:
        """The text of a `.tlog-proof` file: that entry `index` is under a signed head, with its cosignatures.

        It is the newest head that witnesses cosigned, where one has the entry under it, else the newest head: what was
        witnessed once stays provable while the witnesses are away.

        Raises:
            InputError: Nothing was ever appended.
            UsageError: There is no such entry.
            IntegrityError: The head is not rightly signed, or a node is missing.
        """
        return self.prove_many((index,))[index]

    def prove_many(self, indices: Collection[int]) -> dict[int, str]:
        """The proofs of several entries, whose nodes are fetched together; see `prove`."""
        cosigned = self.checkpoints.last_cosigned()
        kept = self.checkpoints.at(cosigned) if cosigned else None
        under = {index for index in indices if kept and index < cosigned}
        proofs = self._proofs(under, kept) if kept and under else {}
        rest = [index for index in indices if index not in under]
        return proofs | (self._proofs(rest, self._newest()) if rest else {})

    def _proofs(self, indices: Collection[int], note: str) -> dict[int, str]:
        size = verify(note, self.origin, self.verifiers.values()).size
        paths = at_once(
            lambda node: {index: tuple(inclusion(index, size, node)) for index in indices}, self.rows.nodes_at
        )
        return {index: write_proof(Proof(index, path, note)) for index, path in paths.items()}

    def prove_growth(self, size1: int, size2: int, unit: Unit | None = None) -> tuple[bytes, ...]:
        """The proof that the ledger at `size2` begins with the one at `size1`; no hashes when `size1` is 0.

        Raises:
            UsageError: The first size is the greater one.
            IntegrityError: A node is missing.
        """
        if not size1:
            return ()
        return tuple(
            at_once(lambda node: consistency(size1, size2, node), lambda places: self.rows.nodes_at(places, unit))
        )

    def verify_whole(self, verifiers: Mapping[str, Verifier], remembered: Remembered | None) -> audit.Report:
        """Audit every entry, every hash and the head; see `andon.ledger.verify.verify_whole`."""
        return audit.verify_whole(self.rows, self.checkpoints, self.origin, verifiers, remembered)

    def _witnesses_of(self, size: int, note: str, keys: Sequence[WitnessKey]) -> Mapping[str, int]:
        head = verify(note, self.origin, self.verifiers.values())
        if head.size != size or head.root != at_once(lambda node: root_at(size, node), self.rows.nodes_at):
            raise self._mismatch(f"a kept head of {head.size} over other entries")
        return count_witnesses(note, keys)

    def _newest(self, unit: Unit | None = None) -> str:
        note = self.checkpoints.latest(unit)
        if note is None:
            raise InputError(
                "ledger.empty",
                "The ledger has no entries yet.",
                place=self.origin,
                fix="Run the line once: andon run.",
            )
        return note

    def _edge(self, unit: Unit, size: int) -> Mapping[Place, bytes]:
        """The roots of the perfect subtrees that a tree of this size consists of, and its last leaf hash."""
        if not size:
            return {}
        wanted: dict[Place, bytes] = {(0, size - 1): b""}
        root_at(size, lambda level, at: wanted.setdefault((level, at), b""))
        return self.rows.nodes_at(wanted, unit)

    def _check_head(self, unit: Unit, size: int, edge: Mapping[Place, bytes]) -> None:
        note = self.checkpoints.latest(unit)
        if note is None and size == 0:
            return
        if note is None:
            raise self._mismatch(f"{size} entries and no head")
        head = verify(note, self.origin, self.verifiers.values())
        if head.size != size or head.root != root_at(size, lambda level, at: edge[level, at]):
            raise self._mismatch(f"{size} entries under a head of {head.size}")

    def _time_after(self, unit: Unit, size: int, edge: Mapping[Place, bytes]) -> int:
        now_ns = self.clock.now_ns()
        for _, leaf in self.rows.leaves(size - 1, size, unit) if size else ():
            if leaf_hash(leaf) != edge[0, size - 1]:
                raise self._mismatch(f"entry {size - 1}, which is not what was hashed")
            last_ns = parse_leaf(leaf).time_ns
            if now_ns < last_ns:
                raise ConflictError(
                    "ledger.clock-behind",
                    "This machine's clock is behind the last entry of the ledger.",
                    place=self.origin,
                    found=f"{last_ns - now_ns} ns behind",
                    fix="Set the clock right, then try again.",
                )
        return now_ns

    def _mismatch(self, found: str) -> IntegrityError:
        return IntegrityError(
            "ledger.head-mismatch",
            "The ledger is not what its signed head says.",
            place=self.origin,
            found=found,
            fix="Stop, and run andon audit verify; restore the ledger from a copy that verifies.",
        )


def _stretches(wanted: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Ranges that hold all of some ascending indices, and not much more."""
    first = last = -_NEAR
    for index in wanted:
        if index - last >= _NEAR:
            if last >= 0:
                yield first, last + 1
            first = index
        last = index
    if last >= 0:
        yield first, last + 1
