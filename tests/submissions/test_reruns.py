from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from app.accounts.models import User
from app.competitions import queries as competitions
from app.competitions.models import Competition, Phase
from app.errors import Forbidden, Invalid
from app.leaderboards import queries as boards
from app.leaderboards import services as leaderboards
from app.platform.db import db, unit_of_work
from app.resources.models import StoredFile, TaskRevision
from app.submissions import outcome, queries, quota, reruns
from app.submissions.models import Run, RunScore, State, Submission
from tests import factories
from tests.actors import log_in
from tests.factories import NOW
from tests.leaderboards.boards import counted, entries, tell
from tests.submissions.conftest import viewer_of

LATER = NOW + timedelta(hours=1)


@pytest.fixture(autouse=True)
def _no_bell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.submissions.dispatch.ring", lambda: None)


@pytest.fixture
def ranked(competition: Competition) -> Phase:
    board = factories.make_board(competition, submission_rule="Force_Best")
    return factories.make_phase(competition, board=board)


def run_again(
    competition: Competition, *ids: int, key: str = "click", task_id: int | None = None
) -> list[Submission]:
    """Re-run as the organizer; returns the re-runs that there are."""
    with unit_of_work():
        viewer = viewer_of("olga")
        loaded = competitions.get(competition.id, viewer)
        reruns.rerun(viewer, loaded, ids, key, now=LATER, task_id=task_id)
    return all_reruns()


def run_phase_again(phase: Phase, key: str = "click") -> int:
    with unit_of_work():
        viewer = viewer_of("olga")
        return reruns.rerun_phase(
            viewer, competitions.get_phase(phase.id, viewer), key, now=LATER
        )  # fmt: skip


def all_reruns() -> list[Submission]:
    statement = select(Submission).where(Submission.rerun_of_id.is_not(None))
    statement = statement.order_by(Submission.id).execution_options(populate_existing=True)
    return list(db.session.scalars(statement))


def end(submission: Submission, score: float | None) -> None:
    """Let a submission's runs end: with this score, or by failing."""
    with unit_of_work():
        for run in db.session.scalars(select(Run).where(Run.submission_id == submission.id)):
            run.state = State.RUNNING
            if score is not None:
                column = boards_column(submission)
                db.session.add(RunScore(run_id=run.id, column_id=column, value=score))
            state = State.FAILED if score is None else State.FINISHED
            outcome.end(run, state, now=LATER)


def boards_column(submission: Submission) -> int:
    phase = db.session.get_one(Phase, submission.phase_id)
    viewer = viewer_of("olga")
    board = competitions.get_phase(phase.id, viewer).leaderboard
    assert board is not None
    return board.columns[0].id


def scored(phase: Phase, owner: User, score: float, **more: object) -> Submission:
    made = factories.make_submission(phase, owner, [{"score": score}], **more)  # type: ignore[arg-type]
    tell(made)
    return made


def runs_of(submission: Submission) -> Sequence[Run]:
    return db.session.scalars(
        select(Run).where(Run.submission_id == submission.id).order_by(Run.order)
    ).all()


def test_rerun_keeps_file_owner_and_answers_and_uses_no_try(
    phase: Phase, pavel: User, competition: Competition
) -> None:
    original = factories.make_submission(phase, pavel, fact_sheet_answers={"method": "trees"})
    (again,) = run_again(competition, original.id)
    assert (again.file_id, again.owner_id, again.phase_id) == (
        original.file_id, pavel.id, phase.id,
    )  # fmt: skip
    assert again.fact_sheet_answers == {"method": "trees"}
    assert (again.rerun_of_id, again.state, again.is_trial) == (original.id, State.QUEUED, False)
    assert again.created_at == LATER
    assert [run.order for run in runs_of(again)] == [0, 1]
    assert quota.allowance(phase, pavel.id, LATER).used == 0


def test_rerun_uses_the_current_revision_of_each_task(
    phase: Phase, pavel: User, competition: Competition
) -> None:
    original = factories.make_submission(phase, pavel)
    task_id = runs_of(original)[0].task_id
    factories.save(TaskRevision(task_id=task_id, number=2, created_at=NOW))
    (again,) = run_again(competition, original.id)
    numbers = [
        db.session.get_one(TaskRevision, run.task_revision_id).number for run in runs_of(again)
    ]
    assert numbers == [2, 1]


def test_two_clicks_make_one_rerun(phase: Phase, pavel: User, competition: Competition) -> None:
    original = factories.make_submission(phase, pavel)
    run_again(competition, original.id)
    assert len(run_again(competition, original.id)) == 1
    assert run_phase_again(phase, "click") == 1
    assert len(all_reruns()) == 1


