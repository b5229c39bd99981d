"""Submissions of one owner that end at the same moment, on PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask

from app import Parts, create_app
from app.competitions.models import Phase
from app.leaderboards import services
from app.platform.db import Base, db, unit_of_work
from app.submissions.models import State, Submission
from tests.conftest import make_settings
from tests.factories import NOW, make_competition, make_user
from tests.fakes.carrier import FakeCarrier
from tests.fakes.storage import FakeStore
from tests.fakes.tally import FakeTally
from tests.leaderboards.boards import AUC, entries, marked, phase_with, submitted
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.services
AT_ONCE = 6


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


@pytest.mark.parametrize(("rule", "kept"), [("Force_Best", 1), ("Force_Latest_Multiple", AT_ONCE)])
def test_submissions_that_end_at_once_leave_the_entries_of_the_rule(
    app: Flask, rule: str, kept: int
) -> None:
    phase, owner = phase_with(make_competition(), AUC, rule=rule), make_user()
    made = [
        submitted(phase, owner, {"auc": number / 10}, minute=number, state=State.RUNNING).id
        for number in range(AT_ONCE)
    ]
    phase_id = phase.id
    db.session.remove()
    together = threading.Barrier(AT_ONCE, timeout=PATIENCE_S)

    def end(submission_id: int) -> None:
        with app.app_context(), unit_of_work():
            submission = db.session.get_one(Submission, submission_id)
            submission.state = State.FINISHED
            db.session.flush()
            together.wait()
            services.refresh(submission, now=NOW)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(end, made))
    phase = db.session.get_one(Phase, phase_id)
    assert entries(phase) == made[::-1][:kept]
    assert marked(phase) == set(made[::-1][:kept])
