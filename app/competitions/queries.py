"""What is known of competitions, filtered by what a viewer may see."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, false, func, or_, select
from sqlalchemy.orm import joinedload, selectinload

from app import policy
from app.competitions import files, lifecycle
from app.competitions.lifecycle import Stage
from app.competitions.models import (
    Competition,
    CompetitionSolution,
    Leaderboard,
    Membership,
    Page,
    Participant,
    Phase,
    PhaseTask,
)
from app.errors import NotFound
from app.platform import paging
from app.platform.db import db
from app.policy import Act, Viewer
from app.queues import queries as queues
from app.resources.models import Solution, StoredFile, Task, TaskRevision

PAGE_SIZE = 20
MAX_SEARCH = 100


@dataclass(frozen=True)
class FrameRow:
    """What ``competitions/_frame.html`` shows around every page of a competition."""

    competition: Competition
    """With ``owner`` and ``phases``."""
    stage: Stage
    phase: Phase | None
    """The open phase, else the next, else the last."""
    tracks: Sequence[Phase]
    """The same, with those that are open, or open next, side by side with it."""
    membership: str
    """A :class:`Membership`, or empty for whoever has not registered."""
    can_manage: bool
    can_register: bool
    can_submit: bool
    trusted_only: bool
    """Whether a machine of its queue runs programs without containers."""


@dataclass(frozen=True)
class CompetitionRow:
    """One line of a list of competitions."""

    competition: Competition
    """With ``owner`` and ``phases``."""
    stage: Stage
    phase: Phase | None
    participants: int
    membership: str


@dataclass(frozen=True)
class MineRow:
    """The competitions of one person: organized, and taken part in (whatever the status).

    Who takes part in what they organize finds it in both.
    """

    organized: Sequence[CompetitionRow]
    joined: Sequence[CompetitionRow]


@dataclass(frozen=True)
class Rehearsed:
    """How many sample solutions a benchmark has, and how many were scored on all their tasks."""

    solutions: int
    scored: int
    runs: int
    """On each of its tasks every solution has one."""
    scored_runs: int
    is_begun: bool
    is_over: bool
    is_changed: bool = False
    """Whether a task was changed since."""


rehearsed: list[Callable[[int], Rehearsed]] = []
"""Says of a benchmark, by its id, how its rehearsal stands."""


def viewer(user: Any, opened: Collection[str] = ()) -> Viewer:
    """Return who acts, with all memberships, in one query (two if a secret link was followed).

    Args:
        user: a :class:`User`, or None or Flask-Login's visitor for nobody.
        opened: secrets of followed links (:func:`app.platform.links.followed`); a secret that was
            replaced since opens nothing.
    """
    ids: frozenset[int] = frozenset()
    if opened:
        found = db.session.scalars(
            select(Competition.id).where(Competition.secret_key.in_(list(opened)))
        )
        ids = frozenset(found)
    if user is None or not getattr(user, "is_authenticated", False):
        return Viewer(opened=ids)
    rows = db.session.execute(
        select(Participant.competition_id, Participant.status).where(Participant.user_id == user.id)
    )
    memberships = dict(rows.tuples().all())
    return Viewer(user.id, user.username, user.is_staff, memberships, ids)


def visible_to(viewer: Viewer) -> Select[tuple[Competition]]:
    """Select the competitions that ``COMPETITION_VIEW`` allows; the two must agree."""
    statement = select(Competition)
    if viewer.is_staff:
        return statement
    joined = [id_ for id_, status in viewer.memberships.items() if status == Membership.APPROVED]
    own = Competition.owner_id == viewer.user_id if viewer.is_authenticated else false()
    return statement.where(
        or_(Competition.is_published, own, Competition.id.in_([*joined, *viewer.opened]))
    )


def get(competition_id: int, viewer: Viewer) -> Competition:
    """Return a competition with owner, and phases with their boards.

    Raises:
        NotFound: there is none, or the viewer may not know of it.
    """
    competition = db.session.scalar(
        select(Competition)
        .where(Competition.id == competition_id)
        .options(
            joinedload(Competition.owner),
            selectinload(Competition.phases).joinedload(Phase.leaderboard),
        )
    )
    if competition is None or not policy.can(viewer, Act.COMPETITION_VIEW, competition):
        raise NotFound("There is no such benchmark, or you may not see it.")
    return competition


def get_phase(phase_id: int, viewer: Viewer) -> Phase:
    """Return a phase with board and columns, tasks with revisions, and its competition as ``get``.

    Raises:
        NotFound: there is none, or the viewer may not know of its competition.
    """
    phase = db.session.scalar(
        select(Phase)
        .where(Phase.id == phase_id)
        .options(
            joinedload(Phase.leaderboard).selectinload(Leaderboard.columns),
            selectinload(Phase.phase_tasks).joinedload(PhaseTask.task).selectinload(Task.revisions),
            joinedload(Phase.competition).joinedload(Competition.owner),
            joinedload(Phase.competition)
            .selectinload(Competition.phases)
            .joinedload(Phase.leaderboard),
        )
    )
    if phase is None or not policy.can(viewer, Act.COMPETITION_VIEW, phase):
        raise NotFound("There is no such phase, or you may not see it.")
    return phase


def by_secret_key(secret_key: str) -> Competition:
    """Return the competition that a secret link opens.

    Raises:
        NotFound: no link has this secret, or no longer.
    """
    competition = db.session.scalar(select(Competition).where(Competition.secret_key == secret_key))
    if competition is None:
        raise NotFound("This link opens nothing. Ask the organizer for a new one.")
    return competition


def frame(competition: Competition, viewer: Viewer, now: datetime) -> FrameRow:
    """Return what stands around a page of a competition from :func:`get` or :func:`get_phase`."""
    membership = viewer.memberships.get(competition.id, "")
    return FrameRow(
        competition=competition,
        stage=lifecycle.stage(competition, now),
        phase=lifecycle.shown_phase(competition, now),
        tracks=lifecycle.shown_tracks(competition, now),
        membership=membership,
        can_manage=policy.can(viewer, Act.COMPETITION_EDIT, competition),
        can_register=not membership and policy.can(viewer, Act.COMPETITION_REGISTER, competition),
        can_submit=policy.can(viewer, Act.SUBMISSION_CREATE, competition),
        trusted_only=queues.trusted_only(competition.queue_id, now),
    )


def listing(
    viewer: Viewer, page: int, search: str = "", *, now: datetime, size: int = PAGE_SIZE
) -> paging.Page[CompetitionRow]:
    """Return the competitions a viewer may see, the newest first, in a constant number of queries.

    A secret link shows its competition to whoever has it, and nowhere else: not in this list.
    """
    listed = Viewer(viewer.user_id, viewer.username, viewer.is_staff, viewer.memberships)
    statement = visible_to(listed)
    if words := search.strip()[:MAX_SEARCH].split():
        statement = statement.where(
            *(Competition.title.icontains(word, autoescape=True) for word in words)
        )
    total = db.session.scalar(select(func.count()).select_from(statement.subquery())) or 0
    newest = func.coalesce(Competition.published_at, Competition.created_at)
    statement = statement.order_by(newest.desc(), Competition.id.desc())
    rows = _rows(statement.limit(size).offset((page - 1) * size), viewer, now)
    return paging.Page(rows, page, size, total)


def mine(viewer: Viewer, *, now: datetime) -> MineRow:
    """Return what a person organizes and takes part in, the newest first."""
    joined = [*viewer.memberships]
    statement = select(Competition).where(
        or_(Competition.owner_id == viewer.user_id, Competition.id.in_(joined))
    )
    rows = _rows(statement.order_by(Competition.id.desc()), viewer, now)
    seen = [row for row in rows if policy.can(viewer, Act.COMPETITION_VIEW, row.competition)]
    return MineRow(
        organized=[row for row in seen if row.competition.owner_id == viewer.user_id],
        joined=[row for row in seen if row.membership],
    )


def _rows(
    statement: Select[tuple[Competition]], viewer: Viewer, now: datetime
) -> list[CompetitionRow]:
    found = db.session.scalars(
        statement.options(joinedload(Competition.owner), selectinload(Competition.phases))
    ).all()
    counts = _approved([competition.id for competition in found])
    return [
        CompetitionRow(
            competition=competition,
            stage=lifecycle.stage(competition, now),
            phase=lifecycle.shown_phase(competition, now),
            participants=counts.get(competition.id, 0),
            membership=viewer.memberships.get(competition.id, ""),
        )
        for competition in found
    ]


def _approved(competition_ids: Sequence[int]) -> dict[int, int]:
    rows = db.session.execute(
        select(Participant.competition_id, func.count())
        .where(
            Participant.competition_id.in_(competition_ids),
            Participant.status == Membership.APPROVED,
        )
        .group_by(Participant.competition_id)
    )
    return dict(rows.tuples().all())


def pages(competition: Competition) -> Sequence[Page]:
    """Return the pages of the overview in the organizer's order."""
    return db.session.scalars(
        select(Page).where(Page.competition_id == competition.id).order_by(Page.index, Page.id)
    ).all()


