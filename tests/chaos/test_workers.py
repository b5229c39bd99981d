"""Workers that die, hang or cannot stop dying: every run is scored once, and nothing stays behind."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from docker import DockerClient
from redis import Redis

from tests.chaos.conftest import containers
from tests.chaos.said import says
from tests.gate import Passing
from tests.insider import Benchmark, Insider
from tests.loose import LooseStack, Part, eventually
from tests.release import WAIT, release
from tests.services.bundles import ANSWER, code, program, result, zipped

pytestmark = [pytest.mark.chaos, pytest.mark.services]

_STEPS = ("fetch", "unpack", "ingest", "score", "upload")
_NAP = "import time, pathlib, sys\ntime.sleep(3)\n"
_FILES = 9000


def _slow(step: str) -> bytes:
    """Return a submission that lingers in a step."""
    files: dict[str, str | bytes] = dict(program(ANSWER))
    if step == "unpack":
        files |= {f"data/{number}.txt": "x" for number in range(_FILES)}
    if step == "ingest":
        files["main.py"] = ANSWER + _NAP
    if step == "score":
        files["main.py"] = ANSWER + 'pathlib.Path(sys.argv[2], "nap.txt").write_text("3")\n'
    return zipped(files)


@pytest.mark.parametrize("step", _STEPS)
def test_worker_killed_in_any_step_is_replaced_and_the_run_scored_once(
    stack: LooseStack, insider: Insider, benchmark: Benchmark, step: str
) -> None:  # fmt: skip
    begun: list[str] = []

    def kill(_passing: Passing) -> None:
        if not begun:
            begun.append(insider.look(submission).run.step)
            stack.worker.kill_alone()

    if step in ("fetch", "upload"):
        stack.store.hold(lambda passing: passing.method == ("GET" if step == "fetch" else "PUT"))
    stack.api.after(says(step), kill)
    stack.worker.freeze()  # until this thread knows the submission's number, too
    submission = insider.submit("pavel", benchmark.phases[0], _slow(step))
    stack.worker.thaw()
    for _ in eventually(f"the worker is killed in {step}"):
        if begun and not stack.worker.is_running:
            break
    stack.mend()
    insider.give_up(submission)
    seen = insider.wait(submission)
    assert begun == [step]
    assert seen.run.scores == {"score": 1.0}
    assert seen.run.attempts == ("The machine stopped answering.", "finished")
    assert seen.counts


def test_worker_stopped_while_it_waits_loses_no_submission(
    stack: LooseStack, insider: Insider, benchmark: Benchmark
) -> None:
    stack.worker.freeze()
    with Redis.from_url(stack.admin_url) as redis:
        submission = insider.submit("pavel", benchmark.phases[0], result())
        for _ in eventually("Redis hands the run to the worker that hangs"):
            if redis.llen(f"rq:queue:{stack.queue_id}:intermediate"):
                break
    stack.worker.kill()
    assert insider.state(submission) == "sent"
    stack.mend()
    insider.give_up(submission)
    seen = insider.wait(submission)
    assert seen.run.scores == {"score": 1.0}
    assert seen.run.attempts == ("No machine claimed it in time.", "finished")


def test_run_that_kills_every_worker_ends_and_delays_no_other(
    stack: LooseStack, insider: Insider, benchmark: Benchmark
) -> None:
    stack.claim_nothing_early()
    stack.worker.freeze()
    poison = insider.submit("pavel", benchmark.phases[0], code(ANSWER + _NAP))
    poisoned_run = insider.look(poison).run.id

    def is_poison(passing: Passing) -> bool:
        return f"/runs/{poisoned_run}/" in passing.path and says("ingest")(passing)

    stack.api.after(is_poison, lambda _: _kill_children(stack.worker))
    stack.worker.thaw()
    other = insider.submit("petra", benchmark.phases[0], result())
    assert insider.wait(other).run.scores == {"score": 1.0}
    for number in (1, 2, 3):
        _wait_for_step(insider, poison, number, "ingest")  # earlier it would not count
        insider.give_up(poison, number)
    seen = insider.wait(poison)
    assert (seen.state, seen.blame) == ("failed", "platform")
    assert "The platform failed, not your submission" in seen.reason
    assert seen.run.attempt == 3
    assert not seen.counts
    assert stack.worker.is_running


def _wait_for_step(insider: Insider, submission: int, attempt: int, step: str) -> None:
    for _ in eventually(f"attempt {attempt} of submission {submission} comes to {step}"):
        run = insider.look(submission).run
        if (run.attempt, run.step) == (attempt, step):
            return


def _kill_children(worker: Part) -> None:
    for pid in worker.family()[1:]:
        os.kill(pid, signal.SIGKILL)


def test_rubbish_on_the_queue_stops_no_worker(
    stack: LooseStack, insider: Insider, benchmark: Benchmark, tmp_path: Path
) -> None:
    mark, qid = tmp_path / "mark", stack.queue_id
    call = json.dumps(["os.system", None, [f"touch {mark}"], {}]).encode()
    with Redis.from_url(stack.admin_url) as redis:
        for number, fields in enumerate(
            (
                {"data": call, "origin": qid},
                {"data": b"\x80\x04junk", "origin": qid},
                {"data": b'["worker.jobs.run", null, [{"run_id": "x"}], {}]', "origin": qid},
                {"data": call, "origin": "otherqueue", "failure_callback_name": "os.abort"},
            )
        ):
            redis.hset(f"rq:job:{qid}-bad{number}", mapping={"status": "queued", **fields})
            redis.rpush(f"rq:queue:{qid}", f"{qid}-bad{number}")
        redis.rpush(f"rq:queue:{qid}", "nobody", f"{qid}-gone", b"\xff\xfe")
    pid = stack.worker.pid
    submission = insider.submit("pavel", benchmark.phases[0], result())
    assert insider.wait(submission).run.attempt == 1
    assert not mark.exists()
    assert stack.worker.is_running
    assert stack.worker.pid == pid


def test_worker_of_another_folder_leaves_running_containers_alone(
    stack: LooseStack, insider: Insider, benchmark: Benchmark, docker_client: DockerClient,
    tmp_path: Path,
) -> None:  # fmt: skip
    waits = code(f"{ANSWER}\n{WAIT}\nwait_for_word(sys.argv[2])")
    submission = insider.submit("pavel", benchmark.phases[0], waits)
    for _ in eventually("a container runs"):
        if containers(stack, docker_client):
            break
    other = stack.another_worker(tmp_path)
    for _ in eventually("the other worker has looked for leftovers"):
        if "worker.starts" in other.log:
            break
    release(stack.home.path / "worker", insider.look(submission).run.id)
    seen = insider.wait(submission)
    assert seen.run.attempts == ("finished",)
