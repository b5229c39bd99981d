"""A phase is open from its first second to the one before its last; only our clock counts."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from app.platform.db import db
from app.submissions.models import Submission, SubmissionCount
from tests import factories
from tests.actors import browser
from tests.factories import NOW

pytestmark = pytest.mark.security

SECOND = timedelta(seconds=1)
ENDS = NOW + timedelta(days=10)
BEGINS = NOW - timedelta(days=10)


class Desk:
    """A participant's browser, a file to hand in, and a clock that a test sets."""

    def __init__(self, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
        pavel = factories.make_user("pavel")
        competition = factories.make_competition()
        self.phase = factories.make_phase(
            competition, starts_at=BEGINS, ends_at=ENDS, max_submissions_per_day=1
        )
        factories.make_participant(competition, pavel)
        factories.make_queue()
        self.files = [factories.make_file(pavel).key for _ in range(2)]
        self._client: FlaskClient = browser(app, pavel)
        self._patch = monkeypatch

    def submit(self, at: datetime, **more: str) -> int:
        for module in ("submissions.dispatch.clock_now", "submissions.routes.now"):
            self._patch.setattr(f"app.{module}", lambda: at)
        form = {"file": self.files[0], **more}
        return self._client.post(f"/phases/{self.phase.id}/submissions", data=form).status_code


@pytest.fixture
def desk(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(app, monkeypatch)


@pytest.mark.parametrize(
    ("at", "status"),
    [
        (BEGINS - SECOND, 422),
        (BEGINS, 303),
        (BEGINS + SECOND, 303),
        (ENDS - SECOND, 303),
        (ENDS, 422),
        (ENDS + SECOND, 422),
    ],
)
def test_second_decides(desk: Desk, at: datetime, status: int) -> None:
    assert desk.submit(at) == status
    made = db.session.scalar(select(func.count()).select_from(Submission))
    assert made == (1 if status == 303 else 0)


def test_time_that_a_client_claims_counts_nothing(desk: Desk) -> None:
    early = (ENDS - SECOND).isoformat()
    claims = {"created_at": early, "created_when": early, "now": early, "day": "2020-01-01"}
    assert desk.submit(ENDS + SECOND, **claims) == 422
    assert desk.submit(ENDS - SECOND, created_at="2020-01-01T00:00:00+00:00") == 303
    assert db.session.scalars(select(Submission.created_at)).one() == ENDS - SECOND


def test_day_of_a_limit_is_the_day_in_utc(desk: Desk) -> None:
    midnight = datetime.fromisoformat("2027-01-15T00:00:00+00:00")
    assert desk.submit(midnight - SECOND) == 303
    assert desk.submit(midnight - SECOND) == 422
    assert desk.submit(midnight) == 303
    days = {str(day) for day in db.session.scalars(select(SubmissionCount.day))}
    assert {"2027-01-14", "2027-01-15"} <= days
