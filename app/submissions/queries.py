"""What is known of submissions, filtered by what a viewer may see."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, func, select
from sqlalchemy.orm import joinedload, selectinload

from app import policy
from app.competitions.models import Competition, Leaderboard, Phase
from app.errors import NotFound
from app.platform.db import db
from app.platform.paging import Page
from app.policy import Act, Viewer
from app.submissions import migration, progress, reruns, revisions, waiting
from app.submissions.models import Attempt, LogChunk, Run, RunOutput, State, Submission
from worker.contract import Output, Stream

PAGE_SIZE = 50


@dataclass(frozen=True)
class ScoreRow:
    """One score of a run, as its column shows it."""

    title: str
    text: str
    is_primary: bool


@dataclass(frozen=True)
class RunRow:
    """A run, the steps of its life, and what it wrote as far as the viewer may see it."""

    run: Run
    steps: list[progress.StepRow]
    scores: list[ScoreRow]
    outputs: dict[str, RunOutput]
    streams: list[str]
    """Log streams that hold text, in the order of the contract."""


@dataclass(frozen=True)
class StatusRow:
    """A submission's page: everything but the log's text."""

    submission: Submission
    runs: list[RunRow]
    overall: Sequence[ScoreRow]
    """Over all tasks, as the board counts it; empty where that says no more than the one run."""
    is_terminal: bool
    on_board: bool
    """Whether it stands on its board, as far as the viewer may know."""
    can_cancel: bool
    can_start: bool
    can_see_outputs: bool
    is_organizer: bool
    is_owner: bool
    can_read_scoring_log: bool
    waiting: waiting.Outlook | None
    """What it waits for, while it does."""

    @property
    def version(self) -> str:
        """Text that changes whenever something changes that the page shows."""
        seen: list[object] = [
            self.submission.state,
            self.submission.reason,
            self.on_board,
        ]
        seen += [self.waiting, list(self.overall)]
        for row in self.runs:
            seen += [row.run.reason, row.run.notes, row.steps, row.scores, sorted(row.outputs)]
        return hashlib.sha256(repr(seen).encode()).hexdigest()[:16]


overall_scores: list[Callable[[Submission, Viewer], Sequence[ScoreRow]]] = []
"""What boards make of the runs of a submission from :func:`get`, all of them together."""

primary_scores: list[Callable[[Sequence[Submission], Viewer], Mapping[int, str]]] = []
"""The score by which boards rank each submission of a list, as text by its id."""


def get(submission_id: int, viewer: Viewer) -> Submission:
    """Return a submission with its runs, scores and outputs, its phase, board and competition.

    Raises:
        NotFound: there is none, or it is not the viewer's to see.
    """
    found = db.session.scalars(
        select(Submission)
        .where(Submission.id == submission_id)
        .options(
            joinedload(Submission.owner),
            joinedload(Submission.file),
            joinedload(Submission.phase).options(
                joinedload(Phase.competition).joinedload(Competition.owner),
                joinedload(Phase.competition).selectinload(Competition.phases),
                joinedload(Phase.leaderboard).selectinload(Leaderboard.columns),
            ),
            selectinload(Submission.runs).options(
                joinedload(Run.task),
                joinedload(Run.revision),
                selectinload(Run.scores),
                selectinload(Run.outputs),
            ),
        )
    ).first()
    if found is None or not policy.can(viewer, Act.SUBMISSION_VIEW, found):
        raise NotFound("There is no such submission, or it is not yours to see.")
    return found


def status(submission: Submission, viewer: Viewer, *, now: datetime) -> StatusRow:
    """Return what the page of a submission from :func:`get` shows."""
    is_organizer = policy.can(viewer, Act.SUBMISSION_RUN, submission)
    is_terminal = State(submission.state).is_terminal
    streams = _streams([run.id for run in submission.runs]) if submission.runs else {}
    visible = visible_streams(submission, viewer)
    return StatusRow(
        submission=submission,
        runs=[_run_row(run, submission, viewer, streams, visible) for run in submission.runs],
        overall=[row for rows in overall_scores for row in rows(submission, viewer)],
        is_terminal=is_terminal,
        on_board=is_seen_on_board(submission, viewer),
        can_cancel=not is_terminal and policy.can(viewer, Act.SUBMISSION_CANCEL, submission),
        can_start=is_organizer and submission.state == State.HELD,
        can_see_outputs=policy.can(viewer, Act.SUBMISSION_VIEW_OUTPUTS, submission),
        is_organizer=is_organizer,
        is_owner=submission.owner_id == viewer.user_id,
        can_read_scoring_log=Stream.SCORING_STDERR in visible,
        waiting=waiting.outlook(submission, now=now),
    )


def _run_row(
    run: Run, submission: Submission, viewer: Viewer, streams: dict[int, set[str]],
    visible: frozenset[str],
) -> RunRow:  # fmt: skip
    written = streams.get(run.id, set()) & visible
    return RunRow(
        run=run,
        steps=progress.steps(
            run,
            submission.created_at,
            is_over=State(submission.state).is_terminal,
            on_board=is_seen_on_board(submission, viewer),
        ),
        scores=_scores(run, submission, viewer),
        outputs={
            output.kind: output
            for output in run.outputs
            if output.attempt == run.attempt and may_download(submission, output.kind, viewer)
        },
        streams=[stream for stream in Stream if stream in written],
    )


def is_seen_on_board(submission: Submission, viewer: Viewer) -> bool:
    """Return whether a submission stands on its board, and the viewer may know it.

    Where scores are hidden, the best of one's own would show by standing there.
    """
    return submission.on_board and policy.can(viewer, Act.SUBMISSION_VIEW_SCORES, submission)


def _scores(run: Run, submission: Submission, viewer: Viewer) -> list[ScoreRow]:
    board = submission.phase.leaderboard
    if board is None or not policy.can(viewer, Act.SUBMISSION_VIEW_SCORES, submission):
        return []
    values = {score.column_id: score.value for score in run.scores}
    columns = sorted(board.columns, key=lambda one: (one.index != board.primary_index, one.index))
    return [
        ScoreRow(
            column.title,
            f"{values[column.id]:.{column.precision}f}",
            column.index == board.primary_index,
        )
        for column in columns
        if column.id in values and not column.is_hidden
    ]


def may_download(submission: Submission, kind: str, viewer: Viewer) -> bool:
    """Return whether a viewer may have an output of a submission they may see."""
    phase, competition = submission.phase, submission.phase.competition
    if policy.can(viewer, Act.SUBMISSION_RUN, submission):
        return True
    if kind != Output.PREDICTION_OUTPUT and phase.hide_results:
        return False
    if kind == Output.DETAILED_RESULTS:
        return (
            competition.enable_detailed_results
            and competition.show_detailed_results_in_submission_panel
        )
    if not policy.can(viewer, Act.SUBMISSION_VIEW_OUTPUTS, submission):
        return False
    if kind == Output.PREDICTION_OUTPUT:
        return not phase.hide_prediction_output
    return not phase.hide_score_output


def visible_streams(submission: Submission, viewer: Viewer) -> frozenset[str]:
    """Return the log streams a viewer may read.

    What a scoring program prints may quote the reference data, so participants read it only where
    the organizer says so.
    """
    if policy.can(viewer, Act.SUBMISSION_RUN, submission):
        return frozenset(Stream)
    if not policy.can(viewer, Act.SUBMISSION_VIEW_OUTPUTS, submission):
        return frozenset()
    if submission.phase.competition.show_scoring_logs and not submission.phase.hide_results:
        return frozenset(Stream)
    return frozenset(stream for stream in Stream if stream.startswith("prediction_"))


def _streams(run_ids: Sequence[int]) -> dict[int, set[str]]:
    rows = db.session.execute(
        select(LogChunk.run_id, LogChunk.stream)
        .join(Run, (Run.id == LogChunk.run_id) & (Run.attempt == LogChunk.attempt))
        .where(LogChunk.run_id.in_(run_ids))
        .distinct()
    )
    found: dict[int, set[str]] = {}
    for run_id, stream in rows:
        found.setdefault(run_id, set()).add(stream)
    return found


def run_of(run_id: int, viewer: Viewer) -> tuple[Submission, Run]:
    """Return a run and its submission as :func:`get`; raises NotFound as it does."""
    submission_id = db.session.scalar(select(Run.submission_id).where(Run.id == run_id))
    if submission_id is None:
        raise NotFound("There is no such run, or it is not yours to see.")
    submission = get(submission_id, viewer)
    return submission, next(run for run in submission.runs if run.id == run_id)


def board_run(run_id: int, viewer: Viewer) -> Run:
    """Return a run, with outputs, whose detailed results the viewer may read from the board.

    Raises:
        NotFound: it is not on a board that the viewer sees, or the organizer keeps it closed.
    """
    run = db.session.scalars(
        select(Run)
        .where(Run.id == run_id)
        .options(
            selectinload(Run.outputs),
            joinedload(Run.task),
            joinedload(Run.submission).options(
                joinedload(Submission.owner),
                joinedload(Submission.phase).options(
                    joinedload(Phase.competition), joinedload(Phase.leaderboard)
                ),
            ),
        )
    ).first()
    if run is None or not _open_from_board(run, viewer):
        raise NotFound("There are no detailed results here, or they are not yours to see.")
    return run


def _open_from_board(run: Run, viewer: Viewer) -> bool:
    submission = run.submission
    competition = submission.phase.competition
    if policy.can(viewer, Act.SUBMISSION_VIEW, submission):
        return may_download(submission, Output.DETAILED_RESULTS, viewer)
    return (
        submission.on_board
        and competition.enable_detailed_results
        and competition.show_detailed_results_in_leaderboard
        and policy.can(viewer, Act.BOARD_VIEW, submission.phase)
    )


@dataclass(frozen=True)
class SubmissionRow:
    """One line of a list of submissions."""

    submission: Submission
    """With ``file``, ``owner`` and ``phase``."""
    score: str
    """The primary score as the board ranks it; empty when there is none, or none for the viewer."""
    origin: str
    """Name of the phase that it was moved on from; empty for what somebody submitted here."""
    on_board: bool
    """Whether it stands on its board, as far as the viewer may know."""
    is_earlier: bool
    """Whether it ran on a revision of a task that is not current any more."""
    replaced_by: int | None
    """The re-run, or the original, that stands on the board in its place, as far as one may know."""


def mine(competition: Competition, viewer: Viewer, page: int) -> Page[SubmissionRow]:
    """Return the viewer's own submissions to a competition, the newest first."""
    statement = select(Submission).where(
        Submission.owner_id == viewer.user_id, Submission.is_trial.is_(False)
    )
    return _listed(statement, competition, viewer, page)


