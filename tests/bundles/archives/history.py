"""A benchmark with a past: two phases, a task of two revisions, and everything that runs may become."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from app.accounts.models import User
from app.competitions.drafts import (
    ColumnDraft,
    CompetitionDraft,
    Computation,
    FactSheetQuestionDraft,
    FileRef,
    LeaderboardDraft,
    PageDraft,
    PhaseDraft,
    QuestionType,
    SolutionDraft,
    Sorting,
    SubmissionRule,
    TaskDraft,
)
from app.competitions.models import Competition, Membership, Phase, PhaseTask
from app.leaderboards import services as boards
from app.platform.db import db, unit_of_work
from app.platform.storage import RUNS, ObjectRef
from app.policy import Viewer
from app.resources.models import FileKind, StoredFile, TaskRevision
from app.submissions.models import Attempt, LogChunk, Run, RunOutput, State, Submission
from tests.bundles.bundle_factories import zip_of
from tests.bundles.dumps.round_trips import create
from tests.factories import (
    NOW,
    change,
    make_file,
    make_participant,
    make_submission,
    make_user,
    save,
)
from tests.fakes.storage import FakeStore
from worker.contract import Output

DRAFT = CompetitionDraft(
    title="A benchmark with a past",
    description="What it is about",
    contact_email="quill@contact.example",
    enable_detailed_results=True,
    fact_sheet=(
        FactSheetQuestionDraft(key="method", type=QuestionType.TEXT, title="Method", is_on_leaderboard=True),
        FactSheetQuestionDraft(key="extra", type=QuestionType.CHECKBOX, title="Extra data"),
    ),
    pages=(PageDraft(title="Overview", content="Read this."),),
    tasks=(
        TaskDraft(index=0, name="Lungs", scoring_program=FileRef(member="s.zip"), reference_data=FileRef(member="r.zip")),
        TaskDraft(index=1, name="Bones", scoring_program=FileRef(member="s.zip")),
    ),
    solutions=(SolutionDraft(index=0, tasks=(0,), file=FileRef(member="sol.zip"), name="Sample"),),
    phases=(
        PhaseDraft(
            name="First", start=NOW - timedelta(days=20), end=NOW - timedelta(days=5), tasks=(0, 1),
            submission_rule=SubmissionRule.FORCE_BEST,
        ),
        PhaseDraft(
            name="Second", start=NOW - timedelta(days=5), end=None, tasks=(1,),
            auto_migrate_to_this_phase=True, leaderboard_index=1,
        ),
    ),
    leaderboards=(
        LeaderboardDraft(
            title="Results", key="main", submission_rule=SubmissionRule.ADD_AND_DELETE_MULTIPLE,
            columns=(
                ColumnDraft(title="Score", key="score", index=0),
                ColumnDraft(title="Time", key="time", index=1, sorting=Sorting.ASC),
                ColumnDraft(title="Mean", key="mean", index=2, computation=Computation.AVG, computation_indexes=(0, 1)),
                ColumnDraft(title="Rank", key="rank", index=3, computation=Computation.AVG_RANK, computation_indexes=(0, 1)),
            ),
        ),
        LeaderboardDraft(
            title="Finals", key="finals",
            submission_rule=SubmissionRule.ADD_AND_DELETE_MULTIPLE,
            columns=(
                ColumnDraft(title="Time", key="time", index=0, sorting=Sorting.ASC),
                ColumnDraft(title="Final score", key="score", index=1),
            ),
        ),
    ),
)  # fmt: skip

SECRETS = ("quixote", "quimby", "quorra", "quentin", "Don Q", "203.0.113.77", "plb_run_secret")
"""What must not be read anywhere in an archive without names; see :func:`make_history`."""

_minutes = itertools.count()


def make_history(organizer: User, store: FakeStore) -> int:
    """Make the benchmark; returns its id."""
    competition_id = create(Viewer(organizer.id, organizer.username), DRAFT, store)
    competition = db.session.get_one(Competition, competition_id)
    first, second = db.session.scalars(
        select(Phase).where(Phase.competition_id == competition_id).order_by(Phase.index)
    ).all()
    quixote = make_user("quixote", display_name="Don Q", email="quixote@mancha.example")
    quimby, quorra, quentin = (make_user(name) for name in ("quimby", "quorra", "quentin"))
    make_participant(competition, quixote, decided_at=NOW)
    make_participant(competition, quimby, decided_at=NOW)
    make_participant(competition, quorra, Membership.PENDING)
    make_participant(
        competition, quentin, Membership.DENIED, reason="quentin is not from here", decided_at=NOW
    )
    old = submit(store, first, quixote, [{"score": 0.5, "time": 3}, {"score": 0.25, "time": 9}])
    submit(
        store, first, quimby, [{"score": 0.75, "time": 7}, {"score": 0.5}], counted_on=NOW.date()
    )
    submit(
        store,
        first,
        quimby,
        [],
        state=State.FAILED,
        reason="quimby.py was not found.",
        blame="participant",
    )
    submit(store, first, quixote, [], state=State.CANCELLED)
    submit(store, first, organizer, [{"score": 0.1, "time": 1}, {"score": 0.2, "time": 2}])
    new_revision(first, organizer, store)
    submit(
        store, first, quixote, [{"score": 0.55, "time": 4}, {"score": 0.25, "time": 8}],
        rerun_of_id=old.id, file_id=old.file_id,
    )  # fmt: skip
    moved = submit(
        store,
        second,
        quixote,
        [{"score": 0.25, "time": 8}],
        migrated_from_id=old.id,
        file_id=old.file_id,
    )
    chosen = submit(store, second, quimby, [{"score": 0.25, "time": 8}])
    submit(store, second, quimby, [{"score": 0.25}])
    trial = submit(store, first, quixote, [{"score": 1}], rerun_of_id=old.id, is_trial=True)
    assert trial.is_trial
    with unit_of_work():
        boards.rebuild(first.id)
        for one in (moved, chosen):
            row = db.session.scalars(_with_phase(one.id)).one()
            boards.add(Viewer(organizer.id, is_staff=True), row, now=NOW)
        for file in db.session.scalars(select(StoredFile)):
            if content := store.objects.get(file.ref):  # that of the trial apart
                file.sha256 = hashlib.sha256(content).hexdigest()
    return competition_id


def submit(
    store: FakeStore,
    phase: Phase,
    owner: User,
    scores: Sequence[Mapping[str, float]],
    **values: Any,
) -> Submission:
    """Add a submission with its file, a log, outputs and an attempt for each of its runs."""
    at = NOW - timedelta(days=4) + timedelta(minutes=next(_minutes))
    answers = {"method": f"The trick of {owner.name}", "extra": True}
    made = make_submission(
        phase, owner, scores,
        **{"created_at": at, "ended_at": at + timedelta(minutes=1, microseconds=7), "fact_sheet_answers": answers, **values},
    )  # fmt: skip
    file = db.session.get_one(StoredFile, made.file_id)
    content = zip_of({"README": f"by {owner.name} {owner.email} #{file.id}".encode()}).getvalue()
    store.objects.setdefault(file.ref, content)
    change(file, size_bytes=len(store.objects[file.ref]), file_name=f"{owner.username}.zip")
    for run in db.session.scalars(select(Run).where(Run.submission_id == made.id)):
        _happened(store, run, owner)
    return made


def _happened(store: FakeStore, run: Run, owner: User) -> None:
    change(
        run, attempt=1, image="python:3.11", engine="docker", started_at=run.queued_at,
        step="upload", step_seconds={"score": 1.5}, notes=[f"{owner.username} printed a lot."],
    )  # fmt: skip
    save(
        Attempt(
            run_id=run.id, number=1, machine_name=f"{owner.username}-laptop", worker_version="1",
            token_hash="plb_run_secret", output_prefix="x", created_at=run.queued_at,
            started_at=run.queued_at, ended_at=run.ended_at, outcome="Done.",
        ),
        *(
            LogChunk(run_id=run.id, attempt=1, seq=seq, stream="scoring_stdout",
                     text=f"{owner.username} from 203.0.113.77, line {seq}\n")
            for seq in (2, 3)
        ),
    )  # fmt: skip
    for kind in (Output.SCORING_OUTPUT, Output.DETAILED_RESULTS):
        ref = ObjectRef(RUNS, f"runs/{run.id}/{kind}")
        store.objects[ref] = f"<p>{owner.name}, {run.order}</p>".encode()
        save(
            RunOutput(run_id=run.id, kind=kind, attempt=1, bucket=ref.bucket, object_key=ref.key,
                      size_bytes=len(store.objects[ref]))
        )  # fmt: skip


def new_revision(phase: Phase, owner: User, store: FakeStore) -> None:
    """Give the first task of a phase another reference file."""
    file = make_file(owner, kind=FileKind.REFERENCE_DATA, file_name="truth2.zip")
    store.objects[file.ref] = zip_of({"which.txt": b"truth2"}).getvalue()
    change(file, size_bytes=len(store.objects[file.ref]))
    task_id = db.session.scalars(
        select(PhaseTask.task_id).where(PhaseTask.phase_id == phase.id).order_by(PhaseTask.order)
    ).first()
    earlier = db.session.scalars(select(TaskRevision).where(TaskRevision.task_id == task_id)).one()
    save(
        TaskRevision(
            task_id=task_id, number=2, created_at=NOW, reference_data_id=file.id,
            scoring_program_id=earlier.scoring_program_id,
        )
    )  # fmt: skip


def _with_phase(submission_id: int) -> Any:
    return (
        select(Submission)
        .where(Submission.id == submission_id)
        .options(joinedload(Submission.phase).joinedload(Phase.competition))
    )
