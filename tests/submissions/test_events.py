from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select

from app.accounts.models import User
from app.competitions.models import Phase
from app.competitions.validity import MAX_TIME_LIMIT_S
from app.errors import Conflict, Invalid, NotFound
from app.platform.db import db, unit_of_work
from app.platform.storage import LONGEST_LINK, ObjectRef
from app.queues.models import Machine
from app.submissions import dispatch, events, outcome, quota, runs
from app.submissions.models import Attempt, LogChunk, Run, RunOutput, RunScore, State, Submission
from tests.factories import NOW
from tests.fakes.carrier import FakeCarrier
from tests.fakes.storage import FakeStore
from tests.submissions.test_services import submit
from worker.contract import Answer, Blame, Kind, RunEvent, Step


@pytest.fixture(autouse=True)
def _frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.submissions.dispatch.clock_now", lambda: NOW)


@pytest.fixture
def sent(phase: Phase, pavel: User, carrier: FakeCarrier) -> list[dict[str, object]]:
    """The messages of one submission with two tasks."""
    submit(phase, "pavel")
    return [spec for _, _, spec in carrier.runs]


def tell(spec: dict[str, object], *batch: RunEvent, now: datetime = NOW) -> Answer:
    with unit_of_work():
        return events.receive(
            int(str(spec["run_id"])), str(spec["token"]), int(str(spec["attempt"])), batch, now=now
        )


def started(seq: int = 1, claim: str = "worker-a") -> RunEvent:
    return RunEvent(seq=seq, kind=Kind.STARTED, text=claim)


def finished(seq: int, **scores: float) -> RunEvent:
    return RunEvent(seq=seq, kind=Kind.FINISHED, scores=scores)


def failed(seq: int, blame: str, text: str = "It broke.") -> RunEvent:
    return RunEvent(seq=seq, kind=Kind.FAILED, blame=blame, text=text)


def run_of(spec: dict[str, object]) -> Run:
    db.session.rollback()
    return db.session.get_one(Run, spec["run_id"])


def submission_of(spec: dict[str, object]) -> Submission:
    return db.session.get_one(Submission, run_of(spec).submission_id)


def test_started_is_the_claim_and_brings_urls_and_a_lease(sent: list[dict[str, object]]) -> None:
    answer = tell(sent[0], started())
    assert answer.claim is not None
    assert "submission" in answer.claim.downloads
    assert set(answer.claim.uploads) == {"prediction_output", "scoring_output", "detailed_results"}
    assert run_of(sent[0]).state == State.RUNNING


def test_second_worker_with_the_same_message_is_refused(sent: list[dict[str, object]]) -> None:
    tell(sent[0], started(claim="worker-a"))
    with pytest.raises(Conflict, match="Another worker"):
        tell(sent[0], started(claim="worker-b"))


def test_claim_whose_answer_got_lost_is_answered_again(sent: list[dict[str, object]]) -> None:
    tell(sent[0], started())
    assert tell(sent[0], started()).claim is not None


def test_foreign_token_opens_nothing(sent: list[dict[str, object]]) -> None:
    with pytest.raises(NotFound):
        tell({**sent[0], "token": sent[1]["token"]}, started())


def test_event_before_the_claim_is_refused(sent: list[dict[str, object]]) -> None:
    with pytest.raises(Conflict):
        tell(sent[0], finished(1, score=1.0))


def test_submission_is_finished_once_all_its_runs_are(sent: list[dict[str, object]]) -> None:
    tell(sent[0], started(), finished(2, score=0.5))
    assert submission_of(sent[0]).state == State.SENT
    tell(sent[1], started(), finished(2, score=0.7))
    assert submission_of(sent[0]).state == State.FINISHED
    values = db.session.scalars(select(RunScore.value).order_by(RunScore.run_id)).all()
    assert values == [0.5, 0.7]


def test_repeated_events_change_nothing(sent: list[dict[str, object]]) -> None:
    batch = [started(), finished(2, score=0.5)]
    tell(sent[0], *batch)
    answer = tell(sent[0], *batch)
    assert answer.accepted_seq == 2
    assert db.session.scalar(select(func.count()).select_from(RunScore)) == 1


def test_events_after_a_gap_are_left_to_be_sent_again(sent: list[dict[str, object]]) -> None:
    answer = tell(sent[0], started(), finished(3, score=0.5))
    assert answer.accepted_seq == 1
    assert run_of(sent[0]).state == State.RUNNING


