from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from app.accounts.models import User
from app.competitions.models import Competition, Phase
from app.platform.db import db, unit_of_work
from app.submissions.models import Run, Submission
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
            run.engine, run.image = engine, "python:3.11"
    log_in(client, pavel)
    text = client.get(f"/submissions/{submission.id}").text
    assert ("the machine&#39;s own Python ran the programs" in text) == is_host
    runs = client.get(f"/submissions/{submission.id}/provenance.json").get_json()["runs"]
    assert [run["image"] is None for run in runs] == [is_host] * len(runs)
    assert all(run["image_wanted"] == "python:3.11" for run in runs)


def test_page_shows_answers_by_their_questions_and_leaves_out_empty_ones(
    client: FlaskClient, phase: Phase, pavel: User
) -> None:
    submission = factories.make_submission(phase, pavel)
    sheet = [
        {"key": key, "title": title, "type": "text", "is_required": False,
         "is_on_leaderboard": False, "selection": []}
        for key, title in (("lab", "Laboratory"), ("method", "Kind of model"))
    ]  # fmt: skip
    with unit_of_work():
        db.session.get_one(Competition, phase.competition_id).fact_sheet = sheet
        db.session.get_one(Submission, submission.id).fact_sheet_answers = {
            "lab": "Ward 7", "method": "",
        }  # fmt: skip
    log_in(client, pavel)
    text = client.get(f"/submissions/{submission.id}").text
    assert "<dt>Laboratory</dt><dd>Ward 7</dd>" in text
    assert "Kind of model" not in text
    assert "<dt>method</dt>" not in text
