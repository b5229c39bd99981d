"""The process sandbox, for a machine without containers; for trusted code only.

With bubblewrap a program sees a system of its own: read-only system folders, its ``/app``, no
network. Without it, it is a plain child process with resource limits, and ``/app`` does not exist.
"""

from __future__ import annotations

import os
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from worker.engines import SHIM_FOLDER, Ended, OnOutput, Plan, Running, Usage, give_to, run_uid
from worker.engines.family import family_usage
from worker.engines.outside import KILLED_CODES, STARVED, oom_kills

_READ_BYTES = 64 * 1024
_LEFTOVER_S = 2.0
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt")
_ETC = (
    "alternatives", "fonts", "group", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime",
    "nsswitch.conf", "passwd", "ssl",
)  # fmt: skip
_ETC_NETWORK = ("hosts", "resolv.conf", "services")
_NOT_FOUND = 127


class ProcessEngine:
    """Programs as child processes.

    Args:
        home: the worker's folder; holds the ``python`` and ``python3`` that programs find.
        bubblewrap: the path of ``bwrap``; "" for plain child processes.
        python: the interpreter that programs find.
    """

    trusted_only = True
    sees_mounts = True

    def __init__(self, home: Path, bubblewrap: str, python: Path) -> None:
        self._bubblewrap, self._python = bubblewrap, python
        self.name = "bubblewrap" if bubblewrap else "subprocess"
        self._shims = home / "bin"
        self._shims.mkdir(mode=0o755, parents=True, exist_ok=True)
        for name in ("python", "python3"):
            write_shim(self._shims / name, str(python))

    def prepare(self, image: str) -> str:
        """Return "": programs run on the machine's own system, whatever image is named."""
        return ""

    def misfit(self, image: str) -> str:
        """Return "": there is no image that could be for another processor."""
        return ""

    def prefix(self, scratch: Path) -> str:
        """See :class:`worker.engines.Engine`."""
        return "" if self._bubblewrap else str(scratch)

    def give(self, folder: Path, *, image_user: bool) -> None:
        """See :class:`worker.engines.Engine`."""
        uid = self._uid()
        if uid is not None:
            give_to(folder, uid)

    def _uid(self) -> int | None:
        return run_uid() if self._bubblewrap and shutil.which("setpriv") else None

    def start(self, plan: Plan, on_output: OnOutput, on_exit: Callable[[], None]) -> Running:
        """See :class:`worker.engines.Engine`."""
        if self._bubblewrap:
            argv, folder = [*_limits(plan, self._uid()), *self._sandboxed(plan)], "/"
            environment = {"PATH": os.defpath}
        else:
            _make_view(plan)
            argv = [*_limits(plan, None), *_tied_to_parent(), *plan.argv]
            folder = f"{plan.scratch}/app/program"
            environment = self._environment(str(self._shims), str(_folder(plan.scratch / "tmp")))
        running = _ProcessRunning(on_output, on_exit, plan.memory_mib * 2**20)
        running.start(argv, folder, environment)
        return running

    def _environment(self, shims: str, scratch: str) -> dict[str, str]:
        return {
            "PATH": f"{shims}:/usr/local/bin:/usr/bin:/bin",
            "HOME": scratch, "TMPDIR": scratch, "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1",
        }  # fmt: skip

    def _sandboxed(self, plan: Plan) -> list[str]:
        uid = self._uid()
        argv = [self._bubblewrap, *_isolation(uid, network=plan.network)]
        for folder in _SYSTEM:
            argv += _system_folder(folder)
        for name in _ETC + (_ETC_NETWORK if plan.network else ()):
            argv += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
        for prefix in self._interpreter_folders():
            argv += [*_parents(prefix), "--ro-bind", prefix, prefix]
        made: set[str] = set()
        for mount in sorted(plan.mounts, key=lambda one: one.target):
            argv += list(_parents(mount.target, made))
            argv += ["--bind" if mount.writable else "--ro-bind", str(mount.source), mount.target]
        argv += [
            "--ro-bind",
            str(self._shims),
            SHIM_FOLDER,
            "--chdir",
            "/app/program",
            "--clearenv",
        ]
        for name, value in self._environment(SHIM_FOLDER, "/tmp").items():  # noqa: S108 - its own
            argv += ["--setenv", name, value]
        return [*argv, "--", *_as_user(uid), *plan.argv]

    def _interpreter_folders(self) -> Iterator[str]:
        """Yield what the interpreter needs beside the system folders: its prefix, and that behind it."""
        for path in dict.fromkeys((self._python, self._python.resolve())):
            prefix = str(path.parent.parent)
            if not any(prefix == known or prefix.startswith(known + "/") for known in _SYSTEM):
                yield prefix

    def remove_attempt(self, run_id: int, attempt: int) -> int:
        """Return 0: programs die with the process that started them."""
        return 0

    def sweep(self, is_alive: Callable[[str], bool]) -> int:
        """Return 0: programs die with the process that started them."""
        return 0

    def close(self) -> None:
        """Do nothing: nothing is kept ready."""

    def prune(self, max_bytes: int) -> int:
        """Return 0: there are no images."""
        return 0

    def details(self) -> dict[str, Any]:
        """See :class:`worker.engines.Engine`."""
        return {
            "version": sys.platform, "python": str(self._python),
            "warning": "for trusted code only: programs share the kernel and users of the machine",
        }  # fmt: skip


