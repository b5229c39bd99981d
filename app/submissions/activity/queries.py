"""What the page of the server's state shows: runs, machines, and figures about both."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, exists, func, select, true, union_all
from sqlalchemy.orm import contains_eager, joinedload

from app import policy
from app.competitions.models import Competition, Phase
from app.platform.db import db
from app.platform.paging import Page
from app.policy import Act, Viewer
from app.queues import facts
from app.queues import queries as queues
from app.queues.facts import Facts
from app.queues.models import ONLINE_FOR, ComputeQueue, Machine, QueueMember, Role
from app.queues.queries import Work
from app.submissions import ends, load, outcome, scheduling
from app.submissions.ends import End
from app.submissions.models import TERMINAL, Attempt, Run, State, Submission

PAGE_SIZE = 50
MOST_MACHINES = 200
RATED_OVER = timedelta(days=1)
"""Over which time the success of a machine is measured."""

_COUNTED = (End.RUN_ENDED, End.LOST, End.HANDED_BACK)
WAITING = (State.QUEUED, State.SENT)
SHOWN = {"waiting": WAITING, "running": (State.RUNNING,), "ended": tuple(TERMINAL)}


@dataclass(frozen=True)
class RunRow:
    """One run; what the viewer may not know of it is None."""

    run: Run
    """With ``task``."""
    queue_name: str
    submission_id: int | None
    owner_name: str | None
    competition: Competition | None


@dataclass(frozen=True)
class MachineRow:
    """One machine and how it does."""

    machine: Machine
    """With ``queue``."""
    facts: Facts
    is_online: bool
    work: Sequence[Work]
    completed: int
    """Attempts within :data:`RATED_OVER` that ended with their run, whatever its scores."""
    lost: int
    """Those that were lost for a reason of the machine or the platform."""
    handed_back: int
    """Those that were given up unharmed; they say nothing of the machine."""

    @property
    def is_revoked(self) -> bool:
        """Whether its access was ended; it stays here for what it did lately."""
        return self.machine.revoked_at is not None

    @property
    def success(self) -> float | None:
        """Share of attempts that it brought to their end; None without any."""
        tried = self.completed + self.lost
        return self.completed / tried if tried else None


@dataclass(frozen=True)
class Figures:
    """Counts of runs in a viewer's scope."""

    waiting: int
    running: int
    oldest_waiting_at: datetime | None
    lost_leases: int
    """Attempts whose machine stopped answering within the last hour."""


@dataclass(frozen=True)
class ActivityRow:
    """The whole page."""

    figures: Figures
    runs: Page[RunRow]
    machines: Sequence[MachineRow]


def activity(viewer: Viewer, shown: str, page: int, *, now: datetime) -> ActivityRow:
    """Return the state of the server as far as somebody may know it.

    Everyone sees their own runs and those of the benchmarks they organize; who keeps a queue, its
    runs; staff, all. The number of statements depends on nothing.

    Args:
        shown: a key of :data:`SHOWN`.
    """
    scope = _scope(viewer)
    machines = _machines(viewer, now)
    return ActivityRow(
        _figures(scope, [row.machine.id for row in machines], now),
        _runs(viewer, scope, SHOWN[shown], page),
        machines,
    )


def _scope(viewer: Viewer) -> ColumnElement[bool]:
    """Which runs are the viewer's to see; each part finds its runs by an index of its own."""
    if viewer.is_staff:
        return true()
    of_submissions = select(Run.id).join(Submission, Submission.id == Run.submission_id)
    organized = of_submissions.join(Phase, Phase.id == Submission.phase_id).join(
        Competition, Competition.id == Phase.competition_id
    )
    kept = select(QueueMember.queue_id).where(
        QueueMember.user_id == viewer.user_id, QueueMember.role == Role.COLLABORATOR
    )
    owned = select(ComputeQueue.id).where(ComputeQueue.owner_id == viewer.user_id)
    own = of_submissions.where(
        Submission.owner_id == viewer.user_id, Submission.is_trial.is_(False)
    )
    return Run.id.in_(
        union_all(
            own,
            organized.where(Competition.owner_id == viewer.user_id),
            select(Run.id).where(Run.queue_id.in_(union_all(kept, owned))),
        )
    )


