"""Making a competition from a draft, publishing it, and what administrators grant it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.competitions import building, existing, queries, validity
from app.competitions.drafts import CompetitionDraft, FileRef, Problem, TaskIndex
from app.competitions.existing import Existing
from app.competitions.models import (
    Competition,
    CompetitionSolution,
    Phase,
)
from app.errors import Forbidden, Invalid, Refused
from app.platform.configured import settings
from app.platform.db import db
from app.platform.storage import ObjectRef
from app.policy import Act, Viewer, require
from app.resources import services as resources
from app.resources.models import FileKind, Solution, StoredFile, Task

MIN_MEMORY_MIB, MAX_MEMORY_MIB = 64, 4 * 1024 * 1024


class InvalidDraft(Invalid):
    """A draft that cannot become a competition; ``problems`` lists everything."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(" ".join(str(problem) for problem in self.problems))


@dataclass(frozen=True)
class Logo:
    """Where the two sizes of a logo are stored; None means that there is none."""

    picture: ObjectRef | None = None
    icon: ObjectRef | None = None


NO_LOGO = Logo()


def new_logo(draft: CompetitionDraft) -> Logo:
    """Return where the logo of a draft may be stored."""
    return Logo(
        resources.new_picture_place("logo") if draft.image_png else None,
        resources.new_picture_place("icon") if draft.icon_png else None,
    )


def store_logo(draft: CompetitionDraft, logo: Logo) -> None:
    """Store the logo of a draft; before :func:`create`, because storing is slow."""
    for place, png in ((logo.picture, draft.image_png), (logo.icon, draft.icon_png)):
        if place is not None:
            resources.store_picture(place, png)


def files_to_store(draft: CompetitionDraft) -> dict[FileRef, FileKind]:
    """Return what must be stored before :func:`create`, each thing once."""
    return building.to_store(draft)


def check(actor: Viewer, draft: CompetitionDraft) -> list[Problem]:
    """List everything that keeps this person from making this competition."""
    return _problems(draft, existing.find(actor, draft))


def names_stored(draft: CompetitionDraft) -> bool:
    """Return whether :func:`check` has anything to look up for this draft."""
    keys = [*(task.key for task in draft.tasks), *(one.key for one in draft.solutions)]
    keys += [mention.ref.key for mention in building.wanted(draft)]
    return bool(draft.queue) or any(keys)


def create(
    actor: Viewer, draft: CompetitionDraft, files: Mapping[FileRef, StoredFile],
    *, now: datetime, logo: Logo = NO_LOGO,
) -> Competition:  # fmt: skip
    """Make a competition, not yet published; its owner takes part only by registering, as others do.

    The only way in, whatever the door: editor, API or bundle.

    Args:
        files: what :func:`files_to_store` asked for; rows that may still be out of the session.
        logo: what :func:`store_logo` has stored.

    Raises:
        InvalidDraft: lists everything that is wrong.
    """
    require(actor, Act.COMPETITION_CREATE)
    if actor.user_id is None:
        raise Forbidden("Log in to make a benchmark.")
    found = existing.find(actor, draft)
    if problems := _problems(draft, found):
        raise InvalidDraft(problems)
    competition = _Making(actor.user_id, draft, files, found, now).competition()
    competition.docker_image = draft.docker_image or settings().default_image
    competition.queue = found.queue
    competition.logo_key = logo.picture.key if logo.picture else ""
    competition.icon_key = logo.icon.key if logo.icon else ""
    db.session.flush()
    return competition


def publish(actor: Viewer, competition: Competition, *, now: datetime) -> None:
    """Show a competition to everyone; publishing it twice is harmless.

    Raises:
        Refused: nobody could submit to it; the sentence lists every reason.
    """
    require(actor, Act.COMPETITION_PUBLISH, competition)
    if competition.is_published:
        return
    if reasons := _gaps(queries.phases_with_tasks(competition)):
        raise Refused(f"This benchmark cannot be published yet: {'; '.join(reasons)}.")
    competition.is_published = True
    competition.published_at = now


