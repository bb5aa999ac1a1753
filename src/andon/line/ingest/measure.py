"""What the data gate gets to see: counts and shares of a judged batch, never a word on whether they will do."""

from collections.abc import Iterator

from andon.contracts.dataset import DatasetContract, Rule
from andon.contracts.evidence import Measurement, measurement
from andon.line.ingest.judge import Counts


def measure_batch(counts: Counts, contract: DatasetContract) -> tuple[Measurement, ...]:
    """The measurements of a judged batch.

    `rows.in`, `rows.good`, `rows.quarantined`, `rows.duplicate`, `rows.quarantined.share`; for every reason, rules
    included, `rule.<id>.broken` and `rule.<id>.share`; `null_share.<column>`; `schema.matches` (1.0, or 0.0 when a
    column has values and not one of them converts); `blocked`, the number of such columns, of broken `block` rules, of
    null shares above what their rule allows and of rules broken by more rows than they tolerate; where some rules only
    warn, `rows.warned`, the number of good rows that break one. `n` is the number of landed rows; of no rows every
    share is 0.
    """
    n = counts.rows_in
    rows = {"in": n, "good": counts.good, "quarantined": counts.quarantined, "duplicate": counts.duplicate}
    found = [measurement(f"rows.{name}", count, n=n) for name, count in rows.items()]
    if any(rule.severity == "warn" for rule in contract.rules):
        found.append(measurement("rows.warned", counts.warned, n=n))
    found.append(measurement("rows.quarantined.share", _share(counts.quarantined, n), n=n))
    for reason, broken in (dict(counts.broken) | _broken_by_rule(counts, contract)).items():
        found.append(measurement(f"rule.{reason}.broken", broken, n=n))
        found.append(measurement(f"rule.{reason}.share", _share(broken, n), n=n))
    found += [measurement(f"null_share.{name}", _share(nulls, n), n=n) for name, nulls in counts.nulls.items()]
    found.append(measurement("schema.matches", 0.0 if counts.unlike else 1.0, n=n))
    found.append(measurement("blocked", len(blocks(counts, contract)), n=n))
    return tuple(found)


def blocks(counts: Counts, contract: DatasetContract) -> tuple[str, ...]:
    """Why a batch cannot pass as a whole: one sentence for each reason, none where nothing stands against it."""
    return tuple(_sentences(counts, contract))


def _sentences(counts: Counts, contract: DatasetContract) -> Iterator[str]:
    n = counts.rows_in
    for name in counts.unlike:
        yield f"{name}: not one value is of the declared kind {contract.column(name).kind}"
    broken_by_rule = _broken_by_rule(counts, contract)
    for rule in contract.rules:
        broken = broken_by_rule[rule.id]
        share = _share(broken, n)
        if rule.scope == "null_share":
            if share > rule.share:
                yield f"{rule.id}: {share:.2%} of {rule.columns[0]} is null, at most {rule.share:.2%} may be"
        elif rule.severity == "block" and broken:
            yield f"{rule.id}: {broken} of {n} rows break a rule that no row may break"
        elif share > rule.tolerance:
            yield f"{rule.id}: {share:.2%} of the rows break it, at most {rule.tolerance:.2%} may"


def _broken_by_rule(counts: Counts, contract: DatasetContract) -> dict[str, int]:
    return {rule.id: _broken(rule, counts) for rule in contract.rules}


def _broken(rule: Rule, counts: Counts) -> int:
    if rule.scope == "null_share":
        return counts.nulls[rule.columns[0]]
    return counts.broken[rule.id]


def _share(count: int, n: int) -> float:
    return count / n if n else 0.0
