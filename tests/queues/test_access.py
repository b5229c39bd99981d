"""Users of the runs Redis follow the rows of machines, whatever happens in between."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.errors import Unavailable
from app.platform import tokens
from app.platform.db import unit_of_work
from app.policy import Viewer
from app.queues import machines, queries
from app.queues.access import Doorkeeper
from app.queues.machines import Access
from app.queues.models import ComputeQueue
from tests.factories import NOW, make_machine, make_queue
from tests.fakes.keeper import FakeKeeper

pytestmark = pytest.mark.usefixtures("app")
RITA = Viewer(is_staff=True)


@pytest.fixture
def queue() -> ComputeQueue:
    return queries.get(make_queue().id, RITA)


@pytest.fixture
def keeper() -> FakeKeeper:
    return FakeKeeper()


def added(queue: ComputeQueue, name: str = "gpu-1") -> Access:
    with unit_of_work():
        return machines.add(RITA, queries.get(queue.id, RITA), name, now=NOW)


def test_new_machine_is_let_in_once(queue: ComputeQueue, keeper: FakeKeeper) -> None:
    doorkeeper, access = Doorkeeper(keeper), added(queue)
    assert doorkeeper.round(now=NOW) == 1
    machine = access.machine
    assert keeper.users == {machine.broker_user: (queue.qid, frozenset({machine.broker_hash}))}
    assert machine.access_set_at == NOW
    assert keeper.calls[-1] == ("save", "")
    assert doorkeeper.round(now=NOW) == 0
    assert len(keeper.calls) == 2


def test_both_passwords_count_during_a_rotation_then_one_and_connections_close(
    queue: ComputeQueue, keeper: FakeKeeper
) -> None:
    doorkeeper, machine = Doorkeeper(keeper), added(queue).machine
    doorkeeper.round(now=NOW)
    old = machine.broker_hash
    with unit_of_work():
        machines.rotate(RITA, queries.get(queue.id, RITA), machine, now=NOW)
    doorkeeper.round(now=NOW)
    user = machine.broker_user or ""
    assert keeper.users[user][1] == {old, machine.broker_hash}
    assert ("disconnect", user) not in keeper.calls
    doorkeeper.round(now=NOW + timedelta(minutes=29))
    assert keeper.users[user][1] == {old, machine.broker_hash}
    doorkeeper.round(now=NOW + timedelta(minutes=31))
    assert keeper.users[user][1] == {machine.broker_hash}
    assert ("disconnect", user) in keeper.calls
    assert machine.old_token_hash is None


def test_ended_machine_is_shown_out(queue: ComputeQueue, keeper: FakeKeeper) -> None:
    doorkeeper, machine = Doorkeeper(keeper), added(queue).machine
    doorkeeper.round(now=NOW)
    with unit_of_work():
        machines.revoke(RITA, queries.get(queue.id, RITA), machine, now=NOW)
    assert doorkeeper.round(now=NOW) == 1
    assert keeper.users == {}
    assert machine.access_set_at == NOW


def test_server_that_lost_its_users_gets_them_back(queue: ComputeQueue, keeper: FakeKeeper) -> None:
    doorkeeper, machine = Doorkeeper(keeper), added(queue).machine
    doorkeeper.round(now=NOW)
    keeper.users.clear()
    assert doorkeeper.round(now=NOW) == 1
    assert list(keeper.users) == [machine.broker_user]


def test_user_made_again_by_a_round_that_began_before_is_ended_again(
    queue: ComputeQueue, keeper: FakeKeeper
) -> None:
    doorkeeper, machine = Doorkeeper(keeper), added(queue).machine
    doorkeeper.round(now=NOW)
    with unit_of_work():
        machines.revoke(RITA, queries.get(queue.id, RITA), machine, now=NOW)
    doorkeeper.round(now=NOW)
    keeper.set_user(machine.broker_user or "", queue.qid, ["0" * 64])
    doorkeeper.round(now=NOW + timedelta(seconds=5))
    assert keeper.users == {}


def test_first_round_of_a_process_sets_every_user_anew(
    queue: ComputeQueue, keeper: FakeKeeper
) -> None:
    added(queue)
    added(queue, "gpu-2")
    Doorkeeper(keeper).round(now=NOW)
    assert Doorkeeper(keeper).round(now=NOW) == 2


def test_server_that_is_away_is_asked_again(queue: ComputeQueue, keeper: FakeKeeper) -> None:
    doorkeeper, machine = Doorkeeper(keeper), added(queue).machine
    keeper.down = True
    with pytest.raises(Unavailable):
        doorkeeper.round(now=NOW)
    assert machine.access_set_at is None
    keeper.down = False
    doorkeeper.round(now=NOW)
    assert machine.access_set_at == NOW


def test_row_that_changed_meanwhile_is_not_noted(queue: ComputeQueue) -> None:
    machine = added(queue).machine

    class Slow(FakeKeeper):
        def set_user(self, user: str, queue_id: str, hashes: object) -> None:
            super().set_user(user, queue_id, hashes)  # type: ignore[arg-type]
            if machine.old_until is None:
                with unit_of_work():
                    machines.rotate(RITA, queries.get(queue.id, RITA), machine, now=NOW)

    doorkeeper = Doorkeeper(Slow())
    doorkeeper.round(now=NOW)
    assert machine.access_set_at is None
    doorkeeper.round(now=NOW)
    assert machine.access_set_at == NOW


def test_machine_of_the_launcher_is_left_alone(queue: ComputeQueue, keeper: FakeKeeper) -> None:
    make_machine(queue, broker_user=None, token_hash=tokens.digest("x"), access_set_at=None)
    assert Doorkeeper(keeper).round(now=NOW) == 0
    assert keeper.calls == []
