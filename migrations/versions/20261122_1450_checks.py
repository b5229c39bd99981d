"""checks of bundles, which keep no file

Revision ID: 5c1e07d3b9a4
Revises: 2b9e6f0ad418
"""

import sqlalchemy as sa
from alembic import op

revision = "5c1e07d3b9a4"
down_revision = "2b9e6f0ad418"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("bundle_imports") as table:
        table.alter_column("file_id", existing_type=sa.Integer(), nullable=True)
        table.add_column(
            sa.Column("is_check", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        table.add_column(
            sa.Column("checked_name", sa.String(255), nullable=False, server_default="")
        )


def downgrade() -> None:
    op.execute("DELETE FROM bundle_imports WHERE file_id IS NULL")
    with op.batch_alter_table("bundle_imports") as table:
        table.drop_column("checked_name")
        table.drop_column("is_check")
        table.alter_column("file_id", existing_type=sa.Integer(), nullable=False)
