from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from app.accounts.models import User
from app.competitions import queries as competitions
from app.competitions.models import Competition, Membership, Participant, Phase
from app.errors import Conflict, Forbidden, Invalid, Refused
from app.platform.db import db, unit_of_work
from app.queues.models import ComputeQueue
from app.submissions import queries, quota, services
from app.submissions.drafts import SubmissionDraft
from app.submissions.models import Run, State, Submission
from tests import factories
from tests.factories import NOW
from tests.fakes.carrier import FakeCarrier
from tests.submissions.conftest import viewer_of


def submit(phase: Phase, name: str, **draft: object) -> int:
    viewer = viewer_of(name)
    owner = db.session.get_one(User, viewer.user_id)
    file = factories.make_file(owner)
    values = {"file_key": file.key, **draft}
    with unit_of_work():
        loaded = competitions.get_phase(phase.id, viewer)
        return services.submit(viewer, loaded, SubmissionDraft(**values), now=NOW).id  # type: ignore[arg-type]


def used(phase: Phase, user: User) -> tuple[int, int]:
    found = quota.allowance(phase, user.id, NOW)
    return found.used_today, found.used


def test_submission_makes_one_run_for_each_task_and_takes_a_try(
    phase: Phase, pavel: User, carrier: FakeCarrier
) -> None:
    submission_id = submit(phase, "pavel")
    runs = db.session.scalars(select(Run).where(Run.submission_id == submission_id)).all()
    assert [run.order for run in runs] == [0, 1]
    assert {run.task_revision_id for run in runs} != {None}
    assert len({submission_id, *(run.id for run in runs)}) == 3
    assert used(phase, pavel) == (1, 1)


