"""Which files of a competition a person may download; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from app.competitions.models import Competition, Phase
from app.resources.models import FileKind, Solution, StoredFile


class Audience(StrEnum):
    """Who sees a file; organizers and staff see everything."""

    PARTICIPANTS = "participants"
    ORGANIZERS = "organizers"


@dataclass(frozen=True)
class Use:
    """A place where a file is used; the phase is empty for all, the task for a phase as a whole."""

    phase: str = ""
    task: str = ""


@dataclass(frozen=True)
class FileRow:
    """One file, what it is used as, where, and who sees it."""

    file: StoredFile
    kind: FileKind
    audience: Audience
    uses: tuple[Use, ...] = ()


def visible(
    competition: Competition,
    phases: Sequence[Phase],
    solutions: Iterable[Solution],
    *,
    is_organizer: bool,
    is_participant: bool,
) -> list[FileRow]:
    """List the files in the order of phases and tasks, each once for everything it is used as.

    Starting kits, public data and solutions are for participants; ingestion programs and input data
    when the organizer says so. Reference data and scoring programs, which may quote it, never leave
    the organizers, whatever else the same file is used for. The files of somebody else's task, which
    its owner shares or made public, are run here and given to nobody, organizers included.

    Args:
        phases: with starting kit, public data and tasks with all files of their revisions loaded.
        solutions: with file and tasks loaded.
    """
    secret = _secret(phases)
    rows: dict[tuple[int, FileKind], FileRow] = {}
    for row in (*_of_phases(phases), *_of_tasks(competition, phases), *_of_solutions(solutions)):
        if row.file.id in secret:
            row = replace(row, audience=Audience.ORGANIZERS)
        if is_organizer or (is_participant and row.audience == Audience.PARTICIPANTS):
            known = rows.setdefault((row.file.id, row.kind), replace(row, uses=()))
            new = tuple(use for use in row.uses if use not in known.uses)
            rows[row.file.id, row.kind] = replace(known, uses=known.uses + new)
    return list(rows.values())


def _secret(phases: Iterable[Phase]) -> set[int]:
    return {
        file_id
        for phase in phases
        for link in phase.phase_tasks
        for revision in link.task.revisions
        for file_id in (revision.reference_data_id, revision.scoring_program_id)
        if file_id is not None
    }


def _of_phases(phases: Iterable[Phase]) -> Iterator[FileRow]:
    for phase in phases:
        for file, kind in (
            (phase.starting_kit, FileKind.STARTING_KIT),
            (phase.public_data, FileKind.PUBLIC_DATA),
        ):
            if file is not None:
                yield FileRow(file, kind, Audience.PARTICIPANTS, (Use(phase.name),))


def _of_tasks(competition: Competition, phases: Iterable[Phase]) -> Iterator[FileRow]:
    def audience(shared: bool) -> Audience:
        return Audience.PARTICIPANTS if shared else Audience.ORGANIZERS

    programs = audience(competition.make_programs_available)
    inputs = audience(competition.make_input_data_available)
    for phase in phases:
        for task in (link.task for link in phase.phase_tasks):
            if not task.revisions:
                continue
            current = task.revisions[-1]
            for file, kind, seen_by in (
                (current.input_data, FileKind.INPUT_DATA, inputs),
                (current.ingestion_program, FileKind.INGESTION_PROGRAM, programs),
                (current.scoring_program, FileKind.SCORING_PROGRAM, Audience.ORGANIZERS),
                (current.reference_data, FileKind.REFERENCE_DATA, Audience.ORGANIZERS),
            ):
                if file is not None and _may_give(competition, file):
                    yield FileRow(file, kind, seen_by, (Use(phase.name, task.name),))


def _may_give(competition: Competition, file: StoredFile) -> bool:
    """Return whether a benchmark may give out a file: one of a borrowed task is only run."""
    return file.owner_id == competition.owner_id or file.is_public


def _of_solutions(solutions: Iterable[Solution]) -> Iterator[FileRow]:
    for solution in solutions:
        uses = tuple(Use(task=task.name) for task in solution.tasks)
        yield FileRow(solution.file, FileKind.SOLUTION, Audience.PARTICIPANTS, uses)
