"""The data servers of one stack, and the environment that points the app and a worker at them."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from client.launcher.home import ROOT, Home, write_private
from client.launcher.redis_servers import (
    RedisProgram,
    find_redis,
    password_rules,
    queue_rules,
    redis_service,
)
from client.launcher.services import HOST, Service, free_port, object_service

PORTS = "ports.json"
"""The file of a state folder that remembers where its servers listen."""
_SERVERS = ("redis", "redis-runs", "s3")


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
    redis_port, runs_port, s3_port = _ports(home)
    rules, urls, notice = _runs_access(program, home, secrets, f"{HOST}:{runs_port}/0")
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
            home.objects, s3_port, key=secrets["S3_ACCESS_KEY"],
            secret=secrets["S3_SECRET_KEY"], origin=origin, log=home.logs / "s3.log",
        ),
        {
            "PLUMBLINE_REDIS_URL": f"redis://:{secrets['REDIS_PASSWORD']}@{HOST}:{redis_port}/0",
            **urls,
            "PLUMBLINE_S3_URL": f"http://{HOST}:{s3_port}",
            "PLUMBLINE_S3_ACCESS_KEY": secrets["S3_ACCESS_KEY"],
            "PLUMBLINE_S3_SECRET_KEY": secrets["S3_SECRET_KEY"],
        },
        notice,
    )  # fmt: skip


def _ports(home: Home) -> list[int]:
    """Return a port for each server: the one it had before, which other machines may know."""
    file = home.path / PORTS
    before: dict[str, int] = json.loads(file.read_text()) if file.exists() else {}
    ports = {name: free_port(before.get(name, 0)) for name in _SERVERS}
    if ports != before:
        write_private(file, json.dumps(ports))
    return list(ports.values())


def _runs_access(
    program: RedisProgram, home: Home, secrets: dict[str, str], place: str
) -> tuple[list[str], dict[str, str], str]:
    """Return the rules of the runs Redis, everybody's URL of it, and a notice."""
    app_pw = secrets["RUNS_APP_PASSWORD"]
    if program.has_selectors:
        queue, worker_pw = secrets["QUEUE_ID"], secrets["RUNS_WORKER_PASSWORD"]
        keeper_pw = secrets["RUNS_KEEPER_PASSWORD"]
        rules = queue_rules(
            program, home.path / "redis-runs",
            app_password=app_pw, keeper_password=keeper_pw, queue_id=queue,
            worker_password=worker_pw,
        )  # fmt: skip
        urls = {
            "PLUMBLINE_RUNS_REDIS_URL": f"redis://app:{app_pw}@{place}",
            "PLUMBLINE_RUNS_KEEPER_URL": f"redis://keeper:{keeper_pw}@{place}",
            "PLUMBLINE_MACHINES_REDIS_URL": os.environ.get(
                "PLUMBLINE_MACHINES_REDIS_URL", f"redis://{place}"
            ),
            "PLUMBLINE_WORKER_BROKER_URL": f"redis://{queue}:{worker_pw}@{place}",
        }
        return rules, urls, ""
    version = ".".join(map(str, program.version))
    notice = (
        f"Redis {version} has no rules per queue: this stack serves only its own worker, on this "
        "machine. Install Redis 7 for other machines."
    )
    url = f"redis://:{app_pw}@{place}"
    urls = {"PLUMBLINE_RUNS_REDIS_URL": url, "PLUMBLINE_WORKER_BROKER_URL": url}
    return password_rules(app_pw), urls, notice


def app_environ(home: Home, secrets: dict[str, str], address: str) -> dict[str, str]:
    """Return the settings that do not depend on the data servers."""
    database = os.environ.get("PLUMBLINE_DATABASE_URL", f"sqlite:///{home.database}")
    return {
        "PLUMBLINE_SECRET_KEY": secrets["SECRET_KEY"],
        "PLUMBLINE_DATABASE_URL": database,
        "PLUMBLINE_BASE_URL": address,
        "PLUMBLINE_WORKER_API_URL": os.environ.get("PLUMBLINE_WORKER_API_URL", address),
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
