"""Queues as things that people own."""

from __future__ import annotations

import pytest
from flask import Flask

from app.errors import Forbidden, Invalid, NotFound, Refused
from app.policy import Viewer
from app.queues import queries, services
from app.queues.drafts import QueueDraft
from app.queues.models import ComputeQueue, Machine, Role
from app.queues.services import InvalidQueue
from tests.factories import (
    NOW,
    change,
    make_competition,
    make_machine,
    make_participant,
    make_phase,
    make_queue,
    make_submission,
    make_user,
)

pytestmark = pytest.mark.usefixtures("app")


def person(name: str, **more: bool) -> Viewer:
    user = make_user(name, **more)
    return Viewer(user.id, user.username, user.is_staff)


def own_queue(actor: Viewer, **more: object) -> ComputeQueue:
    queue = make_queue(is_default=False, owner_id=actor.user_id, **more)
    return queries.get(queue.id, actor)


@pytest.fixture
def olga() -> Viewer:
    return person("olga")


def test_new_queue_is_private_and_ones_own(olga: Viewer) -> None:
    queue = services.make(olga, QueueDraft(" GPUs ", max_running_per_person=2), now=NOW)
    assert (queue.name, queue.owner_id, queue.is_public) == ("GPUs", olga.user_id, False)
    assert queue.max_running_per_person == 2
    assert not queue.is_default


def test_nobody_keeps_more_queues_than_the_site_allows(app: Flask, olga: Viewer) -> None:
    for number in range(5):
        services.make(olga, QueueDraft(f"queue {number}"), now=NOW)
    with pytest.raises(Refused, match="5 queues"):
        services.make(olga, QueueDraft("one more"), now=NOW)
    assert services.make(person("rita", is_staff=True), QueueDraft("hers"), now=NOW)


def test_retired_queues_do_not_count(olga: Viewer) -> None:
    queues = [services.make(olga, QueueDraft(f"queue {n}"), now=NOW) for n in range(5)]
    services.retire(olga, queues[0], now=NOW)
    assert services.make(olga, QueueDraft("one more"), now=NOW)


@pytest.mark.parametrize(
    ("draft", "field"),
    [
        (QueueDraft("  "), "name"),
        (QueueDraft("x" * 65), "name"),
        (QueueDraft("x", max_running_per_person=0), "max_running_per_person"),
        (QueueDraft("x", max_running_per_person=1001), "max_running_per_person"),
    ],
)
def test_draft_with_a_problem_makes_no_queue(olga: Viewer, draft: QueueDraft, field: str) -> None:
    with pytest.raises(InvalidQueue) as refusal:
        services.make(olga, draft, now=NOW)
    assert set(refusal.value.found) == {field}


def test_collaborator_changes_a_queue_but_not_who_may_use_it(olga: Viewer) -> None:
    carl = person("carl")
    queue = own_queue(olga)
    services.share(olga, queue, "carl", Role.COLLABORATOR, now=NOW)
    services.edit(carl, queue, QueueDraft("Ours"))
    assert queue.name == "Ours"
    with pytest.raises(Forbidden):
        services.edit(carl, queue, QueueDraft("Ours", is_public=True))
    with pytest.raises(Forbidden):
        services.share(carl, queue, "olga", Role.ORGANIZER, now=NOW)


def test_organizer_of_a_queue_uses_it_and_changes_nothing(olga: Viewer) -> None:
    oskar = person("oskar")
    queue = own_queue(olga)
    services.share(olga, queue, "OSKAR", Role.ORGANIZER, now=NOW)
    assert [one.id for one in queries.usable(oskar)] == [queue.id]
    with pytest.raises(Forbidden):
        services.edit(oskar, queue, QueueDraft("Mine now"))


def test_sharing_again_changes_the_role(olga: Viewer) -> None:
    person("carl")
    queue = own_queue(olga)
    for role in (Role.COLLABORATOR, Role.ORGANIZER):
        services.share(olga, queue, "carl", role, now=NOW)
    assert [member.role for member in queue.members] == [Role.ORGANIZER]


