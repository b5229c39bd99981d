"""The scores of submissions over all their tasks, as their boards count them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import select

from app import policy
from app.competitions.models import Leaderboard, PhaseTask
from app.leaderboards.models import Entry
from app.leaderboards.projection import project
from app.leaderboards.scheme import Scheme
from app.leaderboards.standings import ColumnRow, visible_columns
from app.platform.db import db
from app.policy import Act, Viewer
from app.submissions.models import State, Submission
from app.submissions.queries import ScoreRow


def of(submission: Submission, viewer: Viewer) -> list[ScoreRow]:
    """Return the scores of a finished submission over all tasks, as its board counts them.

    Computed columns are among them. A mean rank is known only of what stands on a board that the
    viewer may see. Where one run without computed columns says it all, nothing is returned.

    Args:
        submission: from :func:`app.submissions.queries.get`.
    """
    board = submission.phase.leaderboard
    if board is None or submission.is_trial or not _is_known(submission, viewer):
        return []
    columns = visible_columns(board)
    if len(submission.runs) < 2 and not any(column.computation for column in columns):
        return []
    scores = _counted([submission], viewer).get(submission.id, {})
    return [
        ScoreRow(column.title, column.show(scores), column.is_primary)
        for column in columns
        if column.key in scores
    ]


def primary(found: Sequence[Submission], viewer: Viewer) -> dict[int, str]:
    """Return the score by which each submission ranks, as text, in a constant number of statements.

    Left out are those that have none, or none that the viewer may know.

    Args:
        found: with scores, phase, board and columns; all of one competition.
    """
    shown = {}
    asked = [one for one in found if _primary(one) and _is_known(one, viewer)]
    counted = _counted(asked, viewer)
    for one in asked:
        column = _primary(one)
        if column is not None and column.key in counted[one.id]:
            shown[one.id] = column.show(counted[one.id])
    return shown


def _is_known(submission: Submission, viewer: Viewer) -> bool:
    return submission.state == State.FINISHED and policy.can(
        viewer, Act.SUBMISSION_VIEW_SCORES, submission
    )


def _primary(submission: Submission) -> ColumnRow | None:
    board = submission.phase.leaderboard
    columns = visible_columns(board) if board else ()
    return next((column for column in columns if column.is_primary), None)


def _counted(found: Collection[Submission], viewer: Viewer) -> dict[int, Mapping[str, float]]:
    """Return overall scores by submission; all have a board."""
    on_board = [
        one.id for one in found if one.on_board and policy.can(viewer, Act.BOARD_VIEW, one.phase)
    ]
    entries = db.session.scalars(select(Entry).where(Entry.submission_id.in_(on_board))).all()
    counted: dict[int, Mapping[str, float]] = {
        entry.submission_id: entry.scores["overall"] for entry in entries
    }
    tasks = _tasks({one.phase_id for one in found})
    for one in found:
        board = one.phase.leaderboard
        if board is not None and one.id not in counted:
            own = [run.task_id for run in one.runs]
            counted[one.id] = _alone(one, board, own if one.is_trial else tasks[one.phase_id])
    return counted


def _tasks(phase_ids: Collection[int]) -> Mapping[int, list[int]]:
    tasks: dict[int, list[int]] = {phase_id: [] for phase_id in phase_ids}
    asked = select(PhaseTask.phase_id, PhaseTask.task_id).where(PhaseTask.phase_id.in_(phase_ids))
    for phase_id, task_id in db.session.execute(asked):
        tasks[phase_id].append(task_id)
    return tasks


def _alone(
    submission: Submission, board: Leaderboard, task_ids: Sequence[int]
) -> Mapping[str, float]:
    """Return what can be said of a submission without those that it would be ranked against."""
    scheme = Scheme.of(board)
    keys = {column.id: column.key for column in board.columns}
    measured = {
        run.task_id: {keys[one.column_id]: one.value for one in run.scores if one.column_id in keys}
        for run in submission.runs
    }
    (projection,) = project([measured], task_ids, scheme)
    ranks = {one.key for one in scheme.columns if one.computation and one.computation.is_ranking}
    return {key: value for key, value in projection.overall.items() if key not in ranks}
