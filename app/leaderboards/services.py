"""Keeping boards true: entries follow from the scores of runs and the rule of the board."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Select, delete, func, insert, select, update
from sqlalchemy.orm import aliased, joinedload, selectinload

from app import policy
from app.competitions.drafts import SubmissionRule
from app.competitions.models import Leaderboard, Phase
from app.errors import Refused
from app.leaderboards.models import Entry
from app.leaderboards.projection import Measured, project
from app.leaderboards.ranking import Candidate, chosen, compares, sort_key
from app.leaderboards.scheme import Scheme
from app.platform.db import db
from app.platform.logging import event
from app.policy import Act, Viewer
from app.submissions.models import Run, RunScore, State, Submission

log = logging.getLogger(__name__)

AT_ONCE = 1000
"""How many ids one statement names; databases limit the number of parameters."""

AUTOMATIC = {
    SubmissionRule.FORCE_LAST: "This board shows each participant's latest submission. "
    "Entries are not added or taken off by hand.",
    SubmissionRule.FORCE_LATEST_MULTIPLE: "This board shows every finished submission. "
    "Entries are not added or taken off by hand.",
    SubmissionRule.FORCE_BEST: "This board shows each participant's best submission. "
    "Entries are not added or taken off by hand.",
}
"""The rules that choose by themselves, and what they say to whoever tries."""

_ORIGINAL_ID = func.coalesce(Submission.rerun_of_id, Submission.id)

REMOVABLE = (SubmissionRule.ADD_AND_DELETE, SubmissionRule.ADD_AND_DELETE_MULTIPLE)
"""The rules under which an entry can be taken off."""


@dataclass(frozen=True)
class _Board:
    phase_id: int
    rule: SubmissionRule
    scheme: Scheme
    task_ids: Sequence[int]
    column_keys: dict[int, str]


def refresh(submission: Submission, *, now: datetime) -> None:
    """Let the board follow a submission that ended: apply its rule to the owner's submissions.

    Idempotent, and computed from the scores of runs each time: it may be called again and in any
    order of endings. A trial stands on no board.
    """
    if submission.is_trial:
        return
    board = _lock(submission.phase_id)
    if board is None:
        return
    if _moves_in(board, submission):
        _write(board, gone=set(), fresh={submission.id})
    else:
        _settle(board, {submission.id}, owner_id=submission.owner_id)


def _moves_in(board: _Board, submission: Submission) -> bool:
    """Return whether one that stood on the board before takes its place here by itself."""
    if submission.migrated_from_id is None or submission.state != State.FINISHED:
        return False
    if board.rule in AUTOMATIC:
        return False
    is_shared = board.rule is SubmissionRule.ADD_AND_DELETE_MULTIPLE
    return is_shared or not _standing(board, submission.owner_id)


def add(actor: Viewer, submission: Submission, *, now: datetime) -> None:
    """Put a submission on its phase's board, in place of the owner's others where one may stand.

    Args:
        submission: from :func:`app.leaderboards.queries.submission`.

    Raises:
        Forbidden: the actor is neither the owner nor an organizer.
        Refused: the board chooses by itself, the submission is not finished, it is a trial, or
            a re-run of it stands in its place.
    """
    board = _changeable(actor, submission)
    if submission.state != State.FINISHED:
        raise Refused(
            f"Only a finished submission can stand on the board; this one is {submission.state}."
        )
    _require_current(board, submission)
    others: set[int] = set()
    if board.rule is not SubmissionRule.ADD_AND_DELETE_MULTIPLE:
        others = _standing(board, submission.owner_id) - {submission.id}
    _write(board, gone=others, fresh={submission.id})


def _require_current(board: _Board, submission: Submission) -> None:
    if submission.is_trial:
        raise Refused("A trial on a task of the organizer's choice stands on no board.")
    found = _candidates(board, submission.owner_id, scored=False)
    ids = {one.submission_id for one in found if one.family_id == submission.family_id}
    if submission.id not in ids:
        current = max(ids, default=submission.id)
        raise Refused(f"Submission {current} ran the same file again; add that one instead.")


def remove(actor: Viewer, submission: Submission, *, now: datetime) -> None:
    """Take a submission off its phase's board; one that is not on it stays so.

    Args:
        submission: from :func:`app.leaderboards.queries.submission`.

    Raises:
        Forbidden: the actor is neither the owner nor an organizer.
        Refused: the rule of the board does not allow it.
    """
    board = _changeable(actor, submission)
    if board.rule not in REMOVABLE:
        raise Refused(
            "On this board an entry cannot be taken off, only replaced: add another submission."
        )
    _write(board, gone=_standing(board, submission.owner_id) & {submission.id}, fresh=set())


def restore(phase_id: int, submission_ids: Collection[int]) -> None:
    """Put submissions on the board of a phase as they stood elsewhere; no rule is asked."""
    board = _lock(phase_id)
    if board is not None:
        _write(board, gone=set(), fresh=set(submission_ids))


def rebuild(phase_id: int) -> int:
    """Compute all entries of a phase anew, after its rule, columns or tasks changed.

    Returns:
        How many entries stand on the board now.
    """
    board = _lock(phase_id)
    if board is None:
        return 0
    count = _settle(board, None)
    event(log, "board.rebuilt", phase_id=phase_id, entries=count)
    return count


def _lock(phase_id: int) -> _Board | None:
    """Load the board of a phase, and let nobody else change its entries until the commit.

    PostgreSQL locks the phase's row, which new submissions may still refer to; SQLite has one
    writer anyway.
    """
    db.session.execute(select(Phase.id).where(Phase.id == phase_id).with_for_update(key_share=True))
    phase = db.session.scalars(
        select(Phase)
        .where(Phase.id == phase_id)
        .options(
            joinedload(Phase.leaderboard).selectinload(Leaderboard.columns),
            selectinload(Phase.phase_tasks),
        )
        .execution_options(populate_existing=True)
    ).one()
    if phase.leaderboard is None:
        return None
    return _Board(
        phase_id=phase_id,
        rule=phase.rule,
        scheme=Scheme.of(phase.leaderboard),
        task_ids=[item.task_id for item in phase.phase_tasks],
        column_keys={column.id: column.key for column in phase.leaderboard.columns},
    )


def _changeable(actor: Viewer, submission: Submission) -> _Board:
    policy.require(actor, Act.ENTRY_CHANGE, submission)
    board = _lock(submission.phase_id)
    if board is None:
        raise Refused("This phase has no leaderboard.")
    if board.rule in AUTOMATIC:
        raise Refused(AUTOMATIC[board.rule])
    return board


def _settle(board: _Board, changed: set[int] | None, *, owner_id: int | None = None) -> int:
    """Apply the rule to one owner, or to all, and write what it changes.

    Args:
        changed: submissions whose scores may differ from their entries'; None for all.

    Returns:
        How many submissions the rule chose.
    """
    candidates = _candidates(board, owner_id)
    wanted: set[int] = set()
    for of_owner in _by_owner(candidates).values():
        wanted |= chosen(board.rule, of_owner)
    standing = _standing(board, owner_id)
    fresh = wanted - standing if changed is not None else wanted
    _write(board, gone=standing - wanted, fresh=fresh | (wanted & (changed or set())))
    return len(wanted)


def _candidates(board: _Board, owner_id: int | None, *, scored: bool = True) -> list[Candidate]:
    """Return what the rule chooses from: of each submission and its re-runs the last that finished.

    It counts as submitted when the participant did so, and stands where any of its family does.
    """
    original = aliased(Submission)
    statement = (
        select(
            Submission.id, Submission.owner_id, Entry.submission_id, _ORIGINAL_ID,
            func.coalesce(original.created_at, Submission.created_at),
        )
        .outerjoin(Entry, Entry.submission_id == Submission.id)
        .outerjoin(original, original.id == Submission.rerun_of_id)
        .where(
            Submission.phase_id == board.phase_id, Submission.state == State.FINISHED,
            Submission.is_trial.is_(False),
        )
        .order_by(Submission.id)
    )  # fmt: skip
    if owner_id is not None:
        statement = statement.where(Submission.owner_id == owner_id)
    families: dict[int, Candidate] = {}
    for id_, owner, entry_id, family_id, submitted_at in db.session.execute(statement):
        before = families.get(family_id)
        stands = entry_id is not None or (before is not None and before.stands)
        families[family_id] = Candidate(id_, owner, submitted_at, stands, family_id=family_id)
    found = list(families.values())
    return _with_keys(board, found) if scored and compares(board.rule) else found


def _with_keys(board: _Board, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Add sort keys; mean ranks are those among the submissions of the same owner."""
    measured = _measured(board, [candidate.submission_id for candidate in candidates])
    found: list[Candidate] = []
    for of_owner in _by_owner(candidates).values():
        scores = [measured.get(candidate.submission_id, {}) for candidate in of_owner]
        projections = project(scores, board.task_ids, board.scheme)
        found += [
            replace(candidate, sort_key=sort_key(projection.overall, board.scheme))
            for candidate, projection in zip(of_owner, projections, strict=True)
        ]
    return found


