"""What a machine may know, and when that changes."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from flask import Flask

from app.errors import Conflict, Forbidden, Invalid, NotFound, Refused
from app.platform import tokens
from app.policy import Viewer
from app.queues import machines, queries
from app.queues.models import ComputeQueue
from tests.conftest import make_settings
from tests.factories import NOW, make_machine, make_queue, make_user

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def olga() -> Viewer:
    user = make_user("olga")
    return Viewer(user.id, user.username)


@pytest.fixture
def queue(olga: Viewer) -> ComputeQueue:
    made = make_queue(is_default=False, owner_id=olga.user_id)
    return queries.get(made.id, olga)


def beat(token: str, *, later: timedelta = timedelta()) -> None:
    machines.hear_from(token, engine="docker", trusted_only=False, details={}, now=NOW + later)


def test_new_machine_gets_a_user_of_its_own_and_only_hashes_are_kept(
    olga: Viewer, queue: ComputeQueue
) -> None:
    one, two = (machines.add(olga, queue, name, now=NOW) for name in ("gpu-1", "gpu-2"))
    broker = urlsplit(one.broker_url)
    assert (broker.scheme, broker.hostname, broker.port, broker.path) == (
        "rediss", "runs.test", 6380, "/0",
    )  # fmt: skip
    assert broker.username == one.machine.broker_user
    assert (broker.username or "").startswith(f"{queue.qid}-")
    assert one.machine.broker_user != two.machine.broker_user
    assert one.machine.broker_hash == tokens.digest(broker.password or "")
    assert one.machine.token_hash == tokens.digest(one.token)
    kept = {str(getattr(one.machine, column.name)) for column in one.machine.__table__.columns}
    assert not kept & {one.token, broker.password}
    assert one.machine.access_set_at is None


def test_environment_is_what_a_worker_reads(olga: Viewer, queue: ComputeQueue) -> None:
    access = machines.add(olga, queue, "gpu-1", now=NOW)
    lines = dict(line.split("=", 1) for line in access.environment().splitlines())
    assert lines == {
        "PLUMBLINE_WORKER_API_URL": "http://localhost",
        "PLUMBLINE_WORKER_BROKER_URL": access.broker_url,
        "PLUMBLINE_WORKER_QUEUE": queue.qid,
        "PLUMBLINE_WORKER_TOKEN": access.token,
        "PLUMBLINE_WORKER_NAME": "gpu-1",
    }


@pytest.mark.parametrize("name", ["", "a b", "-x", "x" * 41, "a\nb", "a'b", "ä"])
def test_name_that_could_break_a_file_is_refused(
    olga: Viewer, queue: ComputeQueue, name: str
) -> None:
    with pytest.raises(Invalid):
        machines.add(olga, queue, name, now=NOW)


def test_taken_name_is_refused_until_its_machine_has_no_access(
    olga: Viewer, queue: ComputeQueue
) -> None:
    first = machines.add(olga, queue, "gpu-1", now=NOW)
    with pytest.raises(Invalid, match="gpu-1"):
        machines.add(olga, queue, "gpu-1", now=NOW)
    machines.revoke(olga, queue, first.machine, now=NOW)
    again = machines.add(olga, queue, "gpu-1", now=NOW)
    assert again.machine.broker_user != first.machine.broker_user


def test_only_keepers_of_the_queue_touch_its_machines(queue: ComputeQueue) -> None:
    petra = Viewer(make_user("petra").id, "petra")
    machine = make_machine(queue)
    queue = queries.get(queue.id, Viewer(is_staff=True))
    for act in (
        lambda: machines.add(petra, queue, "gpu-1", now=NOW),
        lambda: machines.rotate(petra, queue, machine, now=NOW),
        lambda: machines.revoke(petra, queue, machine, now=NOW),
    ):
        with pytest.raises(Forbidden):
            act()


def test_site_without_an_address_for_machines_adds_none(
    app: Flask, olga: Viewer, queue: ComputeQueue
) -> None:
    app.extensions["plumbline.settings"] = make_settings(machines_redis_url="")
    with pytest.raises(Refused, match="PLUMBLINE_MACHINES_REDIS_URL"):
        machines.add(olga, queue, "gpu-1", now=NOW)


def test_both_secrets_count_until_the_machine_uses_the_new_ones(
    olga: Viewer, queue: ComputeQueue
) -> None:
    old = machines.add(olga, queue, "gpu-1", now=NOW)
    machine = old.machine
    machine.access_set_at = NOW
    new = machines.rotate(olga, queue, machine, now=NOW)
    assert not machine.access_set_at
    beat(old.token)
    assert machine.old_until == NOW + timedelta(minutes=30)
    machine.access_set_at = NOW
    beat(new.token)
    assert not any((machine.old_until, machine.old_broker_hash, machine.access_set_at))
    with pytest.raises(NotFound):
        beat(old.token)
    beat(new.token)


def test_second_click_leaves_the_machine_the_secrets_that_it_has(
    olga: Viewer, queue: ComputeQueue
) -> None:
    old = machines.add(olga, queue, "gpu-1", now=NOW)
    unseen = machines.rotate(olga, queue, old.machine, now=NOW)
    newest = machines.rotate(olga, queue, old.machine, now=NOW)
    beat(old.token)
    with pytest.raises(NotFound):
        beat(unseen.token)
    beat(newest.token)
    with pytest.raises(NotFound):
        beat(old.token)


def test_secrets_whose_time_is_over_do_not_come_back_with_the_next_ones(
    olga: Viewer, queue: ComputeQueue
) -> None:
    first = machines.add(olga, queue, "gpu-1", now=NOW)
    second = machines.rotate(olga, queue, first.machine, now=NOW)
    machines.rotate(olga, queue, first.machine, now=NOW + machines.OLD_FOR)
    beat(second.token)
    with pytest.raises(NotFound):
        beat(first.token)


def test_token_of_a_machine_without_access_counts_no_more(
    olga: Viewer, queue: ComputeQueue
) -> None:
    access = machines.add(olga, queue, "gpu-1", now=NOW)
    newer = machines.rotate(olga, queue, access.machine, now=NOW)
    machines.revoke(olga, queue, access.machine, now=NOW)
    for token in (access.token, newer.token):
        with pytest.raises(NotFound):
            beat(token)
    assert queries.machines_of(queue.id) == []
    with pytest.raises(Conflict):
        machines.rotate(olga, queue, access.machine, now=NOW)


def test_machine_of_the_launcher_is_changed_by_the_launcher(
    olga: Viewer, queue: ComputeQueue
) -> None:
    machine = machines.ensure(queue, "this-machine", "t1", now=NOW)
    assert machines.ensure(queue, "this-machine", "t2", now=NOW) is machine
    for act in (machines.rotate, machines.revoke):
        with pytest.raises(Refused, match="compose"):
            act(olga, queue, machine, now=NOW)
