"""dumps of benchmarks; which texts are HTML, and the order of solutions

Revision ID: 2b9e6f0ad418
Revises: 5d1c8e72a9f3
"""

import sqlalchemy as sa
from alembic import op

revision = "2b9e6f0ad418"
down_revision = "5d1c8e72a9f3"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("competitions") as batch:
        batch.add_column(
            sa.Column("terms_is_html", sa.Boolean(), nullable=False, server_default=sa.false())
        )
    with op.batch_alter_table("pages") as batch:
        batch.add_column(
            sa.Column("is_html", sa.Boolean(), nullable=False, server_default=sa.false())
        )
    with op.batch_alter_table("competition_solutions") as batch:
        batch.add_column(sa.Column("order", sa.Integer(), nullable=False, server_default="0"))
    op.create_table(
        "bundle_dumps",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("competition_id", sa.Integer(), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=False),
        sa.Column("with_files", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("bytes_done", sa.BigInteger(), nullable=False),
        sa.Column("bytes_total", sa.BigInteger(), nullable=False),
        sa.Column("refusal", sa.Text(), nullable=False),
        sa.Column("notes", sa.JSON(), nullable=False),
        sa.Column("file_id", sa.Integer(), nullable=True),
        sa.Column("object_key", sa.String(255), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["competition_id"], ["competitions.id"], ondelete="CASCADE",
            name="fk_bundle_dumps_competition_id_competitions",
        ),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name="fk_bundle_dumps_owner_id_users"),
        sa.ForeignKeyConstraint(
            ["file_id"], ["stored_files.id"], name="fk_bundle_dumps_file_id_stored_files"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_bundle_dumps"),
    )  # fmt: skip
    for column in ("competition_id", "owner_id", "state", "file_id"):
        op.create_index(f"ix_bundle_dumps_{column}", "bundle_dumps", [column])


def downgrade() -> None:
    op.drop_table("bundle_dumps")
    with op.batch_alter_table("competition_solutions") as batch:
        batch.drop_column("order")
    with op.batch_alter_table("pages") as batch:
        batch.drop_column("is_html")
    with op.batch_alter_table("competitions") as batch:
        batch.drop_column("terms_is_html")