def test_new_event_after_the_end_is_a_conflict(sent: list[dict[str, object]]) -> None:
    tell(sent[0], started(), finished(2, score=0.5))
    with pytest.raises(Conflict):
        tell(sent[0], failed(3, Blame.PARTICIPANT))


def test_failure_of_the_participant_gives_the_try_back_unless_the_phase_counts_it(
    sent: list[dict[str, object]], phase: Phase, pavel: User
) -> None:
    for spec in sent:
        tell(spec, started(), failed(2, Blame.PARTICIPANT, "Your program exited with code 1."))
    submission = submission_of(sent[0])
    assert (submission.state, submission.blame) == (State.FAILED, Blame.PARTICIPANT)
    assert submission.reason.startswith("Your program exited with code 1.")
    assert quota.allowance(phase, pavel.id, NOW).used == 0


def test_counted_failure_of_the_participant_uses_the_try(
    sent: list[dict[str, object]], phase: Phase, pavel: User
) -> None:
    with unit_of_work():
        db.session.get_one(Phase, phase.id).count_failed_submissions = True
    for spec in sent:
        tell(spec, started(), failed(2, Blame.PARTICIPANT))
    assert quota.allowance(phase, pavel.id, NOW).used == 1


def test_failure_beside_a_scored_task_uses_the_try(
    sent: list[dict[str, object]], phase: Phase, pavel: User
) -> None:
    # Who sees scores of all tasks but the one that crashes on purpose must not see them for nothing.
    tell(sent[0], started(), finished(2, score=0.5))
    tell(sent[1], started(), failed(2, Blame.PARTICIPANT))
    assert quota.allowance(phase, pavel.id, NOW).used == 1


def test_failure_of_the_platform_beside_one_of_the_participants_uses_no_try(
    sent: list[dict[str, object]], phase: Phase, pavel: User, carrier: FakeCarrier
) -> None:
    with unit_of_work():
        db.session.get_one(Phase, phase.id).count_failed_submissions = True
    tell(sent[0], started(), failed(2, Blame.PARTICIPANT))
    run_id = sent[1]["run_id"]
    while submission_of(sent[0]).state != State.FAILED:
        latest = [spec for _, _, spec in carrier.runs if spec["run_id"] == run_id][-1]
        tell(latest, started(), failed(2, Blame.PLATFORM))
    assert quota.allowance(phase, pavel.id, NOW).used == 0


@pytest.mark.parametrize("blame", [Blame.ORGANIZER, Blame.PLATFORM])
def test_failure_of_somebody_else_beside_a_scored_task_uses_none(
    sent: list[dict[str, object]], phase: Phase, pavel: User, blame: Blame, carrier: FakeCarrier
) -> None:
    tell(sent[0], started(), finished(2, score=0.5))
    run_id = sent[1]["run_id"]
    while submission_of(sent[0]).state != State.FAILED:
        latest = [spec for _, _, spec in carrier.runs if spec["run_id"] == run_id][-1]
        tell(latest, started(), failed(2, blame))
    assert quota.allowance(phase, pavel.id, NOW).used == 0


def test_failed_submission_keeps_the_scores_of_its_finished_task(
    sent: list[dict[str, object]],
) -> None:
    tell(sent[0], started(), finished(2, score=0.5))
    tell(sent[1], started(), failed(2, Blame.PARTICIPANT, "Out of memory."))
    submission = submission_of(sent[0])
    assert submission.state == State.FAILED
    assert submission.reason == "Out of memory. 1 of 2 tasks finished and keep their scores."
    assert db.session.scalar(select(func.count()).select_from(RunScore)) == 1


def test_platform_failure_gets_new_attempts_and_then_ends_without_using_a_try(
    sent: list[dict[str, object]], phase: Phase, pavel: User, carrier: FakeCarrier
) -> None:
    tell(sent[1], started(), finished(2, score=1.0))
    run_id = sent[0]["run_id"]
    for attempt in (1, 2, 3):
        latest = [spec for _, _, spec in carrier.runs if spec["run_id"] == run_id][-1]
        assert latest["attempt"] == attempt
        tell(latest, started(), failed(2, Blame.PLATFORM, "The image could not be pulled."))
    run = run_of(sent[0])
    assert (run.state, run.blame, run.attempt) == (State.FAILED, Blame.PLATFORM, 3)
    assert "tried 3 times" in run.reason
    # Each machine's owner reads what it met, the last one's too; the sentence is the participant's.
    attempts = db.session.scalars(select(Attempt).where(Attempt.run_id == run.id)).all()
    assert {one.outcome for one in attempts} == {"The image could not be pulled."}
    assert all(one.is_failure for one in attempts)
    assert quota.allowance(phase, pavel.id, NOW).used == 0