def test_run_is_sent_after_the_commit_with_a_token_that_is_not_stored(
    phase: Phase, pavel: User, carrier: FakeCarrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.submissions.dispatch.clock_now", lambda: NOW)
    submit(phase, "pavel")
    (queue_id, job_id, spec), *_ = carrier.runs
    assert queue_id == "queueone"
    assert job_id.startswith("queueone-")
    assert spec["token"].startswith("plb_run_")
    stored = db.session.execute(select(Submission, Run).join(Run)).all()
    assert spec["token"] not in repr(stored)


def test_stranger_may_not_submit(phase: Phase, app: object) -> None:
    factories.make_user("petra")
    with pytest.raises(Forbidden, match="Register"):
        submit(phase, "petra")


def test_pending_participant_may_not_submit(
    phase: Phase, pavel: User, competition: Competition
) -> None:
    with unit_of_work():
        db.session.execute(update(Participant).values(status=Membership.PENDING))
    with pytest.raises(Forbidden):
        submit(phase, "pavel")


def test_phase_that_has_not_opened_says_when_it_does(phase: Phase, pavel: User) -> None:
    with unit_of_work():
        db.session.execute(update(Phase).values(starts_at=NOW + timedelta(days=1)))
    with pytest.raises(Refused, match="opens on 15 Jan 2027, 09:30 UTC"):
        submit(phase, "pavel")


def test_phase_that_opens_at_no_date_says_so(phase: Phase, pavel: User) -> None:
    with unit_of_work():
        db.session.execute(update(Phase).values(starts_at=NOW + timedelta(days=69 * 366)))
    with pytest.raises(Refused, match="has no date yet"):
        submit(phase, "pavel")


def test_closed_phase_refuses_submission_at_the_very_second_of_its_end(
    phase: Phase, pavel: User
) -> None:
    with unit_of_work():
        db.session.execute(update(Phase).values(ends_at=NOW))
    with pytest.raises(Refused, match="is closed"):
        submit(phase, "pavel")
    assert used(phase, pavel) == (0, 0)


def test_other_peoples_upload_is_refused(phase: Phase, pavel: User) -> None:
    theirs = factories.make_file(factories.make_user("petra"))
    with pytest.raises(Invalid, match="not yours"):
        submit(phase, "pavel", file_key=theirs.key)


def test_reference_data_cannot_be_submitted(phase: Phase, pavel: User) -> None:
    other = factories.make_file(pavel, kind="reference_data")
    with pytest.raises(Invalid):
        submit(phase, "pavel", file_key=other.key)


@pytest.mark.parametrize("unfinished", [{"is_complete": False}, {"size_bytes": 0}])
def test_upload_that_never_finished_is_refused(
    phase: Phase, pavel: User, unfinished: dict[str, object]
) -> None:
    file = factories.make_file(pavel, **unfinished)
    with pytest.raises(Invalid, match="never finished"):
        submit(phase, "pavel", file_key=file.key)


def test_daily_limit_refuses_the_next_one_and_says_when_the_day_begins(
    phase: Phase, pavel: User
) -> None:
    for _ in range(3):
        submit(phase, "pavel")
    with pytest.raises(Refused, match=r"all 3 submissions of today.*00:00 UTC"):
        submit(phase, "pavel")
    assert used(phase, pavel) == (3, 3)


def test_limit_of_zero_is_no_limit(phase: Phase, pavel: User) -> None:
    with unit_of_work():
        db.session.execute(
            update(Phase).values(max_submissions_per_day=0, max_submissions_per_person=0)
        )
    for _ in range(7):
        submit(phase, "pavel")
    assert used(phase, pavel) == (7, 7)


def test_same_act_sent_twice_makes_one_submission(phase: Phase, pavel: User) -> None:
    first = submit(phase, "pavel", idempotency_key="once")
    assert submit(phase, "pavel", idempotency_key="once") == first
    assert db.session.scalar(select(func.count()).select_from(Submission)) == 1
    assert used(phase, pavel) == (1, 1)


def test_required_question_without_an_answer_is_refused(
    phase: Phase, pavel: User, competition: Competition
) -> None:
    question = {"key": "method", "type": "text", "title": "Method", "selection": [],
                "is_required": True, "is_on_leaderboard": True}  # fmt: skip
    with unit_of_work():
        db.session.get_one(Competition, competition.id).fact_sheet = [question]
    with pytest.raises(Invalid, match="method: This question needs an answer"):
        submit(phase, "pavel")
    assert submit(phase, "pavel", fact_sheet_answers={"method": "trees"})


def test_cancel_before_scoring_gives_the_try_back(phase: Phase, pavel: User) -> None:
    submission_id = submit(phase, "pavel")
    with unit_of_work():
        viewer = viewer_of("pavel")
        services.cancel(viewer, queries.get(submission_id, viewer), now=NOW)
    submission = db.session.get_one(Submission, submission_id)
    assert (submission.state, submission.reason) == (
        State.CANCELLED,
        "The participant cancelled it.",
    )
    assert used(phase, pavel) == (0, 0)


def test_cancel_during_scoring_uses_the_try(phase: Phase, pavel: User) -> None:
    submission_id = submit(phase, "pavel")
    with unit_of_work():
        db.session.execute(update(Run).values(state=State.RUNNING, step="score"))
    with unit_of_work():
        viewer = viewer_of("pavel")
        services.cancel(viewer, queries.get(submission_id, viewer), now=NOW)
    assert used(phase, pavel) == (1, 1)


def test_cancelling_what_is_over_is_a_conflict(phase: Phase, pavel: User) -> None:
    done = factories.make_submission(phase, pavel)
    viewer = viewer_of("pavel")
    with pytest.raises(Conflict, match="over"):
        services.cancel(viewer, queries.get(done.id, viewer), now=NOW)


def test_stranger_may_not_cancel(phase: Phase, pavel: User) -> None:
    submission_id = submit(phase, "pavel")
    factories.make_user("petra")
    submission = queries.get(submission_id, viewer_of("pavel"))
    with pytest.raises(Forbidden):
        services.cancel(viewer_of("petra"), submission, now=NOW)


def test_organizer_run_benchmark_holds_submissions_until_they_are_started(
    phase: Phase, pavel: User, competition: Competition, carrier: FakeCarrier,
    queue: ComputeQueue, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("app.submissions.dispatch.clock_now", lambda: NOW)
    with unit_of_work():
        db.session.get_one(Competition, competition.id).auto_run_submissions = False
    submission_id = submit(phase, "pavel")
    assert carrier.runs == []
    pavel_view = viewer_of("pavel")
    submission = queries.get(submission_id, pavel_view)
    with pytest.raises(Forbidden):
        services.start_held(pavel_view, submission, now=NOW)
    with unit_of_work():
        olga = viewer_of("olga")
        services.start_held(olga, queries.get(submission_id, olga), now=NOW)
    assert len(carrier.runs) == 2
