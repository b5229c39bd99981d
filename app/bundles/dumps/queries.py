"""What is known of dumps, filtered by policy, and everything that goes into one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.orm import joinedload, selectinload

from app import policy
from app.bundles import progress
from app.bundles.models import BundleDump, DumpState
from app.competitions import queries as competitions
from app.competitions.models import Competition, CompetitionSolution, Leaderboard
from app.competitions.rereading import Rows
from app.errors import NotFound
from app.platform import images
from app.platform.db import db
from app.platform.storage import PUBLIC, ObjectRef, read_bytes
from app.policy import Act, Viewer
from app.resources.library.places import Use
from app.resources.models import Solution, Task, TaskRevision

SHOWN = 50


def get(dump_id: int, viewer: Viewer) -> BundleDump:
    """Return a dump with its competition, owner and file.

    Raises:
        NotFound: there is none, or the viewer does not organize its benchmark.
    """
    found = db.session.scalar(_loaded().where(BundleDump.id == dump_id))
    if found is None or not policy.can(viewer, Act.COMPETITION_EDIT, found.competition):
        raise NotFound("There is no such dump, or it is not yours to have.")
    return found


def of(competition: Competition) -> Sequence[BundleDump]:
    """Return the latest dumps of a benchmark with owner and file, the newest first."""
    return db.session.scalars(
        _loaded()
        .where(BundleDump.competition_id == competition.id)
        .order_by(BundleDump.id.desc())
        .limit(SHOWN)
    ).all()


def under_way(
    competition_id: int, *, with_files: bool, with_archive: bool, is_pseudonymised: bool
) -> BundleDump | None:
    """Return the dump of this flavour that has not ended."""
    return db.session.scalars(
        _loaded().where(
            BundleDump.competition_id == competition_id,
            BundleDump.with_files.is_(with_files),
            BundleDump.with_archive.is_(with_archive),
            BundleDump.is_pseudonymised.is_(is_pseudonymised),
            BundleDump.state.not_in(progress.ENDED),
        )
    ).first()


def made_for(user_id: int, limit: int) -> Sequence[BundleDump]:
    """Return the dumps that a person asked for and that are ready, with their files, oldest first."""
    return db.session.scalars(
        _loaded()
        .where(BundleDump.owner_id == user_id, BundleDump.file_id.is_not(None))
        .order_by(BundleDump.id)
        .limit(limit)
    ).all()


def to_forget(before: datetime) -> Sequence[BundleDump]:
    """Return dumps that ended before a time, with their files."""
    return db.session.scalars(
        _loaded()
        .where(BundleDump.state.in_(progress.ENDED), BundleDump.ended_at < before)
        .limit(100)
    ).all()


def leftovers(since: datetime) -> Sequence[BundleDump]:
    """Return failed dumps whose object could not be deleted then."""
    return db.session.scalars(
        select(BundleDump).where(
            BundleDump.state == DumpState.FAILED,
            BundleDump.object_key != "",
            BundleDump.ended_at > since,
        )
    ).all()


def rows(competition_id: int) -> Rows:
    """Return everything of a competition that a draft says, pictures apart: see :func:`pictures`."""
    competition = db.session.scalars(
        select(Competition)
        .where(Competition.id == competition_id)
        .options(
            selectinload(Competition.pages),
            selectinload(Competition.leaderboards).selectinload(Leaderboard.columns),
            joinedload(Competition.queue),
        )
    ).one()
    solutions = db.session.scalars(
        select(Solution)
        .join(CompetitionSolution, CompetitionSolution.solution_id == Solution.id)
        .where(CompetitionSolution.competition_id == competition_id)
        .order_by(CompetitionSolution.order, Solution.id)
        .options(
            joinedload(Solution.file),
            selectinload(Solution.tasks)
            .selectinload(Task.revisions)
            .options(
                joinedload(TaskRevision.scoring_program),
                joinedload(TaskRevision.ingestion_program),
                joinedload(TaskRevision.input_data),
                joinedload(TaskRevision.reference_data),
            ),
        )
    ).all()
    return Rows(competition, competitions.phases_with_tasks(competition), solutions)


def pictures(competition: Competition) -> tuple[bytes, bytes]:
    """Read the logo of a competition in its two sizes; empty when it has none."""
    large, icon = (
        read_bytes(ObjectRef(PUBLIC, key), images.MAX_BYTES) if key else b""
        for key in (competition.logo_key, competition.icon_key)
    )
    return large, icon


def uses_of(file_id: int) -> list[Use]:
    """Return the benchmark whose dump a file is."""
    found = db.session.execute(
        select(Competition.id, Competition.title)
        .join(BundleDump, BundleDump.competition_id == Competition.id)
        .where(BundleDump.file_id == file_id)
    )
    return [Use("dump", title, "dumps.listing", {"competition_id": id_}) for id_, title in found]


def _loaded() -> Select[tuple[BundleDump]]:
    return select(BundleDump).options(
        joinedload(BundleDump.competition),
        joinedload(BundleDump.owner),
        joinedload(BundleDump.file),
    )
