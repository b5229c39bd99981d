"""What a draft names that is there already, and whether this person may build on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from uuid import UUID

from app import policy
from app.competitions import building
from app.competitions.drafts import CompetitionDraft, Problem, TaskIndex
from app.competitions.validity import place
from app.policy import Act, Viewer
from app.queues import queries as queues
from app.queues.models import ComputeQueue
from app.resources import queries as resources
from app.resources.models import Solution, StoredFile, Task


@dataclass(frozen=True)
class Existing:
    """The stored things a draft names by key, as far as the actor may use them."""

    files: Mapping[UUID, StoredFile]
    tasks: Mapping[UUID, Task]
    solutions: Mapping[UUID, Solution]
    queue: ComputeQueue | None


def find(actor: Viewer, draft: CompetitionDraft) -> Existing:
    """Look up everything that ``draft`` names by key."""
    queue = queues.by_qid(draft.queue) if draft.queue else None
    file_keys = {mention.ref.key for mention in building.wanted(draft)}
    return Existing(
        files=resources.usable_files([key for key in file_keys if key], actor),
        tasks=resources.usable_tasks([task.key for task in draft.tasks if task.key], actor),
        solutions=resources.usable_solutions([s.key for s in draft.solutions if s.key], actor),
        queue=queue if queue and policy.can(actor, Act.QUEUE_USE, queue) else None,
    )


def problems(draft: CompetitionDraft, existing: Existing) -> Iterator[Problem]:
    """List what ``draft`` names and cannot have; a thing of others and a missing one look alike."""
    if draft.queue and existing.queue is None:
        expected = "no queue, or the id of one that an administrator gave you"
        yield _unknown("queue", "The queue", draft.queue, expected)
    for mention in building.wanted(draft):
        if mention.ref.key and mention.ref.key not in existing.files:
            expected = "the key of a file of yours, or of a public one"
            yield _unknown(mention.where, mention.what, mention.ref.key, expected)
    yield from _tasks(draft, existing)
    for position, solution in enumerate(draft.solutions):
        if solution.key and solution.key not in existing.solutions:
            where = f"{place(solution, 'solutions', position)}.key"
            yield _unknown(
                where, f"Solution {solution.index}", solution.key, "the key of a solution of yours"
            )


def _tasks(draft: CompetitionDraft, existing: Existing) -> Iterator[Problem]:
    first: dict[UUID, TaskIndex] = {}
    for position, task in enumerate(draft.tasks):
        if task.key is None:
            continue
        where, what = f"{place(task, 'tasks', position)}.key", f"Task {task.index}"
        if task.key not in existing.tasks:
            yield _unknown(where, what, task.key, "the key of a task of yours, or of a public one")
        elif task.key in first:
            yield Problem(
                where,
                str(task.key),
                "each task once",
                f"{what} is the same stored task as task {first[task.key]}; expected each task once.",
                "Name it once, and list its index in every phase that uses it.",
            )
        first.setdefault(task.key, task.index)


def _unknown(where: str, what: str, key: object, expected: str) -> Problem:
    sentence = f"{what} is named as “{key}”, which does not exist or is not yours to use."
    hint = "Copy the key from the page of what is meant, or ask its owner to share it."
    return Problem(where, str(key), expected, f"{sentence} Expected {expected}.", hint)
