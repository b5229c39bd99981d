"""What stands on boards, in a number of statements that no size changes."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Exists, Select, exists, func, literal, or_, select, tuple_
from sqlalchemy.orm import aliased, joinedload

from app import policy
from app.accounts.models import User
from app.competitions import lifecycle
from app.competitions.models import Competition, Phase
from app.errors import Forbidden, NotFound
from app.leaderboards import revisions
from app.leaderboards.models import Entry
from app.leaderboards.ranking import MISSING, ranked
from app.leaderboards.standings import BoardRow, Definition, Pinned, Standing
from app.platform.db import db
from app.platform.paging import Page
from app.policy import Act, Viewer
from app.submissions.models import Run, RunOutput, State, Submission
from worker.contract import Output

PAGE_SIZE = 50
MAX_PAGE_SIZE = 500
OWN_LISTED = 50
AT_ONCE = 500
"""How many rows of a whole board are in memory at a time."""

_NOTHING: dict[Any, Any] = {}
_ORDER = (Entry.sort_key, Entry.submitted_at, Entry.submission_id)


def phase_of_interest(competition: Competition, now: datetime) -> Phase | None:
    """Return the phase that started last (``phases`` loaded), else the first; None without any.

    Of phases side by side that is the first track that has started.
    """
    started = [phase for phase in competition.phases if phase.starts_at <= now]
    if not started:
        return next(iter(competition.phases), None)
    beside = lifecycle.beside(competition.phases, started[-1])
    return next(phase for phase in beside if phase in started)


def board(phase: Phase, viewer: Viewer, page: int = 1, size: int = PAGE_SIZE) -> BoardRow:
    """Return a page of the board of a phase from ``competitions.queries.get_phase``.

    A page beyond the last one is the last one.

    Raises:
        NotFound: the phase has no board.
        Forbidden: the board, or all results of the phase, are hidden from this viewer.
    """
    about = _about(phase, viewer)
    total = _count(phase.id)
    number = min(page, max(1, -(-total // size)))
    offset = (number - 1) * size
    rows = list(_standings(about, viewer, _ids(phase.id).limit(size).offset(offset), offset))
    pinned = None if any(row.is_own for row in rows) else _pinned(about, viewer, size)
    return BoardRow(about, Page(rows, number, size, total), pinned, _scale(about))


def whole_board(phase: Phase, viewer: Viewer) -> tuple[Definition, Iterator[Standing]]:
    """Return what a board is, and all its rows one by one, so that a long one stays cheap.

    Raises:
        NotFound: the phase has no board.
        Forbidden: the board is hidden from this viewer.
    """
    about = _about(phase, viewer)
    return about, _standings(about, viewer, _ids(phase.id), at_once=AT_ONCE)


def own_submissions(phase: Phase, viewer: Viewer) -> list[Submission]:
    """Return the viewer's finished submissions to a phase, with files: entries, then the latest."""
    if not viewer.is_authenticated:
        return []
    found = db.session.scalars(
        select(Submission)
        .where(
            Submission.phase_id == phase.id,
            Submission.owner_id == viewer.user_id,
            Submission.state == State.FINISHED,
            Submission.is_trial.is_(False),
            ~_rerun_since(),
        )
        .order_by(Submission.on_board.desc(), Submission.created_at.desc(), Submission.id.desc())
        .limit(OWN_LISTED)
        .options(joinedload(Submission.file))
    )
    return list(found)


def _rerun_since() -> Exists:
    """Whether a later re-run of the same file finished, which stands in its place."""
    later = aliased(Submission)
    family_id = func.coalesce(Submission.rerun_of_id, Submission.id)
    return (
        exists()
        .where(
            later.rerun_of_id == family_id,
            later.id > Submission.id,
            later.state == State.FINISHED,
            later.is_trial.is_(False),
        )
        .correlate(Submission)
    )


def submission(submission_id: int, viewer: Viewer) -> Submission:
    """Return a submission with phase, board and competition.

    Raises:
        NotFound: there is none, or the viewer may not see it.
    """
    found = db.session.scalar(
        select(Submission)
        .where(Submission.id == submission_id)
        .options(
            joinedload(Submission.phase).options(
                joinedload(Phase.competition), joinedload(Phase.leaderboard)
            )
        )
    )
    if found is None or not policy.can(viewer, Act.SUBMISSION_VIEW, found):
        raise NotFound("There is no such submission, or you may not see it.")
    return found


def _about(phase: Phase, viewer: Viewer) -> Definition:
    if phase.leaderboard is None:
        raise NotFound("This phase has no leaderboard.")
    if not policy.can(viewer, Act.BOARD_VIEW, phase):
        kept = "the results of this phase" if phase.hide_results else "this leaderboard"
        raise Forbidden(f"The organizers keep {kept} hidden.")
    numbers = revisions.current(phase.id)
    return dataclasses.replace(
        Definition.of(phase, phase.leaderboard),
        current=numbers,
        earlier=revisions.count(phase.id, numbers),
    )


def _count(phase_id: int) -> int:
    found = db.session.scalar(select(func.count()).where(Entry.phase_id == phase_id))
    return found or 0


