"""How often a gate has looked at the same rows: judge enough models on them, and one passes by luck."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from andon.attest.statement import GATE_VERDICT
from andon.attest.trust_root import Floor
from andon.contracts.evidence import Span
from andon.contracts.policy import Criterion, Policy
from andon.gates.criteria import LOOKS
from andon.gates.said import Said
from andon.gates.verdict import read_verdict
from andon.kernel.digest import Digest
from andon.kernel.errors import InputError

_COUNTED: Final = "model:"


def is_counted(gate: str, floor: Floor | None) -> bool:
    """Whether a target bounds how often this gate may look: the model gate, which sees the holdout, where it does."""
    return floor is not None and floor.looks is not None and gate.startswith(_COUNTED)


def with_budget(policy: Policy, floor: Floor | None) -> Policy:
    """The policy, with the target's budget of looks as one more criterion where there is one."""
    if floor is None or floor.looks is None or not is_counted(policy.gate, floor):
        return policy
    return replace(policy, criteria=(*policy.criteria, Criterion(LOOKS, "le", float(floor.looks))))


def count_looks(verdicts: Iterable[Said], *, span: Span | None, content: Digest, rows: Digest) -> int:
    """How many looks there were at overlapping rows when this model was first judged on exactly these, it included.

    A look is a model judged on some rows. So the same model on another cut of them is one more: a failure is final for
    its own rows only, and whoever moves their edge could otherwise ask until it passes. The count of a look does not
    change by what is judged later. Models of every name count, because a new name gives no new rows; annulled verdicts
    count, because they were looks.

    Args:
        verdicts: Everything gates said, in the order of the ledger.
        span: The rows that are looked at; `None` counts nothing and gives 0.
        content: The bytes that are judged.
        rows: The rows they are judged on.
    """
    if span is None:
        return 0
    seen: dict[tuple[Digest, Digest], None] = {}
    for one in verdicts:
        if one.statement.predicate_type != GATE_VERDICT:
            continue
        try:
            verdict = one.read_as(read_verdict)
        except InputError:
            continue
        looked = verdict.evidence.span
        if verdict.gate.startswith(_COUNTED) and looked is not None and looked.overlaps(span):
            look = (verdict.content, verdict.evidence.rows)
            if look == (content, rows):
                break
            seen[look] = None
    return len(seen) + 1