def test_whole_phase_runs_the_newest_of_each_family_only(
    phase: Phase, pavel: User, competition: Competition
) -> None:
    petra = factories.make_user("petra")
    for owner in (pavel, petra):
        factories.make_submission(phase, owner)
    for key, expected in (("first", 2), ("second", 2), ("third", 2)):
        assert run_phase_again(phase, key) == expected
        for again in all_reruns():
            if again.state == State.QUEUED:
                end(again, 0.5)
    assert len(all_reruns()) == 6
    assert {again.rerun_of_id for again in all_reruns()} == set(
        db.session.scalars(select(Submission.id).where(Submission.rerun_of_id.is_(None)))
    )


def test_whole_phase_leaves_out_what_is_not_over_was_cancelled_or_has_no_file(
    phase: Phase, pavel: User
) -> None:
    factories.make_submission(phase, pavel, state=State.RUNNING)
    factories.make_submission(phase, pavel, state=State.CANCELLED)
    gone = factories.make_submission(phase, pavel)
    with unit_of_work():
        db.session.get_one(StoredFile, gone.file_id).is_complete = False
    failed = factories.make_submission(phase, pavel, state=State.FAILED)
    viewer = viewer_of("olga")
    plan = reruns.plan_for_phase(viewer, competitions.get_phase(phase.id, viewer))
    assert [one.id for one in plan.sources] == [failed.id]
    assert (plan.live, plan.withdrawn, plan.gone) == (1, 1, 1)


def test_chosen_ones_of_one_family_make_one_rerun_and_other_benchmarks_none(
    phase: Phase, pavel: User, competition: Competition
) -> None:
    original = factories.make_submission(phase, pavel)
    (again,) = run_again(competition, original.id)
    end(again, 0.5)
    elsewhere = factories.make_submission(factories.make_phase(factories.make_competition()), pavel)
    made = run_again(competition, original.id, again.id, elsewhere.id, key="other")
    assert [one.rerun_of_id for one in made] == [original.id, original.id]


def test_cancelled_one_is_run_again_when_it_is_named(
    phase: Phase, pavel: User, competition: Competition
) -> None:
    original = factories.make_submission(phase, pavel, state=State.CANCELLED)
    assert len(run_again(competition, original.id)) == 1


def test_only_organizers_run_again(phase: Phase, pavel: User) -> None:
    viewer = viewer_of("pavel")
    loaded = competitions.get_phase(phase.id, viewer)
    with pytest.raises(Forbidden):
        reruns.rerun_phase(viewer, loaded, "click", now=NOW)
    with pytest.raises(Forbidden):
        reruns.rerun(viewer, loaded.competition, [1], "click", now=NOW)


def test_form_without_a_key_is_refused(phase: Phase, pavel: User) -> None:
    with pytest.raises(Invalid, match="has no key"):
        run_phase_again(phase, "")


def test_finished_rerun_takes_the_place_of_its_original(
    ranked: Phase, pavel: User, competition: Competition
) -> None:
    original = scored(ranked, pavel, 0.9)
    (again,) = run_again(competition, original.id)
    assert entries(ranked) == [original.id]
    end(again, 0.4)
    assert entries(ranked) == [again.id]


def test_failed_rerun_leaves_the_originals_entry_standing(
    ranked: Phase, pavel: User, competition: Competition
) -> None:
    original = scored(ranked, pavel, 0.9)
    (again,) = run_again(competition, original.id)
    end(again, None)
    assert entries(ranked) == [original.id]


def test_later_rerun_stands_whatever_the_order_of_endings(
    ranked: Phase, pavel: User, competition: Competition
) -> None:
    original = scored(ranked, pavel, 0.9)
    (first,) = run_again(competition, original.id)
    with unit_of_work():
        db.session.get_one(Submission, first.id).state = State.FAILED  # so that it is over
    _, second = run_again(competition, original.id, key="again")
    with unit_of_work():
        db.session.get_one(Submission, first.id).state = State.RUNNING
    end(second, 0.3)
    end(first, 0.8)
    assert entries(ranked) == [second.id]


def test_rerun_counts_as_submitted_when_its_original_was(
    competition: Competition, pavel: User
) -> None:
    board = factories.make_board(competition, submission_rule="Force_Last")
    phase = factories.make_phase(competition, board=board)
    early = scored(phase, pavel, 0.9)
    late = scored(phase, pavel, 0.5, created_at=NOW + timedelta(minutes=5))
    (again,) = run_again(competition, early.id)
    end(again, 0.9)
    assert entries(phase) == [late.id]


def test_tie_is_won_by_whoever_submitted_first_even_when_run_again(
    ranked: Phase, pavel: User, competition: Competition
) -> None:
    petra = factories.make_user("petra")
    first = scored(ranked, pavel, 0.5)
    second = scored(ranked, petra, 0.5, created_at=NOW + timedelta(minutes=5))
    (again,) = run_again(competition, first.id)
    end(again, 0.5)
    assert entries(ranked) == [again.id, second.id]


