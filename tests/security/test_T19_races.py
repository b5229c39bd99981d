"""Twenty clicks at five tries, on both databases: five are taken, whatever the threads do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from app import create_app
from app.accounts.models import User
from app.competitions import queries as competitions
from app.errors import Refused
from app.platform.db import Base, db, unit_of_work
from app.submissions import services
from app.submissions.drafts import SubmissionDraft
from app.submissions.models import Run, Submission, SubmissionCount
from tests import factories
from tests.conftest import _parts, make_settings
from tests.patience import PATIENCE_S

CLICKS, TRIES = 20, 5


def _app(database_url: str) -> Iterator[Flask]:
    app = create_app(make_settings(database_url=database_url), _parts())
    with app.app_context():
        Base.metadata.create_all(db.engine)
        yield app
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def racing(request: pytest.FixtureRequest) -> Iterator[Flask]:
    if request.param == "sqlite":
        folder = request.getfixturevalue("tmp_path")
        yield from _app(f"sqlite:///{folder}/race.db")
    else:
        yield from _app(request.getfixturevalue("postgres_url"))


both = pytest.mark.parametrize(
    "racing",
    ["sqlite", pytest.param("postgresql", marks=pytest.mark.services)],
    indirect=True,
)
pytestmark = pytest.mark.security


def _scene(**limits: Any) -> tuple[int, int, list[str]]:
    """Make an open phase, somebody who takes part, and a file for each click."""
    pavel = factories.make_user("pavel")
    competition = factories.make_competition()
    phase = factories.make_phase(competition, **limits)
    factories.make_participant(competition, pavel)
    factories.make_queue()
    keys = [factories.make_file(pavel).key for _ in range(CLICKS)]
    ids = phase.id, pavel.id
    db.session.remove()
    return *ids, keys


def _clicking(app: Flask, phase_id: int, start: threading.Barrier) -> Callable[[str, str], str]:
    def click(file_key: str, idempotency_key: str) -> str:
        with app.app_context():
            start.wait(PATIENCE_S)
            try:
                with unit_of_work():
                    user = db.session.scalars(select(User).where(User.username == "pavel")).one()
                    viewer = competitions.viewer(user)
                    phase = competitions.get_phase(phase_id, viewer)
                    draft = SubmissionDraft(
                        file_key=file_key, idempotency_key=idempotency_key or None
                    )
                    made = services.submit(viewer, phase, draft, now=factories.NOW)
                    return str(made.id)
            except Refused as refusal:
                return refusal.message
            finally:
                db.session.remove()

    return click


def _results(app: Flask, phase_id: int, files: list[str], keys: list[str]) -> list[str]:
    click = _clicking(app, phase_id, threading.Barrier(len(files)))
    with ThreadPoolExecutor(len(files)) as pool:
        return list(pool.map(click, files, keys))


@both
@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"max_submissions_per_day": TRIES, "max_submissions_per_person": 0}, "of today"),
        ({"max_submissions_per_day": 0, "max_submissions_per_person": TRIES}, "of this phase"),
        ({"max_submissions_per_day": 9, "max_submissions_per_person": TRIES}, "of this phase"),
    ],
)
def test_limit_holds_however_many_click_at_once(
    racing: Flask, limits: dict[str, int], words: str
) -> None:
    phase_id, owner_id, files = _scene(**limits)
    results = _results(racing, phase_id, files, [""] * CLICKS)
    taken = [one for one in results if one.isdigit()]
    assert len(taken) == TRIES
    assert len(set(taken)) == TRIES
    assert sum(words in one for one in results) == CLICKS - TRIES
    counts = select(SubmissionCount.used).where(SubmissionCount.owner_id == owner_id)
    assert set(db.session.scalars(counts)) == {TRIES}
    assert db.session.scalar(select(func.count()).select_from(Submission)) == TRIES
    assert db.session.scalar(select(func.count()).select_from(Run)) == TRIES


@both
def test_one_act_sent_many_times_at_once_is_one_submission(racing: Flask) -> None:
    phase_id, _owner, files = _scene(max_submissions_per_day=1)
    results = _results(racing, phase_id, files[:10], ["the same click"] * 10)
    (made,) = set(results)
    assert made.isdigit()
    assert db.session.scalar(select(func.count()).select_from(Submission)) == 1
    assert set(db.session.scalars(select(SubmissionCount.used))) == {1}
