from __future__ import annotations

from datetime import timedelta
from itertools import count

from flask import Flask

from app.platform import memo
from tests.factories import NOW

LIFE = timedelta(seconds=2)


def test_answer_is_kept_for_its_life_by_question_and_no_longer(app: Flask) -> None:
    numbers = count()

    def ask(key: object, seconds: float) -> int:
        moment = NOW + timedelta(seconds=seconds)
        return memo.remember(("test", key), LIFE, moment, lambda: next(numbers))

    assert [ask("a", 0), ask("a", 1.9), ask("b", 1.9), ask("a", 2)] == [0, 0, 1, 2]
    assert ask("a", -5) == 3  # a clock that was set back


def test_memory_does_not_grow_without_end(app: Flask) -> None:
    for number in range(2500):
        memo.remember(("many", number), LIFE, NOW, lambda: 0)
    assert len(app.extensions["plumbline.memo"]) <= 1000
