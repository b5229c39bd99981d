"""A board says when its scores were measured on different revisions of a task."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, select

from app.competitions.models import Phase, PhaseTask
from app.platform.db import db
from app.resources.models import TaskRevision
from app.submissions.models import Run, State, Submission
from tests.actors import Cast, browser, make_cast
from tests.factories import NOW, change, make_participant, make_user, save
from tests.leaderboards.boards import AUC, fill, phase_with, submitted, tell


@pytest.fixture
def cast(app: Flask) -> Cast:
    return make_cast()


@pytest.fixture(autouse=True)
def _no_bell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.submissions.dispatch.ring", lambda: None)


def revise(phase: Phase) -> tuple[int, int]:
    """Give the first task of a phase another revision; returns its id and the task's."""
    tasks = select(PhaseTask.task_id).where(PhaseTask.phase_id == phase.id)
    task_id = db.session.scalars(tasks.order_by(PhaseTask.order).limit(1)).one()
    revision = TaskRevision(task_id=task_id, number=2, created_at=NOW)
    save(revision)
    return revision.id, task_id


def by_another(cast: Cast, phase: Phase) -> Submission:
    """A second participant's submission."""
    another = make_user("another")
    make_participant(cast.competition, another)
    return submitted(phase, another, {"auc": 0.7}, minute=1)


def move_to(submission: Submission, revision_id: int) -> None:
    """Have a submission scored on another revision."""
    of_it = Run.submission_id == submission.id
    change(db.session.scalars(select(Run).where(of_it)).one(), task_revision_id=revision_id)


def board(app: Flask, cast: Cast, phase: Phase, who: str = "pavel") -> str:
    return browser(app, getattr(cast, who)).get(f"/phases/{phase.id}/leaderboard").text


def as_json(app: Flask, cast: Cast, phase: Phase) -> Any:
    answer = browser(app, cast.pavel).get(f"/phases/{phase.id}/leaderboard.json")
    return json.loads(answer.data)


def test_board_of_one_revision_says_nothing(app: Flask, cast: Cast) -> None:
    phase = phase_with(cast.competition, AUC)
    tell(submitted(phase, cast.pavel, {"auc": 0.9}))
    page = board(app, cast, phase)
    assert "A task was changed since" not in page
    assert "earlier revision" not in page


def test_scores_of_two_revisions_are_told_apart(app: Flask, cast: Cast) -> None:
    phase = phase_with(cast.competition, AUC)
    old, new = submitted(phase, cast.pavel, {"auc": 0.9}), by_another(cast, phase)
    revision_id, task_id = revise(phase)
    move_to(new, revision_id)
    tell(old, new)
    page = board(app, cast, phase)
    assert "1 submission here was scored on an earlier revision" in page
    assert page.count(">earlier revision<") == 1
    assert "Run them again" not in page
    assert "Run them again" in board(app, cast, phase, "olga")
    body = as_json(app, cast, phase)
    assert body["revisions"] == {str(task_id): 2}
    assert body["on_earlier_revisions"] == 1
    marks = {row["submission"]: row["earlier_revisions"] for row in body["rows"]}
    assert marks == {old.id: {str(task_id): 1}, new.id: {}}


def test_rows_of_tasks_name_the_revision(app: Flask, cast: Cast) -> None:
    phase = phase_with(cast.competition, AUC, tasks=2)
    tell(submitted(phase, cast.pavel, {"auc": 0.9}, {"auc": 0.8}))
    revise(phase)
    page = board(app, cast, phase)
    assert "every score here was measured on an earlier revision" in page
    assert page.count("revision 1 of 2") == 1


def statements(app: Flask, cast: Cast, phase: Phase) -> int:
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        seen.append(statement)

    client = browser(app, cast.pavel)
    event.listen(db.engine, "before_cursor_execute", note)
    try:
        assert client.get(f"/phases/{phase.id}/leaderboard").status_code == 200
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    return len(seen)


def test_marks_take_the_same_statements_whatever_the_size(app: Flask, cast: Cast) -> None:
    small, large = phase_with(cast.competition, AUC), phase_with(cast.competition, AUC, tasks=3)
    fill(small, [cast.pavel], 2)
    fill(large, [cast.pavel], 80)
    revise(small)
    revise(large)
    assert statements(app, cast, large) == statements(app, cast, small)


