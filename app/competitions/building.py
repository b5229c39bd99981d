"""A draft as rows; pure: no session, nothing is saved here."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.competitions.drafts import (
    ColumnDraft,
    CompetitionDraft,
    FileRef,
    LeaderboardDraft,
    PhaseDraft,
    SolutionDraft,
    TaskDraft,
    TaskIndex,
)
from app.competitions.models import (
    BoardColumn,
    Competition,
    Leaderboard,
    Page,
    Phase,
    PhaseTask,
)
from app.competitions.validity import place
from app.resources.models import FileKind, Solution, StoredFile, Task, TaskRevision

SAME_NAMES = (
    *("title", "description", "terms", "docker_image", "registration_auto_approve", "reward"),
    "terms_is_html",
    *("enable_detailed_results", "show_detailed_results_in_submission_panel", "contact_email"),
    *(
        "show_detailed_results_in_leaderboard",
        "show_scoring_logs",
        "make_programs_available",
        "forum_enabled",
    ),
    *("make_input_data_available", "auto_run_submissions"),
    "can_participants_make_submissions_public",
)
"""What a competition and its draft call the same."""

_OTHERWISE = (
    "start", "end", "tasks", "where", "starting_kit", "public_data", "required_phase",
    "is_parallel", "leaderboard_index", "submission_rule",
)  # fmt: skip
SAME_PHASE_NAMES = tuple(
    field.name for field in dataclasses.fields(PhaseDraft) if field.name not in _OTHERWISE
)
"""What a phase and its draft call the same."""

_SECRET_FIRST = (FileKind.REFERENCE_DATA, FileKind.SCORING_PROGRAM, FileKind.INGESTION_PROGRAM)

Find = Callable[[FileRef | None], StoredFile | None]


@dataclass(frozen=True)
class Wanted:
    """One mention of a file in a draft."""

    where: str
    what: str
    kind: FileKind
    ref: FileRef


def wanted(draft: CompetitionDraft) -> Iterator[Wanted]:
    """List every mention of a file, in the order of the draft."""
    for position, task in enumerate(draft.tasks):
        where = place(task, "tasks", position)
        for kind in (
            FileKind.SCORING_PROGRAM,
            FileKind.INGESTION_PROGRAM,
            FileKind.INPUT_DATA,
            FileKind.REFERENCE_DATA,
        ):
            what = f"The {kind.replace('_', ' ')} of task {task.index}"
            yield from _mention(f"{where}.{kind}", what, kind, getattr(task, kind.value))
    for position, solution in enumerate(draft.solutions):
        where = f"{place(solution, 'solutions', position)}.path"
        what = f"The file of solution {solution.index}"
        yield from _mention(where, what, FileKind.SOLUTION, solution.file)
    for position, phase in enumerate(draft.phases):
        where = place(phase, "phases", position)
        for kind in (FileKind.STARTING_KIT, FileKind.PUBLIC_DATA):
            what = f"The {kind.replace('_', ' ')} of phase {position + 1}"
            yield from _mention(f"{where}.{kind}", what, kind, getattr(phase, kind.value))


def to_store(draft: CompetitionDraft) -> dict[FileRef, FileKind]:
    """Return what must be stored, each thing once; used in two ways, it is the more secret kind."""
    found: dict[FileRef, FileKind] = {}
    for mention in wanted(draft):
        if mention.ref.key is None:
            known = found.setdefault(mention.ref, mention.kind)
            if _secrecy(mention.kind) < _secrecy(known):
                found[mention.ref] = mention.kind
    return found


def competition(draft: CompetitionDraft, owner_id: int, now: datetime) -> Competition:
    """Return the competition with its pages and boards, without phases."""
    return Competition(
        **{name: getattr(draft, name) for name in SAME_NAMES},
        owner_id=owner_id,
        kind=draft.competition_type,
        created_at=now,
        fact_sheet=[
            {
                "key": question.key,
                "type": question.type.value,
                "title": question.title,
                "selection": list(question.selection),
                "is_required": question.is_required,
                "is_on_leaderboard": question.is_on_leaderboard,
            }
            for question in draft.fact_sheet
        ],
        pages=[
            Page(index=index, title=page.title, content=page.content, is_html=page.is_html)
            for index, page in enumerate(draft.pages)
        ],
        leaderboards=[_board(board) for board in draft.leaderboards],
    )


def task(draft: TaskDraft, owner_id: int, find: Find, now: datetime) -> Task:
    """Return a new task with its first revision."""
    revision = TaskRevision(
        number=1,
        scoring_program=find(draft.scoring_program),
        ingestion_program=find(draft.ingestion_program),
        input_data=find(draft.input_data),
        reference_data=find(draft.reference_data),
        ingestion_only_during_scoring=draft.ingestion_only_during_scoring,
        created_at=now,
    )
    return Task(
        owner_id=owner_id,
        name=draft.name,
        description=draft.description,
        created_at=now,
        revisions=[revision],
    )


def solution(draft: SolutionDraft, owner_id: int, file: StoredFile, now: datetime) -> Solution:
    """Return a new solution, without its tasks."""
    return Solution(
        owner_id=owner_id,
        name=draft.name or f"Solution {draft.index}",
        description=draft.description,
        file=file,
        created_at=now,
    )


def phase(
    draft: PhaseDraft, index: int, board: Leaderboard, tasks: Mapping[TaskIndex, Task], find: Find
) -> Phase:
    """Return a phase with its tasks in the order of the draft; :func:`connect` adds what it requires."""
    return Phase(
        **{name: getattr(draft, name) for name in SAME_PHASE_NAMES},
        submission_rule=draft.submission_rule or "",
        index=index,
        starts_at=draft.start,
        ends_at=draft.end,
        leaderboard=board,
        starting_kit=find(draft.starting_kit),
        public_data=find(draft.public_data),
        phase_tasks=[PhaseTask(task=tasks[i], order=order) for order, i in enumerate(draft.tasks)],
    )


def connect(phases: Sequence[Phase], drafts: Sequence[PhaseDraft]) -> None:
    """Number the tracks of parallel phases, and let each phase require the one its draft names."""
    track = 0
    for phase, draft in zip(phases, drafts, strict=True):
        track = track + 1 if draft.is_parallel else 0
        phase.track = track
    for phase, draft in zip(phases, drafts, strict=True):
        if draft.required_phase is not None:
            phase.required_phase = phases[draft.required_phase]


def _mention(where: str, what: str, kind: FileKind, ref: FileRef | None) -> Iterator[Wanted]:
    if ref is not None:
        yield Wanted(where, what, kind, ref)


def _secrecy(kind: FileKind) -> int:
    return _SECRET_FIRST.index(kind) if kind in _SECRET_FIRST else len(_SECRET_FIRST)


def _board(draft: LeaderboardDraft) -> Leaderboard:
    return Leaderboard(
        title=draft.title,
        key=draft.key,
        primary_index=draft.primary_index,
        is_hidden=draft.hidden,
        submission_rule=draft.submission_rule,
        columns=[_column(column) for column in draft.columns],
    )


def _column(draft: ColumnDraft) -> BoardColumn:
    return BoardColumn(
        index=draft.index,
        title=draft.title,
        key=draft.key,
        sorting=draft.sorting,
        computation=draft.computation or "",
        computation_indexes=list(draft.computation_indexes),
        computation_weights=list(draft.computation_weights),
        group=draft.group,
        precision=draft.precision,
        is_hidden=draft.hidden,
    )
