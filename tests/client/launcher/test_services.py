"""Servers as child processes: ports, readiness, endings."""

from __future__ import annotations

import signal
import socket
import sys
from pathlib import Path

import pytest

from client.launcher.errors import LaunchError
from client.launcher.services import HOST, Service, drop_unfinished_uploads, free_port, is_taken

_LISTEN = "import socket, sys, time; s = socket.create_server(('127.0.0.1', int(sys.argv[1]))); time.sleep(60)"


def _service(tmp_path: Path, program: str) -> Service:
    port = free_port()
    return Service("Server", [sys.executable, "-c", program, str(port)], port, tmp_path / "log")


def test_taken_port_is_seen() -> None:
    with socket.create_server((HOST, 0)) as server:
        assert is_taken(server.getsockname()[1])


def test_wanted_port_is_given_when_it_is_free() -> None:
    port = free_port()
    assert free_port(port) == port


def test_other_port_is_given_when_the_wanted_one_is_taken() -> None:
    with socket.create_server((HOST, 0)) as server:
        taken = server.getsockname()[1]
        assert free_port(taken) != taken


def test_service_starts_and_stops(tmp_path: Path) -> None:
    service = _service(tmp_path, _LISTEN)
    service.start()
    service.wait_ready()
    assert service.is_running()
    service.stop()
    assert not service.is_running()
    assert not is_taken(service.port)


def test_service_that_ends_at_once_says_its_last_words(tmp_path: Path) -> None:
    service = _service(tmp_path, "print('first'); print('no such option')")
    service.start()
    with pytest.raises(LaunchError, match="Server did not start: no such option"):
        service.wait_ready()


def test_service_that_stays_silent_is_given_up(tmp_path: Path) -> None:
    service = _service(tmp_path, "import time; time.sleep(60)")
    service.start()
    with pytest.raises(LaunchError, match="Server did not start: it printed nothing"):
        service.wait_ready(seconds=0.2)
    service.kill()


def test_service_that_ignores_the_request_is_killed(tmp_path: Path) -> None:
    stubborn = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {_LISTEN}"
    service = _service(tmp_path, stubborn)
    service.start()
    service.wait_ready()
    service.stop(seconds=0.2)
    assert service.ending() == f"signal {signal.SIGKILL}"


def test_only_unfinished_uploads_are_dropped(tmp_path: Path) -> None:
    folder = tmp_path / "private" / "files" / "0f"
    folder.mkdir(parents=True)
    for name in ("file", ".rclone_temp_multipart_1", "rclone_temp_multipart_1"):
        (folder / name).write_text(name)
    drop_unfinished_uploads(tmp_path)
    assert sorted(path.name for path in folder.iterdir()) == ["file", "rclone_temp_multipart_1"]
    drop_unfinished_uploads(tmp_path / "not there yet")
