"""The data servers of one stack, and the environment that points the app and a worker at them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from client.launcher.home import ROOT, Home
from client.launcher.redis_servers import (
    RedisProgram,
    find_redis,
    password_rules,
    queue_rules,
    redis_service,
)
from client.launcher.services import HOST, Service, free_port, object_service

_REDIS_PORT, _RUNS_PORT, _S3_PORT = 28010, 28011, 28012


@dataclass(frozen=True)
class DataServers:
    """The servers that keep a stack's data, not started yet."""

    redis: Service
    runs: Service
    s3: Service
    environ: dict[str, str]
    """The settings that lead to them."""
    notice: str
    """What the person at the terminal should know; may be empty."""

    @property
    def all(self) -> tuple[Service, Service, Service]:
        """Return them in the order of their start."""
        return self.redis, self.runs, self.s3


def data_servers(home: Home, secrets: dict[str, str], *, origin: str) -> DataServers:
    """Describe the two Redis servers and the S3 server of a state folder.

    Raises:
        LaunchError: no usable redis-server was found.
    """
    program = find_redis()
    redis_port, runs_port, s3_port = map(free_port, (_REDIS_PORT, _RUNS_PORT, _S3_PORT))
    rules, app_url, worker_url, notice = _runs_access(
        program, home, secrets, f"{HOST}:{runs_port}/0"
    )
    return DataServers(
        redis_service(
            program, "Redis", home.path / "redis", redis_port,
            rules=password_rules(secrets["REDIS_PASSWORD"]), appends=False,
            log=home.logs / "redis.log",
        ),
        redis_service(
            program, "Redis for runs", home.path / "redis-runs", runs_port,
            rules=rules, appends=True, log=home.logs / "redis-runs.log",
        ),
        object_service(
            home.path / "s3", s3_port, key=secrets["S3_ACCESS_KEY"],
            secret=secrets["S3_SECRET_KEY"], origin=origin, log=home.logs / "s3.log",
        ),
        {
            "PLUMBLINE_REDIS_URL": f"redis://:{secrets['REDIS_PASSWORD']}@{HOST}:{redis_port}/0",
            "PLUMBLINE_RUNS_REDIS_URL": app_url,
            "PLUMBLINE_WORKER_BROKER_URL": worker_url,
            "PLUMBLINE_S3_URL": f"http://{HOST}:{s3_port}",
            "PLUMBLINE_S3_ACCESS_KEY": secrets["S3_ACCESS_KEY"],
            "PLUMBLINE_S3_SECRET_KEY": secrets["S3_SECRET_KEY"],
        },
        notice,
    )  # fmt: skip


def _runs_access(
    program: RedisProgram, home: Home, secrets: dict[str, str], place: str
) -> tuple[list[str], str, str, str]:
    """Return the rules of the runs Redis, the app's and the worker's URL of it, and a notice."""
    app_pw = secrets["RUNS_APP_PASSWORD"]
    if program.has_selectors:
        queue, worker_pw = secrets["QUEUE_ID"], secrets["RUNS_WORKER_PASSWORD"]
        rules = queue_rules(
            program, home.path / "redis-runs",
            app_password=app_pw, queue_id=queue, worker_password=worker_pw,
        )  # fmt: skip
        return rules, f"redis://app:{app_pw}@{place}", f"redis://{queue}:{worker_pw}@{place}", ""
    version = ".".join(map(str, program.version))
    notice = (
        f"Redis {version} has no rules per queue: this stack serves only its own worker, on this "
        "machine. Install Redis 7 for other machines."
    )
    url = f"redis://:{app_pw}@{place}"
    return password_rules(app_pw), url, url, notice


def app_environ(home: Home, secrets: dict[str, str], address: str) -> dict[str, str]:
    """Return the settings that do not depend on the data servers."""
    database = os.environ.get("PLUMBLINE_DATABASE_URL", f"sqlite:///{home.database}")
    return {
        "PLUMBLINE_SECRET_KEY": secrets["SECRET_KEY"],
        "PLUMBLINE_DATABASE_URL": database,
        "PLUMBLINE_BASE_URL": address,
        "PLUMBLINE_WORKER_API_URL": address,
    }


def worker_environ(home: Home, secrets: dict[str, str]) -> dict[str, str]:
    """Return the settings that only the worker reads."""
    return {
        "PLUMBLINE_WORKER_QUEUE": secrets["QUEUE_ID"],
        "PLUMBLINE_WORKER_TOKEN": secrets["MACHINE_TOKEN"],
        "PLUMBLINE_WORKER_NAME": "this-machine",
        # Less than the process manager's patience: a run in progress is handed back, not lost.
        "PLUMBLINE_WORKER_GRACE_S": "2",
        "PLUMBLINE_WORKER_ENGINE": os.environ.get("PLUMBLINE_WORKER_ENGINE", "auto"),
        "PLUMBLINE_WORKER_HOME": str(home.path / "worker"),
    }


def child_environ(settings: dict[str, str]) -> dict[str, str]:
    """Return the caller's environment with a stack's settings in it, fit for every child."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name != "PYTHONPATH" and not name.startswith("PLUMBLINE_TEST_")
    }
    # Few malloc arenas: threads that mostly wait would each keep one for ever.
    quiet = {"PYTHONUNBUFFERED": "1", "MALLOC_ARENA_MAX": "2", "FLASK_APP": str(ROOT / "wsgi.py")}
    return inherited | quiet | settings


def python_module(*arguments: str | Path) -> list[str]:
    """Return the command that runs a module with this Python."""
    return [str(ROOT / ".venv" / "bin" / "python"), "-m", *map(str, arguments)]