def find_bubblewrap() -> str:
    """Return the path of a bubblewrap that works here, else ""."""
    path = shutil.which("bwrap") or ""
    if not path:
        return ""
    uid = run_uid() if shutil.which("setpriv") else None
    system = [word for folder in _SYSTEM for word in _system_folder(folder)]
    probe = [path, *_isolation(uid, network=False), *system, "--", *_as_user(uid), "true"]
    done = subprocess.run(probe, capture_output=True, check=False, timeout=20)
    return path if done.returncode == 0 else ""


def write_shim(path: Path, interpreter: str) -> None:
    """Write a script that starts an interpreter, so that its own idea of its home stays right."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(f'#!/bin/sh\nexec {shlex.quote(interpreter)} "$@"\n', encoding="utf-8")
    draft.chmod(0o755)
    draft.replace(path)


def _isolation(uid: int | None, *, network: bool) -> list[str]:
    argv = ["--unshare-ipc", "--unshare-pid", "--unshare-uts", "--unshare-cgroup-try"]
    argv += [] if network else ["--unshare-net"]
    argv += ["--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    if uid is None:
        argv += ["--unshare-user"]
    else:  # only to become the run's user, which gives them up
        for capability in ("SETUID", "SETGID", "SETPCAP"):
            argv += ["--cap-add", f"CAP_{capability}"]
    argv += ["--proc", "/proc", "--dev", "/dev"]
    for folder in ("/tmp", "/dev/shm"):  # noqa: S108 - inside the sandbox
        argv += ["--perms", "1777", "--tmpfs", folder]
    return argv


def _as_user(uid: int | None) -> list[str]:
    if uid is None:
        return []
    user = ["--reuid", str(uid), "--regid", str(uid), "--clear-groups"]
    return ["setpriv", *user, "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs", "--"]


def _system_folder(folder: str) -> list[str]:
    if os.path.islink(folder):
        return ["--symlink", os.readlink(folder), folder]
    return ["--ro-bind-try", folder, folder]


def _parents(path: str, made: set[str] | None = None) -> Iterator[str]:
    """Yield options that make the folders above a path: bubblewrap's own would be for root only."""
    made = set() if made is None else made
    for parent in reversed(Path(path).parents[:-1]):
        if str(parent) not in made:
            made.add(str(parent))
            yield from ("--perms", "0755", "--dir", str(parent))


def _limits(plan: Plan, uid: int | None) -> list[str]:
    """Return what to put before a command so that it starts under the plan's limits."""
    file_bytes = (plan.output_mib + 64) * 2**20
    if shutil.which("prlimit"):
        wanted = {
            "data": (resource.RLIMIT_DATA, plan.memory_mib * 2**20),
            "fsize": (resource.RLIMIT_FSIZE, file_bytes),
            "nofile": (resource.RLIMIT_NOFILE, 4096),
            "core": (resource.RLIMIT_CORE, 0),
        }
        if uid is not None:  # counted per user, so only for a user of this run's own
            wanted["nproc"] = (resource.RLIMIT_NPROC, plan.pids)
        pairs = [f"--{name}={_at_most(kind, value)}" for name, (kind, value) in wanted.items()]
        return ["prlimit", *pairs, "--"]
    return ["/bin/sh", "-c", f'ulimit -c 0; ulimit -f {file_bytes // 512}; exec "$@"', "sh"]


