"""owners in order

Revision ID: 5c1f0e7a92b4
Revises: d800f11f4dfd
"""

from alembic import op

revision = "5c1f0e7a92b4"
down_revision = "d800f11f4dfd"
branch_labels = None
depends_on = None

_NAME, _TABLE = "ix_board_entries_owner", "board_entries"


def upgrade() -> None:
    op.drop_index(_NAME, _TABLE)
    columns = ["phase_id", "owner_id", "sort_key", "submitted_at", "submission_id"]
    op.create_index(_NAME, _TABLE, columns)


def downgrade() -> None:
    op.drop_index(_NAME, _TABLE)
    op.create_index(_NAME, _TABLE, ["phase_id", "owner_id"])
