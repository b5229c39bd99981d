"""``python -m worker doctor``: whether this machine can work, one line each, and what to do if not."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from docker.errors import DockerException
from redis import Redis
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError

from worker import machine
from worker.engines import Ended, Engine, Mount, Owner, Plan
from worker.engines.choice import choose
from worker.engines.docker import DockerEngine
from worker.errors import EngineUnavailable, RunFailed
from worker.settings import PREFIX, Settings

IMAGE = "python:3.12-slim"
"""What the trial runs unless another image is named: small, and the base of the worker's own."""
DATA = "/app/data"
_LEAST_FREE_BYTES = 10 * 2**30
_MOST_OFF_S = 30.0
_TRIAL_S = 60.0
_TIMEOUT = urllib3.Timeout(connect=5, read=10)


class Level(StrEnum):
    """How much a finding matters."""

    OK = "ok"
    WARNING = "warning"  # a worker serves nonetheless, though not as well as it could
    PROBLEM = "problem"  # runs would not come, or would fail


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    name: str
    level: Level
    text: str
    """What was found, and unless it is well what to do about it."""

    @property
    def is_ok(self) -> bool:
        """Whether there is nothing to mend."""
        return self.level is Level.OK


@dataclass
class _Visit:
    """What later looks need of earlier ones."""

    settings: Settings
    image: str
    now: Callable[[], datetime]
    engine: Engine | None = None
    store: str = ""
    at_site: datetime | None = None


def main(settings: Settings, *, image: str, as_json: bool, now: Callable[[], datetime]) -> int:
    """Print what is found, and whether a worker would serve; return 1 when it would not."""
    visit = _Visit(settings, image, now)
    findings = _looked_at(visit)
    would_serve = all(one.level is not Level.PROBLEM for one in findings)
    engine = visit.engine.name if visit.engine else ""
    if as_json:
        shown = {
            "is_ok": would_serve,
            "engine": engine,
            "findings": [asdict(one) for one in findings],
        }
        print(json.dumps(shown, indent=1))  # noqa: T201 - the operator's terminal
    else:
        for one in findings:
            print(f"{one.level:8} {one.name:8} {one.text}")  # noqa: T201
        print(f"\n{summary(findings, visit.engine)}")  # noqa: T201
    if visit.engine:
        visit.engine.close()
    return 0 if would_serve else 1


def summary(findings: Sequence[Finding], engine: Engine | None) -> str:
    """Return in one sentence whether a worker would serve the queue, and with which engine."""
    problems = sum(one.level is Level.PROBLEM for one in findings)
    warnings = sum(one.level is Level.WARNING for one in findings)
    if problems or engine is None:
        return f"Not ready: {_counted(problems, 'problem')} to mend. Start the worker after that."
    kind = "in containers" if isinstance(engine, DockerEngine) else "without containers, for trusted code only"  # fmt: skip
    end = f" {_counted(warnings, 'warning').capitalize()} above." if warnings else ""
    return f"Ready: the worker would run programs with {engine.name}, {kind}.{end}"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def examine(settings: Settings, *, image: str, now: Callable[[], datetime]) -> list[Finding]:
    """Look at everything a run needs, the site first and a trial run last.

    Args:
        image: what the trial runs; the image map of the settings applies.
    """
    return _looked_at(_Visit(settings, image, now))


def _looked_at(visit: _Visit) -> list[Finding]:
    return [Finding(name, level, text) for name, look in _LOOKS for level, text in look(visit)]


_Answers = Iterator[tuple[Level, str]]


def _site(visit: _Visit) -> _Answers:
    """Ask the app with the machine's token, as a heartbeat does."""
    url = visit.settings.api_url.rstrip("/")
    headers = {
        "Authorization": f"Bearer {visit.settings.token}",
        "Content-Type": "application/json",
    }
    body = json.dumps({"check": True})
    pool = urllib3.PoolManager(retries=False, timeout=_TIMEOUT)
    try:
        with closing(pool.request("POST", f"{url}/api/worker/heartbeat", body=body, headers=headers,
                                  redirect=False)) as reply:  # fmt: skip
            status, data, date = reply.status, reply.data, reply.headers.get("Date", "")
    except urllib3.exceptions.HTTPError as error:
        yield Level.PROBLEM, f"{url} does not answer ({type(error).__name__}). Check {PREFIX}API_URL, names and firewalls."  # fmt: skip
        return
    finally:
        pool.clear()
    with suppress(ValueError):
        visit.at_site = parsedate_to_datetime(date)
    if status == 200:
        visit.store = _store_of(data)
        yield Level.OK, f"{url} knows this machine"
    elif status == 404:
        yield Level.PROBLEM, f"{url} does not know this token. Make new secrets on the page of the queue and put them into .env."  # fmt: skip
    else:
        yield Level.PROBLEM, f"{url} answered with status {status}. Check {PREFIX}API_URL."


