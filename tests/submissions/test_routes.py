from __future__ import annotations

import io
import re
import zipfile
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event, func, select, update

from app.accounts.models import User
from app.competitions.models import Competition, Phase
from app.platform.db import db, unit_of_work
from app.platform.storage import ObjectRef
from app.resources.models import FileKind, StoredFile, TaskRevision
from app.submissions.models import Attempt, LogChunk, Run, RunOutput, State, Submission
from tests import factories
from tests.actors import log_in
from tests.factories import NOW
from tests.fakes.storage import FakeStore


@pytest.fixture(autouse=True)
def _frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("submissions.dispatch.clock_now", "submissions.routes.now"):
        monkeypatch.setattr(f"app.{module}", lambda: NOW)


def a_zip(name: str = "predictions.csv") -> io.BytesIO:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(name, "1,2\n")
    stream.seek(0)
    return stream


def uploaded(client: FlaskClient, phase: Phase) -> str:
    answer = client.post(
        f"/phases/{phase.id}/uploads", data={"file": (a_zip(), "predictions.zip")},
        content_type="multipart/form-data",
    )  # fmt: skip
    assert answer.status_code == 303, answer.text
    return str(answer.headers["Location"].rpartition("file=")[2])


def test_plain_browser_uploads_reviews_and_submits(
    client: FlaskClient, phase: Phase, pavel: User
) -> None:
    log_in(client, pavel)
    assert "3 of 3 left today" in client.get(f"/benchmarks/{phase.competition_id}/submit").text
    key = uploaded(client, phase)
    review = client.get(f"/phases/{phase.id}/submissions/new?file={key}").text
    assert "predictions.zip" in review
    assert db.session.scalar(select(func.count()).select_from(Submission)) == 0
    hidden = re.search(r'name="idempotency_key" value="([^"]+)"', review)
    assert hidden
    form = {"file": key, "idempotency_key": hidden[1]}
    answer = client.post(f"/phases/{phase.id}/submissions", data=form)
    assert answer.status_code == 303
    page = client.get(answer.headers["Location"]).text
    assert "Cancel submission" in page
    again = client.post(f"/phases/{phase.id}/submissions", data=form)
    assert again.headers["Location"] == answer.headers["Location"]
    assert db.session.scalar(select(func.count()).select_from(Submission)) == 1


def test_file_that_is_no_zip_is_refused_on_the_same_page(
    client: FlaskClient, phase: Phase, pavel: User
) -> None:
    log_in(client, pavel)
    answer = client.post(
        f"/phases/{phase.id}/uploads", data={"file": (io.BytesIO(b"not a zip"), "x.zip")},
        content_type="multipart/form-data",
    )  # fmt: skip
    assert answer.status_code == 422
    assert "zip" in answer.text
    assert db.session.scalar(select(func.count()).select_from(StoredFile)) == 0


def test_form_without_a_file_says_what_to_choose(
    client: FlaskClient, phase: Phase, pavel: User
) -> None:
    log_in(client, pavel)
    answer = client.post(f"/phases/{phase.id}/uploads", data={})
    assert answer.status_code == 422
    assert "Choose a zip file." in answer.text


def test_refused_submission_shows_the_review_again_with_the_reason(
    client: FlaskClient, phase: Phase, pavel: User
) -> None:
    log_in(client, pavel)
    key = uploaded(client, phase)
    with unit_of_work():
        db.session.execute(update(Phase).values(ends_at=NOW))
    answer = client.post(f"/phases/{phase.id}/submissions", data={"file": key})
    assert answer.status_code == 422
    assert "is closed" in answer.text


def test_visitor_is_sent_to_log_in(client: FlaskClient, phase: Phase) -> None:
    for method, path in (
        ("post", f"/phases/{phase.id}/uploads"),
        ("post", f"/phases/{phase.id}/submissions"),
        ("get", f"/benchmarks/{phase.competition_id}/submissions"),
    ):
        answer = getattr(client, method)(path)
        assert answer.status_code == 303
        assert "/log-in" in answer.headers["Location"]


def test_stranger_cannot_submit(client: FlaskClient, phase: Phase, pavel: User) -> None:
    petra = factories.make_user("petra")
    log_in(client, petra)
    file = factories.make_file(petra)
    answer = client.post(f"/phases/{phase.id}/submissions", data={"file": file.key})
    assert answer.status_code == 422
    assert "Only approved participants may submit" in answer.text
    assert db.session.scalar(select(func.count()).select_from(Submission)) == 0


