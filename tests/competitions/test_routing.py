"""Where runs go: the queue of a benchmark, and that of chosen participants."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.competitions import queries, routing
from app.competitions.lifecycle import Obstacle, Reason
from app.competitions.models import Participant
from app.errors import Forbidden, Invalid, NotFound
from app.platform.clock import now
from app.platform.db import db
from app.policy import Viewer
from app.queues.models import ComputeQueue, QueueMember
from app.submissions import intake
from tests.actors import HTMX, Cast, browser, make_cast
from tests.factories import NOW, change, make_machine, make_queue, save


@pytest.fixture
def cast(app: Flask) -> Cast:
    make_queue(name="House")
    return make_cast()


@pytest.fixture
def lab(cast: Cast) -> ComputeQueue:
    """Olga's own queue."""
    return make_queue(is_default=False, owner_id=cast.olga.id, name="Lab")


@pytest.fixture
def olga(app: Flask, cast: Cast) -> FlaskClient:
    return browser(app, cast.olga)


def viewer(cast: Cast) -> Viewer:
    return Viewer(cast.olga.id, "olga")


def participant(cast: Cast) -> Participant:
    statement = select(Participant).where(Participant.user_id == cast.pavel.id)
    return db.session.scalars(statement).one()


def manage(cast: Cast) -> str:
    return f"/benchmarks/{cast.competition.id}/manage"


def test_organizer_chooses_among_the_queues_they_may_use(
    cast: Cast, lab: ComputeQueue, olga: FlaskClient
) -> None:
    strange = make_queue(is_default=False, owner_id=cast.petra.id, name="Strange")
    path = f"/benchmarks/{cast.competition.id}/queue"
    page = olga.get(manage(cast)).text
    assert "Lab" in page
    assert "Strange" not in page
    assert olga.post(path, data={"queue_id": str(lab.id)}).location == manage(cast)
    assert cast.competition.queue_id == lab.id
    assert f'<option selected value="{lab.id}">Lab</option>' in olga.get(manage(cast)).text
    for wrong in (str(strange.id), "9999", "x", "²", "99999999999"):
        assert olga.post(path, data={"queue_id": wrong}).status_code == 422
        assert olga.post(path, data={"queue_id": wrong}, headers=HTMX).status_code == 422
    assert cast.competition.queue_id == lab.id
    assert olga.post(path, data={"queue_id": ""}, headers=HTMX).headers["HX-Redirect"]
    assert cast.competition.queue_id is None


def test_queue_that_is_shared_public_or_retired(cast: Cast) -> None:
    who = viewer(cast)
    public = make_queue(is_default=False, owner_id=cast.petra.id, is_public=True)
    shared = make_queue(is_default=False, owner_id=cast.petra.id)
    save(QueueMember(queue_id=shared.id, user_id=cast.olga.id, role="organizer", created_at=NOW))
    gone = make_queue(is_default=False, owner_id=cast.olga.id, retired_at=NOW)
    for queue in (public, shared):
        routing.choose_queue(who, cast.competition, queue.id)
        assert cast.competition.queue_id == queue.id
    with pytest.raises(Invalid):
        routing.choose_queue(who, cast.competition, gone.id)


def test_default_queue_is_the_absence_of_a_choice(cast: Cast) -> None:
    default = db.session.scalars(select(ComputeQueue).where(ComputeQueue.is_default)).one()
    routing.choose_queue(viewer(cast), cast.competition, default.id)
    assert cast.competition.queue_id is None


def test_queue_given_by_an_administrator_stays_choosable(cast: Cast, olga: FlaskClient) -> None:
    strange = make_queue(is_default=False, owner_id=cast.petra.id, name="Strange")
    change(cast.competition, queue_id=strange.id)
    assert "Strange" in olga.get(manage(cast)).text
    path = f"/benchmarks/{cast.competition.id}/queue"
    assert olga.post(path, data={"queue_id": str(strange.id)}).status_code == 303
    assert cast.competition.queue_id == strange.id


@pytest.mark.security
def test_only_organizers_choose(app: Flask, cast: Cast, lab: ComputeQueue) -> None:
    pavel = participant(cast).id
    for part, user in cast.people().items():
        client = browser(app, user)
        for path in ("queue", f"participants/{pavel}/queue"):
            answer = client.post(
                f"/benchmarks/{cast.competition.id}/{path}", data={"queue_id": str(lab.id)}
            )
            done = answer.status_code == 303 and not answer.location.startswith("/log-in")
            assert done == (part in ("organizer", "staff")), (part, path)
    with pytest.raises(Forbidden):
        routing.route(Viewer(cast.petra.id, "petra"), cast.competition, pavel, lab.id)


def test_participant_is_sent_to_another_queue(
    cast: Cast, lab: ComputeQueue, olga: FlaskClient
) -> None:
    pavel = participant(cast)
    path = f"/benchmarks/{cast.competition.id}/participants/{pavel.id}/queue"
    listing = f"/benchmarks/{cast.competition.id}/participants"
    assert olga.post(path, data={"queue_id": str(lab.id)}).location == listing
    assert pavel.queue_id == lab.id
    row = olga.post(path, data={"queue_id": str(lab.id)}, headers=HTMX)
    assert row.text.count("<tr") == 1
    assert f'<option value="{lab.id}" selected>Lab</option>' in row.text
    assert olga.post(path, data={"queue_id": "nothing"}, headers=HTMX).status_code == 422
    assert f'id="participant-{pavel.id}-queue"' in olga.get(listing).text
    assert olga.post(path, data={"queue_id": ""}).status_code == 303
    assert pavel.queue_id is None


def test_participant_of_another_benchmark_is_not_found(cast: Cast, lab: ComputeQueue) -> None:
    stranger = participant(cast)
    with pytest.raises(NotFound):
        routing.route(Viewer(cast.petra.id, "petra"), cast.other, stranger.id, None)


def test_runs_go_where_their_owner_was_sent(cast: Cast, lab: ComputeQueue) -> None:
    change(cast.competition, queue_id=lab.id)
    other = make_queue(is_default=False, owner_id=cast.olga.id)
    change(participant(cast), queue_id=other.id)
    ids = intake.queue_ids(cast.competition, [cast.pavel.id, cast.wanda.id], now=NOW)
    assert ids == {cast.pavel.id: other.id, cast.wanda.id: lab.id}


def test_organizer_is_warned_about_each_queue_without_a_machine(
    cast: Cast, lab: ComputeQueue, olga: FlaskClient
) -> None:
    change(participant(cast), queue_id=lab.id)
    default = db.session.scalars(select(ComputeQueue).where(ComputeQueue.is_default)).one()
    machine = make_machine(default, last_seen_at=now() - timedelta(hours=3))
    competition = queries.get(cast.competition.id, viewer(cast))
    silent = Reason(Obstacle.NO_MACHINE_FOR_SOME, queue="Lab")
    assert silent in queries.obstacles(competition, now=now())
    assert Reason(Obstacle.NO_MACHINE) in queries.obstacles(competition, now=now())
    page = olga.get(manage(cast)).text
    assert "No machine of its queue is online" in page
    assert "No machine of the queue “Lab” is online" in page
    assert "no machine is online, the last one was heard" in page
    change(machine, last_seen_at=now())
    make_machine(lab, last_seen_at=now())
    page = olga.get(manage(cast)).text
    assert "No machine of" not in page
    assert "1 machine is online" in page
