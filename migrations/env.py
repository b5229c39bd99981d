"""Alembic's entry: the app's engine and every table of the product."""

from alembic import context

import app  # noqa: F401 - importing the factory imports every model
from app.platform.db import Base, UtcDateTime, db

connection = context.config.attributes.get("connection")


def render_item(kind, thing, autogen_context):
    """Write our own type as the one it is stored as: migrations never import the app's code."""
    if kind == "type" and isinstance(thing, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return False


def compare_type(context, inspected_column, metadata_column, inspected_type, metadata_type):
    """Leave our own type alone; Alembic cannot tell that it is stored as DateTime."""
    return False if isinstance(metadata_type, UtcDateTime) else None


def run(bind) -> None:
    context.configure(
        connection=bind,
        target_metadata=Base.metadata,
        render_as_batch=bind.dialect.name == "sqlite",
        compare_type=compare_type,
        render_item=render_item,
    )
    with context.begin_transaction():
        context.run_migrations()


if connection is not None:
    run(connection)
else:
    with db.engine.begin() as bind:
        run(bind)
