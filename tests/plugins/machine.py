"""Fixtures for what ``./run test`` has started; without it the test is skipped, with the reason."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from docker import DockerClient
from redis import Redis

from client.launcher.environment import PORTS
from client.launcher.redis_servers import (
    RedisProgram,
    find_redis,
    password_rules,
    queue_rules,
    redis_service,
)
from client.launcher.services import HOST, Service, free_port, object_service
from tests.stack import RunningStack


def _variable(name: str, what: str) -> str:
    value = os.environ.get(f"PLUMBLINE_TEST_{name}")
    if not value:
        pytest.skip(f"{what} is not here: ./run test prepares it where it can")
    return value


@pytest.fixture(scope="session")
def docker_host() -> str:
    """The socket of the tests' own Docker Engine."""
    return _variable("DOCKER_HOST", "The Docker Engine")


@pytest.fixture(scope="session")
def docker_client(docker_host: str) -> Iterator[DockerClient]:
    """A client of that engine."""
    client = DockerClient(base_url=docker_host, timeout=120)
    yield client
    client.close()


@pytest.fixture(scope="session")
def runtime_image(docker_host: str) -> str:
    """A local image with Python and the scientific packages."""
    return _variable("IMAGE", "The runtime image")


@pytest.fixture(scope="session")
def wheels() -> Path:
    """A folder with the Python packages of both images."""
    return Path(_variable("WHEELS", "The wheels of the images"))


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a browser."""
    return _variable("CHROMIUM", "Chromium")


@contextmanager
def fresh_database() -> Iterator[str]:
    """Make an empty PostgreSQL database, as an SQLAlchemy URL; it is dropped afterwards."""
    server = _variable("POSTGRES_URL", "PostgreSQL")
    name = f"test_{secrets.token_hex(6)}"
    with psycopg.connect(server.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
        yield server.rpartition("/")[0] + f"/{name}"
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def postgres_url() -> Iterator[str]:
    """An empty PostgreSQL database, as an SQLAlchemy URL; dropped afterwards."""
    with fresh_database() as url:
        yield url


def _own_database(url: str) -> str:
    """Give each parallel worker of pytest a Redis database of its own, emptied."""
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    url = f"{url.rpartition('/')[0]}/{number}"
    with Redis.from_url(url) as connection:
        connection.flushdb()
    return url


@pytest.fixture
def redis_url() -> str:
    """An empty database on the private Redis; this user may do everything."""
    return _own_database(_variable("REDIS_URL", "Redis"))


@pytest.fixture
def runs_redis_url() -> str:
    """An empty database on the runs Redis; this user may do everything."""
    return _own_database(_variable("RUNS_REDIS_URL", "Redis"))


@pytest.fixture(scope="session")
def s3_settings() -> dict[str, str]:
    """``s3_url``, ``s3_access_key`` and ``s3_secret_key`` of an S3 server with the three buckets."""
    names = ("S3_URL", "S3_ACCESS_KEY", "S3_SECRET_KEY")
    return {name.lower(): _variable(name, "The S3 server") for name in names}


@pytest.fixture(scope="session")
def redis_program() -> RedisProgram:
    """The redis-server that the tests start."""
    return find_redis()


@dataclass(frozen=True)
class RunsServer:
    """A runs Redis of one test's own, with the rules of production."""

    service: Service
    queue_id: str
    app_url: str
    worker_url: str
    keeper_url: str
    """May make and end users, nothing else."""
    admin_url: str
    """May do everything: reads ``ACL LOG``, plants what a rogue would."""


@pytest.fixture
def runs_server(redis_program: RedisProgram, tmp_path: Path) -> Iterator[RunsServer]:
    """A runs Redis that a test may stop, start and kill: ``runs_server.service``."""
    if not redis_program.has_selectors:
        pytest.skip("Redis 7 is not here: ./run test installs it where it can")
    queue_id, folder, port = secrets.token_hex(8), tmp_path / "redis-runs", free_port()
    rules = queue_rules(
        redis_program, folder, app_password="app", keeper_password="keeper", queue_id=queue_id,
        worker_password="machine",
    )  # fmt: skip
    with (folder / "users.acl").open("a") as users:
        users.write("user admin on >admin allcommands allkeys allchannels\n")
    service = redis_service(
        redis_program, "Redis for runs", folder, port, rules=rules, appends=True,
        log=tmp_path / "redis-runs.log",
    )  # fmt: skip
    service.start()
    service.wait_ready()
    at = f"{HOST}:{port}/0"
    yield RunsServer(
        service, queue_id, f"redis://app:app@{at}", f"redis://{queue_id}:machine@{at}",
        f"redis://keeper:keeper@{at}", f"redis://admin:admin@{at}",
    )  # fmt: skip
    service.stop()


@pytest.fixture
def redis_server(redis_program: RedisProgram, tmp_path: Path) -> Iterator[tuple[Service, str]]:
    """A private Redis that a test may stop, start and kill, and its URL."""
    port = free_port()
    service = redis_service(
        redis_program, "Redis", tmp_path / "redis", port, rules=password_rules("private"),
        appends=False, log=tmp_path / "redis.log",
    )  # fmt: skip
    service.start()
    service.wait_ready()
    yield service, f"redis://:private@{HOST}:{port}/0"
    service.stop()


@pytest.fixture
def s3_server(tmp_path: Path) -> Iterator[tuple[Service, dict[str, str]]]:
    """An S3 server that a test may stop, start and kill, and its ``s3_…`` settings."""
    key, secret, port = secrets.token_hex(10), secrets.token_hex(20), free_port()
    service = object_service(
        tmp_path / "s3", port, key=key, secret=secret, origin="*", log=tmp_path / "s3.log"
    )
    service.start()
    service.wait_ready()
    url = f"http://{HOST}:{port}"
    yield service, {"s3_url": url, "s3_access_key": key, "s3_secret_key": secret}
    service.stop()


@pytest.fixture(scope="session")
def docker_settings(docker_host: str, runtime_image: str) -> dict[str, str]:
    """Worker settings for the tests' own engine: every image name stands for the local image."""
    return {
        "PLUMBLINE_WORKER_ENGINE": "docker",
        "PLUMBLINE_WORKER_DOCKER_HOST": docker_host,
        "PLUMBLINE_WORKER_IMAGE_MAP": f"*={runtime_image}",
        "PLUMBLINE_WORKER_PULL_POLICY": "never",
    }


@pytest.fixture(scope="session")
def migrated_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state folder of a stack that has run once, empty; copied for each stack."""
    folder = tmp_path_factory.mktemp("stack") / "var"
    with RunningStack(folder):
        pass
    return folder


@pytest.fixture
def make_stack(
    tmp_path: Path, migrated_home: Path
) -> Iterator[Callable[[Mapping[str, str] | None], RunningStack]]:
    """Start whole stacks, given ``PLUMBLINE_…`` variables; stopped afterwards."""
    with ExitStack() as running:

        def make(settings: Mapping[str, str] | None = None) -> RunningStack:
            folder = tmp_path / f"stack{secrets.token_hex(2)}"
            # Not its ports: stacks of the same origin may run at the same time.
            shutil.copytree(migrated_home, folder, ignore=shutil.ignore_patterns(PORTS))
            return running.enter_context(RunningStack(folder, settings))

        yield make
