"""run charts: what programs plot and what their containers use

Revision ID: 5d8e31c7b02a
Revises: e07b2c94a6f1
"""

import sqlalchemy as sa
from alembic import op

revision = "5d8e31c7b02a"
down_revision = "e07b2c94a6f1"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "run_charts",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("plots", sa.JSON(), nullable=False),
        sa.Column("usage", sa.JSON(), nullable=False),
        sa.Column("peak_memory_bytes", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["runs.id"], name=op.f("fk_run_charts_run_id_runs"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_run_charts")),
    )


def downgrade() -> None:
    op.drop_table("run_charts")
