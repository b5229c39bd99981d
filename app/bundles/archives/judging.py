"""Whether the records of an archive fit together, and to its benchmark; pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from app.bundles.archives import records
from app.bundles.archives.fields import Unfit, shown
from app.bundles.archives.records import (
    File,
    LogRecord,
    Person,
    RunRecord,
    SubmissionRecord,
    TaskRecord,
)
from app.bundles.checksums import Listed
from app.competitions import building
from app.competitions.drafts import CompetitionDraft
from app.resources.models import FileKind
from app.submissions.models import State
from worker.contract import Output

T = TypeVar("T")

OF_REVISION = (
    FileKind.SCORING_PROGRAM, FileKind.INGESTION_PROGRAM, FileKind.INPUT_DATA,
    FileKind.REFERENCE_DATA,
)  # fmt: skip


@dataclass(frozen=True)
class _Act:
    """What later records must fit to."""

    phase: int
    person: str
    is_original: bool
    runs: frozenset[int]


@dataclass
class Judge:
    """Takes the records in the order of the archive; each method raises :class:`Unfit`."""

    draft: CompetitionDraft
    root: str
    listed: Mapping[str, Listed]
    lost: frozenset[str]
    to_store: dict[str, FileKind | Output] = field(default_factory=dict)
    lacks_files: bool = False
    _people: set[str] = field(default_factory=set)
    _addresses: set[str] = field(default_factory=set)
    _indexes: set[int] = field(default_factory=set)
    _revisions: list[frozenset[int]] = field(default_factory=list)
    _acts: list[_Act] = field(default_factory=list)
    _moved: set[tuple[int, int]] = field(default_factory=set)
    _last_log: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        self._of_bundle = {ref.member for ref in building.to_store(self.draft)}
        self._in_phases = {index for phase in self.draft.phases for index in phase.tasks}
        boards = [{one.key for one in board.columns} for board in self.draft.leaderboards]
        self._columns = [boards[phase.leaderboard_index] for phase in self.draft.phases]

    def person(self, one: Person, where: str) -> None:
        """Judge somebody."""
        _once(one.person, self._people, f"{where}, person")
        if one.email:
            _once(one.email.casefold(), self._addresses, f"{where}, email")
        if one.status and one.registered_at is None:
            raise Unfit(f"{where}, registered_at", "nothing", "when they registered")

    def task(self, one: TaskRecord, where: str) -> None:
        """Judge a task and its revisions."""
        if one.index is not None:
            if one.index not in self._in_phases:
                expected = "the index of a task that a phase of competition.yaml has, or null"
                raise Unfit(f"{where}, index", str(one.index), expected)
            _once(one.index, self._indexes, f"{where}, index")
        numbers = [revision.number for revision in one.revisions]
        if not numbers or numbers != sorted(set(numbers)):
            expected = "at least one, each number once, in order"
            raise Unfit(f"{where}, revisions", f"the numbers {numbers[:10]}", expected)
        for position, revision in enumerate(one.revisions):
            for kind in OF_REVISION:
                file: File | None = getattr(revision, kind.value)
                if file is not None:
                    place = f"{where}, revisions[{position}].{kind}"
                    self._file(file, place, f"{records.FOLDER}/tasks/", kind, in_bundle=True)
        self._revisions.append(frozenset(numbers))

    def submission(self, one: SubmissionRecord, where: str) -> None:
        """Judge a submission with its runs."""
        if one.submission != len(self._acts) + 1:
            raise Unfit(f"{where}, submission", str(one.submission), str(len(self._acts) + 1))
        if one.phase >= len(self.draft.phases):
            expected = f"a phase from 0 to {len(self.draft.phases) - 1}"
            raise Unfit(f"{where}, phase", str(one.phase), expected)
        if one.person not in self._people:
            raise Unfit(f"{where}, person", shown(one.person), f"somebody of {records.PEOPLE}")
        self._relations(one, where)
        self._file(
            one.file, f"{where}, file", f"{records.FOLDER}/submissions/", FileKind.SUBMISSION
        )
        self.lacks_files |= not self._is_there(one.file)
        for position, run in enumerate(one.runs):
            self._run(run, self._columns[one.phase], f"{where}, runs[{position}]")
        states = {run.state for run in one.runs}
        if one.state == State.FINISHED and states != {State.FINISHED}:
            raise Unfit(f"{where}, state", "finished", "that all its runs are finished, too")
        if one.on_board and one.state != State.FINISHED:
            raise Unfit(f"{where}, on_board", "true", "false, for it is not finished")
        _ended(one, where)
        tasks = frozenset(run.task for run in one.runs)
        if len(tasks) != len(one.runs):
            raise Unfit(f"{where}, runs", "a task twice", "one run on each task")
        self._acts.append(_Act(one.phase, one.person, one.rerun_of is None, tasks))

    def log(self, one: LogRecord, where: str) -> None:
        """Judge a piece of a log."""
        if one.submission > len(self._acts):
            raise Unfit(f"{where}, submission", str(one.submission), "one of the archive's")
        if one.task not in self._acts[one.submission - 1].runs:
            raise Unfit(f"{where}, task", str(one.task), "a task that the submission ran on")
        place = (one.submission, one.task, one.attempt, one.seq)
        same_run = self._last_log[:2] == place[:2]
        if self._last_log and (
            place[0] < self._last_log[0] or (same_run and place <= self._last_log)
        ):
            raise Unfit(f"{where}, seq", str(one.seq), "pieces in order, each once")
        self._last_log = place

    def _relations(self, one: SubmissionRecord, where: str) -> None:
        for key, other in (("rerun_of", one.rerun_of), ("migrated_from", one.migrated_from)):
            if other is None:
                continue
            source = self._acts[other - 1] if other <= len(self._acts) else None
            fits = source is not None and source.is_original and source.person == one.person
            if source is None or not fits or (source.phase == one.phase) != (key == "rerun_of"):
                which = "the same phase" if key == "rerun_of" else "another phase"
                expected = f"an earlier submission of the same person to {which}, no re-run"
                raise Unfit(f"{where}, {key}", str(other), expected)
        if one.migrated_from is not None:
            _once((one.migrated_from, one.phase), self._moved, f"{where}, migrated_from")

    def _run(self, run: RunRecord, columns: Collection[str], where: str) -> None:
        if run.task >= len(self._revisions):
            raise Unfit(f"{where}.task", str(run.task), f"a line of {records.TASKS}, from 0")
        if run.revision not in self._revisions[run.task]:
            raise Unfit(f"{where}.revision", str(run.revision), "a revision of its task")
        for key in run.scores:
            if key not in columns:
                expected = f"keys of the leaderboard: {', '.join(sorted(columns))[:200]}"
                raise Unfit(f"{where}.scores", f"the key {shown(key)}", expected)
        if run.scores and run.state != State.FINISHED:
            raise Unfit(f"{where}.scores", "scores", f"none, for the run is {run.state}")
        kinds: set[str] = set()
        for position, output in enumerate(run.outputs):
            place = f"{where}.outputs[{position}]"
            _once(output.kind, kinds, f"{place}.kind")
            file = File(output.member, "", "", 0)
            self._file(file, place, f"{records.FOLDER}/outputs/", Output(output.kind))
        numbers = [attempt.number for attempt in run.attempts]
        if numbers != sorted(set(numbers)):
            raise Unfit(f"{where}.attempts", f"the numbers {numbers[:10]}", "each once, in order")
        _ended(run, where, ".")

    def _is_there(self, file: File) -> bool:
        return bool(file.member) and file.member not in self.lost

    def _file(
        self, file: File, where: str, folder: str, kind: FileKind | Output, *,
        in_bundle: bool = False,
    ) -> None:  # fmt: skip
        if not self._is_there(file):
            return
        if in_bundle and not file.member.startswith(f"{records.FOLDER}/"):
            if (f"{self.root}/{file.member}" if self.root else file.member) in self._of_bundle:
                return
            raise Unfit(where, shown(file.member), "a file that competition.yaml names")
        listed = self.listed.get(file.member)
        if not file.member.startswith(folder) or listed is None:
            expected = f"a member of {folder} that manifest.json lists"
            raise Unfit(where, shown(file.member), expected)
        if file.sha256 not in ("", listed.sha256):
            found = f"the SHA-256 {file.sha256[:16]}…"
            raise Unfit(where, found, f"{listed.sha256[:16]}…, that of {file.member}")
        known = self.to_store.setdefault(file.member, kind)
        if known is not kind:
            raise Unfit(where, f"{file.member} as {kind}", f"{known}, as before")


def _once(value: T, known: set[T], where: str) -> None:
    if value in known:
        raise Unfit(where, f"{shown(value)} again", "each once")
    known.add(value)


def _ended(one: SubmissionRecord | RunRecord, where: str, before_key: str = ", ") -> None:
    if State(one.state).is_terminal and one.ended_at is None:
        raise Unfit(f"{where}{before_key}ended_at", "nothing", f"a time, for it is {one.state}")