def count_participants(competition: Competition) -> dict[str, int]:
    """Return how many people have each status; a status that nobody has is absent."""
    rows = db.session.execute(
        select(Participant.status, func.count())
        .where(Participant.competition_id == competition.id)
        .group_by(Participant.status)
    )
    return dict(rows.tuples().all())


def participants(
    competition: Competition, viewer: Viewer, page: int, status: str = ""
) -> paging.Page[Participant]:
    """Return who registered, with their users: the longest waiting first.

    Raises:
        Forbidden: the viewer does not organize this competition.
    """
    policy.require(viewer, Act.PARTICIPANT_DECIDE, competition)
    statement = select(Participant).where(Participant.competition_id == competition.id)
    if status:
        statement = statement.where(Participant.status == status)
    total = db.session.scalar(select(func.count()).select_from(statement.subquery())) or 0
    order = (Participant.status != Membership.PENDING, Participant.created_at, Participant.id)
    size = 50
    found = db.session.scalars(
        statement.options(joinedload(Participant.user))
        .order_by(*order)
        .limit(size)
        .offset((page - 1) * size)
    ).all()
    return paging.Page(found, page, size, total)


def participation(competition: Competition, viewer: Viewer) -> Participant | None:
    """Return the viewer's own registration."""
    return db.session.scalar(
        select(Participant).where(
            Participant.competition_id == competition.id, Participant.user_id == viewer.user_id
        )
    )


