"""tasks are shared with people, and count their changes

Revision ID: 5d1c8e72a9f3
Revises: 7f40c1d9e2b6
"""

import sqlalchemy as sa
from alembic import op

revision = "5d1c8e72a9f3"
down_revision = "7f40c1d9e2b6"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("tasks") as table:
        table.add_column(sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
    op.create_table(
        "task_shares",
        sa.Column("task_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(8), nullable=False),
        sa.ForeignKeyConstraint(
            ["task_id"], ["tasks.id"], name=op.f("fk_task_shares_task_id_tasks"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_task_shares_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("task_id", "user_id", name=op.f("pk_task_shares")),
    )


def downgrade() -> None:
    op.drop_table("task_shares")
    with op.batch_alter_table("tasks") as table:
        table.drop_column("version")
