"""What the terminal shows of the processes, and what only the file has."""

from __future__ import annotations

import io
from datetime import datetime
from pathlib import Path

import pytest
from honcho.printer import Message

from client.launcher import terminal
from client.launcher.terminal import Terminal

AT = datetime(2026, 12, 1, 9, 30)
WARNING = "09:30:00.250 warning worker.trusted_only engine='bubblewrap'"


def said(screen: Terminal, text: str, name: str = "app") -> None:
    screen.write(Message("line", text.encode(), AT, name, None))


@pytest.mark.parametrize(
    ("text", "name", "shown"),
    [
        ("09:30:00 info    run.sent run_id=2", "app", False),
        ("09:30:00.250 debug   lease.renewed", "worker", False),
        ("app started (pid=5)", "system", False),
        ("09:30:00 warning queue.silent", "app", True),
        ("09:30:00.250 error   run.crashed", "worker", True),
        ("The cron process stopped by itself (exit code 1).", "app", True),
        ('  File "app.py", line 3', "app", True),
    ],
)
def test_terminal_shows_what_is_out_of_the_ordinary_and_the_file_everything(
    tmp_path: Path, text: str, name: str, shown: bool
) -> None:
    output = io.StringIO()
    with Terminal(tmp_path / "stack.log", output) as screen:
        said(screen, text, name)
    assert (text in output.getvalue()) == shown
    assert text in (tmp_path / "stack.log").read_text()


def test_machine_without_containers_is_told_of_in_a_sentence(tmp_path: Path) -> None:
    output = io.StringIO()
    with Terminal(tmp_path / "stack.log", output) as screen:
        said(screen, WARNING, "worker")
    assert "programs run without containers" in output.getvalue()
    assert "worker.trusted_only" not in output.getvalue()
    assert WARNING in (tmp_path / "stack.log").read_text()


def test_file_begins_anew_before_it_fills_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terminal, "_MAX_BYTES", 100)
    with Terminal(tmp_path / "stack.log", io.StringIO()) as screen:
        for number in range(20):
            said(screen, f"09:30:00 info    event.{number}")
    assert (tmp_path / "stack.log").stat().st_size < 300
    assert (tmp_path / "stack.log.1").stat().st_size < 300
    assert "event.19" in "".join(file.read_text() for file in tmp_path.iterdir())
