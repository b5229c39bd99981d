"""Rows as the records of an archive: written to files beside while the rows are read, then packed.

Call it within one look at the database; nothing slow happens here. What the records name is packed
afterwards, and of nothing is more than a portion in memory.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import BinaryIO

from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload

from app.accounts import services as accounts
from app.accounts.models import User
from app.bundles.archives import happenings, ledger, records
from app.bundles.archives.fields import encode
from app.bundles.archives.ledger import AT_ONCE, Ledger, Source, Wish
from app.bundles.archives.records import Header, Person, Revision, TaskRecord
from app.competitions.models import Participant
from app.competitions.rereading import Rows
from app.errors import Refused
from app.platform.db import db
from app.resources.models import StoredFile, Task, TaskRevision
from app.submissions.models import Run, Submission

OF_REVISION = ("scoring_program", "ingestion_program", "input_data", "reference_data")


@dataclass(frozen=True)
class Gathered:
    """The records of an archive, and what they name."""

    header: Header
    parts: Mapping[str, BinaryIO]
    """The records, by member."""
    files: Mapping[str, Source]
    """What is to be packed beside them, by member."""
    notes: tuple[str, ...] = ()
    names: frozenset[str] = frozenset()
    """What must not be read anywhere in an archive without names, in small letters."""

    @property
    def total_bytes(self) -> int:
        """The size of all that is to be packed."""
        records = sum(part.seek(0, 2) for part in self.parts.values())
        return records + sum(source.size for source in self.files.values())


def gather(
    rows: Rows, wish: Wish, members: Mapping[str, str], may_carry: Callable[[StoredFile], bool],
    room: ExitStack,
) -> Gathered:  # fmt: skip
    """Write the records of a benchmark.

    Args:
        rows: of the benchmark.
        members: where the bundle has files already, by their keys.
        may_carry: whether a file of a task may leave by this way.
        room: gives up the files of the records once they are packed.

    Raises:
        Refused: it is more than an archive may hold.
    """
    work = Ledger(rows, wish, dict(members), may_carry)
    ids = ledger.ids(rows.competition.id)
    work.submissions = {id_: number for number, id_ in enumerate(ids, start=1)}
    _check("submissions", len(ids), records.MAX_SUBMISSIONS)
    parts: dict[str, BinaryIO] = {}
    counts: dict[str, int] = {}
    writers: dict[str, Callable[[Ledger], Iterable[object]]] = {
        records.PEOPLE: _people,
        records.TASKS: _tasks,
        records.SUBMISSIONS: happenings.submissions,
        records.LOGS: happenings.logs,
    }
    for member, found in writers.items():
        part = room.enter_context(tempfile.TemporaryFile())  # noqa: SIM115  # room closes it
        parts[member], counts[member] = part, _write(found(work), part)
    _check("people", counts[records.PEOPLE], records.MAX_PEOPLE)
    _check("tasks", counts[records.TASKS], records.MAX_TASKS)
    _check("files", len(work.files), records.MAX_FILES)
    header = Header(
        format=records.FORMAT, format_version=records.VERSION,
        pseudonymised=wish.is_pseudonymised, people=counts[records.PEOPLE],
        tasks=counts[records.TASKS], submissions=counts[records.SUBMISSIONS],
        logs=counts[records.LOGS], lost=(),
    )  # fmt: skip
    return Gathered(header, parts, work.files, tuple(work.notes), frozenset(work.names))


def _write(found: Iterable[object], part: BinaryIO) -> int:
    count = 0
    for record in found:
        line = json.dumps(encode(record), ensure_ascii=False, separators=(",", ":"))
        part.write(line.encode() + b"\n")
        count += 1
    return count


def _people(work: Ledger) -> Iterator[Person]:
    """Name everybody: who takes part in the order of registration, then who only submitted."""
    competition_id = work.rows.competition.id
    taking_part = db.session.execute(
        select(User, Participant)
        .join(Participant, Participant.user_id == User.id)
        .where(Participant.competition_id == competition_id)
        .order_by(Participant.id)
    ).all()
    known = {user.id for user, _ in taking_part}
    owners = db.session.scalars(ledger.of_submissions(competition_id, Submission.owner_id)).all()
    others = [id_ for id_ in dict.fromkeys(owners) if id_ not in known]
    found = [_person(work, user, one) for user, one in taking_part]
    for start in range(0, len(others), AT_ONCE):
        some = others[start : start + AT_ONCE]
        users = {u.id: u for u in db.session.scalars(select(User).where(User.id.in_(some)))}
        found += [_person(work, users[id_], None) for id_ in some]
    if work.hides:  # the order of registration would tell who it is
        found.sort(key=lambda person: person.person)
    yield from found


def _person(work: Ledger, user: User, participant: Participant | None) -> Person:
    ref = work.name_person(user.id)
    work.names |= {name.casefold() for name in (user.username, user.display_name, user.email)}
    told = work.wish.with_addresses and not work.hides and not accounts.is_stand_in(user)
    return Person(
        person=ref,
        name=ref if work.hides else user.name,
        email=user.email if told else "",
        status=str(participant.status) if participant else "",
        reason=participant.reason if participant and not work.hides else "",
        registered_at=participant.created_at if participant else None,
        decided_at=participant.decided_at if participant else None,
    )


def _tasks(work: Ledger) -> Iterator[TaskRecord]:
    """Name the tasks of the phases as the bundle does, then those that only runs name."""
    positions = {task.id: index for index, task in enumerate(work.rows.tasks())}
    used = {link.task.id: link.task for phase in work.rows.phases for link in phase.phase_tasks}
    numbers = _numbers(work.rows.competition.id)
    for task in [*used.values(), *_of_runs_alone(numbers.keys() - used.keys())]:
        work.tasks[task.id] = len(work.tasks)
        current = task.revisions[-1].number if task.revisions else 0
        wanted = numbers.get(task.id, set()) | {current}
        yield TaskRecord(
            index=positions[task.id] if task.id in used else None,
            name=task.name,
            revisions=tuple(
                _revision(work, task, one) for one in task.revisions if one.number in wanted
            ),
        )


def _numbers(competition_id: int) -> dict[int, set[int]]:
    """Return the revisions that runs used, by task."""
    statement = ledger.of_submissions(
        competition_id, Run.task_id, TaskRevision.number, by=Run.submission_id
    )
    joined = statement.join(TaskRevision, TaskRevision.id == Run.task_revision_id)
    found: dict[int, set[int]] = {}
    for task_id, number in db.session.execute(joined.order_by(None).distinct()):
        found.setdefault(task_id, set()).add(number)
    return found


def _of_runs_alone(task_ids: Iterable[int]) -> Sequence[Task]:
    files = [joinedload(getattr(TaskRevision, name)) for name in OF_REVISION]
    return db.session.scalars(
        select(Task)
        .where(Task.id.in_(sorted(task_ids)))
        .order_by(Task.id)
        .options(selectinload(Task.revisions).options(*files))
    ).all()


def _revision(work: Ledger, task: Task, revision: TaskRevision) -> Revision:
    where = f"{records.FOLDER}/tasks/{work.tasks[task.id] + 1}/{revision.number}"
    stored = {name: getattr(revision, name) for name in OF_REVISION}
    if not all(work.may_carry(file) for file in stored.values() if file):
        note = f"The files of the task “{task.name}” are somebody else's; the archive has none of them."
        work.notes[note] = None
        stored = dict.fromkeys(OF_REVISION)
    return Revision(
        number=revision.number,
        created_at=revision.created_at,
        ingestion_only_during_scoring=revision.ingestion_only_during_scoring,
        **{
            name: work.keep(file, f"{where}/{name}.zip") if file else None
            for name, file in stored.items()
        },
    )


def _check(what: str, count: int, most: int) -> None:
    if count > most:
        raise Refused(f"This benchmark has {count} {what}; an archive holds at most {most}.")
