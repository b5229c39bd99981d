"""Rows as the draft that would make them again; the inverse of :mod:`building`, and as pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.competitions.building import SAME_NAMES, SAME_PHASE_NAMES
from app.competitions.drafts import (
    ColumnDraft,
    CompetitionDraft,
    CompetitionType,
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
from app.competitions.models import BoardColumn, Competition, Leaderboard, Phase
from app.resources.models import Solution, StoredFile, Task


@dataclass(frozen=True)
class Rows:
    """Everything of a competition that a draft says, loaded."""

    competition: Competition
    """With pages, boards with columns, and queue."""
    phases: Sequence[Phase]
    """With kits, data, and tasks with the files of their revisions."""
    solutions: Sequence[Solution]
    """With file and tasks (those with the files of their revisions), in the organizer's order."""
    image_png: bytes = b""
    icon_png: bytes = b""

    def tasks(self) -> list[Task]:
        """Return the tasks in the order in which phases use them, then those of solutions alone."""
        used = {link.task.id: link.task for phase in self.phases for link in phase.phase_tasks}
        alone = {
            task.id: task
            for solution in self.solutions
            if used.keys().isdisjoint(task.id for task in solution.tasks)
            for task in sorted(solution.tasks, key=lambda task: task.id)
        }
        return [*used.values(), *(task for id_, task in alone.items() if id_ not in used)]


def draft(rows: Rows, by_key: Collection[int] = ()) -> CompetitionDraft:
    """Return the draft of a competition; files are named by the keys under which they are stored.

    Tasks are called by their position.

    Args:
        by_key: ids of tasks to name by key, for they are not the organizer's to carry away.
    """
    competition = rows.competition
    indexes = {task.id: index for index, task in enumerate(rows.tasks())}
    return CompetitionDraft(
        **{name: getattr(competition, name) for name in SAME_NAMES},
        image_png=rows.image_png,
        icon_png=rows.icon_png,
        competition_type=CompetitionType(competition.kind),
        queue=competition.queue.qid if competition.queue else "",
        fact_sheet=tuple(_question(question) for question in competition.fact_sheet),
        pages=tuple(
            PageDraft(title=page.title, content=page.content, is_html=page.is_html)
            for page in competition.pages
        ),
        tasks=tuple(_task(task, indexes[task.id], task.id in by_key) for task in rows.tasks()),
        solutions=tuple(_solution(s, i, indexes) for i, s in enumerate(rows.solutions)),
        phases=_phases(rows.phases, indexes, [one.id for one in competition.leaderboards]),
        leaderboards=tuple(_board(board) for board in competition.leaderboards),
    )


def _ref(file: StoredFile | None) -> FileRef | None:
    return FileRef(key=UUID(file.key)) if file else None


def _question(stored: Mapping[str, Any]) -> FactSheetQuestionDraft:
    values = dict(stored)
    kind, selection = QuestionType(values.pop("type")), tuple(values.pop("selection"))
    return FactSheetQuestionDraft(type=kind, selection=selection, **values)


def _task(task: Task, index: int, by_key: bool) -> TaskDraft:
    if by_key or not task.revisions:
        return TaskDraft(index=index, key=UUID(task.key), name=task.name)
    current = task.revisions[-1]
    return TaskDraft(
        index=index,
        name=task.name,
        description=task.description,
        scoring_program=_ref(current.scoring_program),
        ingestion_program=_ref(current.ingestion_program),
        input_data=_ref(current.input_data),
        reference_data=_ref(current.reference_data),
        ingestion_only_during_scoring=current.ingestion_only_during_scoring,
    )


def _solution(solution: Solution, index: int, indexes: Mapping[int, int]) -> SolutionDraft:
    return SolutionDraft(
        index=index,
        tasks=tuple(sorted(indexes[task.id] for task in solution.tasks if task.id in indexes)),
        file=_ref(solution.file),
        name=solution.name,
        description=solution.description,
    )


def _phases(
    phases: Iterable[Phase], indexes: Mapping[int, int], boards: Sequence[int]
) -> tuple[PhaseDraft, ...]:
    phases = list(phases)
    positions = {phase.id: position for position, phase in enumerate(phases)}
    return tuple(
        PhaseDraft(
            **{name: getattr(phase, name) for name in SAME_PHASE_NAMES},
            start=phase.starts_at,
            end=phase.ends_at,
            tasks=tuple(indexes[link.task_id] for link in phase.phase_tasks),
            required_phase=positions.get(phase.required_phase_id or 0),
            is_parallel=phase.track > 0,
            leaderboard_index=boards.index(phase.leaderboard_id) if phase.leaderboard_id else 0,
            submission_rule=SubmissionRule(phase.submission_rule) if phase.submission_rule else None,
            starting_kit=_ref(phase.starting_kit),
            public_data=_ref(phase.public_data),
        )
        for phase in phases
    )  # fmt: skip


def _board(board: Leaderboard) -> LeaderboardDraft:
    return LeaderboardDraft(
        title=board.title,
        key=board.key,
        columns=tuple(_column(column) for column in board.columns),
        primary_index=board.primary_index,
        hidden=board.is_hidden,
        submission_rule=SubmissionRule(board.submission_rule),
    )


def _column(column: BoardColumn) -> ColumnDraft:
    return ColumnDraft(
        title=column.title,
        key=column.key,
        index=column.index,
        sorting=Sorting(column.sorting),
        computation=Computation(column.computation) if column.computation else None,
        computation_indexes=tuple(column.computation_indexes),
        computation_weights=tuple(column.computation_weights),
        group=column.group,
        hidden=column.is_hidden,
        precision=column.precision,
    )
