"""steps that failed although their run went on

Revision ID: 6c1f0b7a9d34
Revises: 9be2a4f7d163
"""

import sqlalchemy as sa
from alembic import op

revision = "6c1f0b7a9d34"
down_revision = "9be2a4f7d163"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("runs") as table:
        table.add_column(sa.Column("failed_steps", sa.JSON(), nullable=False, server_default="[]"))


def downgrade() -> None:
    with op.batch_alter_table("runs") as table:
        table.drop_column("failed_steps")
