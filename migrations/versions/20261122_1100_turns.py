"""turns of runs

Revision ID: c3f15a8e0d94
Revises: 6c1f0b7a9d34
"""

import sqlalchemy as sa
from alembic import op

revision = "c3f15a8e0d94"
down_revision = "6c1f0b7a9d34"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("runs") as table:
        table.add_column(sa.Column("priority", sa.Integer(), nullable=False, server_default="0"))
        table.create_index("ix_runs_queue_ended", ["queue_id", "ended_at"])


def downgrade() -> None:
    with op.batch_alter_table("runs") as table:
        table.drop_index("ix_runs_queue_ended")
        table.drop_column("priority")
