"""rehearsals: sample solutions, scored for the organizer

Revision ID: 9d3f60b7c215
Revises: 5c1e07d3b9a4
"""

import sqlalchemy as sa
from alembic import op

revision = "9d3f60b7c215"
down_revision = "5c1e07d3b9a4"
branch_labels = None
depends_on = None

_FOREIGN_KEY = "fk_submissions_solution_id_solutions"


def upgrade() -> None:
    with op.batch_alter_table("submissions") as table:
        table.add_column(
            sa.Column("is_rehearsal", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        table.add_column(sa.Column("solution_id", sa.Integer()))
        table.create_foreign_key(
            _FOREIGN_KEY, "solutions", ["solution_id"], ["id"], ondelete="SET NULL"
        )
        table.create_index("ix_submissions_solution_id", ["solution_id"])


def downgrade() -> None:
    with op.batch_alter_table("submissions") as table:
        table.drop_index("ix_submissions_solution_id")
        table.drop_constraint(_FOREIGN_KEY, type_="foreignkey")
        table.drop_column("solution_id")
        table.drop_column("is_rehearsal")
