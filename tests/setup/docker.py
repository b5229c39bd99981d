"""A Docker Engine of the tests' own, and the local image that runs use."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

from docker import DockerClient
from docker.errors import DockerException, ImageNotFound

from client.launcher.errors import LaunchError
from tests.setup.packages import program

IMAGE = "plumbline/runtime:test"
_PACKAGES = (
    "python3", "python3-venv", "python-is-python3", "python3-numpy", "python3-scipy",
    "python3-sklearn", "python3-pandas", "python3-yaml", "python3-matplotlib", "python3-pil",
    "ca-certificates",
)  # fmt: skip
_UNNEEDED = (
    "var/cache/apt/archives",
    "var/lib/apt/lists",
    "usr/share/doc",
    "usr/share/man",
    "usr/share/locale",
)
_PATIENCE_S = 60
_REVIVALS = 5


class Engine:
    """A dockerd on a private socket, without any network of its own."""

    def __init__(self, folder: Path, short: Path, log: Path) -> None:
        """Describe it.

        Args:
            folder: keeps images from one run of the tests to the next.
            short: a folder whose path is short enough to hold a socket.
        """
        self._folder, self._short, self._log = folder, short, log
        self.host = f"unix://{short / 'docker.sock'}"
        self.process: subprocess.Popen[bytes] | None = None
        self._driver = ""

    def start(self) -> subprocess.Popen[bytes]:
        """Start and wait until it answers; falls back to the storage driver that works anywhere.

        Raises:
            LaunchError: it does not start here; the sentence says where its words are.
        """
        for driver in ("overlay2", "vfs"):
            self.process = self._spawn(driver)
            if self._answers():
                self._driver = driver
                return self.process
            self.stop()
        raise LaunchError(f"The Docker Engine does not start here: see {self._log}")

    def revive(self) -> subprocess.Popen[bytes]:
        """Start it after a kill, with the storage it had; what it left may keep it from that a while.

        Raises:
            LaunchError: it does not come back.
        """
        for _ in range(_REVIVALS):
            self.process = self._spawn(self._driver)
            if self._answers():
                return self.process
            self.stop()
        raise LaunchError(f"The Docker Engine does not come back: see {self._log}")

    def _spawn(self, driver: str) -> subprocess.Popen[bytes]:
        command = [
            program("dockerd") or "dockerd", "--host", self.host,
            "--data-root", str(self._folder / driver), "--exec-root", str(self._short / "exec"),
            "--pidfile", str(self._short / "docker.pid"), "--storage-driver", driver,
            "--bridge=none", "--iptables=false", "--ip6tables=false", "--group", "root",
        ]  # fmt: skip
        with self._log.open("ab") as log:
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip

    def _answers(self) -> bool:
        end = time.monotonic() + _PATIENCE_S
        while time.monotonic() < end and self.process is not None and self.process.poll() is None:
            try:
                with closing(self.client()) as client:
                    client.ping()
                return True
            except (DockerException, OSError):
                time.sleep(0.1)
        return False

    def client(self) -> DockerClient:
        """Return a client of this engine; close it."""
        return DockerClient(base_url=self.host, timeout=300)

    def stop(self) -> None:
        """Stop it and every container on it."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def build_image(self, scratch: Path, log: Path) -> None:
        """Make the runtime image from the distribution's packages, unless it is there.

        Raises:
            LaunchError: the packages could not be fetched or unpacked.
        """
        with closing(self.client()) as client:
            try:
                client.images.get(IMAGE)
                return
            except ImageNotFound:
                pass
        print(
            "Building the runtime image (about two minutes, the first time only).", file=sys.stderr
        )
        tree = scratch / "runtime"
        with log.open("wb") as stream:
            try:
                _grow(tree, stream)
                self._import(tree, stream)
            finally:
                shutil.rmtree(tree, ignore_errors=True)

    def python_version(self) -> str:
        """Return the version of Python in the runtime image, e.g. ``3.11``."""
        program = "import sys; print('%d.%d' % sys.version_info[:2])"
        with closing(self.client()) as client:
            printed: bytes = client.containers.run(
                IMAGE, ["python3", "-c", program], network_mode="none", remove=True
            )
        return printed.decode().strip()

    def _import(self, tree: Path, log: object) -> None:
        tar = subprocess.Popen(
            ["tar", "--numeric-owner", "--one-file-system", "-C", str(tree), "-c", "."],
            stdout=subprocess.PIPE,
        )  # fmt: skip
        path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        done = subprocess.run(
            [program("docker") or "docker", "--host", self.host, "import", "--change", f"ENV {path}",
             "--change", 'CMD ["python3"]', "-", IMAGE],
            stdin=tar.stdout, stdout=log, stderr=subprocess.STDOUT, check=False,  # type: ignore[call-overload]
        )  # fmt: skip
        if tar.wait() or done.returncode:
            raise LaunchError(f"The runtime image could not be imported: see {self._log.parent}")


def _grow(tree: Path, log: object) -> None:
    """Unpack a minimal distribution with the scientific packages into a folder."""
    shutil.rmtree(tree, ignore_errors=True)
    tree.parent.mkdir(parents=True, exist_ok=True)
    mirror, codename = _mirror()
    command = [
        "debootstrap", "--variant=minbase", "--components=main,universe",
        f"--include={','.join(_PACKAGES)}", codename, str(tree), mirror,
    ]  # fmt: skip
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, check=False
    )  # type: ignore[call-overload]
    if done.returncode:
        raise LaunchError("The runtime image could not be built by debootstrap: see its log.")
    for folder in _UNNEEDED:
        shutil.rmtree(tree / folder, ignore_errors=True)


def _mirror() -> tuple[str, str]:
    """Return the package source that this machine itself uses, and its release."""
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME) $(COMPONENT)",
         "Identifier: Packages"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for line in listed.splitlines():
        address, codename, component = line.split()
        if component == "main" and "-" not in codename:
            return address, codename
    raise LaunchError("This machine's package sources name no release: run apt-get update.")