def test_handed_back_run_is_tried_again_without_counting(
    sent: list[dict[str, object]], carrier: FakeCarrier
) -> None:
    run_id = sent[0]["run_id"]
    for _ in range(5):
        latest = [spec for _, _, spec in carrier.runs if spec["run_id"] == run_id][-1]
        tell(latest, started(), RunEvent(seq=2, kind=Kind.HANDED_BACK, text="Stopping."))
    assert run_of(sent[0]).attempt == 6
    assert run_of(sent[0]).state == State.SENT


def test_old_attempt_can_say_nothing_once_a_new_one_exists(
    sent: list[dict[str, object]], carrier: FakeCarrier
) -> None:
    tell(sent[0], started(), failed(2, Blame.PLATFORM))
    with pytest.raises(Conflict):
        tell(sent[0], finished(3, score=99.0))
    assert db.session.scalar(select(func.count()).select_from(RunScore)) == 0


def test_odd_value_under_a_columns_key_fails_the_run_for_the_organizer_to_mend(
    sent: list[dict[str, object]],
) -> None:
    event = RunEvent(seq=2, kind=Kind.FINISHED, rejected={"score": "is NaN"})
    tell(sent[0], started(), event)
    run = run_of(sent[0])
    assert (run.state, run.blame) == (State.FAILED, Blame.ORGANIZER)
    assert "'score' is NaN" in run.reason


def test_odd_value_under_an_unknown_key_is_only_a_note(sent: list[dict[str, object]]) -> None:
    event = RunEvent(
        seq=2, kind=Kind.FINISHED, scores={"score": 1.0}, rejected={"extra": "is an object"}
    )
    tell(sent[0], started(), event)
    run = run_of(sent[0])
    assert run.state == State.FINISHED
    assert "'extra'" in run.notes[0]


def test_missing_score_is_noted(sent: list[dict[str, object]]) -> None:
    tell(sent[0], started(), finished(2))
    assert run_of(sent[0]).notes == ["The scoring program wrote no score for: 'score'."]


def test_log_keeps_order_and_survives_nul(sent: list[dict[str, object]]) -> None:
    stream = "prediction_stdout"
    tell(
        sent[0], started(), RunEvent(seq=2, kind=Kind.LOG, stream=stream, text="one\x00"),
        RunEvent(seq=3, kind=Kind.LOG, stream=stream, text="two"),
    )  # fmt: skip
    texts = db.session.scalars(select(LogChunk.text).order_by(LogChunk.seq)).all()
    assert texts == ["one\ufffd", "two"]


def test_output_is_noted_only_when_its_object_exists(
    sent: list[dict[str, object]], store: FakeStore
) -> None:
    tell(sent[0], started())
    event = RunEvent(seq=2, kind=Kind.OUTPUT, output="scoring_output")
    with pytest.raises(Invalid, match="not in the store"):
        tell(sent[0], event)
    attempt = db.session.scalars(select(Attempt).where(Attempt.run_id == sent[0]["run_id"])).one()
    store.objects[ObjectRef("runs", f"{attempt.output_prefix}/scoring_output.zip")] = b"12345"
    tell(sent[0], event)
    assert db.session.scalars(select(RunOutput.size_bytes)).one() == 5


