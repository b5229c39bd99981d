"""archives: dumps with submissions, and what is restored from them

Revision ID: 4e8a1c93d702
Revises: 9d3f60b7c215
"""

import sqlalchemy as sa
from alembic import op

revision = "4e8a1c93d702"
down_revision = "9d3f60b7c215"
branch_labels = None
depends_on = None

_FLAGS = {
    "bundle_dumps": {"with_archive": sa.false(), "is_pseudonymised": sa.false()},
    "bundle_imports": {"with_archive": sa.true(), "matches_accounts": sa.false()},
}


def upgrade() -> None:
    for name, flags in _FLAGS.items():
        with op.batch_alter_table(name) as table:
            for flag, default in flags.items():
                table.add_column(
                    sa.Column(flag, sa.Boolean(), nullable=False, server_default=default)
                )
    with op.batch_alter_table("submissions") as table:
        table.add_column(
            sa.Column("restored_from", sa.String(500), nullable=False, server_default="")
        )
        table.add_column(sa.Column("restored_number", sa.Integer()))


def downgrade() -> None:
    with op.batch_alter_table("submissions") as table:
        table.drop_column("restored_number")
        table.drop_column("restored_from")
    for name, flags in _FLAGS.items():
        with op.batch_alter_table(name) as table:
            for flag in flags:
                table.drop_column(flag)
