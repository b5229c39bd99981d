"""``python -m worker`` as a process: real Redis, real fork, real end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis

from tests.patience import PATIENCE_S
from tests.plugins.machine import RunsServer
from tests.worker.programs import SCORE, program
from tests.worker.site import TOKEN, Site, make_spec
from worker.__main__ import SHOWN_OUT, main
from worker.contract import RUN_FUNCTION, Kind
from worker.guard import SafeQueue
from worker.jobs import RunJob
from worker.settings import PREFIX

pytestmark = pytest.mark.services
SLEEPY = "import time\nprint('ready', flush=True)\ntime.sleep({})\n"


class Machine:
    """A worker process and the queue that feeds it."""

    def __init__(self, server: RunsServer, site: Site, folder: Path) -> None:
        self._server, self.site, self._folder = server, site, folder
        self.log = folder / "worker.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.extra: dict[str, str] = {}

    def start(self) -> None:
        environ = {
            "API_URL": self.site.url, "BROKER_URL": self._server.worker_url, "TOKEN": "machine-token",
            "QUEUE": self._server.queue_id, "NAME": "box", "ENGINE": "process",
            "HOME": str(self._folder / "home"), "GRACE_S": "0.2", **self.extra,
        }  # fmt: skip
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "worker"], stderr=log, stdout=log,
                env={**os.environ, **{PREFIX + name: value for name, value in environ.items()}},
            )  # fmt: skip

    def send(self, attempt: int = 1, **overrides: object) -> None:
        spec = make_spec(queue_id=self._server.queue_id, attempt=attempt, **overrides)
        with Redis.from_url(self._server.app_url) as redis:
            SafeQueue(self._server.queue_id, redis, RunJob).push(
                RUN_FUNCTION, spec.to_json(), description="run 7", timeout_s=300
            )

    def horse(self) -> int:
        """Return the pid of the child that runs the attempt."""
        assert self.process is not None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return int(children.split()[0])

    def kill(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def machine(runs_server: RunsServer, site: Site, tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(runs_server, site, tmp_path)
    site.inputs["scoring_program"] = program(SCORE)
    yield machine
    machine.kill()


def eventually(fact: Callable[[], object], seconds: float = PATIENCE_S) -> None:
    end = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.05)


def test_run_goes_through_the_queue_to_its_scores(
    machine: Machine, runs_server: RunsServer
) -> None:
    machine.start()
    machine.send()
    machine.site.wait_for("finished")
    assert machine.site.last().scores == {"accuracy": 1.0}
    eventually(lambda: machine.site.heartbeats)
    beat = machine.site.heartbeats[0]
    assert beat["auth"] == "Bearer machine-token"
    assert beat["trusted_only"] is True
    with Redis.from_url(runs_server.admin_url) as admin:
        eventually(lambda: not list(admin.scan_iter("rq:job:*")))
        assert admin.acl_log() == []
    log = machine.log.read_text()
    assert "worker.trusted_only" in log
    assert TOKEN not in log
    assert "machine-token" not in log
    assert "X-Amz-Signature" not in log


def test_told_to_stop_it_hands_the_run_back(machine: Machine) -> None:
    machine.site.inputs["submission"] = program(SLEEPY.format(987))
    machine.start()
    machine.send(timeout_s=300)
    machine.site.wait_for("ready")
    assert machine.process is not None
    machine.process.terminate()
    machine.process.wait(PATIENCE_S)
    assert machine.process.returncode == 0
    assert machine.site.last().kind == Kind.HANDED_BACK, machine.log.read_text()


def test_told_to_stop_it_lets_a_run_that_is_almost_done_finish(machine: Machine) -> None:
    machine.extra = {"GRACE_S": "120"}
    machine.site.inputs["submission"] = program(
        SLEEPY.format(1) + "import sys; open(sys.argv[2] + '/answer.txt', 'w').write('42')"
    )
    machine.start()
    machine.send()
    machine.site.wait_for("ready")
    assert machine.process is not None
    machine.process.terminate()
    machine.process.wait(PATIENCE_S)
    assert machine.site.last().kind == Kind.FINISHED


def test_machine_that_the_site_does_not_know_any_more_ends_with_a_code_and_a_sentence(
    machine: Machine, runs_server: RunsServer
) -> None:
    machine.site.is_known = False
    machine.start()
    assert machine.process is not None
    assert machine.process.wait(PATIENCE_S) == SHOWN_OUT
    log = machine.log.read_text()
    assert "does not know this machine any more" in log
    assert "Traceback" not in log


@pytest.mark.parametrize("is_known", [False, True])
def test_worker_whose_redis_user_is_gone_ends_when_it_is_shown_out_or_told_to(
    machine: Machine, runs_server: RunsServer, is_known: bool
) -> None:
    machine.start()
    eventually(lambda: machine.site.heartbeats)
    with Redis.from_url(runs_server.admin_url) as admin:
        eventually(lambda: list(admin.scan_iter("rq:worker:*")))
        admin.acl_deluser(runs_server.queue_id)
        admin.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    eventually(lambda: "redis.away" in machine.log.read_text())
    machine.site.is_known = is_known
    assert machine.process is not None
    if is_known:
        machine.process.terminate()
    assert machine.process.wait(PATIENCE_S) == (0 if is_known else SHOWN_OUT)
    log = machine.log.read_text()
    assert ("does not know this machine any more" in log) is not is_known
    assert "Traceback" not in log


def test_machine_that_is_shown_out_drops_its_run_cleanly(machine: Machine, tmp_path: Path) -> None:
    machine.site.inputs["submission"] = program(SLEEPY.format(987))
    machine.start()
    machine.send(timeout_s=300)
    machine.site.wait_for("ready")
    machine.site.is_known = False
    assert machine.process is not None
    assert machine.process.wait(PATIENCE_S) == SHOWN_OUT
    assert not list((tmp_path / "home" / "runs").glob("*/*"))
    assert "Traceback" not in machine.log.read_text()


def test_worker_that_redis_refuses_waits_and_still_hears_a_wish_to_stop(machine: Machine) -> None:
    machine.extra = {"BROKER_URL": "redis://nobody:nothing@127.0.0.1:1/0"}
    machine.start()
    eventually(lambda: "redis.away" in machine.log.read_text())
    assert machine.process is not None
    machine.process.terminate()
    assert machine.process.wait(PATIENCE_S) == 0
    assert "Traceback" not in machine.log.read_text()


@pytest.mark.chaos
@pytest.mark.parametrize("victim", ["worker", "child"])
def test_killed_worker_leaves_no_program_no_folder_and_no_score(
    machine: Machine, tmp_path: Path, victim: str
) -> None:
    machine.site.inputs["submission"] = program(
        SLEEPY.format(300), f"python3 main.py mark-{victim}-{os.getpid()}"
    )
    machine.start()
    machine.send(timeout_s=300)
    machine.site.wait_for("ready")
    assert machine.process is not None
    assert _running(f"mark-{victim}-{os.getpid()}")
    os.kill(machine.process.pid if victim == "worker" else machine.horse(), signal.SIGKILL)
    eventually(lambda: not _running(f"mark-{victim}-{os.getpid()}"))
    if victim == "child":
        eventually(lambda: not list((tmp_path / "home" / "runs").glob("*/*")))
    if victim == "worker":
        machine.process.wait()
        machine.start()
    machine.site.inputs["submission"] = program(
        "import sys; open(sys.argv[2] + '/answer.txt', 'w').write('42')"
    )
    machine.site.events.clear()
    machine.send(attempt=2)
    machine.site.wait_for("finished")
    assert machine.site.kinds().count(Kind.FINISHED) == 1
    if victim == "worker":
        assert len(list((tmp_path / "home/runs").glob("*/*"))) <= 1


def test_spec_of_another_queue_is_not_run(machine: Machine) -> None:
    machine.start()
    spec = make_spec(queue_id="otherqueue")
    with Redis.from_url(machine._server.app_url) as redis:
        SafeQueue(machine._server.queue_id, redis, RunJob).push(
            RUN_FUNCTION, spec.to_json(), description="run 7", timeout_s=300
        )
    eventually(lambda: "spec.foreign" in machine.log.read_text())
    assert machine.site.events == []


def test_settings_that_are_wrong_are_listed_at_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv(PREFIX + "ENGINE", "warp")
    monkeypatch.setenv(PREFIX + "CACHE_GIB", "much")
    monkeypatch.chdir(tmp_path)
    assert main([]) == 2
    said = capsys.readouterr().err
    assert f"There is no .env in {tmp_path}." in said
    for name in ("API_URL", "BROKER_URL", "QUEUE", "TOKEN", "ENGINE", "CACHE_GIB"):
        assert PREFIX + name in said


def _running(text: str) -> bool:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if text in path.read_bytes().decode(errors="replace"):
                return True
        except OSError:
            continue
    return False
