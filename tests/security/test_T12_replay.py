"""Events of several attempts, shuffled, repeated and lost: only the newest attempt counts, and once.

That a token opens no other run, and none that is over, is in tests/chaos/test_events.py and
tests/api/test_worker.py.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, settings
from hypothesis import Phase as Stage
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import delete, select

from app.accounts.models import User
from app.competitions import queries as competitions
from app.competitions.models import Phase
from app.errors import Conflict, Invalid, NotFound
from app.platform.db import db, unit_of_work
from app.submissions import dispatch, events, services
from app.submissions.drafts import SubmissionDraft
from app.submissions.models import LogChunk, Run, RunScore, State, Submission
from tests import factories
from tests.factories import NOW
from tests.fakes.carrier import FakeCarrier
from worker.contract import Blame, Kind, RunEvent, Step, Stream

pytestmark = pytest.mark.security

_LENGTH = 6
_PAST_ANY_LEASE = timedelta(seconds=200)


def _script(attempt: int, *, fails: bool) -> list[RunEvent]:
    """Return everything an attempt has to say, in order."""
    last = (
        RunEvent(seq=_LENGTH, kind=Kind.FAILED, blame=Blame.PARTICIPANT, text="It broke.")
        if fails
        else RunEvent(seq=_LENGTH, kind=Kind.FINISHED, scores={"score": float(attempt)})
    )
    return [
        RunEvent(seq=1, kind=Kind.STARTED, text=f"machine {attempt}"),
        RunEvent(seq=2, kind=Kind.STEP, step=Step.INGEST),
        RunEvent(seq=3, kind=Kind.LOG, stream=Stream.PREDICTION_STDOUT, text=f"{attempt}a "),
        RunEvent(seq=4, kind=Kind.LOG, stream=Stream.PREDICTION_STDOUT, text=f"{attempt}b "),
        RunEvent(seq=5, kind=Kind.STEP, step=Step.SCORE),
        last,
    ]


class Replay(RuleBasedStateMachine):
    """One run, the attempts that the site has sent out so far, and what the newest has got across."""

    phase: Phase
    carrier: FakeCarrier

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.taken: dict[int, int] = {}
        """How many events of each attempt were taken."""
        self.fails = False
        self.before: tuple[object, ...] = ()
        self.carrier.runs.clear()
        with unit_of_work():
            db.session.execute(delete(Submission))
        self.run_id = _submit(self.phase)

    @initialize(first=st.integers(1, _LENGTH - 1), second=st.integers(0, _LENGTH - 1))
    def lose_the_first_machine(self, first: int, second: int) -> None:
        """Begin in the midst: one machine went silent, another may have begun."""
        self.say(0, 1, first, False)
        self.wait()
        if second:
            self.say(0, 1, second, False)

    @property
    def specs(self) -> list[dict[str, Any]]:
        """What was sent to machines, an attempt each, the newest last."""
        by_attempt = {spec["attempt"]: spec for _, _, spec in self.carrier.runs}
        return [by_attempt[number] for number in sorted(by_attempt)]

    @rule(back=st.integers(0, 2), first=st.integers(1, _LENGTH), last=st.integers(1, _LENGTH),
          fails=st.booleans())  # fmt: skip
    def say(self, back: int, first: int, last: int, fails: bool) -> None:
        """Say some of an attempt's events, however often they were said."""
        if last < first:
            first, last = last, first
        spec = self.specs[max(0, len(self.specs) - 1 - back)]
        number, is_open = spec["attempt"], spec is self.specs[-1] and not self._is_over()
        was = self.taken.get(number, 0)
        heard = self._tell(spec, _script(number, fails=fails)[first - 1 : last])
        if heard and is_open and first <= was + 1 <= last:
            self.taken[number], self.fails = last, fails
        if heard and not is_open:
            assert last <= was, "something new of an attempt that is over was taken"

    def _is_over(self) -> bool:
        return self.run.state in (State.FINISHED, State.FAILED)

    @property
    def heard(self) -> int:
        """How many events of the newest attempt were taken."""
        return self.taken.get(self.specs[-1]["attempt"], 0)

    def _tell(self, spec: dict[str, Any], batch: list[RunEvent], token: str = "") -> bool:
        try:
            with unit_of_work():
                events.receive(
                    spec["run_id"], token or spec["token"], spec["attempt"], batch, now=self.now
                )
        except (Conflict, NotFound, Invalid):
            db.session.rollback()
            return False
        return True

    @precondition(lambda self: len(self.specs) > 1)
    @rule(first=st.integers(1, _LENGTH))
    def borrow(self, first: int) -> None:
        """Use the token of an old attempt for the newest, and the other way round."""
        old, new = self.specs[-2:]
        for spec, token in ((new, old["token"]), (old, new["token"])):
            batch = _script(spec["attempt"], fails=False)[first - 1 :]
            assert not self._tell(spec, batch, token)

    @rule()
    def wait(self) -> None:
        """Let every lease and patience run out, and the site look after its runs."""
        self.now += _PAST_ANY_LEASE
        dispatch.sweep(now=self.now)

    @property
    def run(self) -> Run:
        db.session.rollback()
        return db.session.get_one(Run, self.run_id)

    @invariant()
    def scores_are_those_of_the_newest_attempt(self) -> None:
        run = self.run
        found = db.session.scalars(select(RunScore.value).where(RunScore.run_id == run.id)).all()
        if self.heard == _LENGTH:
            assert run.state == (State.FAILED if self.fails else State.FINISHED)
            assert found == ([] if self.fails else [float(run.attempt)])
        else:
            assert found == []
            assert run.state != State.FINISHED

    @invariant()
    def log_is_in_order_and_says_nothing_twice(self) -> None:
        run = self.run
        chunks = select(LogChunk.text).where(
            LogChunk.run_id == run.id, LogChunk.attempt == run.attempt
        )
        text = "".join(db.session.scalars(chunks.order_by(LogChunk.seq)))
        said = [f"{run.attempt}a ", f"{run.attempt}b "]
        assert text == "".join(said[: max(0, self.heard - 2)])

    @invariant()
    def end_is_the_end(self) -> None:
        run = self.run
        now = (run.state, run.reason, run.attempt, run.ended_at)
        if self.before and self.before[0] in (State.FINISHED, State.FAILED):
            assert now == self.before
        self.before = now


def _submit(phase: Phase) -> int:
    user = db.session.scalars(select(User).where(User.username == "pavel")).one()
    file, viewer = factories.make_file(user), competitions.viewer(user)
    with unit_of_work():
        loaded = competitions.get_phase(phase.id, viewer)
        made = services.submit(viewer, loaded, SubmissionDraft(file_key=file.key), now=NOW)
        return db.session.scalars(select(Run.id).where(Run.submission_id == made.id)).one()


def test_only_the_newest_attempt_counts_and_only_once(
    app: Flask, carrier: FakeCarrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.submissions.dispatch.clock_now", lambda: NOW)
    factories.make_queue(qid="queueone")
    competition = factories.make_competition(factories.make_user("olga"))
    factories.make_participant(competition, factories.make_user("pavel"))
    phase = factories.make_phase(
        competition, tasks=1, max_submissions_per_day=0, max_submissions_per_person=0
    )
    machine = type("Replay", (Replay,), {"phase": phase, "carrier": carrier})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=25, stateful_step_count=10, deadline=None,
            phases=[Stage.explicit, Stage.reuse, Stage.generate],  # to shrink takes minutes here
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
