"""The tab of a person's submissions."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, insert, select

from app.platform.db import db, unit_of_work
from app.resources.models import FileKind, StoredFile
from app.submissions.models import (
    Attempt,
    Run,
    RunOutput,
    State,
    Submission,
    SubmissionNumber,
)
from tests.actors import Cast, browser, make_cast
from tests.factories import NOW, change, make_phase, make_submission, save

TAB = "/resources/submissions/"


@pytest.fixture
def cast(app: Flask) -> Cast:
    return make_cast()


def listed(app: Flask, person: Any, query: str = "") -> list[int]:
    page = browser(app, person).get(TAB + query).text
    return [
        int(one) for one in re.findall(r'<th scope="row"[^>]*><a href="/submissions/(\d+)"', page)
    ]


def keep(submission: Submission, *, outputs: int, log: int) -> None:
    run_id = db.session.scalars(select(Run.id).where(Run.submission_id == submission.id)).one()
    save(
        RunOutput(
            run_id=run_id, kind="scoring_output", attempt=1, bucket="runs",
            object_key=f"runs/{run_id}/out.zip", size_bytes=outputs,
        ),
        Attempt(run_id=run_id, number=1, token_hash=f"{run_id:064}", output_prefix="x", created_at=NOW, log_chars=log),
    )  # fmt: skip


def test_list_holds_what_is_asked_for(app: Flask, cast: Cast) -> None:
    change(cast.competition, title="Mammograms")
    phase, other = make_phase(cast.competition), make_phase(cast.other)
    first = make_submission(phase, cast.pavel, created_at=NOW, state=State.FAILED)
    second = make_submission(other, cast.pavel, created_at=NOW + timedelta(hours=1))
    third = make_submission(
        phase, cast.pavel, created_at=NOW + timedelta(hours=2), state=State.QUEUED
    )
    keep(first, outputs=2_000_000, log=5000)
    rerun = make_submission(phase, cast.pavel)
    change(rerun, rerun_of_id=second.id)
    make_submission(phase, cast.petra)
    newest = [third.id, second.id, first.id]
    for query, expected in {
        "": newest,
        "?sort=created": newest[::-1],
        "?sort=-size": [first.id, third.id, second.id],
        "?state=failed": [first.id],
        "?state=under_way": [third.id],
        "?state=nonsense&sort=drop": newest,
        "?q=mammograms": [third.id, first.id],
        "?q=mammograms+zip": [third.id, first.id],
        "?q=100%25": [],
        "?page=2": [],
    }.items():
        assert listed(app, cast.pavel, query) == expected, query
    assert listed(app, cast.wanda) == []


def test_row_says_what_a_submission_keeps(app: Flask, cast: Cast) -> None:
    made = make_submission(make_phase(cast.competition), cast.pavel)
    keep(made, outputs=3_565_158, log=2048)
    page = browser(app, cast.pavel).get(TAB).text
    sizes = re.findall(r'<td class="number">(.*?)</td>', page)
    assert sizes == ["100 B", "3.4 MiB", "2.0 KiB"]


def test_rehearsal_is_said_to_be_one_and_trials_of_others_are_not_there(
    app: Flask, cast: Cast
) -> None:
    phase = make_phase(cast.competition)
    rehearsal = make_submission(phase, cast.olga)
    change(rehearsal, is_trial=True, is_rehearsal=True)
    trial = make_submission(phase, cast.pavel)
    change(trial, is_trial=True, rerun_of_id=rehearsal.id)
    assert listed(app, cast.pavel) == []
    assert listed(app, cast.olga) == [rehearsal.id]
    assert "Rehearsal" in browser(app, cast.olga).get(TAB).text


def statements(app: Flask, person: Any, address: str) -> int:
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    client = browser(app, person)
    event.listen(db.engine, "before_cursor_execute", note)
    try:
        assert client.get(address).status_code == 200
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    return len(seen)


@pytest.mark.parametrize("query", ["", "?sort=-size&q=a"])
def test_ten_thousand_take_as_many_statements_as_two(app: Flask, cast: Cast, query: str) -> None:
    phase = make_phase(cast.competition)
    for _ in range(2):
        make_submission(phase, cast.pavel)
    few = statements(app, cast.pavel, TAB + query)
    with unit_of_work():
        file = StoredFile(
            owner_id=cast.pavel.id, kind=FileKind.SUBMISSION, name="a", file_name="a.zip",
            bucket="private", object_key="files/a", is_complete=True, created_at=NOW,
        )  # fmt: skip
        db.session.add(file)
        db.session.flush()
        numbers = range(1000, 11_000)
        db.session.execute(insert(SubmissionNumber), [{"id": one} for one in numbers])
        db.session.execute(
            insert(Submission),
            [
                {
                    "id": one, "phase_id": phase.id, "owner_id": cast.pavel.id,
                    "file_id": file.id, "state": State.FINISHED, "created_at": NOW,
                    "fact_sheet_answers": {},
                }
                for one in numbers
            ],
        )  # fmt: skip
    assert statements(app, cast.pavel, TAB + query) == few
    assert len(listed(app, cast.pavel, query)) == 50
