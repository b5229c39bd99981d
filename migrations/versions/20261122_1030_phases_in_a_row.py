"""phases in a row: migration and prerequisites

Revision ID: 9be2a4f7d163
Revises: 41d7c6aa0b52
"""

import sqlalchemy as sa
from alembic import op

revision = "9be2a4f7d163"
down_revision = "41d7c6aa0b52"
branch_labels = None
depends_on = None

_MIGRATED = "fk_submissions_migrated_from_id_submissions"
_REQUIRED = "fk_phases_required_phase_id_phases"


def upgrade() -> None:
    with op.batch_alter_table("submissions") as table:
        table.add_column(sa.Column("migrated_from_id", sa.Integer()))
        table.create_foreign_key(_MIGRATED, "submissions", ["migrated_from_id"], ["id"])
        table.create_unique_constraint(
            "uq_submissions_migrated_from_id_phase_id", ["migrated_from_id", "phase_id"]
        )
        table.create_index("ix_submissions_phase_ended", ["phase_id", "ended_at"])
    with op.batch_alter_table("phases") as table:
        table.add_column(sa.Column("migrated_until", sa.DateTime(timezone=True)))
        table.add_column(sa.Column("required_phase_id", sa.Integer()))
        table.add_column(
            sa.Column("requires_entry", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        table.create_foreign_key(_REQUIRED, "phases", ["required_phase_id"], ["id"])


def downgrade() -> None:
    with op.batch_alter_table("phases") as table:
        table.drop_constraint(_REQUIRED, type_="foreignkey")
        table.drop_column("requires_entry")
        table.drop_column("required_phase_id")
        table.drop_column("migrated_until")
    with op.batch_alter_table("submissions") as table:
        table.drop_index("ix_submissions_phase_ended")
        table.drop_constraint("uq_submissions_migrated_from_id_phase_id", type_="unique")
        table.drop_constraint(_MIGRATED, type_="foreignkey")
        table.drop_column("migrated_from_id")
