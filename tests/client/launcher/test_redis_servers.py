"""Which Redis is taken, and who may do what on the one that machines reach."""

from __future__ import annotations

from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import AuthenticationError, NoPermissionError
from rq import Queue
from rq.serializers import JSONSerializer

from client.launcher.errors import LaunchError
from client.launcher.redis_servers import find_redis, users_text
from tests.plugins.machine import RunsServer


def _fake_redis(folder: Path, version: str) -> None:
    folder.mkdir(parents=True)
    program = folder / "redis-server"
    program.write_text(f"#!/bin/sh\necho 'Redis server v={version} sha=0 malloc=libc bits=64'\n")
    program.chmod(0o755)


def test_redis_of_the_path_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _fake_redis(tmp_path / "bin", "7.4.1")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    found = find_redis()
    assert found.path == str(tmp_path / "bin" / "redis-server")
    assert found.version == (7, 4)
    assert found.has_selectors


def test_redis_that_is_too_old_is_passed_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fake_redis(tmp_path / "bin", "5.0.3")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(LaunchError, match=r"needs Redis 6\.2 or newer and found none"):
        find_redis()


def test_redis_6_has_no_rules_per_queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _fake_redis(tmp_path / "bin", "6.2.14")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    assert not find_redis().has_selectors


def _users(version: tuple[int, int]) -> str:
    return users_text(
        version, app_password="alpha", keeper_password="gamma", queue_id="q1q1",
        worker_password="beta",
    )  # fmt: skip


def test_users_hold_no_password() -> None:
    text = _users((7, 0))
    assert not any(password in text for password in ("alpha", "beta", "gamma"))


def test_rule_that_an_older_redis_refuses_is_left_out() -> None:
    for version, expected in (((7, 0), False), ((7, 2), True)):
        text = _users(version)
        assert ("+client|setinfo" in text) is expected


_services = pytest.mark.services


@_services
def test_app_sends_and_machine_takes(runs_server: RunsServer) -> None:
    with (
        Redis.from_url(runs_server.app_url) as app,
        Redis.from_url(runs_server.worker_url) as machine,
    ):
        queue = Queue(runs_server.queue_id, app, serializer=JSONSerializer)
        job_id = f"{runs_server.queue_id}-1"
        queue.enqueue_call("worker.jobs.run", args=({},), job_id=job_id, description="run 1")
        key = f"rq:queue:{runs_server.queue_id}"
        assert machine.lmove(key, f"{key}:intermediate") == job_id.encode()
        assert machine.hget(f"rq:job:{job_id}", "description") == b"run 1"


@_services
def test_app_cannot_read_what_a_machine_wrote(runs_server: RunsServer) -> None:
    with Redis.from_url(runs_server.app_url) as app:
        with pytest.raises(NoPermissionError):
            app.hgetall(f"rq:job:{runs_server.queue_id}-1")
        with pytest.raises(NoPermissionError):
            app.zrange(f"rq:wip:{runs_server.queue_id}", 0, -1)


@_services
@pytest.mark.security
def test_machine_cannot_reach_another_queue(runs_server: RunsServer) -> None:
    own = f"rq:queue:{runs_server.queue_id}"
    with Redis.from_url(runs_server.worker_url) as machine:
        for command in (
            "LRANGE rq:queue:other 0 -1", "HGETALL rq:job:other-1", "SADD rq:workers x",
            "SET rq:workers x", "KEYS *", "SCAN 0", "EVAL return+1 0", "CONFIG GET *",
            "PUBLISH rq:pubsub:other x", f"RPUSH {own} x", f"COPY {own} rq:queue:other",
        ):  # fmt: skip
            with pytest.raises(NoPermissionError):
                machine.execute_command(*command.split())


@_services
@pytest.mark.security
def test_nobody_enters_without_a_password(runs_server: RunsServer) -> None:
    address = runs_server.app_url.rpartition("@")[2]
    with Redis.from_url(f"redis://{address}") as stranger, pytest.raises(AuthenticationError):
        stranger.ping()
