from __future__ import annotations

import pytest
from sqlalchemy import select

from app.accounts.models import User
from app.competitions import queries as competitions
from app.competitions.models import Competition, Phase
from app.errors import Forbidden
from app.platform.db import db, unit_of_work
from app.submissions import held
from app.submissions.models import Run, State, Submission
from tests import factories
from tests.submissions.conftest import viewer_of


@pytest.fixture(autouse=True)
def _no_bell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.submissions.dispatch.ring", lambda: None)


def start(competition: Competition, ids: list[int] | None) -> int:
    with unit_of_work():
        viewer = viewer_of("olga")
        return held.start(viewer, competitions.get(competition.id, viewer), ids, now=factories.NOW)


def states() -> dict[int, str]:
    db.session.rollback()
    return dict(db.session.execute(select(Submission.id, Submission.state)).tuples().all())


def test_what_waits_is_listed_for_the_organizer_and_nobody_else(
    phase: Phase, pavel: User, competition: Competition
) -> None:
    waiting = factories.make_submission(phase, pavel, state=State.HELD)
    factories.make_submission(phase, pavel, state=State.QUEUED)
    viewer = viewer_of("olga")
    rows = held.listing(viewer, competitions.get(competition.id, viewer), 1).rows
    assert [one.id for one in rows] == [waiting.id]
    assert held.count(competition.id) == 1
    with pytest.raises(Forbidden):
        held.listing(viewer_of("pavel"), competitions.get(competition.id, viewer), 1)


def test_chosen_ones_are_started_and_others_go_on_waiting(
    phase: Phase, pavel: User, competition: Competition
) -> None:
    first, second = (factories.make_submission(phase, pavel, state=State.HELD) for _ in range(2))
    assert start(competition, [first.id]) == 1
    assert states() == {first.id: State.QUEUED, second.id: State.HELD}
    assert set(db.session.scalars(select(Run.state).where(Run.submission_id == first.id))) == {
        State.QUEUED
    }


def test_all_are_started_and_a_second_click_starts_none(
    phase: Phase, pavel: User, competition: Competition
) -> None:
    for _ in range(3):
        factories.make_submission(phase, pavel, state=State.HELD)
    assert start(competition, None) == 3
    assert start(competition, None) == 0


def test_submissions_to_other_benchmarks_are_not_started(
    phase: Phase, pavel: User, competition: Competition
) -> None:
    elsewhere = factories.make_phase(factories.make_competition())
    other = factories.make_submission(elsewhere, pavel, state=State.HELD)
    assert start(competition, [other.id]) == 0
    assert states()[other.id] == State.HELD
