"""Up, down, and "models equal migrations"."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from sqlalchemy import inspect

from app import Parts, create_app
from app.cli.serve import alembic_config
from app.platform.db import Base, UtcDateTime, db
from tests.conftest import make_settings
from tests.fakes.carrier import FakeCarrier
from tests.fakes.storage import FakeStore
from tests.fakes.tally import FakeTally


def app_on(url: str) -> Flask:
    return create_app(
        make_settings(database_url=url), Parts(FakeStore(), FakeCarrier(), FakeTally())
    )


def differences() -> list[object]:
    def same_type(*found: object) -> bool | None:
        return False if isinstance(found[4], UtcDateTime) else None

    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": same_type})
        return list(compare_metadata(context, Base.metadata))


def walk() -> None:
    """Up, compare, down to nothing, up again."""
    config = alembic_config()
    command.upgrade(config, "head")
    assert differences() == []
    command.downgrade(config, "base")
    assert set(inspect(db.engine).get_table_names()) <= {"alembic_version"}
    command.upgrade(config, "head")
    assert differences() == []


def test_sqlite_migrates_up_and_down_and_matches_the_models(tmp_path: Path) -> None:
    app = app_on(f"sqlite:///{tmp_path}/migrated.db")
    with app.app_context():
        walk()
        db.session.remove()
        db.engine.dispose()


@pytest.mark.services
def test_postgresql_migrates_up_and_down_and_matches_the_models(postgres_url: str) -> None:
    app = app_on(postgres_url)
    with app.app_context():
        walk()
        db.session.remove()
        db.engine.dispose()


def test_every_migration_says_when_it_was_made_and_goes_both_ways() -> None:
    for path in Path("migrations/versions").glob("*.py"):
        assert path.name[:8].isdigit(), path
        body = path.read_text().partition("def downgrade() -> None:")[2]
        assert "op." in body, f"{path}: downgrade does nothing"
