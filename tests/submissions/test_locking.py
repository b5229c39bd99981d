"""What changes one submission at the same moment, on PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select, text

from app import Parts, create_app
from app.platform import tokens
from app.platform.db import Base, db, unit_of_work
from app.policy import Viewer
from app.submissions import dispatch, events, locking, queries, services
from app.submissions.models import Attempt, Run, State, Submission
from tests import factories
from tests.conftest import make_settings
from tests.factories import NOW
from tests.fakes.carrier import FakeCarrier
from tests.fakes.storage import FakeStore
from tests.fakes.tally import FakeTally
from tests.loose import eventually
from tests.patience import PATIENCE_S
from worker.contract import Kind, RunEvent

pytestmark = pytest.mark.services

TOKEN = "the token of an attempt"
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def app(postgres_url: str) -> Iterator[Flask]:
    """An app on a PostgreSQL database of its own."""
    parts = Parts(store=FakeStore(), carrier=FakeCarrier(), tally=FakeTally())
    app = create_app(make_settings(database_url=postgres_url), parts)
    with app.app_context():
        Base.metadata.create_all(db.engine)
        yield app
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def runs(app: Flask) -> list[int]:
    """Two runs of one submission, both at work on their first attempt, with leases of a minute."""
    competition = factories.make_competition(factories.make_user("olga"))
    phase = factories.make_phase(competition, tasks=2)
    submission = factories.make_submission(phase, factories.make_user("pavel"), state=State.RUNNING)
    with unit_of_work():
        found = db.session.scalars(
            select(Run).where(Run.submission_id == submission.id).order_by(Run.id)
        ).all()
        for run in found:
            run.attempt, run.step = 1, "score"
            db.session.add(
                Attempt(
                    run_id=run.id, number=1, token_hash=tokens.digest(TOKEN), created_at=NOW,
                    claim="worker", last_seq=1, started_at=NOW, output_prefix=f"runs/{run.id}/1",
                    lease_until=NOW + timedelta(minutes=1),
                )
            )  # fmt: skip
        ids = [run.id for run in found]
    db.session.remove()
    return ids


def finish(run_id: int) -> None:
    event = RunEvent(seq=2, kind=Kind.FINISHED, scores={"score": 0.5})
    events.receive(run_id, TOKEN, 1, [event], now=LATER)


@contextmanager
def not_saved_yet(app: Flask, act: Callable[[], object]) -> Iterator[None]:
    """Do something in another transaction, which is saved at the end of the block."""
    done, go_on = threading.Event(), threading.Event()

    def work() -> None:
        with app.app_context(), unit_of_work():
            act()
            db.session.flush()
            done.set()
            assert go_on.wait(PATIENCE_S)

    other = threading.Thread(target=work)
    other.start()
    assert done.wait(PATIENCE_S)
    try:
        yield
    finally:
        go_on.set()
        other.join(PATIENCE_S)


def until_it_waits_or_ends(other: threading.Thread) -> None:
    """Return once another transaction can go no further before ours is saved."""
    waiting = text(
        "select count(*) from pg_stat_activity"
        " where wait_event_type = 'Lock' and datname = current_database()"
    )
    for _ in eventually("the other thread waits for a lock, or is done"):
        db.session.rollback()
        if not other.is_alive() or db.session.scalar(waiting):
            return


def states(run_ids: list[int]) -> tuple[list[str], str]:
    db.session.rollback()
    found = db.session.scalars(select(Run).where(Run.id.in_(run_ids)).order_by(Run.id)).all()
    submission = db.session.get_one(Submission, found[0].submission_id)
    return [run.state for run in found], submission.state


def test_run_that_ends_while_its_lease_runs_out_is_not_taken_away(
    app: Flask, runs: list[int]
) -> None:
    with not_saved_yet(app, lambda: finish(runs[0])):
        assert dispatch.sweep(now=LATER) == 0  # both belong to one submission
    assert dispatch.sweep(now=LATER) == 1
    assert states(runs) == ([State.FINISHED, State.SENT], State.SENT)
    first = select(Attempt.run_id, Attempt.outcome).where(Attempt.number == 1)
    attempts = db.session.execute(first.order_by(Attempt.run_id))
    assert attempts.tuples().all() == [
        (runs[0], "finished"), (runs[1], "The machine stopped answering."),
    ]  # fmt: skip


def test_runs_that_end_at_the_same_moment_end_their_submission(app: Flask, runs: list[int]) -> None:
    second = threading.Thread(target=_saved, args=(app, lambda: finish(runs[1])))
    with not_saved_yet(app, lambda: finish(runs[0])):
        second.start()
        until_it_waits_or_ends(second)
    second.join(PATIENCE_S)
    assert states(runs) == ([State.FINISHED, State.FINISHED], State.FINISHED)


def test_cancel_of_a_run_that_has_just_ended_leaves_it_its_score(
    app: Flask, runs: list[int]
) -> None:
    organizer = Viewer(user_id=1, username="rita", is_staff=True)
    submission_id = _submission_of(runs[0])

    def cancel() -> None:
        submission = queries.get(submission_id, organizer)
        services.cancel(organizer, submission, now=LATER)

    canceller = threading.Thread(target=_saved, args=(app, cancel))
    with not_saved_yet(app, lambda: finish(runs[0])):
        canceller.start()
        until_it_waits_or_ends(canceller)
    canceller.join(PATIENCE_S)
    assert states(runs) == ([State.FINISHED, State.CANCELLED], State.CANCELLED)


def test_dispatcher_waits_for_nobody(app: Flask, runs: list[int]) -> None:
    with not_saved_yet(app, lambda: locking.hold(_submission_of(runs[0]))):
        assert locking.try_run(runs[1]) is None
    found = locking.try_run(runs[1])
    assert found is not None
    assert found.id == runs[1]
    db.session.rollback()


def _saved(app: Flask, act: Callable[[], object]) -> None:
    with app.app_context(), unit_of_work():
        act()


def _submission_of(run_id: int) -> int:
    return db.session.get_one(Run, run_id).submission_id
