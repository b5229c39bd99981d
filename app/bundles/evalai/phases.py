"""The phases of an EvalAI challenge, each with a task that runs the evaluation script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath

from app.bundles.evalai import boards, scripts
from app.bundles.evalai.boards import Split
from app.bundles.fields import A_TIME, NEVER, TIME_HINT, NoteKind, Section
from app.bundles.members import Members
from app.competitions.drafts import FileRef, Packing, PageDraft, PhaseDraft, TaskDraft

UNLIMITED = 100_000
"""What EvalAI takes for a limit that nobody set."""
_TIME_LIMIT_S = 86_400

_NO_EQUIVALENT = {
    "allowed_email_ids": "A phase is open to everybody who takes part; approve people yourself.",
    "is_partial_submission_evaluation_enabled": "A submission is scored as a whole.",
    "is_submission_paused": "Phases take submissions while they are open.",
    "submission_artifact_retention_policy": "Submissions are kept until somebody deletes them.",
    "environment_image": "Programs that people submit talk to no environment here.",
    "is_restricted_to_select_one_submission": "The leaderboard chooses the submission that counts.",
}
_DERIVED = "EvalAI derives this itself; it was left out."


@dataclass(frozen=True)
class Script:
    """The evaluation script of a challenge, and where it installs packages."""

    file: FileRef
    installs: Sequence[str]


@dataclass(frozen=True)
class Schedule:
    """The phases in order, a task for each, and the pages of their descriptions."""

    phases: tuple[PhaseDraft, ...]
    tasks: tuple[TaskDraft, ...]
    pages: tuple[PageDraft, ...]


@dataclass(frozen=True)
class _Window:
    section: Section
    start: datetime
    end: datetime | None


def read(
    top: Section, sections: Sequence[Section], members: Members, script: Script | None,
    splits: Sequence[Split],
) -> Schedule:  # fmt: skip
    """Read the phases by their start; those that overlap are open side by side."""
    windows = []
    for section in sections:
        start = section.moment("start_date")
        if start is None:
            section.wrong("start_date", "nothing", A_TIME, TIME_HINT)
        windows.append(_Window(section, start or NEVER, section.moment("end_date")))
    windows.sort(key=lambda one: one.start)
    limit_s = top.whole("submission_time_limit", top.whole("submission_time_limits", _TIME_LIMIT_S))
    phases, tasks, pages = [], [], []
    for index, (window, is_parallel) in enumerate(zip(windows, _parallel(windows), strict=True)):
        own = [one for one in splits if one.phase == window.section.text("id")]
        task = _task(window.section, members, index, script, own)
        tasks.append(task)
        board = boards.index_of(window.section.text("id"), splits)
        phases.append(_phase(window, index, is_parallel, own, limit_s, board))
        text, is_html = members.text(window.section, "description")
        if text.strip():
            title = f"Phase: {window.section.text('name')}"[:200]
            sentence = f"It became the page “{title}”."
            window.section.note("description", sentence, NoteKind.CONVERTED)
            where = f"{window.section.where}.description"
            pages.append(PageDraft(title=title, content=text, is_html=is_html, where=where))
        window.section.miss(_NO_EQUIVALENT)
        window.section.ignore(_DERIVED, "is_active", "challenge")
        window.section.get("config_id")
        window.section.close()
    if any(phase.is_parallel for phase in phases):
        sentence = "Phases whose times overlap are open side by side, as parallel tracks."
        top.note("challenge_phases", sentence, NoteKind.CONVERTED)
    return Schedule(tuple(phases), tuple(tasks), tuple(pages))


def _parallel(windows: Sequence[_Window]) -> list[bool]:
    """Say of each phase whether it begins before everything of the step before is over."""
    found: list[bool] = []
    until: datetime | None = None
    for position, one in enumerate(windows):
        is_parallel = position > 0 and (until is None or one.start < until)
        found.append(is_parallel)
        if not is_parallel:
            until = one.end
        elif until is not None:
            until = max(until, one.end) if one.end else None
    return found


def _phase(
    window: _Window, index: int, is_parallel: bool, splits: Sequence[Split], limit_s: int,
    board: int,
) -> PhaseDraft:  # fmt: skip
    section = window.section
    if splits and not section.flag("leaderboard_public", True):
        section.note("leaderboard_public", "Its results are hidden.", NoteKind.CONVERTED)
    if section.get("is_public") is not None and not section.flag("is_public", True):
        sentence = "A phase cannot be hidden; do not publish the benchmark before it may be seen."
        section.note("is_public", sentence, NoteKind.NO_EQUIVALENT)
    if section.flag("is_submission_public", False):
        sentence = "People make their submissions public themselves, one by one."
        section.note("is_submission_public", sentence, NoteKind.CHANGED)
    if section.whole("max_submissions_per_month", UNLIMITED) < UNLIMITED:
        sentence = "Submissions are limited by day and in all, not by month."
        section.note("max_submissions_per_month", sentence, NoteKind.NO_EQUIVALENT)
    if section.get("max_concurrent_submissions_allowed") is not None:
        sentence = "How many runs of a person go on at once is a setting of the queue."
        section.note("max_concurrent_submissions_allowed", sentence, NoteKind.NO_EQUIVALENT)
    is_hidden = boards.audience(splits) <= boards.HOSTS
    return PhaseDraft(
        name=section.text("name"), start=window.start, end=window.end, tasks=(index,),
        max_submissions_per_day=section.whole("max_submissions_per_day", UNLIMITED),
        max_submissions_per_person=section.whole("max_submissions", UNLIMITED),
        execution_time_limit_s=limit_s, is_parallel=is_parallel,
        leaderboard_index=board, submission_rule=boards.rule(splits), accepts_only_result_submissions=True,
        hide_results=is_hidden or not section.flag("leaderboard_public", True),
        hide_score_output=True, where=section.where,
    )  # fmt: skip


def _task(
    section: Section, members: Members, index: int, script: Script | None, splits: Sequence[Split]
) -> TaskDraft:
    annotation = members.file(section, "test_annotation_file")
    name = PurePosixPath(annotation.member).name if annotation else ""
    types = [
        one.strip().lower() for one in section.text("allowed_submission_file_types").split(",")
    ]
    asked: dict[str, object] = {
        "phase": section.text("codename"),
        "annotation": name,
        "file_types": [one for one in types if one],
        "columns": {
            one.codename: {label: one.key(label) for label in one.metrics.labels} for one in splits
        },
        "installs": list(script.installs) if script else [],
    }
    if annotation and annotation.member and not annotation.is_folder:
        annotation = FileRef(member=annotation.member, packing=Packing())
    elif annotation and annotation.is_folder:
        packing = Packing(folder=name, is_unpacked=True)
        annotation = FileRef(member=annotation.member, is_folder=True, packing=packing)
    return TaskDraft(
        index=index, name=section.text("name"), where=section.where, reference_data=annotation,
        scoring_program=scripts.packed(script.file, asked) if script else None,
    )  # fmt: skip
