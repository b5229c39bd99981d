from __future__ import annotations

from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from app.accounts.models import User
from app.competitions import queries as competitions
from app.competitions.models import Competition, Phase
from app.errors import Forbidden, Invalid, Refused
from app.platform.db import db, unit_of_work
from app.submissions import prerequisites
from app.submissions.models import State, Submission
from tests import factories
from tests.actors import log_in
from tests.factories import NOW
from tests.submissions.conftest import viewer_of
from tests.submissions.test_services import submit


@pytest.fixture(autouse=True)
def _no_bell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.submissions.dispatch.ring", lambda: None)


@pytest.fixture
def final(phase: Phase, competition: Competition) -> Phase:
    return factories.make_phase(competition, name="Final", required_phase_id=phase.id)


def test_phase_refuses_whoever_lacks_what_it_requires_and_says_where_to_submit(
    final: Phase, phase: Phase, pavel: User
) -> None:
    factories.make_submission(phase, pavel, state=State.FAILED)
    factories.make_submission(phase, factories.make_user("petra"))
    with pytest.raises(Refused, match=f"finished submission in '{phase.name}'. You have none"):
        submit(final, "pavel")
    factories.make_submission(phase, pavel)
    assert submit(final, "pavel")


def test_phase_may_require_an_entry_on_the_board(final: Phase, phase: Phase, pavel: User) -> None:
    with unit_of_work():
        db.session.get_one(Phase, final.id).requires_entry = True
    earlier = factories.make_submission(phase, pavel)
    with pytest.raises(Refused, match=f"stand on the leaderboard of '{phase.name}'"):
        submit(final, "pavel")
    with unit_of_work():
        db.session.get_one(Submission, earlier.id).on_board = True
    assert submit(final, "pavel")


def test_trial_does_not_count(final: Phase, phase: Phase, pavel: User) -> None:
    original = factories.make_submission(phase, pavel, state=State.FAILED)
    factories.make_submission(phase, pavel, rerun_of_id=original.id, is_trial=True)
    with pytest.raises(Refused):
        submit(final, "pavel")


def test_only_earlier_phases_of_the_same_benchmark_can_be_required(
    final: Phase, phase: Phase, pavel: User
) -> None:
    elsewhere = factories.make_phase(factories.make_competition())
    viewer = viewer_of("olga")
    loaded = competitions.get_phase(phase.id, viewer)
    for wrong in (final.id, phase.id, elsewhere.id):
        with pytest.raises(Invalid, match="earlier phase"):
            prerequisites.set_for(viewer, loaded, wrong, requires_entry=False)
    with pytest.raises(Forbidden):
        prerequisites.set_for(viewer_of("pavel"), loaded, None, requires_entry=False)


def test_organizer_sets_it_on_the_page_of_phases_and_participants_read_it(
    client: FlaskClient, final: Phase, phase: Phase, pavel: User, competition: Competition,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    for module in ("submissions.routes", "submissions.organizing.routes", "competitions.routes"):
        monkeypatch.setattr(f"app.{module}.now", lambda: NOW + timedelta(minutes=1))
    log_in(client, db.session.get_one(User, competition.owner_id))
    page = client.get(f"/benchmarks/{competition.id}/phases/manage").text
    assert f'value="{phase.id}" selected' in page
    form = {"phase": phase.id, "what": "entry"}
    assert client.post(f"/phases/{final.id}/prerequisite", data=form).status_code == 303
    saved = db.session.scalars(select(Phase.requires_entry).where(Phase.id == final.id)).one()
    assert saved
    for wrong in ("x", final.id):
        answer = client.post(f"/phases/{final.id}/prerequisite", data={"phase": wrong})
        assert answer.status_code == 422
    log_in(client, pavel)
    assert "whoever stands on the leaderboard of" in client.get(
        f"/benchmarks/{competition.id}/phases"
    ).text  # fmt: skip
    submitting = client.get(f"/benchmarks/{competition.id}/submit").text
    assert "You do not stand there." in submitting
    assert 'type="file"' not in submitting