def _by_owner(candidates: Sequence[Candidate]) -> dict[int, list[Candidate]]:
    owners: dict[int, list[Candidate]] = {}
    for candidate in candidates:
        owners.setdefault(candidate.owner_id, []).append(candidate)
    return owners


def _standing(board: _Board, owner_id: int | None = None) -> set[int]:
    statement = select(Entry.submission_id).where(Entry.phase_id == board.phase_id)
    if owner_id is not None:
        statement = statement.where(Entry.owner_id == owner_id)
    return set(db.session.scalars(statement))


def _measured(board: _Board, ids: Collection[int]) -> dict[int, Measured]:
    """Return the scores that runs wrote, by submission, task and column key."""
    found: dict[int, dict[int, dict[str, float]]] = {}
    for some in _portions(ids):
        rows = db.session.execute(
            select(Run.submission_id, Run.task_id, RunScore.column_id, RunScore.value)
            .join(RunScore, RunScore.run_id == Run.id)
            .where(Run.submission_id.in_(some))
        )
        for submission_id, task_id, column_id, value in rows:
            if key := board.column_keys.get(column_id):
                found.setdefault(submission_id, {}).setdefault(task_id, {})[key] = value
    return dict(found)


def _write(board: _Board, *, gone: set[int], fresh: set[int]) -> None:
    """Take entries off and write others anew; all of the board where they compare each other."""
    if not gone and not fresh:
        return
    flags = {True: set(fresh), False: gone}
    if board.scheme.compares_entries:
        fresh = fresh | (_standing(board) - gone)
    for some in _portions(gone | fresh):
        db.session.execute(delete(Entry).where(Entry.submission_id.in_(some)))
    rows = _entries(board, sorted(fresh))
    for start in range(0, len(rows), AT_ONCE):
        db.session.execute(insert(Entry), rows[start : start + AT_ONCE])
    for on_board, ids in flags.items():
        for some in _portions(ids):
            db.session.execute(
                update(Submission).where(Submission.id.in_(some)).values(on_board=on_board)
            )


