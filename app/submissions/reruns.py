"""Re-runs: an organizer runs submitted files again, on the current revision of the tasks."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import joinedload, selectinload

from app import policy
from app.competitions.models import Competition, Phase, PhaseTask
from app.errors import Invalid
from app.platform.db import after_commit, db
from app.policy import Act, Viewer
from app.resources.models import Task, TaskRevision
from app.submissions import dispatch, intake, runs
from app.submissions.models import TERMINAL, State, Submission

FAMILY: ColumnElement[int] = func.coalesce(Submission.rerun_of_id, Submission.id)
"""Id of what the participant submitted, in SQL; :attr:`Submission.family_id` in Python."""


@dataclass(frozen=True)
class Plan:
    """What a re-run would run, and what it leaves out."""

    sources: Sequence[Submission]
    """One of each family, the newest, in the order in which they were submitted; with phases."""
    live: int = 0
    """Left out because they are not over yet."""
    withdrawn: int = 0
    """Left out because they were cancelled and nobody named them."""
    gone: int = 0
    """Left out because their file is no longer there."""


def plan_for_phase(actor: Viewer, phase: Phase) -> Plan:
    """Return what a re-run of a whole phase would run: of each submission its newest re-run only.

    Raises:
        Forbidden: the actor does not organize its benchmark.
    """
    policy.require(actor, Act.SUBMISSION_RUN, phase)
    return _plan(Submission.phase_id == phase.id, named=False)


def plan_for(actor: Viewer, competition: Competition, ids: Collection[int]) -> Plan:
    """Return what a re-run of chosen submissions would run; a re-run stands for its original.

    Raises:
        Forbidden: the actor does not organize the benchmark.
    """
    policy.require(actor, Act.SUBMISSION_RUN, competition)
    chosen = (
        select(FAMILY)
        .join(Phase, Phase.id == Submission.phase_id)
        .where(Submission.id.in_(ids), Phase.competition_id == competition.id)
    )
    return _plan(or_(Submission.id.in_(chosen), Submission.rerun_of_id.in_(chosen)), named=True)


def _plan(which: ColumnElement[bool], *, named: bool) -> Plan:
    newest = (
        select(func.max(Submission.id))
        .where(which, Submission.is_trial.is_(False))
        .group_by(FAMILY)
    )
    found = db.session.scalars(
        select(Submission)
        .where(Submission.id.in_(newest))
        .options(
            joinedload(Submission.file),
            joinedload(Submission.phase).options(
                joinedload(Phase.competition), selectinload(Phase.phase_tasks)
            ),
        )
        .order_by(FAMILY)
    ).all()
    over = [one for one in found if one.state in TERMINAL]
    wanted = [one for one in over if named or one.state != State.CANCELLED]
    there = [one for one in wanted if one.file.is_complete and one.file.size_bytes]
    return Plan(
        there,
        live=len(found) - len(over),
        withdrawn=len(over) - len(wanted),
        gone=len(wanted) - len(there),
    )


def tasks_to_try(actor: Viewer, competition: Competition) -> Sequence[Task]:
    """Return the tasks that a trial may use: those of the benchmark, and the actor's own."""
    of_phases = (
        select(PhaseTask.task_id)
        .join(Phase, Phase.id == PhaseTask.phase_id)
        .where(Phase.competition_id == competition.id)
    )
    return db.session.scalars(
        select(Task)
        .where(or_(Task.id.in_(of_phases), Task.owner_id == actor.user_id))
        .order_by(Task.name, Task.id)
    ).all()


def phases_by_task(competition: Competition) -> dict[int, str]:
    """Return the name of the first phase that has each task of a benchmark."""
    rows = db.session.execute(
        select(PhaseTask.task_id, Phase.name)
        .join(Phase, Phase.id == PhaseTask.phase_id)
        .where(Phase.competition_id == competition.id)
        .order_by(Phase.index.desc())
    )
    return dict(rows.tuples().all())


def rerun_phase(
    actor: Viewer, phase: Phase, key: str, *, now: datetime, task_id: int | None = None
) -> int:
    """Run every submission of a phase again; the same ``key`` does it once.

    Args:
        key: names this act; from the form that asked.
        task_id: run them on this task instead, as trials.

    Returns:
        How many re-runs there are now by this act.

    Raises:
        Forbidden: the actor does not organize its benchmark.
        Invalid: the task is not one that the actor may try.
        Refused: the phase has no task.
    """
    policy.require(actor, Act.SUBMISSION_RUN, phase)
    _lock(phase.competition_id)
    if made := _made_before(Submission.phase_id == phase.id, key):
        return made
    chosen = _task(actor, phase.competition, task_id)
    return _run_again(plan_for_phase(actor, phase), key, chosen, now)


