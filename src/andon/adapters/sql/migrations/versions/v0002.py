"""Cosignatures: what witnesses put under the ledger's signed heads."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table, the view of heads with their lines, and triggers that keep rows from being changed by mistake."""
    op.create_table(
        "cosignatures",
        sa.Column("size", sa.Integer, sa.ForeignKey("checkpoints.size"), primary_key=True),
        sa.Column("line", sa.Text, primary_key=True),
        sqlite_strict=True,
    )
    for action in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER cosignatures_no_{action.lower()} BEFORE {action} ON cosignatures "
            "BEGIN SELECT RAISE(ABORT, 'andon: cosignatures is written once'); END"
        )
    op.execute(
        "CREATE VIEW cosigned_checkpoints AS SELECT size, note || coalesce("
        "(SELECT group_concat(line, '') FROM "
        "(SELECT line FROM cosignatures WHERE cosignatures.size = checkpoints.size ORDER BY line)), '') AS note "
        "FROM checkpoints"
    )
