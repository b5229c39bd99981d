from __future__ import annotations

import json
import os
import pickle  # noqa: TID251 - the attack
import signal
import subprocess
import sys
import time
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from tests.patience import PATIENCE_S
from tests.plugins.machine import RunsServer
from worker.guard import (
    MAX_DATA_BYTES,
    Refused,
    SafeJob,
    SafeQueue,
    SafeWorker,
    connect,
    worker_name,
)

pytestmark = pytest.mark.security


def write_down(path: str, text: str) -> None:
    """The one function of these tests."""
    with Path(path).open("a") as file:
        file.write(text)


def sleep_then_write(path: str, seconds: float) -> None:
    """Another one, that takes a while."""
    Path(path).with_suffix(".begun").write_text(str(os.getpid()))
    time.sleep(seconds)
    write_down(path, "done")


class PadJob(SafeJob):
    allowed = {"pad.write": write_down, "pad.sleep": sleep_then_write}


class Evil:
    """Unpickling one of these leaves a mark."""

    def __init__(self, mark: str) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return (write_down, (self.mark, "pickled"))


QUEUE = "q1w2e3r4"


def call(function: str = "pad.write", *args: Any) -> bytes:
    return json.dumps([function, None, list(args), {}]).encode()


def fields(**extra: bytes) -> dict[bytes, bytes]:
    """A job's hash as Redis answers it."""
    plain = {
        "data": zlib.compress(call()), "origin": QUEUE.encode(),
        "status": b"queued", "created_at": b"2027-01-01T00:00:00.000000Z", "timeout": b"60",
    }  # fmt: skip
    return {name.encode(): value for name, value in {**plain, **extra}.items()}


def restore(raw: dict[bytes, bytes], job_id: str = f"{QUEUE}-1") -> PadJob:
    job = PadJob(job_id, connection=Redis())
    job.restore(raw)
    return job


def test_plain_allowed_call_is_accepted() -> None:
    job = restore(fields(data=zlib.compress(call("pad.write", "x", "y"))))
    assert job.func is write_down
    assert list(job.args) == ["x", "y"]


@pytest.mark.parametrize(
    "extra",
    [
        {"success_callback_name": b"os.system"},
        {"failure_callback_name": b"os.abort"},
        {"stopped_callback_name": b"os.abort"},
        {"webhooks": b'[{"url": "http://127.0.0.1"}]'},
        {"dependency_id": b"q1w2e3r4-2"},
        {"dependency_ids": b'["q1w2e3r4-2"]'},
        {"group_id": b"g"},
        {"meta": pickle.dumps({"a": 1})},
        {"result": pickle.dumps(1)},
        {"retries_left": b"3"},
        {"retry_intervals": b"[1]"},
        {"number_of_retries": b"1"},
        {"repeats_left": b"9"},
        {"repeat_intervals": b"[1]"},
        {"origin": b"otherqueue"},
        {"origin": b"*"},
        {"origin": b""},
        {"status": b"owned"},
        {"timeout": b"soon"},
        {"created_at": b"yesterday"},
        {"data": b""},
        {"data": pickle.dumps(("pad.write", None, (), {}))},
        {"data": zlib.compress(pickle.dumps(("pad.write", None, (), {})))},
        {"data": zlib.compress(zlib.compress(call()))},
        {"data": zlib.compress(call())[:-4]},
        {"data": zlib.compress(b" " * (MAX_DATA_BYTES + 1) + call())},
        {"data": zlib.compress(call("os.system", "touch x"))},
        {"data": zlib.compress(b'["pad.write", {"a": 1}, [], {}]')},
        {"data": zlib.compress(b'["pad.write", null, "args", {}]')},
        {"data": zlib.compress(b'["pad.write", null, [], []]')},
        {"data": zlib.compress(b'[["pad.write"], null, [], {}]')},
        {"data": zlib.compress(b'{"a": 1}')},
        {"data": zlib.compress(b"[" * 60_000)},
    ],
)
def test_job_that_breaks_a_rule_is_refused(extra: dict[str, bytes]) -> None:
    with pytest.raises(Refused):
        restore(fields(**extra))


