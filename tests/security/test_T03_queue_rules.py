"""What each user of the runs Redis may do, asked of a real server command by command."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import NoPermissionError, ResponseError
from rq import Queue, Worker
from rq.job import Job
from rq.registry import FinishedJobRegistry, StartedJobRegistry
from rq.serializers import JSONSerializer

from app.errors import Unavailable
from app.platform.queueing import RedisCarrier
from tests.plugins.machine import RunsServer
from worker.contract import RunSpec
from worker.guard import SafeQueue, SafeWorker, connect, worker_name
from worker.jobs import RunJob

pytestmark = [pytest.mark.security, pytest.mark.services]

OTHER = "otherqueue01"
FOREIGN = (
    "rq:queue:{o}", "rq:queue:{o}:intermediate", "rq:queue:{o}:intermediate:first_seen:{o}-1",
    "rq:job:{o}-1", "rq:job:{o}-1:dependents", "rq:job::{o}-1:dependencies", "rq:execution:{o}-1:x",
    "rq:executions:{o}-1", "rq:results:{o}-1", "rq:wip:{o}", "rq:finished:{o}", "rq:failed:{o}",
    "rq:deferred:{o}", "rq:scheduled:{o}", "rq:canceled:{o}", "rq:worker:{o}-gpu-1", "rq:workers:{o}",
    "rq:clean_registries:{o}", "rq:queues", "rq:workers", "rq:groups", "rq:suspended", "limit:x", "x",
    # Names that begin like the queue's own.
    "rq:job:{q}", "rq:job:{q}x-1", "rq:queue:{q}x", "rq:queue:{q}:other", "rq:worker:{q}", "rq:wip:{q}x",
    "rq:workers:{q}x", "rq:job:*", "rq:queue:*",
)  # fmt: skip


def _asked(admin: Redis, *words: str) -> Any:
    """Send a command that the client library has no typed method for."""
    return admin.execute_command(*words)  # type: ignore[no-untyped-call]


def _commands(admin: Redis) -> Iterator[tuple[str, int]]:
    """Yield every command that takes a key, with its least number of words."""
    for name, facts in _asked(admin, "COMMAND").items():
        if int(facts["first_key_pos"]) > 0:
            yield name, abs(int(facts["arity"]))


def _allowed(admin: Redis, user: str, key: str) -> list[str]:
    """Return the commands that a user may send about a key."""
    found = []
    for command, words in _commands(admin):
        # A number where a command counts its keys, the key itself wherever one may stand.
        for arguments in ([key] * max(1, words - 1), [key, *["1"] * max(0, words - 2)]):
            try:
                answer = _asked(admin, "ACL", "DRYRUN", user, command, *arguments)
            except ResponseError:
                continue  # not a form that this command takes
            if answer in (b"OK", "OK", True):
                found.append(command)
    return sorted(set(found))


@pytest.fixture
def admin(runs_server: RunsServer) -> Iterator[Redis]:
    with Redis.from_url(runs_server.admin_url) as connection:
        yield connection


def _named(pattern: str, server: RunsServer) -> str:
    return pattern.replace("{q}", server.queue_id).replace("{o}", OTHER)


def test_machine_may_do_nothing_about_any_foreign_key(
    runs_server: RunsServer, admin: Redis
) -> None:
    keys = [_named(pattern, runs_server) for pattern in FOREIGN]
    found = {key: _allowed(admin, runs_server.queue_id, key) for key in keys}
    assert {key: allowed for key, allowed in found.items() if allowed} == {
        "rq:suspended": ["exists"]
    }


HELLO = {"info|server", "ping", "client|setname"}
GRANTED = {
    "machine": HELLO | {
        "multi", "exec", "discard", "watch", "unwatch", "exists", "expire", "persist", "del", "set",
        "get", "hset", "hget", "hgetall", "hdel", "hincrby", "hincrbyfloat", "lmove", "blmove",
        "lrange", "lrem", "sadd", "srem", "smembers", "zadd", "zrem", "zrange", "zrangebyscore",
        "zremrangebyscore", "xadd", "subscribe", "unsubscribe",
    },
    "app": HELLO | {
        "multi", "exec", "discard", "sadd", "hset", "expire", "rpush", "lrem", "llen", "del",
        "publish",
    },
    "keeper": HELLO | {
        "acl|setuser", "acl|deluser", "acl|getuser", "acl|save", "client|kill",
    },
}  # fmt: skip
"""Every command a user may send about some key, or about none; whoever adds one says why here."""
REACH = {
    "machine": (
        "~rq:queue:{q}", "~rq:queue:{q}:intermediate",
        "~rq:queue:{q}:intermediate:first_seen:{q}-*", "~rq:job:{q}-*", "~rq:execution:{q}-*",
        "~rq:executions:{q}-*", "~rq:wip:{q}", "~rq:worker:{q}-*", "~rq:workers:{q}",
        "%W~rq:job::{q}-*", "%W~rq:results:{q}-*", "%W~rq:finished:{q}", "%W~rq:failed:{q}",
        "%W~rq:clean_registries:{q}",
    ),
    "app": ("%W~rq:job:*", "%W~rq:queue:*", "%W~rq:queues"),
    "keeper": (),
}  # fmt: skip
SELECTED = {
    "machine": [("exists", "%R~rq:suspended")],
    "app": [("lpos", "%R~rq:queue:*")],
    "keeper": [],
}  # fmt: skip
CHANNELS = {"machine": "&rq:pubsub:{q}-*", "app": "&rq:pubsub:*", "keeper": ""}


def _spelt_out(admin: Redis, rules: str) -> set[str]:
    """Return the commands of rules that a server has made shorter, such as +@transaction -watch."""
    granted: set[str] = set()
    first, *words = rules.split()
    assert first == "-@all"
    for word in words:
        named = {word[1:]}
        if word[1] == "@":
            named = {one.decode() for one in _asked(admin, "ACL", "CAT", word[2:])}
        granted = granted | named if word[0] == "+" else granted - named
    return granted


@pytest.mark.parametrize("user", GRANTED)
def test_server_knows_these_rules_of_a_user_and_no_others(
    runs_server: RunsServer, admin: Redis, user: str
) -> None:
    name = runs_server.queue_id if user == "machine" else user
    found = _asked(admin, "ACL", "GETUSER", name)
    newer = {"client|setinfo"} if b"client|setinfo" in found[b"commands"] else set()
    assert _spelt_out(admin, found[b"commands"].decode()) == GRANTED[user] | newer
    assert set(found[b"keys"].decode().split()) == {_named(one, runs_server) for one in REACH[user]}
    assert found[b"channels"].decode() == _named(CHANNELS[user], runs_server)
    assert found[b"selectors"] == [
        {b"commands": f"-@all +{command}".encode(), b"keys": key.encode(), b"channels": b""}
        for command, key in SELECTED[user]
    ]


def test_this_test_sees_what_is_allowed(runs_server: RunsServer, admin: Redis) -> None:
    own = _allowed(admin, runs_server.queue_id, f"rq:job:{runs_server.queue_id}-1")
    assert {"hgetall", "hset", "del"} <= set(own)
    assert not {"rpush", "eval", "sort", "copy", "rename", "dump", "restore"} & set(own)


def test_machine_may_do_nothing_dangerous_without_a_key(
    runs_server: RunsServer, admin: Redis
) -> None:
    for command in (
        "KEYS *", "SCAN 0", "FLUSHALL", "FLUSHDB", "CONFIG GET *", "DEBUG SLEEP 0", "MONITOR", "SAVE",
        "SHUTDOWN", "SLAVEOF no one", "ACL LIST", "ACL WHOAMI", "CLIENT LIST", "CLIENT KILL ID 1",
        "SCRIPT LOAD x", "FUNCTION LIST", "MODULE LIST", "PUBSUB CHANNELS", "RANDOMKEY", "DBSIZE",
        "SWAPDB 0 1", "PUBLISH rq:pubsub:x y", "SUBSCRIBE rq:pubsub:otherqueue01-x", "PSUBSCRIBE *",
        "INFO all", "SELECT 1",
    ):  # fmt: skip
        answer = _asked(admin, "ACL", "DRYRUN", runs_server.queue_id, *command.split())
        assert answer not in (b"OK", "OK", True), command


def test_site_reads_nothing_that_a_machine_can_write(runs_server: RunsServer, admin: Redis) -> None:
    reads = {
        "get", "hget", "hgetall", "hmget", "hscan", "hkeys", "hvals", "lrange", "lindex", "lpop",
        "rpop", "lmove", "smembers", "sscan", "zrange", "zscan", "sort", "dump", "getdel", "xrange",
    }  # fmt: skip
    for pattern in ("rq:job:{q}-1", "rq:queue:{q}", "rq:wip:{q}", "rq:results:{q}-1", "rq:queues"):
        allowed = set(_allowed(admin, "app", _named(pattern, runs_server)))
        assert not allowed & reads, f"{pattern}: {allowed & reads}"


def test_registries_and_jobs_cannot_be_read_with_the_sites_user(runs_server: RunsServer) -> None:
    with Redis.from_url(runs_server.app_url) as site:
        queue = Queue(runs_server.queue_id, site, serializer=JSONSerializer)
        reads = (
            lambda: Job.fetch(f"{runs_server.queue_id}-1", site, serializer=JSONSerializer),
            lambda: StartedJobRegistry(queue=queue).count,
            lambda: StartedJobRegistry(queue=queue).get_job_ids(),
            lambda: FinishedJobRegistry(queue=queue).get_job_ids(),
            lambda: Worker.all(connection=site),
            lambda: Queue.all(connection=site),
            lambda: queue.get_job_ids(),
        )
        for read in reads:
            with pytest.raises(NoPermissionError):
                read()


def _spec(server: RunsServer) -> RunSpec:
    return RunSpec(
        run_id=7, attempt=1, queue_id=server.queue_id, api_url="http://127.0.0.1:1", image="x",
        timeout_s=1, memory_mib=64, cpus=1, pids=8, output_mib=1, log_kib=1, token="t",
    )  # fmt: skip


def test_whole_life_of_the_site_breaks_no_rule(runs_server: RunsServer, admin: Redis) -> None:
    carrier = RedisCarrier("redis://127.0.0.1:1/0", runs_server.app_url)
    for number in range(3):
        job_id = f"{runs_server.queue_id}-7-{number}"
        carrier.send_run(runs_server.queue_id, job_id, _spec(runs_server).to_json(), 60)
    assert carrier.depth(runs_server.queue_id) == 3
    assert carrier.holds(runs_server.queue_id, f"{runs_server.queue_id}-7-2")
    assert not carrier.holds(runs_server.queue_id, f"{runs_server.queue_id}-7-3")
    assert admin.acl_log() == []
    kept = admin.hgetall(f"rq:job:{runs_server.queue_id}-7-0")
    assert kept[b"description"] == b"run 7"


def test_machine_that_spoils_its_own_queue_stops_no_other(
    runs_server: RunsServer, admin: Redis
) -> None:
    carrier = RedisCarrier("redis://127.0.0.1:1/0", runs_server.app_url)
    with Redis.from_url(runs_server.worker_url) as machine:
        machine.set(f"rq:queue:{runs_server.queue_id}", "no list")
    assert carrier.holds(runs_server.queue_id, f"{runs_server.queue_id}-7-1") is False
    with pytest.raises(Unavailable):
        carrier.depth(runs_server.queue_id)  # nothing is sent there
    carrier.send_run(OTHER, f"{OTHER}-7-1", _spec(runs_server).to_json(), 60)
    assert carrier.holds(OTHER, f"{OTHER}-7-1") is True


def test_worker_that_waits_and_ends_breaks_no_rule(runs_server: RunsServer, admin: Redis) -> None:
    queue = SafeQueue(runs_server.queue_id, connect(runs_server.worker_url), RunJob)
    worker = SafeWorker(queue, worker_name(runs_server.queue_id, "gpu"))
    worker.register_birth()  # type: ignore[no-untyped-call]
    worker.run_maintenance_tasks()
    assert worker.dequeue_job_and_maintain_ttl(1, max_idle_time=1) is None
    worker.heartbeat()
    worker.register_death()
    queue.connection.close()
    assert [entry for entry in admin.acl_log() if entry["object"] != "client|list"] == []
