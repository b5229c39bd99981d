"""provenance of attempts

Revision ID: e07b2c94a6f1
Revises: 2d9a5f3c7be8
"""

import sqlalchemy as sa
from alembic import op

revision = "e07b2c94a6f1"
down_revision = "2d9a5f3c7be8"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("attempts") as table:
        table.add_column(
            sa.Column("machine_name", sa.String(64), nullable=False, server_default="")
        )
        table.add_column(
            sa.Column("worker_version", sa.String(100), nullable=False, server_default="")
        )
        table.add_column(sa.Column("limits", sa.JSON(), nullable=False, server_default="{}"))
        table.create_index("ix_attempts_machine_ended", ["machine_id", "ended_at"])


def downgrade() -> None:
    with op.batch_alter_table("attempts") as table:
        table.drop_index("ix_attempts_machine_ended")
        table.drop_column("limits")
        table.drop_column("worker_version")
        table.drop_column("machine_name")