def rerun(
    actor: Viewer, competition: Competition, ids: Collection[int], key: str, *,
    now: datetime, task_id: int | None = None,
) -> int:  # fmt: skip
    """Run chosen submissions again, as :func:`rerun_phase` does."""
    policy.require(actor, Act.SUBMISSION_RUN, competition)
    _lock(competition.id)
    of_competition = select(Phase.id).where(Phase.competition_id == competition.id)
    if made := _made_before(Submission.phase_id.in_(of_competition), key):
        return made
    chosen = _task(actor, competition, task_id)
    return _run_again(plan_for(actor, competition, ids), key, chosen, now)


def _lock(competition_id: int) -> None:
    """Let a second click wait for the first, and then see what that one made."""
    statement = select(Phase.id).where(Phase.competition_id == competition_id).order_by(Phase.id)
    db.session.execute(statement.with_for_update(key_share=True))


def _made_before(where: ColumnElement[bool], key: str) -> int:
    """Return how many re-runs this very act has made already: somebody clicked twice."""
    if not key:
        raise Invalid("This form has no key. Open the page again.")
    is_of_act = Submission.idempotency_key.startswith(_key(key, ""), autoescape=True)
    return db.session.scalar(select(func.count(Submission.id)).where(where, is_of_act)) or 0


def _key(key: str, family_id: object) -> str:
    return f"rerun {key[:40]} {family_id}"


def _run_again(plan: Plan, key: str, chosen: Task | None, now: datetime) -> int:
    by_phase: dict[int, list[Submission]] = {}
    for source in plan.sources:
        by_phase.setdefault(source.phase_id, []).append(source)
    for sources in by_phase.values():
        phase = sources[0].phase
        copies = [
            intake.Copy(
                source,
                {
                    "rerun_of_id": source.family_id,
                    "is_trial": chosen is not None,
                    "idempotency_key": _key(key, source.family_id),
                },
            )
            for source in sources
        ]
        revisions = [_revision(chosen)] if chosen else intake.revisions_of(phase)
        intake.make_copies(copies, phase, revisions, state=State.QUEUED, now=now)
    after_commit(dispatch.ring)
    return len(plan.sources)


def _revision(task: Task) -> TaskRevision:
    return runs.current_revisions([task.id])[task.id]


def _task(actor: Viewer, competition: Competition, task_id: int | None) -> Task | None:
    if task_id is None:
        return None
    for task in tasks_to_try(actor, competition):
        if task.id == task_id:
            return task
    raise Invalid("Choose one of the listed tasks.")


def replaced(found: Collection[Submission]) -> dict[int, int]:
    """Return which re-run or original stands on a board in the place of submissions, by their ids.

    Of those off the board alone; one statement.
    """
    families = {one.family_id for one in found if not (one.on_board or one.is_trial)}
    standing = select(FAMILY, Submission.id).where(FAMILY.in_(families), Submission.on_board)
    by_family = dict(db.session.execute(standing).tuples().all())
    return {
        one.id: by_family[one.family_id]
        for one in found
        if one.family_id in by_family and not (one.on_board or one.is_trial)
    }


@dataclass(frozen=True)
class Relative:
    """Another submission of the same file. ``kind`` is original, rerun, trial, source or moved."""

    id: int
    state: str
    kind: str
    on_board: bool
    """As far as the viewer may know, see :func:`app.submissions.queries.is_seen_on_board`."""


def relatives(submission: Submission, viewer: Viewer) -> list[Relative]:
    """Return what else was run of a submission's file that the viewer may see, oldest first.

    That is its family, where it was moved to another phase, and where it was moved from.
    """
    family_id = submission.family_id
    statement = (
        select(Submission)
        .where(
            or_(
                Submission.id.in_([family_id, submission.migrated_from_id or family_id]),
                Submission.rerun_of_id == family_id,
                Submission.migrated_from_id == family_id,
            ),
            Submission.id != submission.id,
        )
        .order_by(Submission.id)
    )
    if not policy.can(viewer, Act.SUBMISSION_RUN, submission):
        statement = statement.where(Submission.is_trial.is_(False))
    found = db.session.scalars(statement)
    sees = policy.can(viewer, Act.SUBMISSION_VIEW_SCORES, submission)
    return [
        Relative(one.id, one.state, _kind(one, submission), one.on_board and sees) for one in found
    ]


def _kind(other: Submission, submission: Submission) -> str:
    if other.is_trial:
        return "trial"
    if other.id == submission.migrated_from_id:
        return "source"
    if other.migrated_from_id == submission.family_id:
        return "moved"
    return "rerun" if other.rerun_of_id else "original"