def _store_of(data: bytes) -> str:
    try:
        answer = json.loads(data)
    except ValueError:
        return ""
    return str(answer.get("store_url", "")) if isinstance(answer, Mapping) else ""


def _clock(visit: _Visit) -> _Answers:
    """Compare with the Date of the site's answer: links to files are good for minutes."""
    if visit.at_site is None:
        yield Level.PROBLEM, "cannot be compared: the site did not answer"
        return
    off = (visit.now() - visit.at_site).total_seconds()
    if abs(off) <= _MOST_OFF_S:
        yield Level.OK, f"{abs(off):.0f} s from the site's"
    else:
        way = "ahead of" if off > 0 else "behind"
        yield Level.WARNING, f"{abs(off):.0f} s {way} the site's. Switch time synchronization on (timedatectl set-ntp true)."  # fmt: skip


def _broker(visit: _Visit) -> _Answers:
    """Log in to the queue server and look at the queue's own list."""
    settings = visit.settings
    place = urlsplit(settings.broker_url)
    where = f"{place.hostname}:{place.port or 6379}" if place.hostname else place.path
    try:
        with closing(Redis.from_url(settings.broker_url, socket_connect_timeout=5, socket_timeout=10)) as broker:  # fmt: skip
            broker.exists(f"rq:queue:{settings.queue}")
    except (AuthenticationError, NoPermissionError, ResponseError):
        yield Level.PROBLEM, f"{where} does not let this user in. A new machine is let in within seconds; after that, make new secrets on the page of the queue."  # fmt: skip
    except (RedisError, OSError, ValueError) as error:
        yield Level.PROBLEM, f"{where} does not answer ({type(error).__name__}). Check {PREFIX}BROKER_URL and that this machine may connect there."  # fmt: skip
    else:
        yield Level.OK, f"{where} lets this machine in"


def _storage(visit: _Visit) -> _Answers:
    """Reach the object store, where inputs come from and outputs go; any answer will do."""
    if not visit.store:
        yield Level.PROBLEM, "cannot be checked: the site did not say where it is"
        return
    pool = urllib3.PoolManager(retries=False, timeout=_TIMEOUT)
    try:
        status = pool.request("GET", visit.store, redirect=False, preload_content=False).status
    except urllib3.exceptions.HTTPError as error:
        yield Level.PROBLEM, f"{visit.store} does not answer ({type(error).__name__}). This machine must reach it to fetch and store files."  # fmt: skip
    else:
        if status >= 500:
            yield Level.WARNING, f"{visit.store} can be reached, but is out of order at the moment (it answered with status {status}). Tell the site's operator if that stays."  # fmt: skip
        else:
            yield Level.OK, f"{visit.store} can be reached (it turned a question without a link away, as it should)"  # fmt: skip
    finally:
        pool.clear()


def _disk(visit: _Visit) -> _Answers:
    home = visit.settings.home
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home) as trial:
            trial.write(b"x")
    except OSError as error:
        yield (
            Level.PROBLEM,
            f"{home} cannot be written to ({error.strerror}). Make it, or set {PREFIX}HOME.",
        )
        return
    free = shutil.disk_usage(home).free
    gib = f"{free / 2**30:.1f} GiB free in {home}"
    if free < _LEAST_FREE_BYTES:
        yield Level.WARNING, f"{gib}; images, inputs and outputs need 10 GiB or more. Free some, or move {PREFIX}HOME."  # fmt: skip
    else:
        yield Level.OK, gib


def _engine(visit: _Visit) -> _Answers:
    try:
        visit.engine = engine = choose(visit.settings, Owner("doctor", f"doctor-{os.getpid()}"))
    except EngineUnavailable as error:
        yield (
            Level.PROBLEM,
            f"{error} Install Docker or Podman and start it, or set {PREFIX}DOCKER_HOST.",
        )
        return
    version = engine.details().get("version", "")
    if not isinstance(engine, DockerEngine):
        text = f"{engine.name}: programs run without containers, for trusted code only"
        wanted = visit.settings.engine == "process"
        if wanted:
            yield Level.OK, text
        else:
            yield Level.WARNING, f"{text}, because neither Docker nor Podman answers. Install one of them for anything else, or set {PREFIX}ENGINE=process to say that this is wished."  # fmt: skip
        return
    rootless = bool(engine.details().get("rootless"))
    yield Level.OK, f"{engine.name} {version}{', rootless' if rootless else ''}"
    try:
        facts = engine.client.info()
    except (DockerException, requests.RequestException) as error:
        yield Level.PROBLEM, f"the engine does not describe itself ({type(error).__name__})"
        return
    yield from limits(facts, rootless=rootless)