@pytest.mark.parametrize(
    "path",
    ["/submissions/{s}", "/submissions/{s}/file", "/runs/{r}/log.txt?stream=prediction_stdout",
     "/runs/{r}/outputs/scoring_output",
     "/submissions/{s}/cancel"],
)  # fmt: skip
def test_submission_does_not_exist_for_others(
    client: FlaskClient, phase: Phase, pavel: User, path: str
) -> None:
    submission = factories.make_submission(phase, pavel)
    run = db.session.scalars(select(Run.id).where(Run.submission_id == submission.id)).first()
    petra = factories.make_user("petra")
    factories.make_participant(db.session.get_one(Competition, phase.competition_id), petra)
    log_in(client, petra)
    assert client.get(path.format(s=submission.id, r=run)).status_code == 404


def write_log(run: Run, stream: str, *texts: str) -> None:
    factories.save(
        *(
            LogChunk(run_id=run.id, attempt=run.attempt, seq=seq, stream=stream, text=text)
            for seq, text in enumerate(texts, start=2)
        )
    )


def first_run(submission: Submission) -> Run:
    statement = select(Run).where(Run.submission_id == submission.id).order_by(Run.order)
    return db.session.scalars(statement).first() or pytest.fail("no run")


def test_hidden_output_shows_no_log_while_it_runs(
    client: FlaskClient, phase: Phase, pavel: User
) -> None:
    submission = factories.make_submission(phase, pavel, state=State.RUNNING)
    with unit_of_work():
        db.session.execute(update(Phase).values(hide_output=True))
    log_in(client, pavel)
    assert "data-log-text" not in client.get(f"/submissions/{submission.id}").text
    assert client.get(f"/runs/{first_run(submission).id}/log.txt").status_code == 404


def test_scoring_log_is_the_organizers_unless_they_share_it(
    client: FlaskClient, phase: Phase, pavel: User
) -> None:
    submission = factories.make_submission(phase, pavel)
    run = first_run(submission)
    write_log(run, "scoring_stdout", "truth is 42\n")
    path = f"/runs/{run.id}/log.txt?stream=scoring_stdout"
    log_in(client, pavel)
    assert client.get(path).status_code == 404
    assert "truth is 42" not in client.get(f"/submissions/{submission.id}").text
    with unit_of_work():
        db.session.execute(update(Competition).values(show_scoring_logs=True))
    assert client.get(path).text == "truth is 42\n"
    with unit_of_work():
        db.session.execute(update(Competition).values(show_scoring_logs=False))
    olga = db.session.scalars(select(User).where(User.username == "olga")).one()
    log_in(client, olga)
    assert client.get(path).text == "truth is 42\n"


def test_held_submission_says_whose_turn_it_is(
    client: FlaskClient, phase: Phase, pavel: User
) -> None:
    submission = factories.make_submission(phase, pavel, state=State.HELD)
    log_in(client, pavel)
    assert "Nothing is left for you to do." in client.get(f"/submissions/{submission.id}").text
    log_in(client, db.session.scalars(select(User).where(User.username == "olga")).one())
    assert "waits for you to start it" in client.get(f"/submissions/{submission.id}").text


def test_cancel_asks_first_and_then_ends_every_run(
    client: FlaskClient, phase: Phase, pavel: User
) -> None:
    submission = factories.make_submission(phase, pavel, state=State.RUNNING)
    log_in(client, pavel)
    assert "Cancel submission" in client.get(f"/submissions/{submission.id}/cancel").text
    assert client.post(f"/submissions/{submission.id}/cancel").status_code == 303
    assert client.post(f"/submissions/{submission.id}/cancel").status_code == 409
    db.session.rollback()
    assert set(db.session.scalars(select(Run.state))) == {State.CANCELLED}


def give_output(run: Run, store: FakeStore, kind: str, content: bytes) -> None:
    ref = ObjectRef("runs", f"out/{run.id}/{kind}")
    store.objects[ref] = content
    factories.save(
        RunOutput(run_id=run.id, kind=kind, attempt=run.attempt, bucket=ref.bucket,
                  object_key=ref.key, size_bytes=len(content))
    )  # fmt: skip


def test_hidden_outputs_are_the_organizers(
    client: FlaskClient, phase: Phase, pavel: User, store: FakeStore
) -> None:
    submission = factories.make_submission(phase, pavel)
    run = first_run(submission)
    give_output(run, store, "scoring_output", b"zip")
    path = f"/runs/{run.id}/outputs/scoring_output"
    log_in(client, pavel)
    assert client.get(path).status_code == 303
    with unit_of_work():
        db.session.execute(update(Phase).values(hide_score_output=True))
    assert client.get(path).status_code == 404


@pytest.fixture
def detailed(phase: Phase, pavel: User, store: FakeStore, competition: Competition) -> Run:
    with unit_of_work():
        db.session.execute(update(Competition).values(enable_detailed_results=True))
    submission = factories.make_submission(phase, pavel, on_board=True)
    run = first_run(submission)
    give_output(run, store, "detailed_results", b"<h1>ROC</h1>")
    return run