def phases_with_tasks(competition: Competition) -> Sequence[Phase]:
    """Return the phases in order, with tasks and whom they are shared with, kits, data and the files of all revisions."""
    return db.session.scalars(
        select(Phase)
        .where(Phase.competition_id == competition.id)
        .order_by(Phase.index)
        .options(
            joinedload(Phase.starting_kit),
            joinedload(Phase.public_data),
            selectinload(Phase.phase_tasks)
            .joinedload(PhaseTask.task)
            .options(
                selectinload(Task.shares),
                selectinload(Task.revisions).options(
                    joinedload(TaskRevision.scoring_program),
                    joinedload(TaskRevision.ingestion_program),
                    joinedload(TaskRevision.input_data),
                    joinedload(TaskRevision.reference_data),
                ),
            ),
        )
    ).all()


def files_for(
    competition: Competition, viewer: Viewer, phases: Sequence[Phase] | None = None
) -> list[files.FileRow]:
    """Return the files this viewer may download; a secret link opens none.

    Args:
        phases: from :func:`phases_with_tasks`, when the caller has them already.
    """
    is_organizer = policy.can(viewer, Act.COMPETITION_EDIT, competition)
    is_participant = policy.can(viewer, Act.SUBMISSION_CREATE, competition)
    if not (is_organizer or is_participant):
        return []
    solutions = db.session.scalars(
        select(Solution)
        .join(CompetitionSolution, CompetitionSolution.solution_id == Solution.id)
        .where(CompetitionSolution.competition_id == competition.id)
        .order_by(Solution.id)
        .options(joinedload(Solution.file), selectinload(Solution.tasks))
    ).all()
    return files.visible(
        competition,
        phases_with_tasks(competition) if phases is None else phases,
        solutions,
        is_organizer=is_organizer,
        is_participant=is_participant,
    )


def starting_kit(competition: Competition, phase: Phase, viewer: Viewer) -> StoredFile | None:
    """Return the starting kit of a phase, if it has one and the viewer may download it."""
    if phase.starting_kit_id is None:
        return None
    rows = files_for(competition, viewer)
    return next((row.file for row in rows if row.file.id == phase.starting_kit_id), None)


def obstacles(competition: Competition, *, now: datetime) -> list[lifecycle.Reason]:
    """Return why nobody can submit, for the organizer; empty when all is well."""
    outlook = queues.outlook(competition.queue_id, now=now)
    routed = db.session.scalars(
        select(Participant.queue_id)
        .where(Participant.competition_id == competition.id, Participant.queue_id.is_not(None))
        .distinct()
    ).all()
    elsewhere = [queues.outlook(queue_id, now=now) for queue_id in routed]
    return lifecycle.obstacles(
        competition,
        phases_with_tasks(competition),
        now,
        machines=outlook.online if outlook else 0,
        approved=count_participants(competition).get(Membership.APPROVED, 0),
        silent=[one.queue.name for one in elsewhere if one and not one.online],
    )
