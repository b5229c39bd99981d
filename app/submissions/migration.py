"""Migration: what stands on the board of a phase is submitted to the next one, exactly once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, exists, false, func, or_, select
from sqlalchemy.orm import aliased, joinedload, selectinload

from app import policy
from app.competitions import lifecycle
from app.competitions.models import Competition, Phase, PhaseTask
from app.errors import Refused
from app.platform.db import after_commit, db
from app.policy import Act, Viewer
from app.submissions import dispatch, intake
from app.submissions.models import State, Submission

_OVERLAP = timedelta(minutes=10)
"""What ended so shortly before a migration may not have been saved yet while it looked."""


@dataclass(frozen=True)
class Plan:
    """What a migration would move, and where to."""

    target: Phase
    sources: Sequence[Submission]
    """What is new, in the order in which it was submitted."""
    moved: int
    """How many were moved from this phase to that one before."""


@dataclass(frozen=True)
class Outlook:
    """What moving on from a phase by hand would find."""

    target: Phase
    new: int
    moved: int


def due(now: datetime) -> list[int]:
    """Return the phases that something is to be submitted to by itself, in a single statement.

    Those have automatic migration on and a task, they have begun, and the phase before, on their
    track, is over.
    After the first time only what finished later is still to come, and what people put on that
    board by then stays where it is.
    """
    source = aliased(Phase)
    statement = (
        select(Phase.id)
        .join(source, and_(source.competition_id == Phase.competition_id, _is_before(source)))
        .where(
            Phase.auto_migrate_to_this_phase,
            Phase.starts_at <= now,
            or_(source.ends_at.is_(None), source.ends_at <= now),
            exists().where(PhaseTask.phase_id == Phase.id),
            or_(
                Phase.migrated_until.is_(None),
                exists().where(
                    Submission.phase_id == source.id, *_is_to_move(Phase.id), _is_late()
                ),
            ),
        )
        .order_by(Phase.id)
    )
    return list(db.session.scalars(statement))


def migrate(phase_id: int, *, now: datetime) -> int:
    """Submit to a phase what is due; returns how many. Doing it again moves nothing twice.

    Raises:
        Refused: the phase has no task.
    """
    target = _lock(phase_id)
    source_id = _source_id(target)
    if source_id is None:
        return 0
    only = [] if target.migrated_until is None else [Submission.ended_at > target.migrated_until]
    count = _move(_sources(source_id, target, only), target, now)
    if target.migrated_until is None:
        target.migrated_until = now - _OVERLAP
    return count


def plan_by_hand(actor: Viewer, phase: Phase) -> Plan:
    """Return what moving on from a phase would submit to the next one.

    Raises:
        Forbidden: the actor does not organize its benchmark.
        Refused: no phase follows.
    """
    policy.require(actor, Act.SUBMISSION_RUN, phase)
    target = lifecycle.after(phase.competition.phases, phase)
    if target is None:
        raise Refused(f"No phase follows {phase.name!r}.")
    moved = _moved(phase.competition_id).get(phase.id, 0)
    return Plan(target, _sources(phase.id, target, []), moved)


def outlooks(actor: Viewer, competition: Competition) -> dict[int, Outlook]:
    """Return by phase what moving on from it would find, in two statements; the last has no row.

    Args:
        competition: with ``phases``.

    Raises:
        Forbidden: the actor does not organize the benchmark.
    """
    policy.require(actor, Act.SUBMISSION_RUN, competition)
    all_of_it = competition.phases
    next_of = {one.id: after for one in all_of_it if (after := lifecycle.after(all_of_it, one))}
    source = aliased(Phase)
    pairs = [and_(source.id == one, Phase.id == after.id) for one, after in next_of.items()]
    statement = (
        select(source.id, func.count(Submission.id))
        .select_from(Phase)
        .join(source, or_(false(), *pairs))
        .outerjoin(Submission, and_(Submission.phase_id == source.id, *_is_to_move(Phase.id)))
        .group_by(source.id)
    )
    moved = _moved(competition.id)
    rows = db.session.execute(statement).tuples()
    return {id_: Outlook(next_of[id_], new, moved.get(id_, 0)) for id_, new in rows}


def origins(submissions: Sequence[Submission]) -> dict[int, str]:
    """Return for those that were moved the name of the phase that they come from."""
    ids = [one.migrated_from_id for one in submissions if one.migrated_from_id]
    if not ids:
        return {}
    statement = select(Submission.id, Phase.name).join(Phase, Submission.phase_id == Phase.id)
    names = dict(db.session.execute(statement.where(Submission.id.in_(ids))).tuples().all())
    return {one.id: names[one.migrated_from_id] for one in submissions if one.migrated_from_id}


def migrate_by_hand(actor: Viewer, phase: Phase, *, now: datetime) -> int:
    """Submit to the next phase what stands on a phase's board, whatever the dates; see plan_by_hand.

    Returns:
        How many were submitted; those that were moved before are not moved again.
    """
    target = _lock(plan_by_hand(actor, phase).target.id)
    return _move(_sources(phase.id, target, []), target, now)


def _is_before(source: type[Phase]) -> ColumnElement[bool]:
    """Whether ``source`` is what :func:`app.competitions.lifecycle.before` returns.

    Indexes need not follow each other. The first track of each step has number 0.
    """
    first, other = aliased(Phase), aliased(Phase)
    begins = select(func.max(first.index)).where(
        first.competition_id == Phase.competition_id,
        first.index <= Phase.index,
        first.track == 0,
    )
    before = select(func.max(other.index)).where(
        other.competition_id == Phase.competition_id,
        other.index < begins.correlate(Phase).scalar_subquery(),
        other.track <= Phase.track,
    )
    return source.index == before.correlate(Phase).scalar_subquery()


def _is_to_move(target_id: object) -> list[ColumnElement[bool]]:
    """What makes a submission one to move: it stands on its board, and was not moved before."""
    copy = aliased(Submission)
    family_id = func.coalesce(Submission.rerun_of_id, Submission.id)
    moved = exists().where(copy.migrated_from_id == family_id, copy.phase_id == target_id)
    return [Submission.state == State.FINISHED, Submission.on_board.is_(True), ~moved]


def _is_late() -> ColumnElement[bool]:
    return Submission.ended_at > Phase.migrated_until


def _source_id(target: Phase) -> int | None:
    source = aliased(Phase)
    return db.session.scalars(
        select(source.id)
        .join(Phase, and_(source.competition_id == Phase.competition_id, _is_before(source)))
        .where(Phase.id == target.id)
    ).first()


def _sources(
    source_id: int, target: Phase, only: Sequence[ColumnElement[bool]]
) -> Sequence[Submission]:
    original = aliased(Submission)
    came = func.coalesce(original.created_at, Submission.created_at)
    return db.session.scalars(
        select(Submission)
        .outerjoin(original, original.id == Submission.rerun_of_id)
        .where(Submission.phase_id == source_id, *_is_to_move(target.id), *only)
        .order_by(came, func.coalesce(Submission.rerun_of_id, Submission.id))
    ).all()


def _moved(competition_id: int) -> dict[int, int]:
    """Count what was moved on, by the phase that it stood in."""
    source = aliased(Submission)
    statement = (
        select(source.phase_id, func.count(Submission.id))
        .select_from(Submission)
        .join(source, source.id == Submission.migrated_from_id)
        .join(Phase, Submission.phase_id == Phase.id)
        .where(Phase.competition_id == competition_id)
        .group_by(source.phase_id)
    )
    return dict(db.session.execute(statement).tuples().all())


def _lock(phase_id: int) -> Phase:
    """Load a phase with tasks and competition; who else migrates into it waits."""
    db.session.execute(select(Phase.id).where(Phase.id == phase_id).with_for_update(key_share=True))
    return db.session.scalars(
        select(Phase)
        .where(Phase.id == phase_id)
        .options(selectinload(Phase.phase_tasks), joinedload(Phase.competition))
        .execution_options(populate_existing=True)
    ).one()


def _move(sources: Sequence[Submission], target: Phase, now: datetime) -> int:
    if not sources:
        return 0
    copies = [intake.Copy(one, {"migrated_from_id": one.family_id}) for one in sources]
    held = not target.competition.auto_run_submissions
    state = State.HELD if held else State.QUEUED
    intake.make_copies(copies, target, intake.revisions_of(target), state=state, now=now)
    if not held:
        after_commit(dispatch.ring)
    return len(copies)