def test_job_id_must_begin_with_its_queue() -> None:
    with pytest.raises(Refused):
        restore(fields(), job_id="other-1")


def test_exception_text_of_a_hash_is_never_inflated() -> None:
    bomb = fields(exc_info=zlib.compress(b"x" * 50 * 2**20))
    tracemalloc.start()
    restore(bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20


def test_bomb_is_inflated_to_its_bound_and_no_further() -> None:
    bomb = fields(data=zlib.compress(b"[" + b" " * 100 * 2**20))
    tracemalloc.start()
    with pytest.raises(Refused):
        restore(bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20


@pytest.mark.parametrize("name", ["a-b", "x:intermediate", "*", "ab", "UPPER", "q[12]", "a" * 41])
def test_queue_name_that_could_reach_others_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="does not match"):
        SafeQueue(name, Redis(), PadJob)


def test_queue_pushes_only_what_a_worker_would_take() -> None:
    queue = SafeQueue(QUEUE, Redis(), PadJob)
    with pytest.raises(ValueError, match="would be refused"):
        queue.push("os.system", "x", description="1", timeout_s=1)
    with pytest.raises(ValueError, match="would be refused"):
        queue.push("pad.write", description="1", timeout_s=1, job_id="other-1")


def test_worker_names_hold_no_pattern_characters() -> None:
    name = worker_name(QUEUE, "gpu-1.lab*[x]:y")
    assert name.startswith(f"{QUEUE}-gpu_1_lab_x_y-")


# With a real Redis and the rules of production --------------------------------------------------


@pytest.fixture
def server(runs_server: RunsServer) -> RunsServer:
    return runs_server


def worker_on(server: RunsServer) -> SafeWorker:
    queue = SafeQueue(server.queue_id, connect(server.worker_url), PadJob)
    return SafeWorker(queue, worker_name(server.queue_id, "test"))


def app_queue(server: RunsServer) -> SafeQueue:
    return SafeQueue(server.queue_id, Redis.from_url(server.app_url), PadJob)


def drain(worker: SafeWorker) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    try:
        worker.work(burst=True, logging_level="CRITICAL")
    finally:
        for number, handler in zip((signal.SIGINT, signal.SIGTERM), before, strict=True):
            signal.signal(number, handler)
        worker.connection.close()


@pytest.mark.services
def test_job_lives_its_life_inside_the_queues_rules(server: RunsServer, tmp_path: Path) -> None:
    pad = tmp_path / "pad"
    app_queue(server).push("pad.write", str(pad), "hello", description="7", timeout_s=60)
    drain(worker_on(server))
    assert pad.read_text() == "hello"
    with Redis.from_url(server.admin_url) as admin:
        assert admin.acl_log() == []
        # The call's arguments hold a run token: nothing of it stays once it is done.
        assert not list(admin.scan_iter("rq:job:*"))


@pytest.mark.services
def test_failing_job_touches_nothing_outside_either(server: RunsServer, tmp_path: Path) -> None:
    app_queue(server).push("pad.write", description="7", timeout_s=60)  # lacks its arguments
    drain(worker_on(server))
    with Redis.from_url(server.admin_url) as admin:
        assert admin.acl_log() == []


@pytest.mark.services
def test_planted_jobs_do_nothing_and_the_good_one_runs(server: RunsServer, tmp_path: Path) -> None:
    pad, mark, qid = tmp_path / "pad", tmp_path / "mark", server.queue_id
    evil = pickle.dumps(Evil(str(mark)))
    origin = {"origin": qid.encode()}
    planted = {
        f"{qid}-system": fields(**origin, data=zlib.compress(call("os.system", f"touch {mark}"))),
        f"{qid}-callback": fields(**origin, failure_callback_name=b"os.abort"),
        f"{qid}-meta": fields(**origin, meta=evil),
        f"{qid}-result": fields(**origin, result=evil),
        f"{qid}-pickle": fields(**origin, data=evil),
        f"{qid}-bomb": fields(**origin, data=zlib.compress(b"[" + b" " * 300 * 2**20, 9)),
        f"{qid}-foreign": fields(origin=b"otherqueue"),
        "otherqueue-1": fields(origin=b"otherqueue"),
        f"{qid}-empty": {b"a": b"b"},
    }  # fmt: skip
    with Redis.from_url(server.admin_url) as admin:
        for job_id, hash_ in planted.items():
            admin.hset(f"rq:job:{job_id}", mapping=hash_)
            admin.rpush(f"rq:queue:{qid}", job_id)
        admin.set(f"rq:job:{qid}-wrongtype", "text")
        for odd in (f"{qid}-wrongtype", f"{qid}-gone", "bad id!", b"\xff\xfe", "x" * 5000):
            admin.rpush(f"rq:queue:{qid}", odd)
        admin.zadd(f"rq:wip:{qid}", {f"{qid}-callback:1": 1})  # an abandoned job with a callback
        app_queue(server).push("pad.write", str(pad), "good", description="7", timeout_s=60)
        drain(worker_on(server))
        assert pad.read_text() == "good"
        assert not mark.exists()
        assert admin.lrange(f"rq:queue:{qid}:intermediate", 0, -1) == []
        assert admin.zrange(f"rq:wip:{qid}", 0, -1) == []


@pytest.mark.services
def test_worker_cannot_reach_another_queue(server: RunsServer) -> None:
    with Redis.from_url(server.worker_url) as worker:
        for command in (
            ("LRANGE", "rq:queue:otherqueue", 0, -1), ("HGETALL", "rq:job:otherqueue-1"),
            ("HSET", "rq:job:otherqueue-1", "a", "b"), ("RPUSH", f"rq:queue:{server.queue_id}", "x"),
            ("SMEMBERS", "rq:queues"), ("EVAL", "return 1", 0), ("KEYS", "*"), ("FLUSHALL",),
        ):  # fmt: skip
            with pytest.raises(Exception, match=r"(?i)permission|NOPERM"):
                worker.execute_command(*command)


SCRIPT = """
import sys
sys.path[:0] = {path!r}
from tests.worker.test_guard import PadJob
from worker.guard import SafeQueue, SafeWorker, connect, worker_name
queue = SafeQueue({queue!r}, connect({url!r}), PadJob)
SafeWorker(queue, worker_name({queue!r}, "test")).work(logging_level="WARNING")
"""


@pytest.fixture
def worker_process(server: RunsServer) -> Any:
    """A worker in a process of its own."""
    script = SCRIPT.format(path=[os.getcwd()], queue=server.queue_id, url=server.worker_url)
    process = subprocess.Popen([sys.executable, "-c", script])
    yield process
    process.kill()
    process.wait()


def wait_for(path: Path, seconds: float = PATIENCE_S) -> str:
    end = time.monotonic() + seconds
    while not (path.exists() and path.read_text()):
        assert time.monotonic() < end, f"{path.name} was never written"
        time.sleep(0.05)
    return path.read_text()


@pytest.mark.services
@pytest.mark.chaos
def test_child_dies_with_its_killed_worker(
    server: RunsServer, worker_process: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    app_queue(server).push("pad.sleep", str(tmp_path / "pad"), 600, description="7", timeout_s=900)
    child = int(wait_for(tmp_path / "pad.begun"))
    worker_process.kill()
    worker_process.wait()
    end = time.monotonic() + PATIENCE_S
    while _alive(child):
        assert time.monotonic() < end, "the child outlived its worker"
        time.sleep(0.05)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.services
@pytest.mark.chaos
def test_redis_that_dies_mid_job_ends_neither_job_nor_worker(
    server: RunsServer, worker_process: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    app_queue(server).push("pad.sleep", str(first), 2, description="7", timeout_s=60)
    wait_for(first.with_suffix(".begun"))
    server.service.stop()
    wait_for(first)
    time.sleep(2)  # the job's end meets no Redis at all
    server.service.start()
    server.service.wait_ready()
    app_queue(server).push("pad.write", str(second), "x", description="8", timeout_s=60)
    wait_for(second)
    assert worker_process.poll() is None
