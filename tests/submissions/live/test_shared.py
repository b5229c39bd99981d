from __future__ import annotations

from app.submissions.live.shared import Shared


def test_answer_is_worked_out_once_in_its_life() -> None:
    shared = Shared[str](1.0, 10)
    assert shared.get("a", 0.0, lambda: "first") == "first"
    assert shared.get("a", 0.9, lambda: "second") == "first"
    assert shared.get("b", 0.9, lambda: "other") == "other"
    assert shared.get("a", 1.0, lambda: "second") == "second"


def test_only_the_last_answers_are_kept() -> None:
    shared = Shared[int](1.0, 2)
    for number in range(3):
        shared.get(number, 0.0, lambda number=number: number)  # type: ignore[misc]
    assert shared.get(0, 0.0, lambda: 100) == 100
    assert shared.get(2, 0.0, lambda: 100) == 2
