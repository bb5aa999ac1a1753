"""The tables of the control database, as queries see them; the migrations make them."""

from typing import Final

from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, MetaData, Table, Text, UniqueConstraint

metadata: Final = MetaData()

manifests: Final = Table(
    "manifests",
    metadata,
    Column("sequence", Integer, primary_key=True),
    Column("digest", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("manifests_by_kind", "kind", "sequence"),
)

manifest_inputs: Final = Table(
    "manifest_inputs",
    metadata,
    Column("manifest", Integer, ForeignKey("manifests.sequence"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("used", Text, nullable=False),
    Index("manifest_inputs_by_used", "used", "manifest"),
)

ref_moves: Final = Table(
    "ref_moves",
    metadata,
    Column("name", Text, primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("moved_ns", Integer, nullable=False),
)

runs: Final = Table(
    "runs",
    metadata,
    Column("sequence", Integer, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("factory", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("as_of_ns", Integer, nullable=False),
    Column("declaration", Text, nullable=False),
    Column("started_by", Text, nullable=False),
    Column("started_ns", Integer, nullable=False),
    Column("traceparent", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("stage", Text, nullable=False),
    Column("since_ns", Integer, nullable=False),
    Column("waiting_for", Text, nullable=False),
    Column("error", LargeBinary, nullable=True),
    Column("facts", LargeBinary, nullable=False),
    Index("runs_by_start", "factory", "started_ns", "sequence"),
    Index("runs_by_subject", "factory", "kind", "subject", "state"),
)

attempts: Final = Table(
    "attempts",
    metadata,
    Column("sequence", Integer, primary_key=True),
    Column("run_id", Text, ForeignKey("runs.id"), nullable=False),
    Column("stage", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("stage_key", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("started_ns", Integer, nullable=False),
    Column("ended_ns", Integer, nullable=True),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("record", LargeBinary, nullable=False),
    UniqueConstraint("run_id", "stage", "number", name="attempts_once"),
)

commits: Final = Table(
    "commits",
    metadata,
    Column("stage_key", Text, primary_key=True),
    Column("output", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("committed_ns", Integer, nullable=False),
)

leases: Final = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("until_ns", Integer, nullable=False),
)

statements: Final = Table(
    "statements",
    metadata,
    Column("position", Integer, primary_key=True),
    Column("digest", Text, nullable=False, unique=True),
    Column("predicate_type", Text, nullable=False),
    Column("envelope", LargeBinary, nullable=False),
    Index("statements_by_type", "predicate_type", "position"),
)

statement_subjects: Final = Table(
    "statement_subjects",
    metadata,
    Column("statement", Integer, ForeignKey("statements.position"), primary_key=True),
    Column("ordinal", Integer, primary_key=True),
    Column("subject", Text, nullable=False),
    Index("statement_subjects_by_subject", "subject", "statement"),
)

ledger_leaves: Final = Table(
    "ledger_leaves",
    metadata,
    Column("position", Integer, primary_key=True),
    Column("leaf", LargeBinary, nullable=False),
)

ledger_nodes: Final = Table(
    "ledger_nodes",
    metadata,
    Column("level", Integer, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("hash", LargeBinary, nullable=False),
)

checkpoints: Final = Table(
    "checkpoints",
    metadata,
    Column("size", Integer, primary_key=True),
    Column("note", Text, nullable=False),
)

cosignatures: Final = Table(
    "cosignatures",
    metadata,
    Column("size", Integer, ForeignKey("checkpoints.size"), primary_key=True),
    Column("line", Text, primary_key=True),
)
