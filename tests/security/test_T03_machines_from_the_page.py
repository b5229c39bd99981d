"""Users of the runs Redis that the page asks for and cron makes: let in, rotated and shown out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from flask import Flask
from redis import Redis
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError

from app.platform.broker import RedisKeeper
from app.platform.db import unit_of_work
from app.platform.queueing import RedisCarrier
from app.policy import Viewer
from app.queues import machines, queries
from app.queues.access import Doorkeeper
from app.queues.machines import Access
from app.queues.models import ComputeQueue
from tests.conftest import make_settings
from tests.factories import NOW, make_queue
from tests.patience import PATIENCE_S
from tests.plugins.machine import RunsServer
from tests.security.test_T03_queue_rules import FOREIGN, _allowed, _asked, _spec
from worker.guard import SafeQueue, SafeWorker, connect, worker_name
from worker.jobs import RunJob

pytestmark = [pytest.mark.security, pytest.mark.services]
RITA = Viewer(is_staff=True)


@pytest.fixture
def site(app: Flask, runs_server: RunsServer) -> Flask:
    """The app, with this server as the one that machines reach."""
    place = urlsplit(runs_server.app_url)
    app.extensions["plumbline.settings"] = make_settings(
        machines_redis_url=f"redis://{place.hostname}:{place.port}/0"
    )
    return app


@pytest.fixture
def keeper(runs_server: RunsServer) -> Iterator[RedisKeeper]:
    made = RedisKeeper(runs_server.keeper_url)
    yield made
    made.close()


@pytest.fixture
def doorkeeper(keeper: RedisKeeper) -> Doorkeeper:
    return Doorkeeper(keeper)


@pytest.fixture
def admin(runs_server: RunsServer) -> Iterator[Redis]:
    with Redis.from_url(runs_server.admin_url) as connection:
        yield connection


@pytest.fixture
def queue(site: Flask, runs_server: RunsServer) -> ComputeQueue:
    return make_queue(qid=runs_server.queue_id)


def add(queue: ComputeQueue, name: str = "gpu-1") -> Access:
    with unit_of_work():
        return machines.add(RITA, queries.get(queue.id, RITA), name, now=NOW)


def rotate(queue: ComputeQueue, access: Access) -> Access:
    with unit_of_work():
        return machines.rotate(RITA, queries.get(queue.id, RITA), access.machine, now=NOW)


def revoke(queue: ComputeQueue, access: Access) -> None:
    with unit_of_work():
        machines.revoke(RITA, queries.get(queue.id, RITA), access.machine, now=NOW)


def may_enter(url: str) -> bool:
    with Redis.from_url(url, retry=None) as connection:
        try:
            return bool(connection.ping())
        except (AuthenticationError, ResponseError):
            return False


class Waiting:
    """A connection that waits in BLMOVE for a run, as an idle worker's does."""

    def __init__(self, url: str, queue_id: str) -> None:
        self._connection = Redis.from_url(url, retry=None, socket_timeout=PATIENCE_S)
        self._queue_id = queue_id
        self.error: Exception | None = None
        self.got: object = None
        self._connection.ping()
        self._thread = threading.Thread(target=self._wait, daemon=True)
        self._thread.start()

    def _wait(self) -> None:
        key = f"rq:queue:{self._queue_id}"
        try:
            self.got = self._connection.blmove(key, f"{key}:intermediate", int(PATIENCE_S))
        except (RedisError, OSError) as error:
            self.error = error

    def ended(self) -> bool:
        """Wait for its end; return whether the server closed it."""
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()
        self._connection.close()
        return self.error is not None

    def is_blocked(self, admin: Redis) -> bool:
        return any(one["cmd"] == "blmove" for one in admin.client_list())