def unpublish(actor: Viewer, competition: Competition) -> None:
    """Hide a competition from everyone but its organizers and participants; runs go on."""
    require(actor, Act.COMPETITION_PUBLISH, competition)
    competition.is_published = False


def grant(
    actor: Viewer, competition: Competition, *,
    network: bool, writable_root: bool, image_user: bool, memory_mib: int | None,
) -> None:  # fmt: skip
    """Give a competition's containers more than the hardened defaults; its pages say so.

    Args:
        memory_mib: of one container; None means the default of the site.

    Raises:
        Invalid: the memory is out of range.
    """
    require(actor, Act.COMPETITION_GRANT, competition)
    if memory_mib is not None and not MIN_MEMORY_MIB <= memory_mib <= MAX_MEMORY_MIB:
        raise Invalid(
            f"The memory is {memory_mib} MiB; expected {MIN_MEMORY_MIB} to {MAX_MEMORY_MIB} MiB."
        )
    competition.grants_network = network
    competition.grants_writable_root = writable_root
    competition.grants_image_user = image_user
    competition.granted_memory_mib = memory_mib


def _problems(draft: CompetitionDraft, found: Existing) -> list[Problem]:
    return [*validity.problems(draft), *existing.problems(draft, found)]


def _gaps(phases: Iterable[Phase]) -> list[str]:
    """Say why nobody could submit: each reason once, in the order of the phases."""
    reasons: dict[str, None] = {}
    for phase in phases:
        if not phase.phase_tasks:
            reasons[f"the phase “{phase.name}” has no task"] = None
        for task in (link.task for link in phase.phase_tasks):
            if not task.revisions or task.revisions[-1].scoring_program is None:
                reasons[f"the task “{task.name}” has no scoring program"] = None
        if phase.leaderboard_id is None:
            reasons[f"the phase “{phase.name}” has no leaderboard"] = None
    return list(reasons) if phases else ["it has no phase"]


@dataclass(frozen=True)
class _Making:
    """One competition in the making; everything it adds is in the session, unsaved."""

    owner_id: int
    draft: CompetitionDraft
    files: Mapping[FileRef, StoredFile]
    found: Existing
    now: datetime

    def competition(self) -> Competition:
        competition = building.competition(self.draft, self.owner_id, self.now)
        tasks = {draft.index: self._task(draft.index) for draft in self.draft.tasks}
        boards = competition.leaderboards
        competition.phases = [
            building.phase(phase, index, boards[phase.leaderboard_index], tasks, self._file)
            for index, phase in enumerate(self.draft.phases)
        ]
        building.connect(competition.phases, self.draft.phases)
        db.session.add_all(boards)  # in their order, which the phases may have upset
        db.session.add(competition)
        db.session.add_all(
            tasks.values()
        )  # also those that no phase uses, for their files are stored
        solutions = self._solutions(tasks)
        db.session.add_all(solutions)
        db.session.flush()
        for order, solution in enumerate(dict.fromkeys(solutions)):
            row = CompetitionSolution(
                competition_id=competition.id, solution_id=solution.id, order=order
            )
            db.session.add(row)
        return competition

    def _task(self, index: TaskIndex) -> Task:
        draft = next(task for task in self.draft.tasks if task.index == index)
        if draft.key is not None:
            return self.found.tasks[draft.key]
        return building.task(draft, self.owner_id, self._file, self.now)

    def _solutions(self, tasks: Mapping[TaskIndex, Task]) -> list[Solution]:
        made = []
        for draft in self.draft.solutions:
            if draft.key is not None:
                solution = self.found.solutions[draft.key]
            else:
                file = self._file(draft.file)
                if file is None:
                    raise LookupError(f"solution {draft.index} has no file")
                solution = building.solution(draft, self.owner_id, file, self.now)
            known = set(solution.tasks)
            solution.tasks += [task for i in draft.tasks if (task := tasks[i]) not in known]
            made.append(solution)
        return made

    def _file(self, ref: FileRef | None) -> StoredFile | None:
        if ref is None:
            return None
        key: UUID | None = ref.key
        return self.files[ref] if key is None else self.found.files[key]
