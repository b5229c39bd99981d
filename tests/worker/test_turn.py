"""Taking turns on one machine, in real processes where it matters."""

from __future__ import annotations

import multiprocessing
import threading
from pathlib import Path

import pytest

from worker import turn
from worker.errors import Stop, Stopped
from worker.turn import Turn


class Attempt:
    """An attempt that writes down what its turn told it."""

    def __init__(self, path: Path) -> None:
        self.freed = 0
        self.stopped: list[Stop] = []
        self.turn = Turn(path, self._say_free, self.stopped.append)

    def _say_free(self) -> None:
        self.freed += 1

    def check(self) -> None:
        if self.stopped:
            raise Stopped(self.stopped[0])


def _took(seconds: float, path: Path) -> None:
    """Leave a file as a turn of that length would."""
    path.write_text(f"{seconds:012.3f}")


def test_nothing_is_claimed_early_before_any_turn_is_known(tmp_path: Path) -> None:
    first = Attempt(tmp_path / "turn")
    first.turn.take(first.check)
    assert first.freed == 0
    first.turn.give_back()
    assert first.freed == 1


def test_next_run_may_come_at_once_after_a_short_turn(tmp_path: Path) -> None:
    for _ in range(2):
        attempt = Attempt(tmp_path / "turn")
        attempt.turn.take(attempt.check)
        freed = attempt.freed
        attempt.turn.give_back()
    assert (freed, attempt.freed) == (1, 1)


def test_next_run_waits_after_a_long_turn(tmp_path: Path) -> None:
    _took(60, tmp_path / "turn")
    attempt = Attempt(tmp_path / "turn")
    attempt.turn.take(attempt.check)
    assert attempt.freed == 0


def test_only_one_has_the_turn(tmp_path: Path) -> None:
    first, second = Attempt(tmp_path / "turn"), Attempt(tmp_path / "turn")
    first.turn.take(first.check)
    has_it = threading.Event()

    def wait() -> None:
        second.turn.take(second.check)
        has_it.set()

    waiting = threading.Thread(target=wait)
    waiting.start()
    assert not has_it.wait(0.2)
    first.turn.give_back()
    waiting.join()
    assert has_it.is_set()


def test_turn_is_taken_once_for_all_steps_of_an_attempt(tmp_path: Path) -> None:
    attempt = Attempt(tmp_path / "turn")
    attempt.turn.take(attempt.check)
    attempt.turn.take(attempt.check)
    attempt.turn.give_back()
    attempt.turn.give_back()
    assert attempt.freed == 1


def test_whoever_waits_too_long_is_sent_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turn, "_PATIENCE_S", 0.05)
    first, second = Attempt(tmp_path / "turn"), Attempt(tmp_path / "turn")
    first.turn.take(first.check)
    with pytest.raises(Stopped) as stopped:
        second.turn.take(second.check)
    assert stopped.value.reason is Stop.BUSY


def _take_and_die(path: Path) -> None:
    Turn(path, lambda: None, lambda _: None).take(lambda: None)
    multiprocessing.current_process().kill()


def test_turn_of_a_killed_process_is_free_again(tmp_path: Path) -> None:
    child = multiprocessing.get_context("spawn").Process(
        target=_take_and_die, args=(tmp_path / "turn",)
    )
    child.start()
    child.join()
    attempt = Attempt(tmp_path / "turn")
    attempt.turn.take(attempt.check)
    attempt.turn.give_back()
    assert attempt.freed == 1