@pytest.mark.parametrize(
    ("name", "role"), [("nobody", "organizer"), ("olga", "organizer"), ("carl", "owner")]
)
def test_sharing_that_makes_no_sense_is_refused(olga: Viewer, name: str, role: str) -> None:
    person("carl")
    queue = own_queue(olga)
    with pytest.raises(Invalid):
        services.share(olga, queue, name, role, now=NOW)


def test_closing_a_public_queue_moves_the_benchmarks_of_strangers(olga: Viewer) -> None:
    queue = own_queue(olga, is_public=True)
    petra, carl = make_user("petra"), make_user("carl")
    strange, shared = (make_competition(owner, queue_id=queue.id) for owner in (petra, carl))
    own = make_competition(queue_id=queue.id, owner_id=olga.user_id)
    routed = make_participant(make_competition(petra), carl, queue_id=queue.id)
    queue = queries.get(queue.id, olga)
    services.share(olga, queue, "carl", Role.ORGANIZER, now=NOW)
    assert services.edit(olga, queue, QueueDraft(queue.name, is_public=False)) == 2
    assert strange.queue_id is None
    assert routed.queue_id is None
    assert {shared.queue_id, own.queue_id} == {queue.id}


def test_whoever_is_taken_off_loses_the_queue_and_may_leave_alone(olga: Viewer) -> None:
    carl, oskar = person("carl"), person("oskar")
    queue = own_queue(olga)
    competition = make_competition(owner_id=carl.user_id, queue_id=queue.id)
    queue = queries.get(queue.id, olga)
    for name in ("carl", "oskar"):
        services.share(olga, queue, name, Role.ORGANIZER, now=NOW)
    with pytest.raises(Forbidden):
        services.unshare(oskar, queue, carl.user_id or 0)
    assert services.unshare(olga, queue, carl.user_id or 0) == 1
    assert competition.queue_id is None
    assert services.unshare(oskar, queue, oskar.user_id or 0) == 0
    with pytest.raises(NotFound):
        services.unshare(olga, queue, carl.user_id or 0)


def test_queue_in_use_is_not_retired_and_says_by_what(olga: Viewer) -> None:
    queue = own_queue(olga)
    owner = make_user("owner")
    competition = make_competition(owner, queue_id=queue.id)
    phase = make_phase(competition)
    make_participant(competition, owner, queue_id=queue.id)
    submission = make_submission(phase, owner, state="queued")
    with pytest.raises(Refused, match="1 benchmark runs on it; 1 participant is sent to it; 1 run"):
        services.retire(olga, queue, now=NOW)
    assert submission.state == "queued"
    assert queue.retired_at is None


def test_retired_queue_ends_its_machines_and_takes_nothing_more(olga: Viewer) -> None:
    queue = own_queue(olga)
    machine: Machine = make_machine(queue)
    services.retire(olga, queries.get(queue.id, olga), now=NOW)
    assert machine.revoked_at == NOW
    assert machine.access_set_at is None
    assert queries.usable(olga) == []
    with pytest.raises(Refused):
        services.edit(olga, queue, QueueDraft("again"))
    with pytest.raises(Refused):
        services.share(olga, queue, "olga", Role.ORGANIZER, now=NOW)


def test_default_queue_is_the_administrators_and_stays() -> None:
    queue = make_queue()
    rita, olga = person("rita", is_staff=True), person("olga")
    services.edit(rita, queries.get(queue.id, rita), QueueDraft("House"))
    assert queue.name == "House"
    with pytest.raises(Forbidden):
        services.edit(olga, queries.get(queue.id, olga), QueueDraft("Hers"))
    with pytest.raises(Refused, match="default"):
        services.retire(rita, queries.get(queue.id, rita), now=NOW)


def test_private_queue_does_not_exist_for_others(olga: Viewer) -> None:
    queue = own_queue(olga)
    with pytest.raises(NotFound):
        queries.get(queue.id, person("petra"))
    change(queue, is_public=True)
    assert queries.get(queue.id, person("paul")) is queue
