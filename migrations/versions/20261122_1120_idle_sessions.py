"""when a session was last used

Revision ID: 2d9a5f3c7be8
Revises: c3f15a8e0d94
"""

import sqlalchemy as sa
from alembic import op

revision = "2d9a5f3c7be8"
down_revision = "c3f15a8e0d94"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("login_sessions") as table:
        table.add_column(sa.Column("last_seen_at", sa.DateTime(timezone=True)))
    op.execute("UPDATE login_sessions SET last_seen_at = created_at")
    with op.batch_alter_table("login_sessions") as table:
        table.alter_column("last_seen_at", nullable=False)


def downgrade() -> None:
    with op.batch_alter_table("login_sessions") as table:
        table.drop_column("last_seen_at")
