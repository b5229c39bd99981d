"""the library of files: uploads in parts, versions, licences, downloads and space

Revision ID: 7f40c1d9e2b6
Revises: c4a91be07d35
"""

import sqlalchemy as sa
from alembic import op

revision = "7f40c1d9e2b6"
down_revision = "c4a91be07d35"
branch_labels = None
depends_on = None

_USES = (
    ("bundle_imports", "file_id"),
    ("phases", "public_data_id"),
    ("phases", "starting_kit_id"),
    ("solutions", "file_id"),
    ("submissions", "file_id"),
    ("task_revisions", "ingestion_program_id"),
    ("task_revisions", "input_data_id"),
    ("task_revisions", "reference_data_id"),
    ("task_revisions", "scoring_program_id"),
)


def upgrade() -> None:
    with op.batch_alter_table("stored_files") as table:
        table.add_column(sa.Column("license", sa.String(128), nullable=False, server_default=""))
        table.add_column(sa.Column("downloads", sa.Integer(), nullable=False, server_default="0"))
        table.create_index("ix_stored_files_public", ["is_public", "kind"])
    for table_name, column in _USES:
        op.create_index(op.f(f"ix_{table_name}_{column}"), table_name, [column])
    op.create_table(
        "part_uploads",
        sa.Column("file_id", sa.Integer(), nullable=False),
        sa.Column("upload_id", sa.String(1024), nullable=False),
        sa.Column("part_bytes", sa.Integer(), nullable=False),
        sa.Column("modified_ms", sa.BigInteger(), nullable=False),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("is_asked", sa.Boolean(), nullable=False),
        sa.Column("checked_bytes", sa.BigInteger(), nullable=False),
        sa.Column("refusal", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["file_id"], ["stored_files.id"], name=op.f("fk_part_uploads_file_id_stored_files"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("file_id", name=op.f("pk_part_uploads")),
    )  # fmt: skip
    op.create_table(
        "file_versions",
        sa.Column("newer_id", sa.Integer(), nullable=False),
        sa.Column("older_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["newer_id"], ["stored_files.id"], name=op.f("fk_file_versions_newer_id_stored_files"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["older_id"], ["stored_files.id"], name=op.f("fk_file_versions_older_id_stored_files"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("newer_id", name=op.f("pk_file_versions")),
        sa.UniqueConstraint("older_id", name=op.f("uq_file_versions_older_id")),
    )  # fmt: skip
    op.create_table(
        "storage_quotas",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("gib", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_storage_quotas_user_id_users"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_storage_quotas")),
    )  # fmt: skip


def downgrade() -> None:
    op.drop_table("storage_quotas")
    op.drop_table("file_versions")
    op.drop_table("part_uploads")
    for table_name, column in reversed(_USES):
        op.drop_index(op.f(f"ix_{table_name}_{column}"), table_name)
    with op.batch_alter_table("stored_files") as table:
        table.drop_index("ix_stored_files_public")
        table.drop_column("downloads")
        table.drop_column("license")