@pytest.mark.parametrize("rule", ["Add", "Add_And_Delete", "Add_And_Delete_Multiple"])
def test_rerun_replaces_by_itself_what_was_put_on_the_board_by_hand(
    competition: Competition, pavel: User, rule: str
) -> None:
    phase = factories.make_phase(
        competition, board=factories.make_board(competition, submission_rule=rule)
    )
    chosen, other = scored(phase, pavel, 0.5), scored(phase, pavel, 0.7)
    with unit_of_work():
        viewer = viewer_of("pavel")
        leaderboards.add(viewer, boards.submission(chosen.id, viewer), now=NOW)
    again, other_again = run_again(competition, chosen.id, other.id)
    for one in (again, other_again):
        end(one, 0.6)
    assert entries(phase) == [again.id]


def test_original_whose_rerun_finished_cannot_be_added(
    competition: Competition, pavel: User
) -> None:
    phase = factories.make_phase(
        competition, board=factories.make_board(competition, submission_rule="Add")
    )
    original = scored(phase, pavel, 0.5)
    (again,) = run_again(competition, original.id)
    end(again, 0.6)
    viewer = viewer_of("pavel")
    with pytest.raises(Exception, match=f"Submission {again.id} ran the same file again"):
        leaderboards.add(viewer, boards.submission(original.id, viewer), now=NOW)
    found = boards.own_submissions(competitions.get_phase(phase.id, viewer), viewer)
    assert [one.id for one in found] == [again.id]


def test_trial_runs_on_the_chosen_task_and_never_stands_on_a_board(
    ranked: Phase, pavel: User, competition: Competition
) -> None:
    original = scored(ranked, pavel, 0.5)
    task = factories.make_task(db.session.get_one(User, competition.owner_id))
    (trial,) = run_again(competition, original.id, task_id=task.id)
    assert [run.task_id for run in runs_of(trial)] == [task.id]
    end(trial, 0.99)
    assert entries(ranked) == [original.id]
    viewer = viewer_of("olga")
    with pytest.raises(Exception, match="taken off by hand"):
        leaderboards.add(viewer, boards.submission(trial.id, viewer), now=NOW)


def test_original_says_that_its_rerun_stands_on_the_board(
    client: FlaskClient, ranked: Phase, pavel: User, competition: Competition
) -> None:
    original = scored(ranked, pavel, 0.5)
    (rerun,) = run_again(competition, original.id)
    log_in(client, pavel)
    sentence = f"Its re-run, submission {rerun.id}, stands on the leaderboard in its place."
    assert sentence not in client.get(f"/submissions/{original.id}").text
    end(rerun, 0.75)
    assert sentence in client.get(f"/submissions/{original.id}").text
    assert (
        "stands on the leaderboard in its place" not in client.get(f"/submissions/{rerun.id}").text
    )


def test_trial_is_the_organizers_alone(phase: Phase, pavel: User, competition: Competition) -> None:
    original = factories.make_submission(phase, pavel)
    task = factories.make_task(db.session.get_one(User, competition.owner_id))
    (trial,) = run_again(competition, original.id, task_id=task.id)
    mine, theirs = viewer_of("pavel"), viewer_of("olga")
    assert queries.get(trial.id, theirs).id == trial.id
    with pytest.raises(Exception, match="no such submission"):
        queries.get(trial.id, mine)
    loaded = competitions.get(competition.id, mine)
    assert [row.submission.id for row in queries.mine(loaded, mine, 1).rows] == [original.id]
    shown = queries.get(original.id, mine)
    assert reruns.relatives(shown, mine) == []
    assert [one.id for one in reruns.relatives(queries.get(original.id, theirs), theirs)] == [
        trial.id
    ]


def test_trial_uses_no_task_of_other_people(
    phase: Phase, pavel: User, competition: Competition
) -> None:
    original = factories.make_submission(phase, pavel)
    foreign = factories.make_task(factories.make_user())
    with pytest.raises(Invalid, match="listed tasks"):
        run_again(competition, original.id, task_id=foreign.id)


def test_many_reruns_take_few_statements(
    phase: Phase, pavel: User, competition: Competition
) -> None:
    def cost(key: str) -> int:
        with counted() as statements:
            run_phase_again(phase, key)
        for again in all_reruns():
            if again.state == State.QUEUED:
                end(again, 0.5)
        return len(statements)

    factories.make_submission(phase, pavel)
    cost("first")
    few = cost("few")
    for _ in range(20):
        factories.make_submission(phase, pavel)
    assert cost("many") <= few
