"""Alembic's entry: the app's engine and every table of the product."""

from alembic import context

import app  # noqa: F401 - importing the factory imports every model
from app.platform.db import Base, db

connection = context.config.attributes.get("connection")


def run(bind) -> None:
    context.configure(
        connection=bind,
        target_metadata=Base.metadata,
        render_as_batch=bind.dialect.name == "sqlite",
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()


if connection is not None:
    run(connection)
else:
    with db.engine.begin() as bind:
        run(bind)
