"""The first tables: artefacts, names, runs, commits, leases, statements and the ledger."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_WRITE_ONCE = (
    "manifests",
    "manifest_inputs",
    "ref_moves",
    "commits",
    "statements",
    "statement_subjects",
    "ledger_leaves",
    "ledger_nodes",
    "checkpoints",
)


def upgrade() -> None:
    """Make the tables, and the triggers that keep what is written once from being changed by mistake."""
    _registry()
    _runtime()
    _statements()
    _ledger()
    for table in _WRITE_ONCE:
        for action in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{action.lower()} BEFORE {action} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, 'andon: {table} is written once'); END"
            )


def _create(name: str, *parts: sa.schema.SchemaItem) -> None:
    # Strict: otherwise SQLite keeps text where bytes are declared, and a hash would meet a value it cannot read.
    op.create_table(name, *parts, sqlite_strict=True)


def _registry() -> None:
    _create(
        "manifests",
        sa.Column("sequence", sa.Integer, primary_key=True),
        sa.Column("digest", sa.Text, nullable=False, unique=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_index("manifests_by_kind", "manifests", ["kind", "sequence"])
    _create(
        "manifest_inputs",
        sa.Column("manifest", sa.Integer, sa.ForeignKey("manifests.sequence"), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("used", sa.Text, nullable=False),
    )
    op.create_index("manifest_inputs_by_used", "manifest_inputs", ["used", "manifest"])
    _create(
        "ref_moves",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("sequence", sa.Integer, primary_key=True),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("moved_ns", sa.Integer, nullable=False),
    )


def _runtime() -> None:
    _create(
        "runs",
        sa.Column("sequence", sa.Integer, primary_key=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("factory", "kind", "subject")),
        sa.Column("as_of_ns", sa.Integer, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("declaration", "started_by")),
        sa.Column("started_ns", sa.Integer, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("traceparent", "state", "stage")),
        sa.Column("since_ns", sa.Integer, nullable=False),
        sa.Column("waiting_for", sa.Text, nullable=False),
        sa.Column("error", sa.LargeBinary, nullable=True),
        sa.Column("facts", sa.LargeBinary, nullable=False),
    )
    op.create_index("runs_by_start", "runs", ["factory", "started_ns", "sequence"])
    op.create_index("runs_by_subject", "runs", ["factory", "kind", "subject", "state"])
    _create(
        "attempts",
        sa.Column("sequence", sa.Integer, primary_key=True),
        sa.Column("run_id", sa.Text, sa.ForeignKey("runs.id"), nullable=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("stage_key", "state")),
        sa.Column("started_ns", sa.Integer, nullable=False),
        sa.Column("ended_ns", sa.Integer, nullable=True),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("record", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("run_id", "stage", "number", name="attempts_once"),
    )
    _create(
        "commits",
        sa.Column("stage_key", sa.Text, primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("output", "run_id")),
        sa.Column("committed_ns", sa.Integer, nullable=False),
    )
    _create(
        "leases",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("until_ns", sa.Integer, nullable=False),
    )


def _statements() -> None:
    _create(
        "statements",
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("digest", sa.Text, nullable=False, unique=True),
        sa.Column("predicate_type", sa.Text, nullable=False),
        sa.Column("envelope", sa.LargeBinary, nullable=False),
    )
    op.create_index("statements_by_type", "statements", ["predicate_type", "position"])
    _create(
        "statement_subjects",
        sa.Column("statement", sa.Integer, sa.ForeignKey("statements.position"), primary_key=True),
        sa.Column("ordinal", sa.Integer, primary_key=True),
        sa.Column("subject", sa.Text, nullable=False),
    )
    op.create_index("statement_subjects_by_subject", "statement_subjects", ["subject", "statement"])


def _ledger() -> None:
    _create(
        "ledger_leaves",
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("leaf", sa.LargeBinary, nullable=False),
    )
    _create(
        "ledger_nodes",
        sa.Column("level", sa.Integer, primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("hash", sa.LargeBinary, nullable=False),
    )
    _create(
        "checkpoints",
        sa.Column("size", sa.Integer, primary_key=True),
        sa.Column("note", sa.Text, nullable=False),
    )