def everyone(competition: Competition, viewer: Viewer, page: int) -> Page[SubmissionRow]:
    """Return all submissions to a competition but rehearsals, the newest first.

    Raises:
        Forbidden: the viewer does not organize it.
    """
    policy.require(viewer, Act.COMPETITION_EDIT, competition)
    statement = select(Submission).where(Submission.is_rehearsal.is_(False))
    return _listed(statement, competition, viewer, page)


def _listed(
    statement: Select[tuple[Submission]], competition: Competition, viewer: Viewer, page: int
) -> Page[SubmissionRow]:
    statement = statement.join(Phase, Submission.phase_id == Phase.id).where(
        Phase.competition_id == competition.id
    )
    total = db.session.scalar(select(func.count()).select_from(statement.subquery())) or 0
    found = db.session.scalars(
        statement.options(
            joinedload(Submission.file),
            joinedload(Submission.owner),
            joinedload(Submission.phase)
            .joinedload(Phase.leaderboard)
            .selectinload(Leaderboard.columns),
            selectinload(Submission.runs).selectinload(Run.scores),
        )
        .order_by(Submission.created_at.desc(), Submission.id.desc())
        .limit(PAGE_SIZE)
        .offset((page - 1) * PAGE_SIZE)
    ).all()
    origins = migration.origins(found)
    replaced = reruns.replaced(found)
    earlier = revisions.earlier([one.id for one in found])
    scores = {key: text for known in primary_scores for key, text in known(found, viewer).items()}
    rows = [
        SubmissionRow(
            one,
            scores.get(one.id, ""),
            origins.get(one.id, ""),
            is_seen_on_board(one, viewer),
            one.id in earlier,
            replaced.get(one.id) if policy.can(viewer, Act.SUBMISSION_VIEW_SCORES, one) else None,
        )
        for one in found
    ]
    return Page(rows, page, PAGE_SIZE, total)


def attempts(run: Run) -> Sequence[Attempt]:
    """Return every attempt of a run with its machine, the first one first."""
    return db.session.scalars(
        select(Attempt)
        .where(Attempt.run_id == run.id)
        .options(joinedload(Attempt.machine))
        .order_by(Attempt.number)
    ).all()
