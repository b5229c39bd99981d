"""What the soak shakes: a stack with servers of its own, two workers, and a cable between."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg

from client.launcher.environment import python_module
from client.launcher.home import ROOT
from client.launcher.services import HOST, free_port
from tests.loose import LooseStack, Part
from tests.patience import PATIENCE_S
from tests.setup import postgres
from tests.setup.docker import Engine
from tests.setup.packages import program
from tests.soak import lab

LEASES = {
    "PLUMBLINE_LEASE_S": "6",
    "PLUMBLINE_SWEEP_S": "1",
    "PLUMBLINE_SENT_TIMEOUT_S": "6",
    "PLUMBLINE_WORKER_GRACE_S": "1",
}
_DISK_MIB = 512
_FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")


class World:
    """Everything that can fail; use as a context manager.

    Args:
        settings: variables of the worker's engine.
        engine: the Docker Engine, where it is ours to kill.
    """

    def __init__(
        self, folder: Path, settings: Mapping[str, str], engine: Engine | None = None
    ) -> None:
        self.engine = engine
        self.postgres = postgres.cluster(
            folder / "postgres", free_port(), folder / "postgres.log", str(ROOT)
        )
        # What was committed must have left the process that is going to be killed.
        self.postgres.command += ["-c", "synchronous_commit=on"]
        self._folder, self._settings = folder, settings
        self._running = ExitStack()
        self.stack: LooseStack
        self.far: Part
        self.lab: lab.Lab | None = None
        self.disk: Path | None = None

    @property
    def database_url(self) -> str:
        """The database of the stack, as an SQLAlchemy URL."""
        return f"postgresql+psycopg://postgres@{HOST}:{self.postgres.port}/postgres"

    @property
    def s3(self) -> dict[str, str]:
        """The settings of its object store."""
        names = ("S3_URL", "S3_ACCESS_KEY", "S3_SECRET_KEY")
        return {name.lower(): self.stack.environ[f"PLUMBLINE_{name}"] for name in names}

    @property
    def workers(self) -> list[Part]:
        """Both workers, the near one first."""
        return [self.stack.worker, self.far]

    def __enter__(self) -> World:
        with ExitStack() as undo:
            undo.callback(self._running.close)
            self._start_postgres()
            self._running.callback(self.postgres.kill)
            self.stack = LooseStack(
                self._folder / "stack", {**LEASES, **self._settings}, database_url=self.database_url
            )
            self.disk = self._small_disk(self.stack.home.path / "worker")
            self._running.enter_context(self.stack)
            self._running.callback(self._end_far)
            self._add_far()
            undo.pop_all()
        return self

    def __exit__(self, *_error: object) -> None:
        self._running.close()

    def mend(self) -> None:
        """Bring everything back that is away; return once the site answers."""
        if self.engine is not None and not _is_alive(self.engine):
            self.engine.revive()
        self._start_postgres()
        if self.lab is not None:
            self.lab.join()
        self.free_disk()
        self.stack.mend()
        self.far.thaw()
        self.far.start()

    def fill_disk(self) -> None:
        """Leave the near worker no room."""
        if self.disk is not None:
            with (self.disk / "ballast").open("wb") as file:
                room = shutil.disk_usage(self.disk).free
                os.posix_fallocate(file.fileno(), 0, max(1, room - 2**16))

    def free_disk(self) -> None:
        """Give the near worker its room back."""
        if self.disk is not None:
            (self.disk / "ballast").unlink(missing_ok=True)

    @contextmanager
    def wrong_clock(self, offset: str) -> Iterator[None]:
        """Let the near worker live in another time; it is started anew before and after.

        Args:
            offset: as libfaketime reads it, e.g. ``+10m``.
        """
        worker = self.stack.worker
        worker.stop()
        with worker.changed({
            "LD_PRELOAD": str(_FAKETIME), "FAKETIME": offset, "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }):  # fmt: skip
            worker.start()
        try:
            yield
        finally:
            worker.stop()
            worker.start()

    @property
    def has_faketime(self) -> bool:
        """Whether clocks can be set wrong here."""
        return _FAKETIME.exists()

    def _start_postgres(self) -> None:
        """Start it; after a kill it must first notice that its old children are gone."""
        end = time.monotonic() + PATIENCE_S
        while not _answers(self.database_url):
            if time.monotonic() > end:
                raise RuntimeError(f"PostgreSQL does not come back: see {self.postgres.log}")
            if not self.postgres.is_running():
                self.postgres.start()
            time.sleep(0.2)

    def _add_far(self) -> None:
        """Start the second worker, behind a cable where this machine can lay one."""
        if lab.can_make_one():
            ports = [self.stack.runs.port, self.stack.api.port, self.stack.store.port]
            name = f"soak{os.getpid()}"
            self.lab = lab.Lab(name, ports, self._folder / "lab.log")
            self._running.enter_context(self.lab)
        home = self._folder / "far"
        prefix = self.lab.prefix if self.lab else []
        self.far = self.stack.make_worker("far", [*prefix, *python_module("worker")], home)
        self.far.start()

    def _end_far(self) -> None:
        if hasattr(self, "far"):
            self.far.thaw()
            self.far.kill()

    def _small_disk(self, place: Path) -> Path | None:
        """Mount a small file system where the near worker lives, if this process may."""
        if os.geteuid() != 0 or not program("mkfs.ext4"):
            return None
        place.mkdir(parents=True, exist_ok=True)
        image = self._folder / "disk.img"
        with image.open("wb") as file:
            file.truncate(_DISK_MIB * 2**20)
        for command in (
            [program("mkfs.ext4"), "-q", "-F", "-m", "0", image],
            ["mount", "-o", "loop", image, place],
        ):
            subprocess.run([str(word) for word in command], check=True, capture_output=True)
        self._running.callback(subprocess.run, ["umount", "--lazy", str(place)], check=False)
        return place


def _is_alive(engine: Engine) -> bool:
    return engine.process is not None and engine.process.poll() is None


def _answers(database_url: str) -> bool:
    try:
        with psycopg.connect(database_url.replace("+psycopg", ""), connect_timeout=2):
            return True
    except psycopg.OperationalError:
        return False


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder whose path is short enough for sockets and open enough for PostgreSQL's user."""
    folder = Path(tempfile.mkdtemp(prefix="plumbline-soak-"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
