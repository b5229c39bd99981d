"""Lists of queues, and that the list and the lock agree."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app import policy
from app.platform.db import db
from app.policy import Act, Viewer
from app.queues import queries
from app.queues.models import ComputeQueue, QueueMember, Role
from tests.actors import make_cast
from tests.factories import NOW, make_machine, make_queue, save

pytestmark = pytest.mark.usefixtures("app")


def _everything() -> tuple[dict[str, Viewer], list[ComputeQueue]]:
    cast = make_cast()
    people = {
        name: Viewer(user.id, user.username, user.is_staff) if user else Viewer()
        for name, user in cast.people().items()
    }
    queues = [
        make_queue(),
        make_queue(is_default=False, owner_id=cast.olga.id, name="private"),
        make_queue(is_default=False, owner_id=cast.olga.id, name="public", is_public=True),
        make_queue(is_default=False, owner_id=cast.petra.id, name="gone", is_public=True, retired_at=NOW),
        make_queue(is_default=False, owner_id=cast.petra.id, name="shared"),
    ]  # fmt: skip
    save(
        QueueMember(
            queue_id=queues[-1].id, user_id=cast.pavel.id, role=Role.ORGANIZER, created_at=NOW
        )
    )
    return people, queues


@pytest.mark.security
def test_list_and_lock_agree_for_everybody() -> None:
    people, queues = _everything()
    for name, viewer in people.items():
        listed = {queue.id for queue in db.session.scalars(queries.visible_to(viewer))}
        loaded = [queries.by_qid(queue.qid) for queue in queues]
        unlocked = {one.id for one in loaded if one and policy.can(viewer, Act.QUEUE_VIEW, one)}
        assert listed == unlocked, name
        shown = {row.queue.id for row in queries.mine(viewer, now=NOW)}
        rest = {row.queue.id for row in queries.others(viewer, 1, now=NOW).rows}
        assert not shown & rest
        assert shown | rest == listed, name
        usable = {one.id for one in loaded if one and policy.can(viewer, Act.QUEUE_USE, one)}
        assert {queue.id for queue in queries.usable(viewer)} == usable, name


def test_rows_count_machines_and_those_online() -> None:
    people, queues = _everything()
    private = queues[1]
    make_machine(private, last_seen_at=NOW - timedelta(seconds=5))
    make_machine(private, last_seen_at=NOW - timedelta(minutes=5))
    make_machine(private, last_seen_at=NOW, revoked_at=NOW)
    row = next(row for row in queries.mine(people["organizer"], now=NOW) if row.queue is private)
    assert (row.machines, row.online, row.role) == (2, 1, "owner")
    assert queries.online_machines(NOW) == {private.id: 1}


def test_outlook_says_since_when_nobody_answers() -> None:
    queue = make_queue()
    nothing = queries.outlook(None, now=NOW)
    assert nothing is not None
    assert (nothing.queue, nothing.online, nothing.last_seen_at) == (queue, 0, None)
    heard = NOW - timedelta(hours=2)
    make_machine(queue, last_seen_at=heard)
    found = queries.outlook(queue.id, now=NOW)
    assert found is not None
    assert (found.online, found.last_seen_at) == (0, heard)


def test_outlook_of_a_site_without_queues_is_none() -> None:
    assert queries.outlook(None, now=NOW) is None
