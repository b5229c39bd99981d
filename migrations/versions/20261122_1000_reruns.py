"""re-runs

Revision ID: 41d7c6aa0b52
Revises: 8b40c2d95e17
"""

import sqlalchemy as sa
from alembic import op

revision = "41d7c6aa0b52"
down_revision = "8b40c2d95e17"
branch_labels = None
depends_on = None

_FOREIGN_KEY = "fk_submissions_rerun_of_id_submissions"


def upgrade() -> None:
    with op.batch_alter_table("submissions") as table:
        table.add_column(sa.Column("rerun_of_id", sa.Integer()))
        table.add_column(
            sa.Column("is_trial", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        table.create_foreign_key(_FOREIGN_KEY, "submissions", ["rerun_of_id"], ["id"])
        table.create_index("ix_submissions_rerun_of_id", ["rerun_of_id"])


def downgrade() -> None:
    with op.batch_alter_table("submissions") as table:
        table.drop_index("ix_submissions_rerun_of_id")
        table.drop_constraint(_FOREIGN_KEY, type_="foreignkey")
        table.drop_column("is_trial")
        table.drop_column("rerun_of_id")
