"""A whole stack whose every process can be stopped, killed and started on its own."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from docker import DockerClient

from client.launcher.companion import answers
from client.launcher.environment import app_environ, child_environ, python_module, worker_environ
from client.launcher.home import ROOT, Home
from client.launcher.redis_servers import find_redis, password_rules, queue_rules, redis_service
from client.launcher.services import HOST, Service, free_port, last_line, object_service
from tests.gate import Gate
from tests.patience import PATIENCE_S

SHORT = {"PLUMBLINE_SWEEP_S": "0.5"}
"""Rounds short enough for a test; leases stay long, and ``Insider.give_up`` lets one run out."""


class Part:
    """One process of ours; it may be started again after its end."""

    def __init__(self, name: str, command: Sequence[str], environ: dict[str, str], log: Path):
        self.name, self._command, self._environ, self._log = name, list(command), environ, log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Its process id, once started."""
        assert self._process is not None, f"{self.name} has not been started"
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it lives."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it unless it runs."""
        if self.is_running:
            return
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, cwd=ROOT, env=self._environ, stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    @contextmanager
    def changed(self, environ: Mapping[str, str]) -> Iterator[None]:
        """Let what is started meanwhile see other variables."""
        before = self._environ
        self._environ = {**before, **environ}
        yield
        self._environ = before

    def stop(self) -> None:
        """Ask it to end and wait for that."""
        if self._process is not None:
            if self.is_running:
                os.kill(self.pid, signal.SIGTERM)
            self._process.wait(PATIENCE_S)

    def kill(self) -> None:
        """End it with every process of its group, as a power cut would."""
        if self.is_running:
            os.killpg(self.pid, signal.SIGKILL)
        if self._process is not None:
            self._process.wait(PATIENCE_S)

    def kill_alone(self) -> None:
        """End this one process; its children must look after themselves."""
        os.kill(self.pid, signal.SIGKILL)
        assert self._process is not None
        self._process.wait(PATIENCE_S)

    @property
    def log(self) -> str:
        """What it has printed."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def freeze(self) -> None:
        """Stop it and its children from doing anything, as a machine that hangs."""
        for pid in self.family():
            os.kill(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen process and its children go on."""
        for pid in self.family():
            with contextlib.suppress(ProcessLookupError):  # a child that has ended meanwhile
                os.kill(pid, signal.SIGCONT)

    def family(self) -> list[int]:
        """Return its process id and those of its descendants, parents first."""
        found = [self.pid] if self.is_running else []
        for pid in found:
            for path in Path(f"/proc/{pid}/task").glob("*/children"):
                found += map(int, path.read_text().split())
        return found


