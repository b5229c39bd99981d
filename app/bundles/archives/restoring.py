"""The records of an archive as rows, within one transaction: nothing is run, nobody is told.

Everything was judged before (see :mod:`judging`), and its files are stored already.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import func, insert, select, update

from app.accounts import services as accounts
from app.accounts.models import User
from app.bundles.archives import happenings
from app.bundles.archives.judging import OF_REVISION
from app.bundles.archives.reading import Contents, at
from app.bundles.archives.records import File, Person, Revision, RunRecord, SubmissionRecord
from app.bundles.archives.storing import Places
from app.competitions.drafts import CompetitionDraft, FileRef
from app.competitions.models import Competition, Participant, Phase
from app.errors import Refused
from app.leaderboards import services as boards
from app.platform.db import db
from app.queues import services as queues
from app.resources.models import FileKind, StoredFile, Task, TaskRevision
from app.submissions import services as submissions
from app.submissions.models import (
    ALL_DAYS,
    Attempt,
    LogChunk,
    Run,
    RunOutput,
    RunScore,
    State,
    Submission,
    SubmissionCount,
)

T = TypeVar("T")
AT_ONCE = 200
WITHOUT_FILE = "not-in-the-archive.zip"
NOT_OVER = "This was not over when the archive was made."


@dataclass(frozen=True)
class Made:
    """What the bundle of an archive became."""

    competition: Competition
    draft: CompetitionDraft
    files: Mapping[FileRef, StoredFile]
    owner_id: int
    """Whose storage the restored files take."""


def restore(
    contents: Contents, places: Places, made: Made, *, matches_accounts: bool, now: datetime
) -> None:
    """Add everything that an archive tells to a benchmark that was made of its bundle.

    Args:
        matches_accounts: give what people did to the accounts of this site that have their
            addresses; the others get accounts that nobody can log in to.

    Raises:
        Refused: a task that the bundle names by key lacks a revision.
    """
    _Restoring(contents, places, made, matches_accounts, now).all()


class _Restoring:
    def __init__(
        self, contents: Contents, places: Places, made: Made, matches_accounts: bool, now: datetime
    ) -> None:
        self._contents, self._places, self._made = contents, places, made
        self._matches, self._now = matches_accounts, now
        self._phases: list[Phase] = list(made.competition.phases)
        self._columns = [
            {column.key: column.id for column in phase.leaderboard.columns}
            if phase.leaderboard
            else {}
            for phase in self._phases
        ]
        """Ids of columns by key, for each phase."""
        self._queue_id = queues.ensure_default_queue(now=now).id
        self._people: dict[str, int] = {}
        self._revisions: dict[tuple[int, int], tuple[int, int]] = {}
        """(task, revision) as rows, by (line of the tasks, number)."""
        self._files: dict[str, int] = {}
        """Ids of stored files, by member."""
        self._lost: dict[tuple[str, str], int] = {}
        self._ids: list[int] = []
        """Ids of the submissions, in their order."""
        self._runs: dict[tuple[int, int], int] = {}
        """Ids of runs, by number of the submission and line of the task."""

    def all(self) -> None:
        for some in _portions(self._contents.people()):
            self._add_people(some)
        for line, task in enumerate(self._contents.tasks()):
            self._add_task(line, task.index, task.name, task.revisions)
        used: Counter[tuple[int, int, date]] = Counter()
        on_board: dict[int, list[int]] = {}
        for portion in _portions(self._contents.submissions()):
            self._add_submissions(portion)
            for one in portion:
                phase_id, id_ = self._phases[one.phase].id, self._ids[one.submission - 1]
                if one.on_board:
                    on_board.setdefault(phase_id, []).append(id_)
                if one.counted_on and State(one.state).is_terminal:
                    person = self._people[one.person]
                    used.update([(phase_id, person, one.counted_on), (phase_id, person, ALL_DAYS)])
        _insert(SubmissionCount, [
            {"phase_id": phase_id, "owner_id": owner_id, "day": day, "used": count}
            for (phase_id, owner_id, day), count in used.items()
        ])  # fmt: skip
        self._add_logs()
        for phase_id, ids in on_board.items():
            boards.restore(phase_id, ids)
        for phase in self._phases:
            if phase.auto_migrate_to_this_phase and phase.starts_at <= self._now:
                phase.migrated_until = self._now  # what stood there moved on, or never will

    # People

    def _add_people(self, people: list[Person]) -> None:
        known = self._accounts(people)
        strangers = [one for one in people if one.email.lower() not in known]
        made = accounts.stand_ins([one.name for one in strangers], now=self._now)
        of_strangers = dict(zip((one.person for one in strangers), made, strict=True))
        for one in people:
            found = of_strangers.get(one.person)
            self._people[one.person] = known[one.email.lower()] if found is None else found
        _insert(Participant, [
            {
                "competition_id": self._made.competition.id, "user_id": self._people[one.person],
                "status": one.status, "reason": one.reason, "created_at": one.registered_at,
                "decided_at": one.decided_at,
            }
            for one in people if one.status
        ])  # fmt: skip

    def _accounts(self, people: list[Person]) -> dict[str, int]:
        addresses = [one.email.lower() for one in people if one.email]
        if not self._matches or not addresses:
            return {}
        found = db.session.execute(
            select(User.email, User.id).where(User.email.in_(addresses), User.is_active)
        )
        return dict(found.tuples().all())

    # Tasks

    def _add_task(
        self, line: int, index: int | None, name: str, revisions: tuple[Revision, ...]
    ) -> None:
        task = self._task(index)
        if task is None:
            task = Task(owner_id=self._made.owner_id, name=name, created_at=self._now, revisions=[])
            db.session.add(task)
            rows = [self._revision(task, one) for one in revisions]
        elif next(one for one in self._made.draft.tasks if one.index == index).key is not None:
            self._name_revisions(line, task, revisions)
            return
        else:
            (current,) = task.revisions
            current.number, current.created_at = revisions[-1].number, revisions[-1].created_at
            rows = [*(self._revision(task, one) for one in revisions[:-1]), current]
        db.session.flush()
        for one, row in zip(revisions, rows, strict=True):
            self._revisions[line, one.number] = task.id, row.id

    def _task(self, index: int | None) -> Task | None:
        for phase, draft in zip(self._phases, self._made.draft.phases, strict=True):
            for link, of_draft in zip(phase.phase_tasks, draft.tasks, strict=True):
                if of_draft == index:
                    return link.task
        return None

    def _name_revisions(self, line: int, task: Task, revisions: tuple[Revision, ...]) -> None:
        """Follow what the bundle names by key to the revisions that are there."""
        ids = {one.number: one.id for one in task.revisions}
        for one in revisions:
            if one.number not in ids:
                raise Refused(
                    f"The task “{task.name}” is named by its key, and revision {one.number} of it, "
                    f"on which something was scored, is not on this site. Import the benchmark "
                    f"without its archive."
                )
            self._revisions[line, one.number] = task.id, ids[one.number]

    def _revision(self, task: Task, one: Revision) -> TaskRevision:
        files: dict[FileKind, File | None] = {kind: getattr(one, kind) for kind in OF_REVISION}
        row = TaskRevision(
            task=task,
            number=one.number,
            created_at=one.created_at,
            ingestion_only_during_scoring=one.ingestion_only_during_scoring,
            **{
                f"{kind}_id": self._stored(file, kind) if file and file.member else None
                for kind, file in files.items()
            },
        )
        db.session.add(row)
        return row

    # Files

    def _stored(self, file: File, kind: FileKind) -> int | None:
        """Return the id of a file of a task; None when it was lost."""
        ref = FileRef(member=at(self._contents.root, file.member))
        if ref in self._made.files:
            return self._made.files[ref].id
        if file.member not in self._places.by_member:
            return None
        known = self._files.get(file.member)
        if known is None:
            listed = self._contents.listed[file.member]
            known = self._files[file.member] = self._add_file(
                kind, file.file_name or listed.file_name, file.member, listed.size, listed.sha256
            )
        return known

    def _submitted(self, file: File) -> int:
        if found := self._stored(file, FileKind.SUBMISSION) if file.member else None:
            return found
        name = file.file_name or WITHOUT_FILE
        known = self._lost.get((name, file.sha256))
        if known is None:
            added = self._add_file(FileKind.SUBMISSION, name, "", 0, file.sha256)
            known = self._lost[name, file.sha256] = added
        return known

    def _add_file(self, kind: FileKind, name: str, member: str, size: int, sha256: str) -> int:
        place = self._places.by_member.get(member, self._places.nothing)
        if place is None:
            raise LookupError(f"no place was chosen for {member}")
        shown = name or member.rpartition("/")[2]
        row = StoredFile(
            owner_id=self._made.owner_id, kind=kind, name=shown, file_name=shown,
            bucket=place.bucket, object_key=place.key, size_bytes=size, sha256=sha256,
            is_complete=True, came_with_bundle=True, created_at=self._now,
        )  # fmt: skip
        db.session.add(row)
        db.session.flush()
        return row.id

    # Submissions

    def _add_submissions(self, portion: list[SubmissionRecord]) -> None:
        count = sum(1 + len(one.runs) for one in portion)
        numbers = iter(submissions.draw_numbers(count))
        rows, runs, besides = [], [], _Besides()
        for one in portion:
            self._ids.append(next(numbers))
            rows.append(self._submission(one))
            for run in one.runs:
                run_id = self._runs[one.submission, run.task] = next(numbers)
                runs.append(self._run(run_id, one, run))
                self._add_besides(run_id, run, self._columns[one.phase], besides)
        _insert(Submission, rows)
        _insert(Run, runs)
        _insert(RunScore, besides.scores)
        _insert(RunOutput, besides.outputs)
        _insert(Attempt, besides.attempts)

    def _submission(self, one: SubmissionRecord) -> dict[str, Any]:
        origin = one.origin
        return {
            "id": self._ids[one.submission - 1],
            "phase_id": self._phases[one.phase].id,
            "owner_id": self._people[one.person],
            "file_id": self._submitted(one.file),
            **_state(one, self._now),
            "blame": one.blame,
            "fact_sheet_answers": one.answers,
            "rerun_of_id": self._ids[one.rerun_of - 1] if one.rerun_of else None,
            "migrated_from_id": self._ids[one.migrated_from - 1] if one.migrated_from else None,
            "restored_from": origin.site if origin else self._contents.site,
            "restored_number": origin.number if origin else one.number,
            "counted_on": one.counted_on if State(one.state).is_terminal else None,
            "created_at": one.created_at,
        }

    def _run(self, run_id: int, one: SubmissionRecord, run: RunRecord) -> dict[str, Any]:
        task_id, revision_id = self._revisions[run.task, run.revision]
        return {
            "id": run_id,
            "submission_id": self._ids[one.submission - 1],
            "task_id": task_id,
            "task_revision_id": revision_id,
            "queue_id": self._queue_id,
            **{name: getattr(run, name) for name in happenings.SAME_OF_RUN},
            **_state(run, self._now),
            "notes": list(run.notes),
            "failed_steps": list(run.failed_steps),
        }

    def _add_besides(
        self, run_id: int, run: RunRecord, columns: Mapping[str, int], besides: _Besides
    ) -> None:
        for key, value in run.scores.items():
            besides.scores.append(
                {"run_id": run_id, "column_id": columns[key], "value": float(value)}
            )
        for output in run.outputs:
            place = self._places.by_member.get(output.member)
            if place is not None:
                listed = self._contents.listed[output.member]
                besides.outputs.append(
                    {
                        "run_id": run_id, "kind": output.kind, "attempt": run.attempt,
                        "bucket": place.bucket, "object_key": place.key,
                        "size_bytes": listed.size, "sha256": listed.sha256,
                    }
                )  # fmt: skip
        for one in run.attempts:
            besides.attempts.append(
                {
                    "run_id": run_id, "number": one.number, "machine_name": one.machine,
                    "worker_version": one.worker_version, "limits": one.limits,
                    "token_hash": "",  # opens nothing
                    "output_prefix": "", "created_at": one.created_at,
                    "started_at": one.started_at, "ended_at": one.ended_at or self._now,
                    "outcome": one.outcome, "is_failure": one.is_failure,
                }
            )  # fmt: skip

    def _add_logs(self) -> None:
        for portion in _portions(self._contents.logs()):
            _insert(LogChunk, [
                {
                    "run_id": self._runs[one.submission, one.task], "attempt": one.attempt,
                    "seq": one.seq, "stream": one.stream, "text": one.text,
                }
                for one in portion
            ])  # fmt: skip
        mine = (
            select(Run.id)
            .join(Submission, Submission.id == Run.submission_id)
            .where(Submission.phase_id.in_([phase.id for phase in self._phases]))
        )
        of_attempt = (LogChunk.run_id == Attempt.run_id, LogChunk.attempt == Attempt.number)
        chars = func.coalesce(func.sum(func.length(LogChunk.text)), 0)
        last = func.coalesce(func.max(LogChunk.seq), 0)
        db.session.execute(
            update(Attempt)
            .where(Attempt.run_id.in_(mine))
            .values(
                log_chars=select(chars).where(*of_attempt).scalar_subquery(),
                last_seq=select(last).where(*of_attempt).scalar_subquery(),
            ),
            execution_options={"synchronize_session": False},
        )


class _Besides:
    """Rows that hang on runs."""

    def __init__(self) -> None:
        self.scores: list[dict[str, Any]] = []
        self.outputs: list[dict[str, Any]] = []
        self.attempts: list[dict[str, Any]] = []


def _state(one: SubmissionRecord | RunRecord, now: datetime) -> dict[str, Any]:
    """Return how something ended; what was not over is cancelled, for nothing is run here."""
    if State(one.state).is_terminal:
        return {"state": one.state, "reason": one.reason, "ended_at": one.ended_at}
    return {"state": State.CANCELLED, "reason": NOT_OVER, "ended_at": now}


def _insert(table: type[Any], rows: list[dict[str, Any]]) -> None:
    for start in range(0, len(rows), AT_ONCE):
        db.session.execute(insert(table), rows[start : start + AT_ONCE])


def _portions(found: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(found)
    while portion := list(islice(rest, AT_ONCE)):
        yield portion
