"""The one place that reads the environment: field ``x`` is variable ``PLUMBLINE_X``."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

PREFIX = "PLUMBLINE_"
_TRUE, _FALSE = "true", "false"


class SettingsError(ValueError):
    """Every problem of the environment in one message, one line each."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything an operator can set. A secret may also be given as ``PLUMBLINE_X_FILE``.

    Units are in the names. URLs carry their credentials. Defaults suit one machine.
    """

    secret_key: str = field(repr=False)
    """Signs cookies and form tokens; at least 32 characters."""
    database_url: str = field(repr=False)
    """SQLAlchemy URL: ``sqlite:////path/file.db`` or ``postgresql+psycopg://user:pw@host/db``."""
    redis_url: str = field(repr=False)
    """The server's private Redis: its own jobs and rate limits."""
    runs_redis_url: str = field(repr=False)
    """The Redis that compute workers reach; the app only writes to it."""
    runs_keeper_url: str = field(default="", repr=False)
    """That Redis as the user who makes machines' users: for cron and the command line only."""
    machines_redis_url: str = ""
    """That Redis as machines reach it, without a user; empty means that none can be added."""
    s3_url: str
    """The object store as the app reaches it, e.g. ``http://127.0.0.1:9000``."""
    s3_access_key: str = field(repr=False)
    """The app's own key; nobody else ever holds it."""
    s3_secret_key: str = field(repr=False)
    """The secret of that key."""
    base_url: str
    """The address people type; links and the upload policy are built from it."""
    s3_public_url: str = ""
    """The object store as browsers and workers reach it; empty means ``s3_url``."""
    s3_region: str = "us-east-1"
    """The region that signatures name; any word will do for MinIO."""
    worker_api_url: str = ""
    """The app as workers reach it; empty means ``base_url``."""
    trusted_hosts: str = ""
    """Comma-separated host names that requests may name; empty means that of ``base_url``."""
    behind_proxy: bool = False
    """True trusts one proxy's ``X-Forwarded-For`` and ``X-Forwarded-Proto``."""
    json_logs: bool = False
    """True writes logs as JSON lines, false as lines for a terminal."""
    site_name: str = "Plumbline"
    """What the header and the titles of all pages say."""
    default_image: str = "codalab/codalab-legacy:py37"
    """The container image of a benchmark that names none."""
    lease_s: int = 90
    """How long a running attempt may stay silent before it counts as lost. After the site itself was
    away, machines have 15 s more to be heard."""
    sweep_s: float = 5.0
    """Seconds between two rounds of the sweeper and dispatcher."""
    sent_timeout_s: int = 120
    """How long a dispatched attempt may stay unclaimed before it is sent again, should its message be gone."""
    max_attempts: int = 3
    """How often a run is tried when machines or the platform fail."""
    run_memory_mib: int = 4096
    """Memory of one container, unless an administrator grants a benchmark more."""
    run_cpus: float = 2.0
    """Processors that one container may use."""
    run_pids: int = 128
    """Processes and threads that one container may have."""
    run_output_mib: int = 1024
    """How much (in MiB) a container may leave behind."""
    run_log_kib: int = 1024
    """Log text (in KiB) kept per stream; the middle of a longer one is left out."""
    queues_per_person: int = 5
    """How many compute queues one person may keep; administrators as many as they like."""
    upload_mib: int = 2048
    """The largest submission or bundle (in MiB) that somebody may upload."""
    dataset_mib: int = 20480
    """The largest dataset or program (in MiB) that somebody may keep on the server."""
    quota_gib: float = 15.0
    """How much (in GiB) one person may store, unless an administrator grants more."""
    session_idle_h: float = 12.0
    """After how many hours without a click a log-in ends; 0 means not before its 30 days."""
    sign_up: bool = True
    """False closes sign-up; an administrator makes accounts."""

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Read every field from ``environ``.

        Raises:
            SettingsError: lists *all* variables that are missing, unreadable or of a wrong type.
        """
        values: dict[str, object] = {}
        problems: list[str] = []
        for spec in dataclasses.fields(cls):
            name = PREFIX + spec.name.upper()
            try:
                text = _text(environ, name)
                if text is not None:
                    values[spec.name] = _convert(text, str(spec.type), name)
                elif spec.default is dataclasses.MISSING:
                    problems.append(f"{name} is not set.")
            except ValueError as error:
                problems.append(str(error))
        problems += _unknown(cls, environ)
        key = values.get("secret_key")
        if isinstance(key, str) and len(key) < 32:
            problems.append(f"{PREFIX}SECRET_KEY has {len(key)} characters; it needs at least 32.")
        if problems:
            raise SettingsError("\n".join(problems))
        return cls(**values)  # type: ignore[arg-type]


def _text(environ: Mapping[str, str], name: str) -> str | None:
    if name in environ:
        return environ[name]
    path = environ.get(name + "_FILE")
    if path is None:
        return None
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ValueError(
            f"{name}_FILE names {path}, which cannot be read: {error.strerror}."
        ) from error


def _convert(text: str, kind: str, name: str) -> object:
    if kind == "bool":
        if text not in (_TRUE, _FALSE):
            raise ValueError(f"{name} is {text!r}; it must be {_TRUE} or {_FALSE}.")
        return text == _TRUE
    if kind in ("int", "float"):
        try:
            return int(text) if kind == "int" else float(text)
        except ValueError:
            raise ValueError(f"{name} is {text!r}; it must be a number ({kind}).") from None
    return text


def _unknown(cls: type[Settings], environ: Mapping[str, str]) -> list[str]:
    """Name misspelt variables; the worker's own begin with PLUMBLINE_WORKER_ and are skipped."""
    known = {PREFIX + spec.name.upper() for spec in dataclasses.fields(cls)}
    known |= {name + "_FILE" for name in known}
    return [
        f"{name} is not a setting; see docs/reference/settings.md."
        for name in sorted(environ)
        if name.startswith(PREFIX) and name not in known and not name.startswith(PREFIX + "WORKER_")
    ]