def wait_until(condition: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(int(PATIENCE_S * 50)):
        if condition():
            return
        pause.wait(0.02)
    raise AssertionError("it never came true")


def test_machine_cannot_enter_before_cron_and_can_after(
    queue: ComputeQueue, doorkeeper: Doorkeeper
) -> None:
    access = add(queue)
    assert not may_enter(access.broker_url)
    doorkeeper.round(now=NOW)
    assert may_enter(access.broker_url)


def test_user_of_the_page_has_the_very_rules_of_the_launchers(
    queue: ComputeQueue, doorkeeper: Doorkeeper, admin: Redis, runs_server: RunsServer
) -> None:
    access = add(queue)
    doorkeeper.round(now=NOW)
    made, own = (
        _asked(admin, "ACL", "GETUSER", user)
        for user in (access.machine.broker_user or "", runs_server.queue_id)
    )
    assert made.pop(b"passwords") != own.pop(b"passwords")
    assert made.pop(b"flags")[0] == own.pop(b"flags")[0] == b"on"
    assert made == own


def test_machine_from_the_page_reaches_nothing_of_another_queue(
    queue: ComputeQueue, doorkeeper: Doorkeeper, admin: Redis
) -> None:
    other = make_queue(is_default=False)
    one, two = add(queue), add(other, "gpu-2")
    doorkeeper.round(now=NOW)
    for access, own, foreign in ((one, queue.qid, other.qid), (two, other.qid, queue.qid)):
        user = access.machine.broker_user or ""
        keys = [pattern.replace("{q}", own).replace("{o}", foreign) for pattern in FOREIGN]
        found = {key: _allowed(admin, user, key) for key in keys}
        assert {key: allowed for key, allowed in found.items() if allowed} == {
            "rq:suspended": ["exists"]
        }
        assert "hset" in _allowed(admin, user, f"rq:job:{own}-1")


def test_machine_floods_neither_its_own_list_nor_anothers(
    queue: ComputeQueue, doorkeeper: Doorkeeper, runs_server: RunsServer
) -> None:
    other = make_queue(is_default=False)
    access = add(other)
    doorkeeper.round(now=NOW)
    attempts = (
        ("RPUSH", f"rq:queue:{queue.qid}", "x"), ("LPUSH", f"rq:queue:{other.qid}", "x"),
        ("RPUSH", f"rq:queue:{other.qid}", "x"), ("SADD", "rq:queues", "x"),
        ("LMOVE", f"rq:queue:{other.qid}:intermediate", f"rq:queue:{queue.qid}", "LEFT", "LEFT"),
        ("PUBLISH", f"rq:pubsub:{queue.qid}-x", "stop"), ("CLIENT", "KILL", "USER", "app"),
        ("ACL", "SETUSER", access.machine.broker_user or "", "allkeys"),
    )  # fmt: skip
    with Redis.from_url(access.broker_url) as machine:
        for words in attempts:
            with pytest.raises(NoPermissionError):
                _asked(machine, *words)


def test_life_of_a_worker_with_such_a_user_breaks_no_rule(
    queue: ComputeQueue, doorkeeper: Doorkeeper, admin: Redis, runs_server: RunsServer
) -> None:
    access = add(queue)
    doorkeeper.round(now=NOW)
    carrier = RedisCarrier("redis://127.0.0.1:1/0", runs_server.app_url)
    carrier.send_run(queue.qid, f"{queue.qid}-7-1", _spec(runs_server).to_json(), 60)
    here = SafeQueue(queue.qid, connect(access.broker_url), RunJob)
    worker = SafeWorker(here, worker_name(queue.qid, "gpu-1"))
    worker.register_birth()  # type: ignore[no-untyped-call]
    found = worker.dequeue_job_and_maintain_ttl(1, max_idle_time=1)
    assert found is not None
    assert found[0].id == f"{queue.qid}-7-1"
    worker.heartbeat()
    worker.register_death()
    here.connection.close()
    assert [entry for entry in admin.acl_log() if entry["object"] != "client|list"] == []


def test_ended_access_closes_a_connection_that_waits(
    queue: ComputeQueue, doorkeeper: Doorkeeper, admin: Redis
) -> None:
    access = add(queue)
    doorkeeper.round(now=NOW)
    waiting = Waiting(access.broker_url, queue.qid)
    wait_until(lambda: waiting.is_blocked(admin))
    revoke(queue, access)
    doorkeeper.round(now=NOW)
    assert waiting.ended()
    assert not may_enter(access.broker_url)


def test_rotation_keeps_a_waiting_connection_until_the_new_secrets_are_used(
    queue: ComputeQueue, doorkeeper: Doorkeeper, admin: Redis
) -> None:
    old = add(queue)
    doorkeeper.round(now=NOW)
    waiting = Waiting(old.broker_url, queue.qid)
    wait_until(lambda: waiting.is_blocked(admin))
    new = rotate(queue, old)
    doorkeeper.round(now=NOW)
    assert may_enter(old.broker_url)
    assert may_enter(new.broker_url)
    assert waiting.is_blocked(admin)
    with unit_of_work():
        machines.hear_from(new.token, engine="docker", trusted_only=False, details={}, now=NOW)
    doorkeeper.round(now=NOW)
    assert waiting.ended()
    assert not may_enter(old.broker_url)
    assert may_enter(new.broker_url)


def test_users_survive_a_restart_and_come_back_when_they_do_not(
    queue: ComputeQueue, doorkeeper: Doorkeeper, runs_server: RunsServer, admin: Redis
) -> None:
    access = add(queue)
    doorkeeper.round(now=NOW)
    admin.close()
    runs_server.service.kill()
    runs_server.service.start()
    runs_server.service.wait_ready()
    assert may_enter(access.broker_url)
    _asked(admin, "ACL", "DELUSER", access.machine.broker_user or "")
    doorkeeper.round(now=NOW)
    assert may_enter(access.broker_url)


def test_keeper_makes_users_and_touches_no_key(runs_server: RunsServer, admin: Redis) -> None:
    for key in (f"rq:queue:{runs_server.queue_id}", "rq:queues", "x"):
        assert _allowed(admin, "keeper", key) == []
    for words in ("CONFIG GET *", "ACL LIST", "KEYS *", "FLUSHALL", "CLIENT LIST", "MONITOR"):
        answer = _asked(admin, "ACL", "DRYRUN", "keeper", *words.split())
        assert answer not in (b"OK", "OK", True), words
    for user in ("app", runs_server.queue_id):
        answer = _asked(admin, "ACL", "DRYRUN", user, "ACL", "SETUSER", "x", "on")
        assert answer not in (b"OK", "OK", True), user