def _entries(board: _Board, ids: Sequence[int]) -> list[dict[str, object]]:
    measured = _measured(board, ids)
    scores = [measured.get(submission_id, {}) for submission_id in ids]
    projections = dict(zip(ids, project(scores, board.task_ids, board.scheme), strict=True))
    return [
        {
            "submission_id": submission_id,
            "phase_id": board.phase_id,
            "owner_id": owner_id,
            "submitted_at": submitted_at,
            "sort_key": sort_key(projections[submission_id].overall, board.scheme),
            "scores": projections[submission_id].as_json(),
        }
        for some in _portions(ids)
        for submission_id, owner_id, submitted_at in db.session.execute(_submitted(some))
    ]


def _submitted(ids: Collection[int]) -> Select[tuple[int, int, datetime]]:
    """Select owner and time of submissions; a re-run counts from when its original came."""
    original = aliased(Submission)
    came = func.coalesce(original.created_at, Submission.created_at)
    return (
        select(Submission.id, Submission.owner_id, came)
        .outerjoin(original, original.id == Submission.rerun_of_id)
        .where(Submission.id.in_(ids))
    )


def _portions(ids: Collection[int]) -> Iterator[list[int]]:
    ordered = sorted(ids)
    for start in range(0, len(ordered), AT_ONCE):
        yield ordered[start : start + AT_ONCE]