def _ids(phase_id: int) -> Select[tuple[int]]:
    """Select the submissions of a board in order: a scan of one index, which has every column."""
    return select(Entry.submission_id).where(Entry.phase_id == phase_id).order_by(*_ORDER)


def _standings(
    about: Definition,
    viewer: Viewer,
    ids: Select[tuple[int]],
    offset: int = 0,
    *,
    at_once: int | None = None,
) -> Iterator[Standing]:
    details = _details(ids) if about.has_details else {}
    earlier = revisions.earlier(ids, about.current if about.earlier else {})
    found = iter(db.session.execute(_rows(about, ids).execution_options(yield_per=at_once)))
    first = next(found, None)
    if first is None:
        return
    rank = _rank(about.phase.id, first.sort_key) if offset else 1
    rows = itertools.chain([first], found)
    task_ids = [(task_id, str(task_id)) for task_id in about.tasks]
    for place, row in ranked(rows, lambda one: one.sort_key, offset=offset, first_rank=rank):
        by_task = row.scores["tasks"]
        yield Standing(
            rank=place,
            submission_id=row.submission_id,
            username=row.username,
            name=row.display_name or row.username,
            submitted_at=row.submitted_at,
            overall=_visible(row.scores["overall"], about.hidden_keys),
            tasks={
                task_id: _visible(by_task.get(key, _NOTHING), about.hidden_keys)
                for task_id, key in task_ids
            },
            answers=_answers(row.fact_sheet_answers, about) if about.questions else _NOTHING,
            details=details.get(row.submission_id, _NOTHING),
            is_own=row.owner_id == viewer.user_id,
            earlier=earlier.get(row.submission_id, _NOTHING),
            restored_from=row.restored_from,
        )


def _rows(about: Definition, ids: Select[tuple[int]]) -> Select[Any]:
    """Select what rows show, in order; answers to the fact sheet only where they are shown."""
    chosen = ids.subquery()
    statement = (
        select(
            Entry.submission_id,
            Entry.owner_id,
            Entry.submitted_at,
            Entry.sort_key,
            Entry.scores,
            User.username,
            User.display_name,
            Submission.restored_from,
        )
        .join(chosen, chosen.c.submission_id == Entry.submission_id)
        .join(User, User.id == Entry.owner_id)
        .join(Submission, Submission.id == Entry.submission_id)
        .order_by(*_ORDER)
    )
    if about.questions:
        return statement.add_columns(Submission.fact_sheet_answers)
    return statement


def _visible(scores: dict[str, float], hidden: frozenset[str]) -> dict[str, float]:
    if not hidden:
        return scores
    return {key: value for key, value in scores.items() if key not in hidden}


def _answers(given: Mapping[str, Any], about: Definition) -> dict[str, Any]:
    return {key: given.get(key, "") for key in about.questions}


def _rank(phase_id: int, sort_key: bytes) -> int:
    before = select(func.count()).where(Entry.phase_id == phase_id, Entry.sort_key < sort_key)
    return 1 + (db.session.scalar(before) or 0)


def _details(ids: Select[tuple[int]]) -> dict[int, dict[int, int]]:
    """Return the runs that have detailed results, by submission and task."""
    chosen = ids.subquery()
    found = db.session.execute(
        select(Run.submission_id, Run.task_id, Run.id)
        .join(chosen, chosen.c.submission_id == Run.submission_id)
        .join(RunOutput, RunOutput.run_id == Run.id)
        .where(RunOutput.kind == Output.DETAILED_RESULTS)
    )
    by_submission: dict[int, dict[int, int]] = {}
    for submission_id, task_id, run_id in found:
        by_submission.setdefault(submission_id, {})[task_id] = run_id
    return by_submission


def _pinned(about: Definition, viewer: Viewer, size: int) -> Pinned | None:
    """Return the best entry of the viewer; where it stands is one count over the index."""
    if not viewer.is_authenticated:
        return None
    phase_id = about.phase.id
    own = _ids(phase_id).where(Entry.owner_id == viewer.user_id).limit(1)
    best = db.session.execute(
        select(*_ORDER).where(Entry.submission_id == own.scalar_subquery())
    ).first()
    if best is None:
        return None
    place = tuple_(*(literal(value, key.type) for value, key in zip(best, _ORDER, strict=True)))
    before = select(func.count()).where(Entry.phase_id == phase_id, tuple_(*_ORDER) < place)
    offset = db.session.scalar(before) or 0
    only = _ids(phase_id).where(Entry.submission_id == best.submission_id)
    (standing,) = _standings(about, viewer, only, offset)
    return Pinned(standing, page=offset // size + 1)


def _scale(about: Definition) -> tuple[float, float] | None:
    """Return the lowest and highest primary score: they stand first and last on the board."""
    if about.primary is None:
        return None
    scored = select(Entry.submission_id).where(
        Entry.phase_id == about.phase.id, Entry.sort_key < MISSING
    )
    first = scored.order_by(*_ORDER).limit(1).scalar_subquery()
    last = scored.order_by(*(key.desc() for key in _ORDER)).limit(1).scalar_subquery()
    ends = db.session.scalars(
        select(Entry.scores).where(or_(Entry.submission_id == first, Entry.submission_id == last))
    )
    values = [scores["overall"][about.primary.key] for scores in ends]
    return (min(values), max(values)) if values else None
