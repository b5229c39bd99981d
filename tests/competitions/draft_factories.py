"""Drafts for tests: valid as they come, one keyword away from any defect."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from app.competitions.drafts import (
    ColumnDraft,
    CompetitionDraft,
    FileRef,
    LeaderboardDraft,
    PageDraft,
    PhaseDraft,
    TaskDraft,
)


def day(number: int, month: int = 1) -> datetime:
    """Midnight of a day in 2030."""
    return datetime(2030, month, number, tzinfo=UTC)


def make_task_draft(index: int = 0, **overrides: Any) -> TaskDraft:
    values: dict[str, Any] = {
        "index": index,
        "name": f"Task {index}",
        "scoring_program": FileRef(member="scoring_program", is_folder=True),
    }
    return TaskDraft(**{**values, **overrides})


def make_phase_draft(name: str = "Development", **overrides: Any) -> PhaseDraft:
    values: dict[str, Any] = {"name": name, "start": day(1), "tasks": (0,)}
    return PhaseDraft(**{**values, **overrides})


def make_column_draft(index: int = 0, **overrides: Any) -> ColumnDraft:
    values: dict[str, Any] = {"title": f"Column {index}", "key": f"column_{index}", "index": index}
    return ColumnDraft(**{**values, **overrides})


def make_leaderboard_draft(*columns: ColumnDraft, **overrides: Any) -> LeaderboardDraft:
    values: dict[str, Any] = {
        "title": "Results",
        "key": "main",
        "columns": columns or (make_column_draft(),),
    }
    return LeaderboardDraft(**{**values, **overrides})


def make_competition_draft(**overrides: Any) -> CompetitionDraft:
    """A benchmark with one page, one task, one open phase and one column."""
    values: dict[str, Any] = {
        "title": "A benchmark",
        "pages": (PageDraft(title="Overview", content="Hello."),),
        "tasks": (make_task_draft(),),
        "phases": (make_phase_draft(),),
        "leaderboards": (make_leaderboard_draft(),),
    }
    return CompetitionDraft(**{**values, **overrides})
