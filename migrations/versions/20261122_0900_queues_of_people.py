"""queues of people

Revision ID: 8b40c2d95e17
Revises: 5c1f0e7a92b4
"""

import sqlalchemy as sa
from alembic import op

revision = "8b40c2d95e17"
down_revision = "5c1f0e7a92b4"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "queue_members",
        sa.Column("queue_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["queue_id"], ["compute_queues.id"], name="fk_queue_members_queue_id_compute_queues",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_queue_members_user_id_users"),
        sa.PrimaryKeyConstraint("queue_id", "user_id", name="pk_queue_members"),
    )  # fmt: skip
    with op.batch_alter_table("compute_queues") as table:
        table.add_column(sa.Column("owner_id", sa.Integer()))
        table.add_column(
            sa.Column("is_public", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        table.add_column(sa.Column("max_running_per_person", sa.Integer()))
        table.add_column(sa.Column("retired_at", _TIME))
        table.create_index("ix_compute_queues_owner_id", ["owner_id"])
        table.create_foreign_key("fk_compute_queues_owner_id_users", "users", ["owner_id"], ["id"])
    with op.batch_alter_table("machines") as table:
        table.add_column(sa.Column("old_token_hash", sa.String(64)))
        table.add_column(sa.Column("broker_user", sa.String(64)))
        table.add_column(sa.Column("broker_hash", sa.String(64), nullable=False, server_default=""))
        table.add_column(sa.Column("old_broker_hash", sa.String(64)))
        table.add_column(sa.Column("old_until", _TIME))
        table.add_column(sa.Column("access_set_at", _TIME))
        table.add_column(sa.Column("revoked_at", _TIME))
        table.create_unique_constraint("uq_machines_old_token_hash", ["old_token_hash"])
        table.create_unique_constraint("uq_machines_broker_user", ["broker_user"])
    with op.batch_alter_table("participants") as table:
        table.add_column(sa.Column("queue_id", sa.Integer()))
        table.create_foreign_key(
            "fk_participants_queue_id_compute_queues", "compute_queues", ["queue_id"], ["id"]
        )


def downgrade() -> None:
    with op.batch_alter_table("participants") as table:
        table.drop_constraint("fk_participants_queue_id_compute_queues", type_="foreignkey")
        table.drop_column("queue_id")
    with op.batch_alter_table("machines") as table:
        table.drop_constraint("uq_machines_broker_user", type_="unique")
        table.drop_constraint("uq_machines_old_token_hash", type_="unique")
        for name in ("revoked_at", "access_set_at", "old_until", "old_broker_hash", "broker_hash",
                     "broker_user", "old_token_hash"):  # fmt: skip
            table.drop_column(name)
    with op.batch_alter_table("compute_queues") as table:
        table.drop_constraint("fk_compute_queues_owner_id_users", type_="foreignkey")
        table.drop_index("ix_compute_queues_owner_id")
        for name in ("retired_at", "max_running_per_person", "is_public", "owner_id"):
            table.drop_column(name)
    op.drop_table("queue_members")