def frame_of(page: str) -> str:
    found = re.search(r'<iframe[^>]+sandbox="allow-scripts"[^>]+src="([^"]+)"', page)
    assert found, page
    return found[1]


def test_detailed_results_are_framed_and_can_reach_nothing(
    client: FlaskClient, detailed: Run
) -> None:
    src = frame_of(client.get(f"/runs/{detailed.id}/detailed-results").text)
    content = client.get(src, headers={"Sec-Fetch-Dest": "iframe"})
    assert content.data == b"<h1>ROC</h1>"
    policy = content.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox allow-scripts; default-src 'none'")
    assert "frame-ancestors 'self'" in policy
    assert content.content_type == "text/html; charset=utf-8"
    assert "no-store" in content.headers["Cache-Control"]
    direct = client.get(src, headers={"Sec-Fetch-Dest": "document"})
    assert direct.status_code == 303


def test_forged_ticket_opens_nothing(client: FlaskClient, detailed: Run) -> None:
    assert client.get("/detailed-results/1.forged.ticket").status_code == 404


def test_detailed_results_stay_closed_where_the_organizer_says_so(
    client: FlaskClient, detailed: Run
) -> None:
    with unit_of_work():
        db.session.execute(update(Competition).values(show_detailed_results_in_leaderboard=False))
    assert client.get(f"/runs/{detailed.id}/detailed-results").status_code == 404


def test_detailed_results_of_an_entry_that_left_the_board_are_closed(
    client: FlaskClient, detailed: Run
) -> None:
    with unit_of_work():
        db.session.execute(update(Submission).values(on_board=False))
    assert client.get(f"/runs/{detailed.id}/detailed-results").status_code == 404


def test_organizer_lists_everybodys_submissions_and_participants_do_not(
    client: FlaskClient, phase: Phase, pavel: User
) -> None:
    factories.make_submission(phase, pavel)
    path = f"/benchmarks/{phase.competition_id}/submissions/all"
    log_in(client, pavel)
    assert client.get(path).status_code == 403
    log_in(client, db.session.scalars(select(User).where(User.username == "olga")).one())
    assert "pavel" in client.get(path).text


def count_sql(client: FlaskClient, path: str) -> Any:
    seen: list[str] = []

    def note(_c: Any, _cur: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        assert client.get(path).status_code == 200
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    return len(seen)


def test_list_of_submissions_needs_as_many_statements_for_forty_as_for_two(
    client: FlaskClient, phase: Phase, pavel: User
) -> None:
    log_in(client, pavel)
    path = f"/benchmarks/{phase.competition_id}/submissions"
    for _ in range(2):
        factories.make_submission(phase, pavel, [{"score": 1.0}])
    few = count_sql(client, path)
    for _ in range(20):
        factories.make_submission(phase, pavel, [{"score": 1.0}])
    assert count_sql(client, path) == few
    assert db.session.scalar(select(func.count()).select_from(Attempt)) == 0


def test_submit_page_says_which_files_are_expected(
    client: FlaskClient, phase: Phase, pavel: User, competition: Competition
) -> None:
    log_in(client, pavel)
    submit = f"/benchmarks/{competition.id}/submit"
    page = client.get(submit).text
    assert "Your code or your results" in page
    assert "pages of this benchmark" in page
    kit = factories.make_file(
        db.session.get_one(User, competition.owner_id), kind=FileKind.STARTING_KIT
    )
    with unit_of_work():
        here = db.session.get_one(Phase, phase.id)
        here.starting_kit_id, here.accepts_only_result_submissions = kit.id, True
    page = client.get(submit).text
    assert f'href="/files/{kit.key}"' in page
    assert "This phase takes results only" in page
    refused = client.post(f"/phases/{phase.id}/uploads", data={})
    assert f'href="/files/{kit.key}"' in refused.text


def test_starting_kit_is_not_offered_to_those_who_may_not_have_it(
    client: FlaskClient, phase: Phase, pavel: User, competition: Competition
) -> None:
    log_in(client, pavel)
    owner = db.session.get_one(User, competition.owner_id)
    secret = factories.make_file(owner, kind=FileKind.REFERENCE_DATA)
    with unit_of_work():
        db.session.get_one(Phase, phase.id).starting_kit_id = secret.id
        for revision in db.session.scalars(select(TaskRevision)):
            revision.reference_data_id = secret.id
    page = client.get(f"/benchmarks/{competition.id}/submit").text
    assert str(secret.key) not in page
    assert "pages of this benchmark" in page
