"""An open phase, somebody who takes part, and a machine that is online."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select

from app.accounts.models import User
from app.competitions import queries as competitions
from app.competitions.models import Competition, Phase
from app.platform import tokens
from app.platform.db import db
from app.policy import Viewer
from app.queues.models import ComputeQueue, Machine
from tests import factories
from tests.factories import NOW


@pytest.fixture
def queue(app: Flask) -> ComputeQueue:
    queue = factories.make_queue(qid="queueone")
    factories.save(
        Machine(
            queue_id=queue.id,
            name="gpu1",
            token_hash=tokens.digest("machine"),
            created_at=NOW,
            last_seen_at=NOW,
        )
    )
    return queue


@pytest.fixture
def competition(queue: ComputeQueue) -> Competition:
    return factories.make_competition(factories.make_user("olga"))


@pytest.fixture
def phase(competition: Competition) -> Phase:
    return factories.make_phase(
        competition, tasks=2, max_submissions_per_day=3, max_submissions_per_person=5
    )


@pytest.fixture
def pavel(competition: Competition) -> User:
    user = factories.make_user("pavel")
    factories.make_participant(competition, user)
    return user


def viewer_of(name: str) -> Viewer:
    return competitions.viewer(db.session.scalars(select(User).where(User.username == name)).one())
