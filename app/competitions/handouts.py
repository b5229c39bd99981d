"""What a competition gives to whom, for those who ask with a file or a picture in hand."""

from __future__ import annotations

import dataclasses

from sqlalchemy import Select, and_, or_, select

from app import policy
from app.competitions import queries
from app.competitions.models import (
    Competition,
    CompetitionSolution,
    Participant,
    Phase,
    PhaseTask,
)
from app.platform.db import db
from app.policy import Act, Viewer
from app.resources.library.places import Use
from app.resources.models import FileKind, Solution, StoredFile, TaskRevision

_ORGANIZERS_ONLY = (FileKind.REFERENCE_DATA, FileKind.SCORING_PROGRAM)


def gives_out(viewer: Viewer, file: StoredFile) -> bool:
    """Return whether a competition lists this file for the viewer; the list decides.

    Reference data and scoring programs stay with the organizers whatever the list says, also when
    the same file has a second, public role.
    """
    if not viewer.is_authenticated:
        return False
    full = dataclasses.replace(viewer, memberships=_memberships(viewer))
    is_secret = file.kind in _ORGANIZERS_ONLY or _scores_with(file)
    for competition in _using(file, full):
        if is_secret and not policy.can(full, Act.COMPETITION_EDIT, competition):
            continue
        if any(row.file.id == file.id for row in queries.files_for(competition, full)):
            return True
    return False


def uses_of(file_id: int) -> list[Use]:
    """Return the phases that hand a file out, and the benchmarks whose tasks or solutions use it."""
    phases = db.session.execute(
        select(Competition.id, Competition.title, Phase.name)
        .join(Phase, Phase.competition_id == Competition.id)
        .where(or_(Phase.public_data_id == file_id, Phase.starting_kit_id == file_id))
        .order_by(Competition.id, Phase.index)
    )
    found = [_use("phase", id_, f"{title}: {phase}") for id_, title, phase in phases]
    benchmarks = db.session.execute(
        select(Competition.id, Competition.title)
        .where(Competition.id.in_(_of_tasks(file_id).union(_of_solutions(file_id))))
        .order_by(Competition.id)
    )
    return found + [_use("benchmark", id_, title) for id_, title in benchmarks]


def _use(what: str, competition_id: int, name: str) -> Use:
    return Use(what, name, "competitions.detail", {"competition_id": competition_id})


def kept_secret_by(file_id: int) -> list[str]:
    """Return the titles of benchmarks that keep a file from their participants.

    Reference data and scoring programs always are; ingestion programs and input data unless the
    organizer gives them out.
    """
    secret = or_(
        TaskRevision.reference_data_id == file_id,
        TaskRevision.scoring_program_id == file_id,
        and_(
            TaskRevision.ingestion_program_id == file_id,
            Competition.make_programs_available.is_(False),
        ),
        and_(
            TaskRevision.input_data_id == file_id,
            Competition.make_input_data_available.is_(False),
        ),
    )
    statement = (
        select(Competition.title)
        .join(Phase, Phase.competition_id == Competition.id)
        .join(PhaseTask, PhaseTask.phase_id == Phase.id)
        .join(TaskRevision, TaskRevision.task_id == PhaseTask.task_id)
        .where(secret)
        .distinct()
    )
    return list(db.session.scalars(statement))


def shows_picture(object_key: str) -> bool:
    """Return whether a key of the public bucket is the logo of a competition."""
    statement = select(Competition.id).where(
        or_(Competition.logo_key == object_key, Competition.icon_key == object_key)
    )
    return db.session.scalar(statement.limit(1)) is not None


def _memberships(viewer: Viewer) -> dict[int, str]:
    rows = db.session.execute(
        select(Participant.competition_id, Participant.status).where(
            Participant.user_id == viewer.user_id
        )
    )
    return dict(rows.tuples().all())


def _scores_with(file: StoredFile) -> bool:
    statement = select(TaskRevision.id).where(
        or_(
            TaskRevision.reference_data_id == file.id,
            TaskRevision.scoring_program_id == file.id,
        )
    )
    return db.session.scalar(statement.limit(1)) is not None


def _using(file: StoredFile, viewer: Viewer) -> list[Competition]:
    """Return the competitions of this person that a file belongs to; for staff, all of them."""
    of_phases = select(Phase.competition_id).where(
        or_(Phase.public_data_id == file.id, Phase.starting_kit_id == file.id)
    )
    of_tasks, of_solutions = _of_tasks(file.id), _of_solutions(file.id)
    statement = select(Competition).where(
        Competition.id.in_(of_phases.union(of_tasks, of_solutions))
    )
    if not viewer.is_staff:
        own = Competition.owner_id == viewer.user_id
        statement = statement.where(or_(own, Competition.id.in_([*viewer.memberships])))
    return list(db.session.scalars(statement.order_by(Competition.id)))


def _of_tasks(file_id: int) -> Select[tuple[int]]:
    return (
        select(Phase.competition_id)
        .join(PhaseTask, PhaseTask.phase_id == Phase.id)
        .join(TaskRevision, TaskRevision.task_id == PhaseTask.task_id)
        .where(
            or_(
                TaskRevision.scoring_program_id == file_id,
                TaskRevision.ingestion_program_id == file_id,
                TaskRevision.input_data_id == file_id,
                TaskRevision.reference_data_id == file_id,
            )
        )
    )


def _of_solutions(file_id: int) -> Select[tuple[int]]:
    return (
        select(CompetitionSolution.competition_id)
        .join(Solution, Solution.id == CompetitionSolution.solution_id)
        .where(Solution.file_id == file_id)
    )
