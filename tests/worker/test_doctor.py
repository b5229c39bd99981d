"""What the doctor says of healthy and of sick machines."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from redis import Redis

from client.launcher.services import free_port
from tests.plugins.machine import RunsServer
from worker import doctor, machine
from worker.doctor import Finding, Level
from worker.settings import Settings


def now() -> datetime:
    return datetime.now(UTC)


class Site:
    """Answers heartbeats and, as a store would, every GET with 403."""

    def __init__(self) -> None:
        site = self
        self.status = 200
        self.asked: list[dict[str, object]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                site.asked.append({**json.loads(body), "auth": self.headers["Authorization"]})
                self._say(site.status, json.dumps({"store_url": site.url}).encode())

            def do_GET(self) -> None:
                self._say(403, b"")

            def _say(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.close()


@pytest.fixture
def settings(site: Site, tmp_path: Path) -> Settings:
    return Settings(
        api_url=site.url, broker_url=f"redis://q:x@127.0.0.1:{free_port()}/0", queue="q1w2e3r4",
        token="machine", name="box", home=tmp_path / "home", engine="process",
    )  # fmt: skip


def found(settings: Settings, **more: object) -> dict[str, list[Finding]]:
    looked = doctor.examine(settings, image="example/image:1", now=more.get("now", now))  # type: ignore[arg-type]
    return {name: [one for one in looked if one.name == name] for name in {o.name for o in looked}}


def only(findings: list[Finding]) -> Finding:
    (one,) = findings
    return one


def test_every_look_says_something_on_one_line(settings: Settings) -> None:
    findings = found(settings)
    assert set(findings) == {
        "site", "clock", "queue", "store", "disk", "engine", "gpu", "data", "trial",
    }  # fmt: skip
    for listed in findings.values():
        assert all("\n" not in one.text and one.text for one in listed)


def test_site_is_asked_without_counting_as_a_heartbeat(site: Site, settings: Settings) -> None:
    assert only(found(settings)["site"]).is_ok
    assert site.asked == [{"check": True, "auth": "Bearer machine"}]


@pytest.mark.parametrize(("status", "words"), [(404, "token"), (500, "status 500")])
def test_site_that_refuses_is_a_problem(
    site: Site, settings: Settings, status: int, words: str
) -> None:
    site.status = status
    one = only(found(settings)["site"])
    assert (one.is_ok, words in one.text) == (False, True)


def test_site_that_is_away_leaves_clock_and_store_open(settings: Settings) -> None:
    away = replace(settings, api_url=f"http://127.0.0.1:{free_port()}")
    findings = found(away)
    for name in ("site", "clock", "store"):
        assert not only(findings[name]).is_ok
    assert "API_URL" in only(findings["site"]).text


@pytest.mark.parametrize(("minutes", "way"), [(10, "ahead of"), (-10, "behind")])
def test_clock_that_is_off_is_a_problem(settings: Settings, minutes: int, way: str) -> None:
    one = only(found(settings, now=lambda: now() + timedelta(minutes=minutes))["clock"])
    assert not one.is_ok
    assert way in one.text
    assert "timedatectl" in one.text
    assert only(found(settings)["clock"]).is_ok


def test_store_that_answers_anything_is_reached(settings: Settings) -> None:
    one = only(found(settings)["store"])
    assert one.is_ok
    assert "can be reached" in one.text
    assert "status" not in one.text


def test_queue_server_that_is_away_is_a_problem(settings: Settings) -> None:
    one = only(found(settings)["queue"])
    assert not one.is_ok
    assert "does not answer" in one.text
    assert ":x@" not in one.text


@pytest.mark.services
def test_queue_server_lets_its_machine_in_and_nobody_else(
    settings: Settings, runs_server: RunsServer
) -> None:
    url = runs_server.worker_url
    mine = replace(settings, broker_url=url, queue=runs_server.queue_id)
    assert only(found(mine)["queue"]).is_ok
    for wrong in (
        replace(mine, queue="anotherqueue"), replace(mine, broker_url=url.replace(":machine", ":x"))
    ):  # fmt: skip
        one = only(found(wrong)["queue"])
        assert (one.is_ok, "does not let" in one.text) == (False, True)
    with Redis.from_url(runs_server.admin_url) as admin:
        assert list(admin.scan_iter()) == []


def test_trial_in_the_sandbox_runs_and_leaves_nothing(settings: Settings) -> None:
    findings = found(settings)
    assert only(findings["engine"]).is_ok
    assert "trusted code only" in only(findings["engine"]).text
    assert only(findings["trial"]).is_ok, only(findings["trial"]).text
    assert not list(settings.home.glob("doctor-*"))


def test_machine_without_containers_is_warned_unless_that_is_wished(settings: Settings) -> None:
    looking = replace(settings, engine="auto", docker_host="unix:///nonexistent.sock")
    one = only(found(looking)["engine"])
    assert one.level is Level.WARNING
    assert "Install one of them" in one.text
    assert only(found(looking)["trial"]).is_ok


def test_engine_that_is_named_and_away_stops_the_trial(settings: Settings) -> None:
    named = replace(settings, engine="docker", docker_host="unix:///nonexistent.sock")
    findings = found(named)
    assert "DOCKER_HOST" in only(findings["engine"]).text
    assert not only(findings["trial"]).is_ok


def test_full_disk_and_folder_that_is_none(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "_LEAST_FREE_BYTES", 2**63)
    assert "Free some" in only(found(settings)["disk"]).text
    (tmp_path / "file").touch()
    odd = replace(settings, home=tmp_path / "file" / "home")
    ((level, text),) = doctor._disk(doctor._Visit(odd, "x", now))
    assert level is Level.PROBLEM
    assert "cannot be written" in text


def test_engine_that_limits_everything_is_well() -> None:
    facts = {"MemoryLimit": True, "PidsLimit": True, "CpuCfsQuota": True, "CgroupVersion": "2"}
    ((level, text),) = doctor.limits(facts, rootless=True)
    assert level is Level.OK
    assert "cgroup v2" in text


def test_rootless_engine_without_delegation_is_told_what_it_needs() -> None:
    facts = {"MemoryLimit": False, "PidsLimit": False, "CpuCfsQuota": True, "CgroupVersion": "2"}
    ((level, text),) = doctor.limits(facts, rootless=True)
    assert level is Level.PROBLEM
    for word in ("memory and processes", "cgroup v2", "Delegate=", "/etc/subuid", "enable-linger"):
        assert word in text
    ((level, text),) = doctor.limits(facts, rootless=False)
    assert level is Level.PROBLEM
    assert "Delegate" not in text


@pytest.mark.parametrize(
    ("wanted", "here", "level", "words"),
    [
        ("", [], Level.OK, "none"),
        ("", ["NVIDIA A100"], Level.WARNING, "GPUS=all"),
        ("all", [], Level.PROBLEM, "driver"),
        ("all", ["NVIDIA A100"], Level.PROBLEM, "needs containers"),
    ],
)
def test_gpus(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, wanted: str, here: list[str], level: Level,
    words: str,
) -> None:  # fmt: skip
    monkeypatch.setattr(machine, "models", lambda *_: here)
    engine = "process" if words == "needs containers" else "docker"
    asked = replace(settings, gpus=wanted, engine=engine, docker_host="unix:///nonexistent.sock")
    one = only(found(asked)["gpu"])
    assert one.level is level
    assert words in one.text


def test_exit_code_and_json_say_whether_all_is_well(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    code = doctor.main(settings, image="x", as_json=True, now=now)
    shown = json.loads(capsys.readouterr().out)
    assert (code, shown["is_ok"]) == (1, False)
    assert {"name", "level", "text"} == set(shown["findings"][0])
    assert shown["engine"] in ("bubblewrap", "subprocess")
    assert doctor.main(settings, image="x", as_json=False, now=now) == 1
    *lines, empty, last = capsys.readouterr().out.splitlines()
    assert all(line.startswith(("ok ", "warning ", "problem ")) for line in lines)
    assert any(line.startswith("problem  queue") for line in lines)
    assert (empty, last) == ("", "Not ready: 1 problem to mend. Start the worker after that.")


@pytest.mark.services
def test_machine_without_docker_would_serve_and_says_with_what(
    settings: Settings, runs_server: RunsServer, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = replace(
        settings, broker_url=runs_server.worker_url, queue=runs_server.queue_id, engine="auto",
        docker_host="unix:///nonexistent.sock",
    )  # fmt: skip
    assert doctor.main(bare, image="x", as_json=False, now=now) == 0
    out = capsys.readouterr().out
    assert "\nwarning  engine" in out
    assert out.splitlines()[-1].startswith("Ready: the worker would run programs with ")
    assert (
        "without containers, for trusted code only. 1 warning above." in out or "2 warnings" in out
    )


@pytest.mark.services
def test_healthy_machine_with_docker(
    site: Site, settings: Settings, runs_server: RunsServer, docker_host: str, runtime_image: str,
    tmp_path: Path,
) -> None:  # fmt: skip
    (tmp_path / "data").mkdir()
    healthy = replace(
        settings, broker_url=runs_server.worker_url, queue=runs_server.queue_id, engine="docker",
        docker_host=docker_host, image_map=f"*={runtime_image}", pull_policy="never",
        data_dir=str(tmp_path / "data"),
    )  # fmt: skip
    findings = found(healthy)
    sick = [one for listed in findings.values() for one in listed if not one.is_ok]
    assert [one.name for one in sick] in ([], ["disk"]), sick
    assert len(findings["engine"]) == 2
    missing = replace(healthy, image_map="")
    assert "not on this machine" in only(found(missing)["trial"]).text


@pytest.mark.services
def test_trial_asks_for_the_gpu_and_says_what_is_missing(
    settings: Settings, docker_host: str, runtime_image: str
) -> None:
    asked = replace(
        settings, engine="docker", docker_host=docker_host, image_map=f"*={runtime_image}",
        pull_policy="never", gpus="all",
    )  # fmt: skip
    if machine.models():
        pytest.skip("this machine has a GPU")
    one = only(found(asked)["trial"])
    assert not one.is_ok
    assert "nvidia-container-toolkit" in one.text