class LooseStack:
    """Web, jobs, cron and worker beside their servers; use as a context manager.

    Between the worker and the web process, and between everybody and the object store, stand
    gates: ``api`` and ``store``.

    Args:
        folder: keeps its state.
        settings: ``PLUMBLINE_…`` variables beside those of the launcher.
        database_url: SQLite in the folder unless given.
    """

    def __init__(
        self, folder: Path, settings: Mapping[str, str] | None = None, *, database_url: str = ""
    ) -> None:
        self.home = Home(folder)
        self.home.prepare()
        self._secrets = self.home.read_secrets()
        self.queue_id = self._secrets["QUEUE_ID"]
        self.redis, self.runs, self.s3 = self._servers()
        web_at = f"{HOST}:{free_port()}"
        self.base_url = f"http://{web_at}"
        self.api, self.store = Gate(web_at), Gate(f"{HOST}:{self.s3.port}")
        self.machine = f"loose{secrets.token_hex(4)}"
        self.environ = self._environ(dict(settings or {}), database_url)
        full = child_environ(
            worker_environ(self.home, self._secrets)
            | {"PLUMBLINE_WORKER_NAME": self.machine, "PLUMBLINE_WORKER_API_URL": self.api.url}
            | self.environ
            | dict(settings or {})
        )
        gunicorn = [
            "gunicorn", "wsgi:app", "--bind", web_at, "--worker-class", "gthread", "--threads", "8",
            "--log-level", "warning", "--no-control-socket",
        ]  # fmt: skip
        self.web = Part("web", python_module(*gunicorn), full, self._log("web"))
        self.jobs = Part("jobs", python_module("flask", "jobs"), full, self._log("jobs"))
        self.cron = Part("cron", python_module("flask", "cron"), full, self._log("cron"))
        self.worker = Part("worker", python_module("worker"), full, self._log("worker"))
        self._more: list[Part] = []
        self._full = full
        self._running = ExitStack()

    def _servers(self) -> tuple[Service, Service, Service]:
        program, path, kept = find_redis(), self.home.path, self._secrets
        rules = queue_rules(
            program, path / "redis-runs", app_password=kept["RUNS_APP_PASSWORD"],
            keeper_password=kept["RUNS_KEEPER_PASSWORD"], queue_id=self.queue_id,
            worker_password=kept["RUNS_WORKER_PASSWORD"],
        )  # fmt: skip
        with (path / "redis-runs" / "users.acl").open("a") as users:
            users.write("user admin on >admin allcommands allkeys allchannels\n")
        private = redis_service(
            program, "Redis", path / "redis", free_port(),
            rules=password_rules(kept["REDIS_PASSWORD"]), appends=False, log=self._log("redis"),
        )  # fmt: skip
        runs = redis_service(
            program, "Redis for runs", path / "redis-runs", free_port(), rules=rules, appends=True,
            log=self._log("redis-runs"),
        )  # fmt: skip
        s3 = object_service(
            path / "s3", free_port(), key=kept["S3_ACCESS_KEY"], secret=kept["S3_SECRET_KEY"],
            origin="*", log=self._log("s3"),
        )  # fmt: skip
        return private, runs, s3

    def _environ(self, settings: dict[str, str], database_url: str) -> dict[str, str]:
        kept, runs_at = self._secrets, f"{HOST}:{self.runs.port}/0"
        found = app_environ(self.home, kept, self.base_url) | {
            "PLUMBLINE_WORKER_API_URL": self.api.url,
            "PLUMBLINE_REDIS_URL": f"redis://:{kept['REDIS_PASSWORD']}@{HOST}:{self.redis.port}/0",
            "PLUMBLINE_RUNS_REDIS_URL": f"redis://app:{kept['RUNS_APP_PASSWORD']}@{runs_at}",
            "PLUMBLINE_WORKER_BROKER_URL": (
                f"redis://{self.queue_id}:{kept['RUNS_WORKER_PASSWORD']}@{runs_at}"
            ),
            "PLUMBLINE_S3_URL": f"http://{HOST}:{self.s3.port}",
            "PLUMBLINE_S3_PUBLIC_URL": self.store.url,
            "PLUMBLINE_S3_ACCESS_KEY": kept["S3_ACCESS_KEY"],
            "PLUMBLINE_S3_SECRET_KEY": kept["S3_SECRET_KEY"],
        }
        if database_url:
            found["PLUMBLINE_DATABASE_URL"] = database_url
        return found | settings

    @property
    def admin_url(self) -> str:
        """A user of the runs Redis that may do everything."""
        return f"redis://admin:admin@{HOST}:{self.runs.port}/0"

    @property
    def secrets(self) -> Mapping[str, str]:
        """Every secret of this stack, by name."""
        return self._secrets

    def __enter__(self) -> LooseStack:
        with ExitStack() as undo:
            undo.callback(self.close)
            for gate in (self.api, self.store):
                self._running.enter_context(gate)
            for server in (self.redis, self.runs, self.s3):
                server.start()
            for server in (self.redis, self.runs, self.s3):
                server.wait_ready()
            self.flask("migrate")
            token = self._secrets["MACHINE_TOKEN"]
            self.flask(
                "embedded-queue",
                "--qid",
                self.queue_id,
                "--token",
                token,
                "--machine",
                self.machine,
            )
            self.mend()
            undo.pop_all()
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """End everything."""
        self.send_home()
        for part in (self.worker, self.cron, self.jobs, self.web):
            part.kill()
        self._running.close()
        for server in (self.s3, self.runs, self.redis):
            server.kill()

    def mend(self) -> None:
        """Open the gates and start whatever does not run; return once the site answers."""
        self.api.open()
        self.store.open()
        for server in (self.redis, self.runs, self.s3):
            if not server.is_running():
                server.start()
                server.wait_ready()
        for part in (self.web, self.jobs, self.cron, self.worker):
            part.thaw()
            part.start()
        self.wait_for_web()

    def another_worker(self, folder: Path | None = None) -> Part:
        """Start one more worker of the same machine, in a folder of its own if it is given one."""
        name = f"worker{len(self._more) + 2}"
        part = self.make_worker(name, python_module("worker"), folder)
        self._more.append(part)
        part.start()
        return part

    def make_worker(self, name: str, command: Sequence[str], folder: Path | None) -> Part:
        """Describe one more worker of the same machine; whoever asks looks after it."""
        home = {"PLUMBLINE_WORKER_HOME": str(folder)} if folder else {}
        return Part(name, command, self._full | home, self._log(name))

    def claim_nothing_early(self) -> None:
        """Let the next turn seem to follow a long one: nothing is prepared beside it then."""
        for turn in (self.home.path / "worker" / "turns").iterdir():
            turn.write_text(f"{3600:012.3f}")

    def send_home(self) -> None:
        """End all workers but the first."""
        for part in self._more:
            part.stop()

    def wait_for_web(self) -> None:
        """Return once the site answers."""
        if not answers(self.base_url, PATIENCE_S):
            raise AssertionError(f"The site does not answer: {last_line(self._log('web'))}")

    def flask(self, *arguments: str) -> None:
        """Run an administrator's command."""
        done = subprocess.run(
            [sys.executable, "-m", "flask", *arguments], cwd=ROOT, env=self._full,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    def _log(self, name: str) -> Path:
        return self.home.logs / f"{name}.log"

    def logs(self) -> str:
        """Return everything that every process has printed."""
        return "\n".join(path.read_text(errors="replace") for path in self.home.logs.iterdir())


def containers_of(folder: Path, client: DockerClient) -> list[str]:
    """Return the containers that workers below a folder have left or still use."""
    # Not the listing of the high-level client: it looks at each one again, and some are gone then.
    found = client.api.containers(all=True, filters={"label": "plumbline=run"})
    return [one["Id"] for one in found if str(folder) in one["Labels"]["plumbline.machine"]]


def eventually(what: str, seconds: float = PATIENCE_S) -> Waiting:
    """Return a loop that goes on until its body breaks: ``for _ in eventually("…"):``."""
    return Waiting(what, seconds)


class Waiting:
    """Counts out time; raises when it is over."""

    def __init__(self, what: str, seconds: float) -> None:
        self._what, self._end = what, time.monotonic() + seconds

    def __iter__(self) -> Waiting:
        return self

    def __next__(self) -> None:
        if time.monotonic() > self._end:
            raise AssertionError(f"This did not happen: {self._what}")
        time.sleep(0.05)
