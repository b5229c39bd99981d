"""tracks, hidden results and rules of phases; weights and groups of columns

Revision ID: c4a91be07d35
Revises: 5d8e31c7b02a
"""

import sqlalchemy as sa
from alembic import op

revision = "c4a91be07d35"
down_revision = "5d8e31c7b02a"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("phases") as batch:
        batch.add_column(sa.Column("track", sa.Integer(), nullable=False, server_default="0"))
        batch.add_column(
            sa.Column("submission_rule", sa.String(32), nullable=False, server_default="")
        )
        batch.add_column(
            sa.Column("hide_results", sa.Boolean(), nullable=False, server_default=sa.false())
        )
    with op.batch_alter_table("board_columns") as batch:
        batch.add_column(
            sa.Column("computation_weights", sa.JSON(), nullable=False, server_default="[]")
        )
        batch.add_column(sa.Column("group", sa.String(256), nullable=False, server_default=""))


def downgrade() -> None:
    with op.batch_alter_table("board_columns") as batch:
        batch.drop_column("group")
        batch.drop_column("computation_weights")
    with op.batch_alter_table("phases") as batch:
        batch.drop_column("hide_results")
        batch.drop_column("submission_rule")
        batch.drop_column("track")
