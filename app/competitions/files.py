"""Which files of a competition a person may download; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.competitions.models import Competition, Phase
from app.resources.models import FileKind, Solution, StoredFile


class Audience(StrEnum):
    """Who sees a file; organizers and staff see everything."""

    PARTICIPANTS = "participants"
    ORGANIZERS = "organizers"


@dataclass(frozen=True)
class FileRow:
    """One file, where it belongs and who sees it."""

    file: StoredFile
    kind: FileKind
    audience: Audience
    phase: str = ""
    task: str = ""


def visible(
    competition: Competition,
    phases: Sequence[Phase],
    solutions: Iterable[Solution],
    *,
    is_organizer: bool,
    is_participant: bool,
) -> list[FileRow]:
    """List the files in the order of phases and tasks, each once.

    Starting kits, public data and solutions are for participants; programs and input data when the
    organizer says so; reference data never leaves the organizers.

    Args:
        phases: with starting kit, public data and tasks with all files of their revisions loaded.
        solutions: with file and tasks loaded.
    """
    rows: dict[tuple[int, str], FileRow] = {}
    for row in (*_of_phases(phases), *_of_tasks(competition, phases), *_of_solutions(solutions)):
        for_this_person = row.audience == Audience.PARTICIPANTS and is_participant
        if is_organizer or for_this_person:
            rows.setdefault((row.file.id, row.task), row)
    return list(rows.values())


def _of_phases(phases: Iterable[Phase]) -> Iterator[FileRow]:
    for phase in phases:
        for file, kind in (
            (phase.starting_kit, FileKind.STARTING_KIT),
            (phase.public_data, FileKind.PUBLIC_DATA),
        ):
            if file is not None:
                yield FileRow(file, kind, Audience.PARTICIPANTS, phase=phase.name)


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
                (current.scoring_program, FileKind.SCORING_PROGRAM, programs),
                (current.reference_data, FileKind.REFERENCE_DATA, Audience.ORGANIZERS),
            ):
                if file is not None:
                    yield FileRow(file, kind, seen_by, phase=phase.name, task=task.name)


def _of_solutions(solutions: Iterable[Solution]) -> Iterator[FileRow]:
    for solution in solutions:
        tasks = ", ".join(task.name for task in solution.tasks)
        yield FileRow(solution.file, FileKind.SOLUTION, Audience.PARTICIPANTS, task=tasks)
