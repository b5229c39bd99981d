"""compose.yaml is valid, and the images it names build and start without a network."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from docker import DockerClient
from docker.errors import BuildError, ContainerError

from app.queues.machines import Access
from client.launcher.home import ROOT

pytestmark = pytest.mark.services

_IMAGES = {
    "plumbline-test/server": "Containerfile",
    "plumbline-test/worker": "worker/Containerfile",
}


def _example_values() -> dict[str, str]:
    lines = (ROOT / ".env.example").read_text().splitlines()
    pairs = (line.split("=", 1) for line in lines if re.match(r"[A-Z]", line))
    return {name: value or "0123456789abcdef0123456789abcdef" for name, value in pairs}


def _config(values: dict[str, str]) -> subprocess.CompletedProcess[str]:
    program = shutil.which("docker-compose")
    if program is None:
        pytest.skip("docker-compose is not here: ./run test installs it where it can")
    return subprocess.run(
        [program, "-f", str(ROOT / "compose.yaml"), "config"], text=True, capture_output=True,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **values}, check=False,
    )  # fmt: skip


def test_config_is_valid_with_the_example_values() -> None:
    done = _config(_example_values())
    assert done.returncode == 0, done.stderr
    services = yaml.safe_load(done.stdout)["services"]
    assert {"proxy", "web", "jobs", "cron", "worker", "migrate"} < set(services)
    assert {"postgres", "redis", "redis-runs", "minio"} < set(services)


@pytest.mark.parametrize(
    "name", sorted(name for name in _example_values() if name not in ("S3_SECRET_KEY",))
)
def test_a_missing_value_is_named(name: str) -> None:
    values = _example_values()
    del values[name]
    done = _config(values)
    assert done.returncode != 0
    assert name in done.stderr


def test_every_image_name_is_a_variable() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    for name, service in services.items():
        assert re.fullmatch(r"\$\{[A-Z_]+:-[a-z/0-9.:-]+\}", service["image"]), name


def test_only_the_proxy_is_reachable_from_outside() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    assert [name for name, service in services.items() if "ports" in service] == ["proxy"]


def test_only_cron_holds_the_url_that_makes_users() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    holders = [name for name, service in services.items() if "KEEPER_URL" in str(service)]
    assert holders == ["cron"]


def test_machines_elsewhere_reach_the_runs_redis_over_tls_alone() -> None:
    base, more = (
        yaml.safe_load((ROOT / name).read_text())["services"]["redis-runs"]
        for name in ("compose.yaml", "compose.machines.yaml")
    )
    # The second file replaces the command: whatever the first one says must be said again.
    assert more["command"][: len(base["command"])] == base["command"]
    assert more["ports"] == [f"{port}:{port}" for port in ("6380",)]
    assert more["command"][len(base["command"]) :][:2] == ["--tls-port", "6380"]


def test_compose_file_of_a_machine_is_the_one_the_page_shows() -> None:
    text = (ROOT / "worker/compose.yaml").read_text()
    assert Access.compose() == text
    worker = yaml.safe_load(text)["services"]["worker"]
    assert worker["env_file"] == ".env"
    assert len(text.splitlines()) == 3


@pytest.fixture(scope="module")
def build_context(tmp_path_factory: pytest.TempPathFactory, wheels: Path) -> Path:
    """A copy of what the images are made from, with the wheels beside it."""
    folder = tmp_path_factory.mktemp("context")
    allowed = [
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[0] == "!"
    ]
    for name in allowed:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name)
        elif source.exists():
            shutil.copy(source, folder / name)
    shutil.copy(ROOT / ".dockerignore", folder)
    shutil.copytree(wheels, folder / "wheels")
    return folder


@pytest.fixture(scope="module")
def images(
    docker_client: DockerClient, runtime_image: str, build_context: Path
) -> Iterator[DockerClient]:
    """The engine, with both images built on the local base image and without a network."""
    options = {"BASE": runtime_image, "PIP_OPTIONS": "--no-index --find-links ."}
    for tag, file in _IMAGES.items():
        try:
            docker_client.images.build(
                path=str(build_context), dockerfile=file, tag=tag, buildargs=options,
                network_mode="none", rm=True, forcerm=True,
            )  # fmt: skip
        except BuildError as error:
            log = "".join(str(entry.get("stream", "")) for entry in error.build_log)
            raise AssertionError(f"{tag} does not build: {log[-2000:]}") from None
    yield docker_client
    for tag in _IMAGES:
        docker_client.images.remove(tag, force=True)


def _run(client: DockerClient, image: str, *command: str, **settings: str) -> str:
    printed: bytes = client.containers.run(
        image, list(command), environment=settings, network_mode="none", remove=True, stderr=True
    )
    return printed.decode()


def test_server_image_holds_a_working_app(images: DockerClient) -> None:
    settings = {
        "PLUMBLINE_SECRET_KEY": "x" * 40,
        "PLUMBLINE_DATABASE_URL": "sqlite:////tmp/plumbline.db",
        "PLUMBLINE_REDIS_URL": "redis://127.0.0.1:1/0",
        "PLUMBLINE_RUNS_REDIS_URL": "redis://127.0.0.1:1/0",
        "PLUMBLINE_S3_URL": "http://127.0.0.1:1",
        "PLUMBLINE_S3_ACCESS_KEY": "key",
        "PLUMBLINE_S3_SECRET_KEY": "secret",
        "PLUMBLINE_BASE_URL": "https://plumbline.example.org",
    }
    client = "from wsgi import app; print(app.test_client().get('/healthz', base_url='https://plumbline.example.org').status)"
    assert "200 OK" in _run(images, "plumbline-test/server", "python3", "-c", client, **settings)
    assert "gunicorn" in _run(images, "plumbline-test/server", "gunicorn", "--version")


def test_server_image_does_not_run_as_root(images: DockerClient) -> None:
    assert _run(images, "plumbline-test/server", "id", "-u").strip() == "10001"


def test_server_image_brings_the_front_end_files(images: DockerClient) -> None:
    listed = _run(
        images, "plumbline-test/server", "ls", "static/vendor/htmx", "static/vendor/katex"
    )
    assert "htmx.min.js" in listed
    assert "katex.min.css" in listed


def test_server_image_writes_the_users_of_the_runs_redis(images: DockerClient) -> None:
    script = "python3 -m client.launcher.users_file /tmp/users.acl && cat /tmp/users.acl"
    printed = _run(
        images, "plumbline-test/server", "sh", "-c", script,
        RUNS_APP_PASSWORD="a", RUNS_KEEPER_PASSWORD="c", RUNS_WORKER_PASSWORD="b",
        QUEUE_ID="0123456789abcdef",
    )  # fmt: skip
    assert "user default off" in printed
    assert "user keeper on" in printed
    assert "~rq:queue:0123456789abcdef " in printed


def test_worker_image_names_the_settings_it_misses(images: DockerClient) -> None:
    with pytest.raises(ContainerError) as caught:
        _run(images, "plumbline-test/worker", "python3", "-m", "worker")
    assert "PLUMBLINE_WORKER_API_URL" in str(caught.value)


def test_worker_image_does_not_hold_the_app(images: DockerClient) -> None:
    listed = _run(images, "plumbline-test/worker", "ls", "/srv/plumbline").split()
    assert listed == ["worker"]
