"""What is rehearsed in a benchmark, and how each sample solution fared on each task."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from markupsafe import Markup
from sqlalchemy import func, select
from sqlalchemy.orm import joinedload, selectinload

from app import policy
from app.competitions.drafts import Computation
from app.competitions.models import BoardColumn, Competition, CompetitionSolution, Phase, PhaseTask
from app.competitions.queries import Rehearsed
from app.platform.db import db
from app.policy import Act, Viewer
from app.resources.models import Solution, Task
from app.submissions import runs
from app.submissions.live import ansi
from app.submissions.models import TERMINAL, LogChunk, Run, State, Submission
from worker.contract import Stream


@dataclass(frozen=True)
class Pair:
    """A sample solution and a task it belongs to, in the first phase that has the task."""

    solution: Solution
    """With ``file``."""
    task: Task
    phase_id: int


@dataclass(frozen=True)
class Row:
    """How a sample solution fared on a task when that was last tried."""

    pair: Pair
    run: Run | None
    """None before the first time."""
    scores: Sequence[str]
    """As :attr:`Rehearsal.columns`; empty where there is none."""
    is_current: bool
    """Whether the task is still what it was then."""
    complaint: Markup
    """The last line of the scoring program's errors, where scoring failed."""

    @property
    def is_scored(self) -> bool:
        """Whether it counts as tried with success."""
        return self.run is not None and self.run.state == State.FINISHED and self.is_current


@dataclass(frozen=True)
class Rehearsal:
    """The table of solutions and tasks."""

    columns: Sequence[str]
    """Titles of what scoring programs write."""
    rows: Sequence[Row]
    is_over: bool

    @property
    def summary(self) -> Rehearsed:
        """Count the solutions that were scored on every task of theirs."""
        solutions = {row.pair.solution.id for row in self.rows}
        lacking = {row.pair.solution.id for row in self.rows if not row.is_scored}
        return Rehearsed(
            len(solutions), len(solutions - lacking), len(self.rows),
            sum(row.is_scored for row in self.rows),
            is_begun=any(row.run for row in self.rows), is_over=self.is_over,
            is_changed=any(row.run and not row.is_current for row in self.rows),
        )  # fmt: skip


def pairs(competition_id: int) -> list[Pair]:
    """Return the sample solutions of a benchmark with the tasks of its phases that they belong to."""
    found: dict[tuple[int, int], Pair] = {}
    for solution, task, phase_id in db.session.execute(
        select(Solution, Task, Phase.id)
        .join(CompetitionSolution, CompetitionSolution.solution_id == Solution.id)
        .join(Solution.tasks)
        .join(PhaseTask, PhaseTask.task_id == Task.id)
        .join(Phase, Phase.id == PhaseTask.phase_id)
        .where(
            CompetitionSolution.competition_id == competition_id,
            Phase.competition_id == competition_id,
        )
        .order_by(Solution.id, Phase.index, PhaseTask.order, Task.id)
        .options(joinedload(Solution.file))
    ).tuples():
        found.setdefault((solution.id, task.id), Pair(solution, task, phase_id))
    return list(found.values())


def table(competition: Competition, viewer: Viewer) -> Rehearsal:
    """Return the table of a benchmark; of several times only the last one, pair by pair.

    Raises:
        Forbidden: the viewer does not organize it.
    """
    policy.require(viewer, Act.SUBMISSION_RUN, competition)
    return _table(competition.id)


def summary(competition_id: int) -> Rehearsed:
    """Return in figures how the rehearsal of a benchmark stands."""
    return _table(competition_id).summary


def is_under_way(competition_id: int) -> bool:
    """Return whether a rehearsal of a benchmark is not over yet."""
    statement = (
        select(Submission.id)
        .join(Phase, Phase.id == Submission.phase_id)
        .where(
            Phase.competition_id == competition_id,
            Submission.is_rehearsal,
            Submission.state.not_in(TERMINAL),
        )
    )
    return db.session.scalar(statement.limit(1)) is not None


def _table(competition_id: int) -> Rehearsal:
    wanted = pairs(competition_id)
    if not wanted:
        return Rehearsal([], [], is_over=True)
    columns = _columns(competition_id)
    last = _last_runs(competition_id, {pair.solution.id for pair in wanted})
    complaints = _complaints([run.id for run in last.values() if run.state == State.FAILED])
    current = runs.current_revisions(sorted({pair.task.id for pair in wanted}))
    rows = []
    for pair in wanted:
        run = last.get((pair.solution.id, pair.task.id))
        is_current = run is not None and run.task_revision_id == current[pair.task.id].id
        said = ansi.html(complaints.get(run.id, "") if run else "", ansi.Pen())[0]
        rows.append(Row(pair, run, _scores(run, columns), is_current, said))
    is_over = all(row.run is None or row.run.state in TERMINAL for row in rows)
    return Rehearsal([column.title for column in columns], rows, is_over)


def _columns(competition_id: int) -> Sequence[BoardColumn]:
    boards = select(Phase.leaderboard_id).where(Phase.competition_id == competition_id)
    return db.session.scalars(
        select(BoardColumn)
        .where(
            BoardColumn.leaderboard_id.in_(boards),
            BoardColumn.computation.not_in([one.value for one in Computation]),
        )
        .order_by(BoardColumn.leaderboard_id, BoardColumn.index)
    ).all()


def _last_runs(
    competition_id: int, solution_ids: Collection[int]
) -> dict[tuple[int | None, int], Run]:
    newest = (
        select(func.max(Run.id))
        .join(Submission, Submission.id == Run.submission_id)
        .join(Phase, Phase.id == Submission.phase_id)
        .where(Submission.solution_id.in_(solution_ids), Phase.competition_id == competition_id)
        .group_by(Submission.solution_id, Run.task_id)
    )
    found = db.session.scalars(
        select(Run)
        .where(Run.id.in_(newest))
        .options(joinedload(Run.submission), selectinload(Run.scores))
    )
    return {(run.submission.solution_id, run.task_id): run for run in found}


def _complaints(run_ids: Collection[int]) -> dict[int, str]:
    """Return the last line that scoring programs wrote to their errors, by run; none where none did."""
    newest = (
        select(func.max(LogChunk.id))
        .join(Run, Run.id == LogChunk.run_id)
        .where(
            Run.id.in_(run_ids),
            LogChunk.attempt == Run.attempt,
            LogChunk.stream == Stream.SCORING_STDERR,
            func.trim(LogChunk.text, " \n") != "",
        )
        .group_by(Run.id)
    )
    found = db.session.execute(
        select(LogChunk.run_id, LogChunk.text).where(LogChunk.id.in_(newest))
    ).tuples()
    return {run_id: text.strip().rpartition("\n")[2] for run_id, text in found}


def _scores(run: Run | None, columns: Sequence[BoardColumn]) -> list[str]:
    values = {score.column_id: score.value for score in run.scores} if run else {}
    return [
        f"{values[column.id]:.{column.precision}f}" if column.id in values else ""
        for column in columns
    ]