def limits(facts: Mapping[str, Any], *, rootless: bool) -> _Answers:
    """Say whether an engine can hold programs to their limits.

    Args:
        facts: what its ``/info`` says.
    """
    names = {"MemoryLimit": "memory", "PidsLimit": "processes", "CpuCfsQuota": "processors"}
    missing = [word for key, word in names.items() if facts.get(key) is False]
    if not missing:
        yield Level.OK, f"limits memory, processes and processors (cgroup v{facts.get('CgroupVersion', '1')})"  # fmt: skip
    elif rootless:
        yield (
            Level.PROBLEM,
            (
                f"cannot limit {' and '.join(missing)}. A rootless engine needs cgroup v2 (the kernel option "
                "systemd.unified_cgroup_hierarchy=1), delegation of its controllers (a drop-in for "
                "user@.service with Delegate=cpu cpuset io memory pids), lines of its user in /etc/subuid "
                "and /etc/subgid, and loginctl enable-linger, so that it outlives a log-out."
            ),
        )
    else:
        yield Level.PROBLEM, f"cannot limit {' and '.join(missing)}. Switch these cgroup controllers on in the kernel's options."  # fmt: skip


def _gpu(visit: _Visit) -> _Answers:
    wanted, here = visit.settings.gpus, machine.models()
    if not wanted and not here:
        yield Level.OK, "none, and none is asked for"
    elif not wanted:
        yield (
            Level.WARNING,
            f"{', '.join(here)} is here, but programs do not get it. Set {PREFIX}GPUS=all.",
        )
    elif visit.engine is not None and visit.engine.trusted_only:
        yield Level.PROBLEM, f"{PREFIX}GPUS needs containers; this machine runs programs without."
    elif not here:
        yield Level.PROBLEM, f"{PREFIX}GPUS is {wanted}, but no NVIDIA driver is loaded. Install it, and nvidia-container-toolkit."  # fmt: skip
    else:
        yield Level.OK, ", ".join(here)


def _data(visit: _Visit) -> _Answers:
    if visit.settings.data_dir:
        yield Level.OK, f"{visit.settings.data_dir} is {DATA} of every container, read-only"
    else:
        yield Level.OK, f"no folder of this machine stands as {DATA}"


def _trial(visit: _Visit) -> _Answers:
    """Prepare the image as a run would, and run nothing in it; with GPUs, ask for their names."""
    engine = visit.engine
    if engine is None:
        yield Level.PROBLEM, "cannot be run: there is no engine"
        return
    try:
        engine.prepare(visit.image)
    except RunFailed as error:
        yield Level.PROBLEM, str(error)
        return
    try:
        ended, said = _run(visit, engine)
    except (RunFailed, OSError) as error:
        yield Level.PROBLEM, f"{error} {_advice(str(error))}".strip()
        return
    if ended is None:
        yield Level.PROBLEM, f"the container of {visit.image} did not end within {_TRIAL_S:.0f} s"
    elif ended.code:
        yield Level.PROBLEM, f"the container of {visit.image} ended with code {ended.code}. {ended.problem or said} {_advice(ended.problem + said)}".strip()  # fmt: skip
    else:
        where = visit.image if isinstance(engine, DockerEngine) else "a program"
        yield Level.OK, f"{where} ran and ended well{f': {said}' if said else ''}"


def _run(visit: _Visit, engine: Engine) -> tuple[Ended | None, str]:
    settings, over, words = visit.settings, threading.Event(), list[bytes]()
    with tempfile.TemporaryDirectory(dir=settings.home, prefix="doctor-") as name:
        folder = Path(name)
        program, scratch = folder / "program", folder / "scratch"
        for one in (program, scratch):
            one.mkdir(mode=0o755)
        mounts = [Mount(program, "/app/program")]
        if settings.data_dir:
            mounts.append(Mount(Path(settings.data_dir), DATA))
        wants_gpu = bool(settings.gpus) and isinstance(engine, DockerEngine)
        running = engine.start(
            Plan(
                role="doctor", run_id=0, attempt=0, image=visit.image, mounts=tuple(mounts),
                argv=("nvidia-smi", "-L") if wants_gpu else ("true",), scratch=scratch,
                memory_mib=256, cpus=1.0, pids=64, output_mib=16,
            ),
            lambda _is_error, data: words.append(data),
            over.set,
        )  # fmt: skip
        try:
            over.wait(_TRIAL_S)
            ended = running.ended()
            if ended is None:
                running.kill()
        finally:
            running.remove()
    said = b"".join(words).decode(errors="replace").split()
    return ended, " ".join(said)[:300]


def _advice(problem: str) -> str:
    if "device driver" in problem or "nvidia" in problem.lower() or "cdi" in problem.lower():
        return "Install nvidia-container-toolkit and restart the engine."
    if "exec format" in problem:
        return "The image is for another processor architecture."
    if "mounts denied" in problem or "no such file" in problem:
        return f"A worker in a container needs {PREFIX}HOME at the same path inside and outside."
    return ""


_LOOKS: tuple[tuple[str, Callable[[_Visit], _Answers]], ...] = (
    ("site", _site), ("clock", _clock), ("queue", _broker), ("store", _storage), ("disk", _disk),
    ("engine", _engine), ("gpu", _gpu), ("data", _data), ("trial", _trial),
)  # fmt: skip
