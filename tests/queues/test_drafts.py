from __future__ import annotations

import pytest

from app.queues.drafts import MAX_NAME, MAX_RUNNING, QueueDraft, problems


def test_queue_with_a_name_and_a_limit_has_no_problem() -> None:
    assert problems(QueueDraft("Ward 3, GPU – größer", max_running_per_person=MAX_RUNNING)) == {}


@pytest.mark.parametrize("name", ["", "  ", "x" * (MAX_NAME + 1), "\x00", "a\x00b", "a\nb"])
def test_name_that_no_page_could_show_is_a_problem(name: str) -> None:
    assert list(problems(QueueDraft(name))) == ["name"]


@pytest.mark.parametrize("limit", [0, -1, MAX_RUNNING + 1])
def test_limit_out_of_range_is_a_problem(limit: int) -> None:
    assert list(problems(QueueDraft("x", max_running_per_person=limit))) == [
        "max_running_per_person"
    ]
