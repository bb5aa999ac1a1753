"""Features of published data, for a notebook or a file: what a definition gives for any questions, as of any moment."""

import io
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from andon.contracts.dataset import DatasetContract
from andon.contracts.declaration import FeatureSet
from andon.expressions.plan import plan_from_json
from andon.expressions.tree import contracts_of, from_json
from andon.kernel.clock import parse_iso
from andon.kernel.errors import InputError, UsageError
from andon.line.features.rows import Looked, rows_of
from andon.line.ingest.judge import judge_rows
from andon.measures.logical import parquet_bytes
from andon.runtime.line import Line
from andon.runtime.tables import open_version, published_as_of
from andon.wiring.calls.declaring import declare
from andon.wiring.factory import open_factory


def feature_rows(
    folder: Path, name: str, given: FeatureSet | None, since: str, until: str, as_of: str, questions: bytes
) -> bytes:
    """The features and labels of questions, from what a factory has published: a Parquet file.

    Each dataset is read in its newest version that goes no further than `as_of`, so that asking again gives the same
    bytes. Nothing that could be released comes of it.

    Args:
        folder: The factory's folder.
        name: The feature set of the factory's code; without meaning where one is given.
        given: A feature set that is not in the code (yet), over the code's contracts.
        since: Published rows of the spine that ask at this moment or later; empty for all.
        until: And before this one; empty for all.
        as_of: See only what was known before this moment; empty for now.
        questions: A Parquet file of other rows that ask, with all columns of the spine; empty for the published ones.

    Returns:
        One row for each question; see `andon.line.features.rows.rows_of`.

    Raises:
        UsageError: There is no such feature set.
        InputError: Nothing is published of a contract, or a question breaks the spine's contract.
    """
    with open_factory(folder) as opened:
        line = opened.line(declare(opened.settings, opened.children))
        features = given or _named(line, name)
        as_of_ns = parse_iso(as_of) if as_of else opened.clock.now_ns()
        plan, label = plan_from_json(features.plan), from_json(features.label)
        joined = dict.fromkeys([*plan.contracts, *(each for each in contracts_of(label) if each != plan.spine)])
        tables = {contract: _published(line, contract, as_of_ns) for contract in joined}
        contract = line.contracts[plan.spine]
        if questions:
            referred = {each: _published(line, each, as_of_ns) for each in contract.references}
            spine = _asked(questions, contract, as_of_ns, referred)
        else:
            spine = (
                _published(line, plan.spine, as_of_ns).filter(pl.col("_known_at").to_physical() < as_of_ns).collect()
            )
        asks = spine[plan.asked].to_physical()
        low, high = (parse_iso(text) if text else default for text, default in ((since, -(2**63)), (until, 2**63 - 1)))
        spine = spine.filter((asks >= low) & (asks < high))
        looked = Looked(plan, label, features.label_within_ns, contract.of_role("key"))
        return parquet_bytes(rows_of(looked, spine, tables, as_of_ns))


def questions_in(path: Path) -> bytes:
    """A file of questions, as `feature_rows` takes it.

    Raises:
        InputError: It cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        found = error.strerror or type(error).__name__
        raise _unreadable(f"{path}: {found}") from error


def _named(line: Line, name: str) -> FeatureSet:
    known = {one.name: one for one in line.declaration.feature_sets}
    if name not in known:
        fix = f"Name one of: {', '.join(known) or 'none is declared'}."
        raise UsageError("look.feature-set", "The factory's code has no such features.", found=name, fix=fix)
    return known[name]


def _published(line: Line, contract: str, as_of_ns: int) -> pl.LazyFrame:
    version = published_as_of(line, contract, as_of_ns) if contract in line.contracts else None
    if version is None:
        raise InputError(
            "look.not-published",
            f"Nothing of {contract} is published yet.",
            place=contract,
            fix="Bring it in first: andon run",
        )
    return open_version(line, version, contract)


def _asked(
    questions: bytes, contract: DatasetContract, as_of_ns: int, references: Mapping[str, pl.LazyFrame]
) -> pl.DataFrame:
    """Rows at hand as rows of the spine, each of them as its contract wants it."""
    try:
        rows = pl.read_parquet(io.BytesIO(questions))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _unreadable(f"{type(error).__name__}: {error}"[:200]) from error
    judged = judge_rows(rows, contract, now_ns=as_of_ns, references=references)
    if judged.quarantined.height or judged.counts.duplicate:
        reasons = judged.quarantined["_reasons"].explode().value_counts(sort=True).rows()
        told = [f"{reason}: {count}" for reason, count in [*reasons[:5], ("there twice", judged.counts.duplicate)]]
        raise InputError(
            "look.questions",
            f"Questions are not rows of {contract.name}.",
            place=contract.name,
            found=", ".join(told),
            fix="Correct them, or leave them out: there is one row out for each row in.",
        )
    return judged.good.sort("_row").with_columns(_object=pl.lit(""))


def _unreadable(found: str) -> InputError:
    fix = "Write them with Polars: rows.write_parquet(path)"
    return InputError("look.questions", "The questions cannot be read as Parquet.", found=found, fix=fix)
