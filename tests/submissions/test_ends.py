from __future__ import annotations

import pytest
from sqlalchemy import select

from app.accounts.models import User
from app.competitions.models import Competition
from app.platform.db import db, unit_of_work
from app.submissions import dispatch, ends, outcome
from app.submissions.ends import End
from app.submissions.models import Attempt, Run, State
from tests import factories
from tests.factories import NOW
from tests.fakes.carrier import FakeCarrier


@pytest.fixture
def run_id(competition: Competition, pavel: User, carrier: FakeCarrier) -> int:
    """A run that was sent: its first attempt is under way."""
    phase = factories.make_phase(competition, tasks=1)
    made = factories.make_submission(phase, pavel, state=State.QUEUED)
    dispatch.dispatch(now=NOW)
    assert len(carrier.runs) == 1
    return db.session.scalars(select(Run.id).where(Run.submission_id == made.id)).one()


def found(run_id: int) -> tuple[End, str]:
    """Return how its first attempt ended, asked both ways."""
    db.session.rollback()
    run = db.session.get_one(Run, run_id)
    attempt = db.session.scalars(
        select(Attempt).where(Attempt.run_id == run_id, Attempt.number == 1)
    ).one()
    query = select(ends.in_sql()).select_from(Attempt).join(Run, Run.id == Attempt.run_id)
    in_sql = db.session.scalars(query.where(Attempt.id == attempt.id)).one()
    return ends.of(run, attempt), in_sql


def run_of(run_id: int) -> Run:
    return db.session.get_one(Run, run_id)


def test_attempt_is_under_way_until_it_ends(run_id: int) -> None:
    assert found(run_id)[0] is End.UNDER_WAY


@pytest.mark.parametrize("state", [State.FAILED, State.CANCELLED])
def test_end_of_the_run_is_that_of_its_attempt(run_id: int, state: State) -> None:
    with unit_of_work():
        outcome.end(run_of(run_id), state, now=NOW, reason="why")
    assert found(run_id) == (End.RUN_ENDED, End.RUN_ENDED)


def test_handed_back_attempt_stays_so_when_the_waiting_run_is_cancelled(run_id: int) -> None:
    with unit_of_work():
        outcome.hand_back(run_of(run_id), 1, "The worker was told to stop.", now=NOW, ring=False)
    assert found(run_id) == (End.HANDED_BACK, End.HANDED_BACK)
    with unit_of_work():
        outcome.end(run_of(run_id), State.CANCELLED, now=factories.NOW.replace(hour=12))
    assert found(run_id) == (End.HANDED_BACK, End.HANDED_BACK)


@pytest.mark.parametrize("counts", [True, False])
def test_lost_attempt_is_lost_whether_it_counts_or_not(run_id: int, counts: bool) -> None:
    with unit_of_work():
        outcome.lose(run_of(run_id), outcome.SILENT, now=NOW, counts=counts)
    assert found(run_id) == (End.LOST, End.LOST)