def _at_most(kind: int, value: int) -> int:
    hard = resource.getrlimit(kind)[1]
    return value if hard == resource.RLIM_INFINITY else min(value, hard)


def _tied_to_parent() -> list[str]:
    """Return what makes the kernel end a plain child with this process, where it can."""
    if sys.platform != "linux" or not shutil.which("setpriv"):
        return []
    return ["setpriv", "--pdeathsig", "KILL", "--"]


def _make_view(plan: Plan) -> None:
    """Build ``scratch/app/…`` out of links, so that the tokens have real folders to stand for."""
    for mount in plan.mounts:
        link = plan.scratch / mount.target.lstrip("/")
        _folder(link.parent)
        link.symlink_to(mount.source, target_is_directory=True)


def _folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path


class _ProcessRunning:
    """One child process group; a thread waits for it, two more read it to the end.

    Args:
        memory_bytes: what it may use; the kernel holds each of its processes to that, not all.
    """

    def __init__(self, on_output: OnOutput, on_exit: Callable[[], None], memory_bytes: int) -> None:
        self._on_output, self._on_exit = on_output, on_exit
        self._memory_bytes, self._peak_bytes = memory_bytes, 0
        self._oom_kills = oom_kills()
        self._ended: Ended | None = None
        self._child: subprocess.Popen[bytes] | None = None

    def start(self, argv: list[str], folder: str, environment: dict[str, str]) -> None:
        """Start the child and the threads that watch it."""
        try:
            self._child = subprocess.Popen(
                argv, cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            self._ended = Ended(_NOT_FOUND, problem=f"{argv[0]}: {error.strerror}")
            self._on_exit()
            return
        threading.Thread(
            target=self._follow, args=(self._child, time.monotonic()), daemon=True, name="drain"
        ).start()

    def _follow(self, child: subprocess.Popen[bytes], began: float) -> None:
        pipes = [(False, child.stdout), (True, child.stderr)]
        readers = [
            threading.Thread(target=self._read, args=(is_error, pipe), daemon=True)
            for is_error, pipe in pipes
            if pipe is not None
        ]
        for reader in readers:
            reader.start()
        code = child.wait()
        seconds = time.monotonic() - began
        self._kill_group(child)  # what it left behind would keep the pipes open
        for reader in readers:
            reader.join(_LEFTOVER_S)
        self._ended = self._how(code if code >= 0 else 128 - code, seconds)
        self._on_exit()

    def _how(self, code: int, seconds: float) -> Ended:
        if code not in KILLED_CODES or oom_kills() == self._oom_kills:
            return Ended(code, seconds)
        if self._peak_bytes > self._memory_bytes:
            return Ended(code, seconds, out_of_memory=True)
        return Ended(code, seconds, outside=STARVED)

    def _read(self, is_error: bool, pipe: IO[bytes]) -> None:
        with pipe:
            while data := os.read(pipe.fileno(), _READ_BYTES):
                self._on_output(is_error, data)

    def ended(self) -> Ended | None:
        """See :class:`worker.engines.Running`."""
        return self._ended

    def usage(self) -> Usage | None:
        """See :class:`worker.engines.Running`."""
        child = self._child
        if child is None or self._ended is not None:
            return None
        used = family_usage(child.pid)
        self._peak_bytes = max(self._peak_bytes, used.memory_bytes if used else 0)
        return used

    def kill(self) -> None:
        """See :class:`worker.engines.Running`."""
        if self._child is not None and self._ended is None:
            self._kill_group(self._child)

    def remove(self) -> None:
        """Do nothing: a process leaves nothing."""
        self.kill()

    @staticmethod
    def _kill_group(child: subprocess.Popen[bytes]) -> None:
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            return
