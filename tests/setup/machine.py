"""Everything the tests need, brought up together and taken down together."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from client.launcher import leftovers
from client.launcher.environment import data_servers
from client.launcher.errors import LaunchError
from client.launcher.home import ROOT, Home
from client.launcher.redis_servers import find_redis, password_rules, redis_service
from client.launcher.services import HOST, Service, free_port
from tests.setup import packages, postgres, wheels
from tests.setup.docker import IMAGE, Engine


class Machine:
    """The servers of one run of the tests, and the variables that lead to them."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.environ: dict[str, str] = {}
        self.absent: list[str] = []
        """Sentences on what is not here, for the closing summary."""
        self._services: list[Service] = []
        self.engine: Engine | None = None
        """The tests' own Docker Engine, once started."""
        self._short = Path(tempfile.mkdtemp(prefix="plumbline-"))
        # The server's user must be able to reach its cluster below it.
        self._short.chmod(0o711)

    def start(self) -> None:
        """Install and start everything that can be had here."""
        leftovers.stop(self.home)
        packages.install(self.home.logs / "packages.log")
        for bring_up in (self._data, self._postgres, self._chromium, self._docker):
            try:
                bring_up()
            except LaunchError as error:
                self.absent.append(str(error))

    def stop(self) -> None:
        """Stop everything that was started here."""
        for service in reversed(self._services):
            service.stop()
        if self.engine is not None:
            self.engine.stop()
        for path in self.home.pids.glob("*.pid"):
            path.unlink()
        shutil.rmtree(self._short, ignore_errors=True)

    def _start(self, service: Service) -> None:
        service.start()
        self._services.append(service)
        leftovers.note(self.home, service.name, service.pid)
        service.wait_ready()

    def _data(self) -> None:
        secrets = self.home.read_secrets()
        program, password = find_redis(), secrets["REDIS_PASSWORD"]
        for name, variable in (("redis", "REDIS_URL"), ("redis-runs", "RUNS_REDIS_URL")):
            port = free_port()
            self._start(
                redis_service(
                    program, name, self._short / name, port, rules=password_rules(password),
                    appends=False, log=self.home.logs / f"{name}.log",
                )
            )  # fmt: skip
            self.environ[f"PLUMBLINE_TEST_{variable}"] = f"redis://:{password}@{HOST}:{port}/0"
        servers = data_servers(Home(self._short), secrets, origin="*")
        self._start(servers.s3)
        for name in ("S3_URL", "S3_ACCESS_KEY", "S3_SECRET_KEY"):
            self.environ[f"PLUMBLINE_TEST_{name}"] = servers.environ[f"PLUMBLINE_{name}"]

    def _postgres(self) -> None:
        port = free_port()
        log = self.home.logs / "postgres.log"
        self._start(postgres.cluster(self._short / "postgres", port, log, str(ROOT)))
        self.environ["PLUMBLINE_TEST_POSTGRES_URL"] = (
            f"postgresql+psycopg://postgres@{HOST}:{port}/postgres"
        )

    def _chromium(self) -> None:
        found = packages.program("chromium") or packages.program("google-chrome")
        if found is None:
            raise LaunchError("Chromium is not installed.")
        self.environ["PLUMBLINE_TEST_CHROMIUM"] = found

    def _docker(self) -> None:
        if packages.program("dockerd") is None:
            raise LaunchError("The Docker Engine is not installed.")
        if os.geteuid() != 0:
            raise LaunchError("The tests' own Docker Engine needs root.")
        log = self.home.logs / "dockerd.log"
        data = self.home.path / "docker"
        self.engine = Engine(data, self._short, log)
        leftovers.note(self.home, "dockerd", self.engine.start().pid)
        self.engine.build_image(self.home.path, self.home.logs / "image.log")
        self.environ["PLUMBLINE_TEST_DOCKER_HOST"] = self.engine.host
        self.environ["PLUMBLINE_TEST_DOCKER_DATA"] = str(data)
        self.environ["PLUMBLINE_TEST_IMAGE"] = IMAGE
        python = self.engine.python_version()
        found = wheels.download(self.home.path / "wheels", python, self.home.logs / "wheels.log")
        self.environ["PLUMBLINE_TEST_WHEELS"] = str(found)