def _figures(scope: ColumnElement[bool], machine_ids: Collection[int], now: datetime) -> Figures:
    rows = db.session.execute(
        select(Run.state, func.count(), func.min(Run.queued_at))
        .where(scope, Run.state.in_([State.QUEUED, *scheduling.IN_FLIGHT]))
        .group_by(Run.state)
    ).all()
    counts = {state: count for state, count, _oldest in rows}
    lost = db.session.scalar(
        select(func.count()).where(
            Attempt.machine_id.in_(machine_ids),
            Attempt.ended_at > now - timedelta(hours=1),
            Attempt.outcome.contains(outcome.SILENT),
        )
    )
    return Figures(
        waiting=sum(counts.get(state, 0) for state in WAITING),
        running=counts.get(State.RUNNING, 0),
        oldest_waiting_at=min((oldest for state, _, oldest in rows if state in WAITING), default=None),
        lost_leases=lost or 0,
    )  # fmt: skip


def _runs(
    viewer: Viewer, scope: ColumnElement[bool], states: Collection[State], page: int
) -> Page[RunRow]:
    wanted = select(Run).where(scope, Run.state.in_(states))
    total = db.session.scalar(select(func.count()).select_from(wanted.subquery())) or 0
    found = db.session.execute(
        wanted.join(Run.submission)
        .join(ComputeQueue, ComputeQueue.id == Run.queue_id)
        .add_columns(ComputeQueue.name)
        .options(
            joinedload(Run.task),
            contains_eager(Run.submission).options(
                joinedload(Submission.owner),
                joinedload(Submission.phase).joinedload(Phase.competition),
            ),
        )
        .order_by(Run.id.desc())
        .limit(PAGE_SIZE)
        .offset((page - 1) * PAGE_SIZE)
    ).all()
    rows = [_run_row(run, queue_name, viewer) for run, queue_name in found]
    return Page(rows, page, PAGE_SIZE, total)


def _run_row(run: Run, queue_name: str, viewer: Viewer) -> RunRow:
    submission, competition = run.submission, run.submission.phase.competition
    may_see = policy.can(viewer, Act.SUBMISSION_VIEW, submission)
    may_know = policy.can(viewer, Act.COMPETITION_VIEW, competition)
    return RunRow(
        run,
        queue_name,
        submission.id if may_see else None,
        submission.owner.name if may_see else None,
        competition if may_know else None,
    )


def _machines(viewer: Viewer, now: datetime) -> list[MachineRow]:
    visible: Select[tuple[int]] = queues.visible_to(viewer).with_only_columns(ComputeQueue.id)
    found = db.session.scalars(
        select(Machine)
        .where(Machine.queue_id.in_(visible), Machine.revoked_at.is_(None) | _worked_lately(now))
        .options(joinedload(Machine.queue))
        .order_by(Machine.queue_id, Machine.revoked_at.is_not(None), Machine.name, Machine.id)
        .limit(MOST_MACHINES)
    ).all()
    ids = [machine.id for machine in found]
    work, ended = load.work_on(ids, viewer), _ended(ids, now)
    return [
        MachineRow(
            machine,
            facts.read(machine.details),
            machine.revoked_at is None
            and machine.last_seen_at is not None
            and machine.last_seen_at > now - ONLINE_FOR,
            work.get(machine.id, []),
            *(ended.get((machine.id, end), 0) for end in _COUNTED),
        )
        for machine in found
    ]


def _worked_lately(now: datetime) -> ColumnElement[bool]:
    """Whether a machine ended an attempt lately, or had one under way when its access ended."""
    return exists().where(
        Attempt.machine_id == Machine.id,
        (Attempt.ended_at > now - RATED_OVER) | Attempt.ended_at.is_(None),
    )


def _ended(machine_ids: Collection[int], now: datetime) -> dict[tuple[int, str], int]:
    """Return how many attempts ended on each machine, by how they did."""
    end = ends.in_sql()
    rows = db.session.execute(
        select(Attempt.machine_id, end, func.count())
        .join(Run, Run.id == Attempt.run_id)
        .where(Attempt.machine_id.in_(machine_ids), Attempt.ended_at > now - RATED_OVER)
        .group_by(Attempt.machine_id, end)
    )
    return {(machine_id or 0, how): count for machine_id, how, count in rows}
