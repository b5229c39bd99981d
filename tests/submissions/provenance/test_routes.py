from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from app.accounts.models import User
from app.competitions.models import Competition, Phase
from app.platform.db import db, unit_of_work
from app.submissions.models import Run
from tests import factories
from tests.actors import log_in
from tests.leaderboards.boards import tell


def test_owner_reads_it_on_the_page_and_as_json(
    client: FlaskClient, phase: Phase, pavel: User
) -> None:
    submission = factories.make_submission(phase, pavel)
    log_in(client, pavel)
    address = f"/submissions/{submission.id}/provenance.json"
    assert address in client.get(f"/submissions/{submission.id}").text
    answer = client.get(address)
    assert answer.is_json
    assert answer.get_json()["submission"] == submission.id


def test_row_of_a_board_leads_to_it(
    client: FlaskClient, competition: Competition, pavel: User
) -> None:
    board = factories.make_board(competition, submission_rule="Force_Best")
    phase = factories.make_phase(competition, board=board)
    made = factories.make_submission(phase, pavel, [{"score": 0.5}])
    tell(made)
    (row,) = client.get(f"/phases/{phase.id}/leaderboard.json").get_json()["rows"]
    assert row["provenance"] == f"/submissions/{made.id}/provenance.json"
    assert client.get(row["provenance"]).get_json()["runs"][0]["scores"] == {"score": 0.5}


@pytest.mark.parametrize(("engine", "is_host"), [("docker", False), ("bubblewrap", True)])
def test_page_says_when_no_image_was_used(
    client: FlaskClient, phase: Phase, pavel: User, engine: str, is_host: bool
) -> None:
    submission = factories.make_submission(phase, pavel)
    with unit_of_work():
        for run in db.session.scalars(select(Run)):
            run.engine = engine
    log_in(client, pavel)
    text = client.get(f"/submissions/{submission.id}").text
    assert ("the machine&#39;s own Python ran the programs" in text) == is_host
