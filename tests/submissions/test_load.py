from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from app.accounts.models import User
from app.competitions.models import Phase
from app.platform import tokens
from app.policy import Viewer
from app.queues import queries as queues
from app.queues.models import ComputeQueue, Machine
from app.submissions.models import Attempt
from tests import factories
from tests.factories import NOW


def lost(
    phase: Phase, pavel: User, machine: Machine, at: datetime, why: str, *, failure: bool = True
) -> None:
    submission = factories.make_submission(phase, pavel)
    factories.save(
        Attempt(run_id=submission.id + 1, number=1, machine_id=machine.id, created_at=at,
                token_hash=tokens.digest(why), output_prefix="p", ended_at=at, outcome=why,
                is_failure=failure)
    )  # fmt: skip


@pytest.fixture
def machine(queue: ComputeQueue) -> Machine:
    return queues.machines_of(queue.id)[0]


def test_owner_of_a_machine_is_told_what_failed_on_it(
    phase: Phase, pavel: User, queue: ComputeQueue, machine: Machine
) -> None:
    lost(phase, pavel, machine, NOW - timedelta(days=1), "The disk is full.")
    lost(phase, pavel, machine, NOW - timedelta(hours=1), "The engine stopped.")
    lost(phase, pavel, machine, NOW - timedelta(days=8), "Long ago.")
    lost(phase, pavel, machine, NOW, "The worker was told to stop.", failure=False)
    seen = queues.by_qid(queue.qid)
    assert seen is not None
    (row,) = queues.machine_rows(seen, Viewer(1, "rita", is_staff=True), now=NOW)
    assert [one.text for one in row.troubles] == ["The engine stopped.", "The disk is full."]
    (row,) = queues.machine_rows(seen, Viewer(pavel.id, "pavel"), now=NOW)
    assert row.troubles == []