def test_pages_of_submissions_mark_an_earlier_revision(app: Flask, cast: Cast) -> None:
    phase = phase_with(cast.competition, AUC)
    old, new = submitted(phase, cast.pavel, {"auc": 0.9}), by_another(cast, phase)
    revision_id, _task_id = revise(phase)
    move_to(new, revision_id)
    tell(old, new)
    everyone = f"/benchmarks/{cast.competition.id}/submissions/all"
    for who, listing in (
        (cast.pavel, f"/benchmarks/{phase.competition_id}/submissions"),
        (cast.olga, everyone),
    ):
        client = browser(app, who)
        assert client.get(listing).text.count(">earlier revision<") == 1
        page = client.get(f"/submissions/{old.id}").text
        assert "This is of an earlier revision" in page
        assert "It ran on revision 1, and the current one is 2." in page
    page = browser(app, cast.olga).get(f"/submissions/{new.id}").text
    assert "earlier revision" not in page
    assert "revision 2, the current one" in page


# Running them again ---------------------------------------------------------------------------


def page_of(app: Flask, cast: Cast) -> str:
    address = f"/benchmarks/{cast.competition.id}/submissions/outdated"
    return browser(app, cast.olga).get(address).text


def run_again(app: Flask, cast: Cast, **data: Any) -> int:
    address = f"/benchmarks/{cast.competition.id}/submissions/outdated"
    return browser(app, cast.olga).post(address, data={"key": "click", **data}).status_code


def reruns() -> list[int]:
    db.session.rollback()
    found = db.session.scalars(select(Submission).where(Submission.rerun_of_id.is_not(None)))
    return [one.rerun_of_id for one in found if one.rerun_of_id]


def test_organizer_runs_again_what_was_scored_on_an_old_revision(app: Flask, cast: Cast) -> None:
    phase = phase_with(cast.competition, AUC)
    old, new = submitted(phase, cast.pavel, {"auc": 0.9}), by_another(cast, phase)
    revision_id, _task_id = revise(phase)
    move_to(new, revision_id)
    tell(old, new)
    everyone = browser(app, cast.olga).get(f"/benchmarks/{cast.competition.id}/submissions/all")
    assert "1 submission ran on an earlier revision of a task" in everyone.text
    page = page_of(app, cast)
    assert "revision 1 of 2" in page
    assert f"id-{new.id}" not in page
    assert run_again(app, cast, which="all") == 303
    assert run_again(app, cast, which="all") == 303  # a second click
    assert reruns() == [old.id]
    made = db.session.scalars(select(Submission).where(Submission.rerun_of_id == old.id)).one()
    run = db.session.scalars(select(Run).where(Run.submission_id == made.id)).one()
    assert run.task_revision_id == revision_id
    page = page_of(app, cast)
    assert "1 re-run is under way" in page
    assert "Everything is scored on the current revisions" not in page
    change(made, state=State.FINISHED)
    page = page_of(app, cast)
    assert "under way" not in page
    assert "Everything is scored on the current revisions" in page


@pytest.mark.parametrize(
    ("blame", "is_offered"), [("organizer", True), ("platform", True), ("participant", False)]
)
def test_what_failed_by_no_fault_of_its_participant_runs_again_on_the_mended_task(
    app: Flask, cast: Cast, blame: str, is_offered: bool
) -> None:
    phase = phase_with(cast.competition, AUC)
    failed = submitted(phase, cast.pavel, {"auc": 0.9})
    change(failed, state=State.FAILED, blame=blame)
    assert "id-" not in page_of(app, cast)  # the revision that it failed on is the current one
    revise(phase)
    assert (f"id-{failed.id}" in page_of(app, cast)) is is_offered
    run_again(app, cast, which="all")
    assert reruns() == ([failed.id] if is_offered else [])


def test_only_the_chosen_ones_run_again(app: Flask, cast: Cast) -> None:
    phase = phase_with(cast.competition, AUC)
    first, second = (submitted(phase, cast.pavel, {"auc": 0.9}, minute=i) for i in range(2))
    revise(phase)
    address = f"/benchmarks/{cast.competition.id}/submissions/outdated"
    client = browser(app, cast.olga)
    assert client.post(address, data={"key": "click", "which": "chosen"}).location == address
    assert "Choose at least one submission." in client.get(address).text
    assert reruns() == []
    assert run_again(app, cast, which="chosen", id=str(second.id)) == 303
    assert reruns() == [second.id]
    assert f"id-{first.id}" in page_of(app, cast)
