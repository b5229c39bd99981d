"""The app, the database and the cast that every test can ask for."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from flask import Flask, g
from flask.testing import FlaskClient
from hypothesis import settings as hypothesis_settings
from jinja2 import FileSystemBytecodeCache
from sqlalchemy import Engine, text

from app import Parts, create_app
from app.platform.db import Base, db, will_write
from app.platform.limiting import limiter
from app.settings import Settings
from tests.fakes.carrier import FakeCarrier
from tests.fakes.storage import FakeStore
from tests.fakes.tally import FakeTally

# The same examples on every machine and in every run; --hypothesis-profile=default looks for others.
hypothesis_settings.register_profile("any machine", deadline=None, derandomize=True)
hypothesis_settings.load_profile("any machine")
pytest_plugins = ("tests.plugins.machine", "tests.plugins.mounts", "tests.plugins.verdict")


def make_settings(**overrides: object) -> Settings:
    """Settings of the fast tier; nothing they name exists."""
    values: dict[str, object] = {
        "secret_key": "a-secret-of-the-test-suite-of-enough-length",
        "database_url": "sqlite://",
        "redis_url": "memory://",
        "runs_redis_url": "redis://127.0.0.1:1/0",
        "s3_url": "http://store.test",
        "s3_access_key": "key",
        "s3_secret_key": "secret",
        "base_url": "http://localhost",
        "machines_redis_url": "rediss://runs.test:6380/0",
        "lease_s": 60,
    }
    return Settings(**{**values, **overrides})  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _no_more_writing() -> Iterator[None]:
    """Forget that the last request of a test was a writing one.

    What later looks at the database of a running stack would keep that stack from writing.
    """
    yield
    will_write(False)


@pytest.fixture(scope="session")
def template_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty SQLite file with every table, copied for each test."""
    path = tmp_path_factory.mktemp("database") / "empty.db"
    _make_tables(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_database() -> Iterator[str]:
    """A PostgreSQL database with every table, for a second round of the app's tests.

    It is there when PLUMBLINE_TEST_APP_POSTGRES names a server; else the text is empty.
    """
    server = os.environ.get("PLUMBLINE_TEST_APP_POSTGRES", "")
    if not server:
        yield ""
        return
    name = f"app_{secrets.token_hex(6)}"
    with psycopg.connect(server.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
        url = server.rpartition("/")[0] + f"/{name}"
        _make_tables(url)
        yield url
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def _make_tables(url: str) -> None:
    app = create_app(make_settings(database_url=url), _parts())
    with app.app_context():
        Base.metadata.create_all(db.engine)
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def database_url(template_database: Path, postgres_database: str, tmp_path: Path) -> str:
    """An empty database of one test's own."""
    if postgres_database:
        return postgres_database
    path = tmp_path / "test.db"
    path.write_bytes(template_database.read_bytes())
    return f"sqlite:///{path}"


def _empty(engine: Engine) -> None:
    """Empty every table of the shared PostgreSQL database, and start its sequences anew."""
    if engine.dialect.name == "postgresql":
        names = ", ".join(f'"{table.name}"' for table in Base.metadata.sorted_tables)
        with engine.begin() as connection:
            connection.execute(text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))


@pytest.fixture(scope="session")
def compiled_templates(tmp_path_factory: pytest.TempPathFactory) -> FileSystemBytecodeCache:
    """Templates compiled once for all tests; every app has an environment of its own."""
    return FileSystemBytecodeCache(str(tmp_path_factory.mktemp("templates")))


def _parts() -> Parts:
    return Parts(store=FakeStore(), carrier=FakeCarrier(), tally=FakeTally())


@pytest.fixture
def app(
    database_url: str,
    compiled_templates: FileSystemBytecodeCache,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Flask]:
    """An app on a database of its own, without rate limits, with an app context pushed."""
    app = create_app(make_settings(database_url=database_url), _parts())
    app.config.update(TESTING=True, WTF_CSRF_ENABLED=False)
    app.jinja_env.bytecode_cache = compiled_templates
    monkeypatch.setattr(limiter, "enabled", False)
    app.before_request_funcs.setdefault(None, []).insert(0, _forget_who_asked)
    with app.app_context():
        yield app
        db.session.remove()
        _empty(db.engine)
        db.engine.dispose()


def _forget_who_asked() -> None:
    # The pushed app context is shared by all requests of a test; each is from somebody else.
    g.pop("_login_user", None)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser without cookies."""
    return app.test_client()


@pytest.fixture
def store(app: Flask) -> FakeStore:
    found: FakeStore = app.extensions["plumbline.store"]
    return found


@pytest.fixture
def carrier(app: Flask) -> FakeCarrier:
    found: FakeCarrier = app.extensions["plumbline.carrier"]
    return found