def test_store_is_asked_before_anybody_is_kept_waiting(
    sent: list[dict[str, object]], store: FakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(sent[0], started())
    asked = []

    def size(ref: ObjectRef) -> int:
        asked.append(db.session().in_transaction())
        return 5

    monkeypatch.setattr(store, "size", size)
    tell(sent[0], RunEvent(seq=2, kind=Kind.OUTPUT, output="scoring_output"))
    assert asked == [False]
    assert db.session.scalars(select(RunOutput.size_bytes)).one() == 5


def test_run_of_the_longest_time_limit_can_be_claimed(
    phase: Phase, pavel: User, carrier: FakeCarrier
) -> None:
    with unit_of_work():
        db.session.get_one(Phase, phase.id).execution_time_limit_s = MAX_TIME_LIMIT_S
    submit(phase, "pavel")
    assert tell(carrier.runs[0][2], started()).claim is not None
    assert timedelta(seconds=runs.whole_time_s(MAX_TIME_LIMIT_S)) <= LONGEST_LINK


def test_output_is_looked_up_for_nobody_without_the_runs_token(
    sent: list[dict[str, object]], store: FakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(sent[0], started())
    monkeypatch.setattr(store, "size", lambda _ref: pytest.fail("the store was asked"))
    with pytest.raises(NotFound):
        tell({**sent[0], "token": "x"}, RunEvent(seq=2, kind=Kind.OUTPUT, output="scoring_output"))


def test_run_that_is_handed_back_again_and_again_ends_in_the_end(
    sent: list[dict[str, object]], carrier: FakeCarrier
) -> None:
    run_id = sent[0]["run_id"]
    for _ in range(30):
        spec = [s for _, _, s in carrier.runs if s["run_id"] == run_id][-1]
        if run_of(spec).state != State.SENT:
            break
        tell(spec, started(), RunEvent(seq=2, kind=Kind.HANDED_BACK, text="The machine stops."))
    run = run_of(sent[0])
    assert (run.state, run.blame) == (State.FAILED, "platform")
    assert "The machine stops." in run.reason
    assert (
        db.session.get_one(Submission, run.submission_id).counted_on is not None
    )  # one still runs


def test_run_that_no_machine_could_claim_for_long_may_still_be_handed_back(
    sent: list[dict[str, object]], carrier: FakeCarrier
) -> None:
    run_id = sent[0]["run_id"]
    with unit_of_work():
        for _ in range(20):
            run = db.session.get_one(Run, run_id)
            outcome.hand_back(run, run.attempt, "No machine claimed it in time.", now=NOW)
            run.state = State.SENT
            db.session.add(
                Attempt(
                    run_id=run.id, number=run.attempt + 1, token_hash="x" * 64, created_at=NOW,
                    output_prefix="runs/x",
                )
            )  # fmt: skip
            run.attempt += 1
        run.state = State.QUEUED
    dispatch.dispatch(now=NOW)
    spec = [s for _, _, s in carrier.runs if s["run_id"] == run_id][-1]
    tell(spec, started(), RunEvent(seq=2, kind=Kind.HANDED_BACK, text="The machine stops."))
    assert run_of(sent[0]).state == State.SENT


def test_next_attempt_begins_with_nothing_of_the_one_before(
    sent: list[dict[str, object]], carrier: FakeCarrier
) -> None:
    tell(
        sent[0], started(),
        RunEvent(seq=2, kind=Kind.STEP, step="score", image_digest="sha256:1", engine="docker"),
        RunEvent(seq=3, kind=Kind.STEP, step="upload", seconds=7.0),
        RunEvent(seq=4, kind=Kind.FAILED, blame="platform", text="Broke.", container_s=3.0),
    )  # fmt: skip
    run = run_of(sent[0])
    assert (run.state, run.attempt) == (State.SENT, 2)
    assert (run.step_seconds, run.container_s, run.engine, run.image_digest) == ({}, 0.0, "", "")


def test_cancelled_run_answers_cancel(sent: list[dict[str, object]]) -> None:
    tell(sent[0], started())
    with unit_of_work():
        db.session.get_one(Run, sent[0]["run_id"]).state = State.CANCELLED
    assert tell(sent[0]).cancel is True
    last = RunEvent(seq=5, kind=Kind.CANCELLED)
    assert tell(sent[0], last) == Answer(cancel=True, accepted_seq=5)


def test_heartbeat_renews_the_lease(sent: list[dict[str, object]]) -> None:
    tell(sent[0], started())
    tell(sent[0], now=NOW + timedelta(seconds=50))
    attempt = db.session.scalars(select(Attempt).where(Attempt.run_id == sent[0]["run_id"])).one()
    assert attempt.lease_until == NOW + timedelta(seconds=110)


def test_silent_run_is_taken_away_and_tried_again(
    sent: list[dict[str, object]], carrier: FakeCarrier
) -> None:
    tell(sent[0], started())
    assert dispatch.sweep(now=NOW + timedelta(seconds=59)) == 0
    assert dispatch.sweep(now=NOW + timedelta(seconds=61)) == 1
    run = run_of(sent[0])
    assert (run.state, run.attempt) == (State.SENT, 2)
    with pytest.raises(Conflict):
        tell(sent[0], finished(2, score=1.0))


def test_machine_that_could_not_be_heard_keeps_its_run(sent: list[dict[str, object]]) -> None:
    tell(sent[0], started())
    later = NOW + timedelta(seconds=61)
    assert dispatch.sweep(now=later, takes_silent=False) == 0
    tell(sent[0], now=later)
    assert dispatch.sweep(now=later) == 0
    assert run_of(sent[0]).state == State.RUNNING


@pytest.mark.parametrize(
    ("step", "counted"), [("", 0), ("fetch", 0), ("unpack", 0), ("ingest", 1), ("score", 1)]
)
def test_machine_that_dies_costs_only_the_run_whose_programs_had_begun(
    sent: list[dict[str, object]], step: str, counted: int
) -> None:
    tell(sent[0], started())
    if step:
        tell(sent[0], RunEvent(seq=2, kind=Kind.STEP, step=step))
    dispatch.sweep(now=NOW + timedelta(seconds=61))
    lost = db.session.scalars(
        select(Attempt).where(Attempt.run_id == sent[0]["run_id"], Attempt.number == 1)
    ).one()
    assert (lost.is_failure, lost.outcome) == (bool(counted), outcome.SILENT)
    assert run_of(sent[0]).notes == ["Attempt 1 was lost: The machine stopped answering."]


def test_run_that_kills_every_machine_before_its_programs_begin_ends_in_the_end(
    sent: list[dict[str, object]], carrier: FakeCarrier
) -> None:
    run_id, now = sent[0]["run_id"], NOW
    for _ in range(20):
        spec = [s for _, _, s in carrier.runs if s["run_id"] == run_id][-1]
        if run_of(spec).state != State.SENT:
            break
        tell(spec, started(), now=now)
        now += timedelta(seconds=61)
        dispatch.sweep(now=now)
        with unit_of_work():
            db.session.scalars(select(Machine)).one().last_seen_at = now
        dispatch.dispatch(now=now)
    run = run_of(sent[0])
    assert (run.state, run.attempt, run.blame) == (State.FAILED, 12, "platform")


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(order=st.permutations(range(8)))
def test_any_order_of_two_attempts_events_scores_at_most_once(
    phase: Phase, pavel: User, carrier: FakeCarrier, order: list[int]
) -> None:
    carrier.runs.clear()
    with unit_of_work():
        db.session.execute(delete(Submission))
        db.session.get_one(Phase, phase.id).max_submissions_per_day = 0
        db.session.get_one(Phase, phase.id).max_submissions_per_person = 0
    submit(phase, "pavel")
    spec = carrier.runs[0][2]
    tell(spec, started())
    dispatch.sweep(now=NOW + timedelta(seconds=61))
    new = [s for _, _, s in carrier.runs if s["run_id"] == spec["run_id"]][-1]
    old_batch = [started(), finished(2, score=1.0), finished(2, score=2.0), failed(3, "platform")]
    new_batch = [started(claim="b"), started(claim="b"), finished(2, score=7.0),
                 finished(2, score=8.0)]  # fmt: skip
    acts = [(spec, event) for event in old_batch] + [(new, event) for event in new_batch]
    for place in order:
        message, event = acts[place]
        try:
            tell(message, event)
        except (Conflict, NotFound):
            db.session.rollback()
    values = db.session.scalars(
        select(RunScore.value).where(RunScore.run_id == spec["run_id"])
    ).all()
    assert values in ([], [7.0], [8.0])
    assert run_of(spec).attempt == 2


def test_note_about_a_failed_step_marks_the_step_until_the_run_begins_anew(
    sent: list[dict[str, object]],
) -> None:
    note = RunEvent(seq=2, kind=Kind.NOTE, text="The ingestion program failed.", step=Step.INGEST)
    tell(sent[0], started(), note, RunEvent(seq=3, kind=Kind.NOTE, text="Fine."))
    assert run_of(sent[0]).failed_steps == ["ingest"]
    tell(sent[0], RunEvent(seq=4, kind=Kind.HANDED_BACK, text="The machine stops."))
    assert run_of(sent[0]).failed_steps == []
