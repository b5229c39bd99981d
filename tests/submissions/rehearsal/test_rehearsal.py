"""Rehearsals score every sample solution, and nobody but the organizers notices."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, select

from app.competitions import queries as competitions
from app.competitions.models import BoardColumn, Competition, Phase
from app.errors import Conflict, Forbidden, Refused
from app.platform.db import db, unit_of_work
from app.policy import Viewer
from app.resources.models import Task, TaskRevision
from app.submissions import outcome, quota
from app.submissions.models import LogChunk, Run, RunScore, State, Submission
from app.submissions.rehearsal import queries, services
from app.submissions.scheduling import REHEARSAL
from tests.actors import Cast, browser, make_cast
from tests.factories import NOW, make_competition, make_phase, make_submission, make_task, save
from tests.submissions.rehearsal.conftest import make_solution
from worker.contract import Blame

CHANCE = re.compile(
    rb'(?<=name="csrf_token" value=")[^"]*|(?<=name="csrf-token" content=")[^"]*'
    rb'|(?<=name="key" value=")[^"]*|(?<=request <code>)[^<]*'
)
"""What differs each time a page is opened."""


@dataclass(frozen=True)
class Stage:
    """A benchmark with two phases, two tasks and three sample solutions."""

    competition: Competition
    phases: list[Phase]
    tasks: list[Task]
    organizer: Viewer


@pytest.fixture
def cast(app: Flask) -> Cast:
    return make_cast(enable_detailed_results=True)


@pytest.fixture
def stage(cast: Cast) -> Stage:
    tasks = [make_task(cast.olga, name=name, programs=True) for name in ("North", "South")]
    first = make_phase(cast.competition, tasks=tasks[:1], name="First")
    second = make_phase(cast.competition, tasks=tasks, name="Second")
    make_solution(cast.competition, tasks, "Mean")
    make_solution(cast.competition, tasks[1:], "Median")
    return Stage(cast.competition, [first, second], tasks, Viewer(cast.olga.id, "olga"))


def rehearse(stage: Stage) -> int:
    with unit_of_work():
        competition = competitions.get(stage.competition.id, stage.organizer)
        return services.rehearse(stage.organizer, competition, now=NOW)


def rehearsals() -> list[Submission]:
    db.session.rollback()
    found = select(Submission).where(Submission.is_rehearsal).order_by(Submission.id)
    return list(db.session.scalars(found))


def end(state: State, blame: str = "", reason: str = "") -> None:
    """Let every run of the rehearsals end, with a score where it finished."""
    with unit_of_work():
        waiting = [one.id for one in rehearsals() if one.state not in ("finished", "failed")]
        for run in db.session.scalars(select(Run).where(Run.submission_id.in_(waiting))).all():
            column = db.session.scalars(
                select(BoardColumn)
                .join(Phase, Phase.leaderboard_id == BoardColumn.leaderboard_id)
                .join(Submission, Submission.phase_id == Phase.id)
                .where(Submission.id == run.submission_id)
            ).one()
            run.state = State.RUNNING
            run.container_s = 3.0
            if state == State.FINISHED:
                db.session.add(RunScore(run_id=run.id, column_id=column.id, value=0.75))
            outcome.end(run, state, now=NOW + timedelta(minutes=1), reason=reason, blame=blame)


def table(stage: Stage) -> queries.Rehearsal:
    db.session.rollback()
    return queries.table(stage.competition, stage.organizer)


def test_every_solution_runs_once_on_each_of_its_tasks(stage: Stage) -> None:
    assert rehearse(stage) == 3
    made = rehearsals()
    first, second = stage.phases
    assert [(one.phase_id, one.solution_id) for one in made] == [
        (first.id, made[0].solution_id),  # North, in the first phase that has it
        (second.id, made[0].solution_id),
        (second.id, made[2].solution_id),
    ]
    runs = db.session.scalars(select(Run).order_by(Run.id)).all()
    assert {(run.state, run.priority) for run in runs} == {("queued", REHEARSAL)}
    north, south = stage.tasks
    assert [run.task_id for run in runs] == [north.id, south.id, south.id]


def test_rehearsal_is_queued_where_submissions_are_held(stage: Stage) -> None:
    with unit_of_work():
        db.session.get_one(Competition, stage.competition.id).auto_run_submissions = False
    rehearse(stage)
    assert {one.state for one in rehearsals()} == {"queued"}


def test_second_click_waits_until_the_first_is_over(stage: Stage) -> None:
    rehearse(stage)
    with pytest.raises(Conflict, match="under way"):
        rehearse(stage)
    end(State.FINISHED)
    assert rehearse(stage) == 3


def test_benchmark_without_solutions_has_nothing_to_rehearse(cast: Cast) -> None:
    empty = make_competition(cast.olga)
    make_phase(empty)
    with pytest.raises(Refused, match="no sample solution"):
        services.rehearse(Viewer(cast.olga.id, "olga"), empty, now=NOW)


def test_solutions_of_other_benchmarks_are_left_alone(stage: Stage, cast: Cast) -> None:
    elsewhere = make_competition(cast.olga)
    make_phase(elsewhere, tasks=stage.tasks)
    make_solution(elsewhere, stage.tasks, "Theirs")
    assert {pair.solution.name for pair in queries.pairs(stage.competition.id)} == {
        "Mean", "Median",
    }  # fmt: skip


def test_only_organizers_rehearse(stage: Stage, cast: Cast) -> None:
    for person in (cast.pavel, cast.petra):
        viewer = Viewer(person.id, person.username, memberships={stage.competition.id: "approved"})
        with pytest.raises(Forbidden):
            services.rehearse(viewer, stage.competition, now=NOW)
        with pytest.raises(Forbidden):
            queries.table(stage.competition, viewer)


def test_table_shows_scores_reasons_and_whose_they_are(
    app: Flask, stage: Stage, cast: Cast
) -> None:
    olga = browser(app, cast.olga)
    address = f"/benchmarks/{stage.competition.id}"
    assert "Not rehearsed yet." in olga.get(f"{address}/manage").text
    assert olga.post(f"{address}/rehearsal").status_code == 303
    shown = olga.get(f"{address}/rehearsal").text
    assert "The rehearsal of 2 solutions is under way." in shown
    assert 'hx-trigger="every 1s"' in shown
    end(State.FAILED, Blame.ORGANIZER, "There is no truth.csv.")
    shown = olga.get(f"{address}/rehearsal").text
    assert shown.count("There is no truth.csv. The task or the solution is at fault") == 3
    assert "Rehearsed, 0 of 2 solutions scored." in olga.get(f"{address}/manage").text
    olga.post(f"{address}/rehearsal")
    assert "3 runs are queued." in olga.get(f"{address}/rehearsal").text
    end(State.FINISHED)
    polled = olga.get(f"{address}/rehearsal/status", headers={"HX-Request": "true"}).text
    assert "The rehearsal is over." in polled.split('id="flashes"')[1]
    assert "runs are queued" not in polled
    shown = olga.get(f"{address}/rehearsal").text
    assert "The rehearsal is over." not in shown
    assert "hx-trigger" not in shown
    assert shown.count(">0.75<") == 3
    assert "Rehearsed, 2 of 2 solutions scored." in olga.get(f"{address}/manage").text
    link = f"/submissions/{rehearsals()[-1].id}"
    assert f'href="{link}?run=' in shown
    assert "A rehearsal: a sample solution" in olga.get(link).text


def test_last_line_of_the_scoring_programs_errors_is_shown_beside_the_reason(
    app: Flask, stage: Stage, cast: Cast
) -> None:
    rehearse(stage)
    with unit_of_work():
        first, second, third = db.session.scalars(select(Run).order_by(Run.id)).all()
        for run in (first, second, third):
            run.attempt = 2
        for run, attempt, seq, stream, text in (
            (third, 1, 1, "scoring_stderr", "of the attempt before"),
            (first, 2, 1, "scoring_stderr", "Traceback\nKeyError: 'case <7>'\n"),
            (first, 2, 2, "scoring_stderr", "\n"),
            (first, 2, 3, "scoring_stdout", "printed"),
            (second, 2, 1, "prediction_stderr", "warned"),
        ):
            db.session.add(
                LogChunk(run_id=run.id, attempt=attempt, seq=seq, stream=stream, text=text)
            )
    end(State.FAILED, Blame.ORGANIZER, "Scoring ended with code 1.")
    said = [str(row.complaint) for row in table(stage).rows]
    assert said == ["KeyError: &#39;case &lt;7&gt;&#39;", "", ""]
    shown = browser(app, cast.olga).get(f"/benchmarks/{stage.competition.id}/rehearsal").text
    assert shown.count("The scoring program ended with:") == 1
    assert "<code>KeyError: &#39;case &lt;7&gt;&#39;</code>" in shown


def test_runs_are_counted_beside_solutions(app: Flask, stage: Stage, cast: Cast) -> None:
    rehearse(stage)
    end(State.FINISHED)
    for task in stage.tasks[1:]:
        save(TaskRevision(task_id=task.id, number=2, created_at=NOW))
    shown = browser(app, cast.olga).get(f"/benchmarks/{stage.competition.id}/manage").text
    assert "Rehearsed, 0 of 2 solutions scored. 1 of 3 runs were scored." in shown


def test_manage_says_how_to_get_a_rehearsal_where_there_is_none(app: Flask, cast: Cast) -> None:
    make_phase(cast.competition)
    shown = browser(app, cast.olga).get(f"/benchmarks/{cast.competition.id}/manage").text
    assert "<h2>Rehearsal</h2>" in shown
    assert "under the key “solutions”" in shown
    assert "Rehearse</button>" not in shown


def test_solution_counts_as_scored_once_all_its_tasks_are(
    app: Flask, stage: Stage, cast: Cast
) -> None:
    rehearse(stage)
    end(State.FINISHED)
    assert table(stage).summary == competitions.Rehearsed(2, 2, 3, 3, is_begun=True, is_over=True)
    save(TaskRevision(task_id=stage.tasks[0].id, number=2, created_at=NOW))
    found = table(stage)
    assert [row.is_current for row in found.rows] == [False, True, True]
    assert (found.summary.scored, found.summary.solutions) == (1, 2)
    assert found.summary.is_changed
    page = browser(app, cast.olga).get(f"/benchmarks/{stage.competition.id}/manage").text
    assert "A task was changed since: rehearse again." in page
    assert (found.summary.scored_runs, found.summary.runs) == (2, 3)


def test_table_costs_the_same_for_many_solutions(app: Flask, stage: Stage) -> None:
    def cost() -> int:
        counted: list[int] = []

        def note(*_said: object) -> None:
            counted.append(1)

        db.session.rollback()
        competition = competitions.get(stage.competition.id, stage.organizer)
        event.listen(db.engine, "before_cursor_execute", note)
        try:
            queries.table(competition, stage.organizer)
        finally:
            event.remove(db.engine, "before_cursor_execute", note)
        return len(counted)

    rehearse(stage)
    end(State.FINISHED)
    before = cost()
    for number in range(10):
        make_solution(stage.competition, stage.tasks, f"More {number}")
    rehearse(stage)
    end(State.FINISHED)
    assert cost() == before


def pages(stage: Stage) -> list[str]:
    address = f"/benchmarks/{stage.competition.id}"
    boards = [f"{address}/leaderboard", f"{address}/leaderboard?phase={stage.phases[1].id}"]
    return [
        "/", "/benchmarks/", "/benchmarks/mine", address, f"{address}/phases", f"{address}/data",
        f"{address}/submit", f"{address}/submissions", f"{address}/submissions/all",
        f"{address}/submissions/held", f"{address}/phases/manage", *boards,
        *(f"/phases/{phase.id}/{what}" for phase in stage.phases
          for what in ("reruns", "migration", "leaderboard.json")),
    ]  # fmt: skip


def seen(app: Flask, cast: Cast, stage: Stage) -> dict[tuple[str, str], bytes]:
    found = {}
    for part, person in cast.people().items():
        client: FlaskClient = browser(app, person)
        for path in pages(stage):
            found[part, path] = CHANCE.sub(b"", client.get(path).data)
    return found


def test_rehearsal_changes_no_board_count_or_list_for_anybody(
    app: Flask, cast: Cast, stage: Stage
) -> None:
    for phase in stage.phases:
        for person in (cast.pavel, cast.olga):
            make_submission(phase, person, [{"score": 0.5}] * 2)
    first, second = stage.phases
    with unit_of_work():
        db.session.get_one(Phase, second.id).required_phase_id = first.id
    before = seen(app, cast, stage)
    used = [quota.allowance(phase, cast.olga.id, NOW).used for phase in stage.phases]
    rehearse(stage)
    assert seen(app, cast, stage) == before
    end(State.FINISHED)
    assert seen(app, cast, stage) == before
    assert used == [quota.allowance(phase, cast.olga.id, NOW).used for phase in stage.phases]
    assert not any(one.on_board for one in rehearsals())


def test_nobody_but_organizers_sees_a_rehearsal(app: Flask, cast: Cast, stage: Stage) -> None:
    rehearse(stage)
    address = f"/benchmarks/{stage.competition.id}/rehearsal"
    for part, person in cast.people().items():
        may = part in ("organizer", "staff")
        client = browser(app, person)
        for path in (address, f"/submissions/{rehearsals()[0].id}"):
            assert (client.get(path).status_code == 200) is may, (part, path)
