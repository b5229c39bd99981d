"""What an archive says, record by record; the lines of its files are these as JSON.

Source: docs/reference/archive.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any

from app.bundles.archives.fields import (
    answers,
    day,
    flag,
    many,
    moment,
    numbers,
    one_of,
    record,
    seconds,
    settings_of,
    text,
    whole,
    words,
)
from app.competitions.models import Membership
from app.submissions.models import State
from worker.contract import MAX_LOG_CHUNK_CHARS, MAX_SCORES, Blame, Output, Step, Stream

FOLDER = "archive"
HEADER = f"{FOLDER}/archive.json"
PEOPLE = f"{FOLDER}/people.jsonl"
TASKS = f"{FOLDER}/tasks.jsonl"
SUBMISSIONS = f"{FOLDER}/submissions.jsonl"
LOGS = f"{FOLDER}/logs.jsonl"

FORMAT = "plumbline-archive"
VERSION = 1

MAX_PEOPLE = 100_000
MAX_TASKS = 1_000
MAX_REVISIONS = 1_000
MAX_SUBMISSIONS = 200_000
MAX_LOGS = 10_000_000
MAX_FILES = 80_000
MAX_LINE_BYTES = 1024 * 1024

LIMITS = (
    "timeout_s", "memory_mib", "cpus", "pids", "output_mib", "network", "writable_root",
    "image_user",
)  # fmt: skip
"""What an attempt says of its programs' limits; see docs/reference/provenance.md."""
_REASON = 20_000
_PATH = r"(archive|tasks|solutions|phases)/[A-Za-z0-9._/-]+|"


@dataclass(frozen=True)
class Header:
    """What kind of archive this is, and how much is in it."""

    format: Annotated[str, one_of([FORMAT])]
    format_version: Annotated[int, whole(VERSION, VERSION)]
    pseudonymised: Annotated[bool, flag()]
    people: Annotated[int, whole(0, MAX_PEOPLE)]
    tasks: Annotated[int, whole(0, MAX_TASKS)]
    submissions: Annotated[int, whole(0, MAX_SUBMISSIONS)]
    logs: Annotated[int, whole(0, MAX_LOGS)]
    lost: Annotated[tuple[str, ...], words(MAX_FILES, 255)]
    """Members that records name and that were not stored any more."""


@dataclass(frozen=True)
class Person:
    """Somebody who takes part, or submitted."""

    person: Annotated[str, text(40, "[a-z0-9-]{1,40}")]
    """What the other records call them."""
    name: Annotated[str, text(100)]
    email: Annotated[str, text(254)]
    status: Annotated[str, one_of(["", *Membership])]
    """Empty for who submitted without taking part, as an organizer may."""
    reason: Annotated[str, text(500)]
    registered_at: Annotated[datetime | None, moment(optional=True)]
    decided_at: Annotated[datetime | None, moment(optional=True)]


@dataclass(frozen=True)
class File:
    """A stored file; ``member`` is empty where the archive goes without it."""

    member: Annotated[str, text(255, _PATH)]
    file_name: Annotated[str, text(255)]
    sha256: Annotated[str, text(64, "[0-9a-f]{64}|")]
    size: Annotated[int, whole(0, 2**53)]


@dataclass(frozen=True)
class Revision:
    """A version of a task that something was scored on, or the current one."""

    number: Annotated[int, whole(1)]
    created_at: Annotated[datetime, moment()]
    ingestion_only_during_scoring: Annotated[bool, flag()]
    scoring_program: Annotated[File | None, record(File, optional=True)]
    ingestion_program: Annotated[File | None, record(File, optional=True)]
    input_data: Annotated[File | None, record(File, optional=True)]
    reference_data: Annotated[File | None, record(File, optional=True)]


@dataclass(frozen=True)
class TaskRecord:
    """A task, in the order in which runs call them."""

    index: Annotated[int | None, whole(optional=True)]
    """Its index in ``competition.yaml``; null for one that no phase has any more."""
    name: Annotated[str, text(256)]
    revisions: Annotated[tuple[Revision, ...], many(Revision, MAX_REVISIONS)]
    """From the oldest to the current one."""


@dataclass(frozen=True)
class OutputRecord:
    """A file that a run stored."""

    kind: Annotated[str, one_of(list(Output))]
    member: Annotated[str, text(255, f"{FOLDER}/[A-Za-z0-9._/-]+")]


@dataclass(frozen=True)
class AttemptRecord:
    """One execution of a run."""

    number: Annotated[int, whole(1)]
    machine: Annotated[str, text(64)]
    worker_version: Annotated[str, text(100)]
    limits: Annotated[dict[str, Any], settings_of(LIMITS)]
    created_at: Annotated[datetime, moment()]
    started_at: Annotated[datetime | None, moment(optional=True)]
    ended_at: Annotated[datetime | None, moment(optional=True)]
    outcome: Annotated[str, text(_REASON)]
    is_failure: Annotated[bool, flag()]


@dataclass(frozen=True)
class RunRecord:
    """A submission on one revision of a task."""

    task: Annotated[int, whole(0, MAX_TASKS)]
    """Position in ``tasks.jsonl``, from 0."""
    revision: Annotated[int, whole(1)]
    order: Annotated[int, whole(0, MAX_TASKS)]
    state: Annotated[str, one_of(list(State))]
    step: Annotated[str, one_of(["", *Step])]
    reason: Annotated[str, text(_REASON)]
    blame: Annotated[str, one_of(["", *Blame])]
    notes: Annotated[tuple[str, ...], words(1_000, _REASON)]
    attempt: Annotated[int, whole()]
    image: Annotated[str, text(256)]
    image_digest: Annotated[str, text(128)]
    engine: Annotated[str, text(20)]
    queued_at: Annotated[datetime, moment()]
    sent_at: Annotated[datetime | None, moment(optional=True)]
    started_at: Annotated[datetime | None, moment(optional=True)]
    ended_at: Annotated[datetime | None, moment(optional=True)]
    container_s: Annotated[float, seconds()]
    step_seconds: Annotated[dict[str, float], numbers(len(Step), list(Step))]
    failed_steps: Annotated[tuple[str, ...], words(len(Step), 16, list(Step))]
    scores: Annotated[dict[str, float], numbers(MAX_SCORES)]
    """By column key."""
    outputs: Annotated[tuple[OutputRecord, ...], many(OutputRecord, len(Output))]
    attempts: Annotated[tuple[AttemptRecord, ...], many(AttemptRecord, 1_000)]


@dataclass(frozen=True)
class Origin:
    """Where something was measured that the archive's own site has restored."""

    site: Annotated[str, text(500, ".+")]
    number: Annotated[int | None, whole(1, optional=True)]


@dataclass(frozen=True)
class SubmissionRecord:
    """One act of a participant, or a re-run of it."""

    submission: Annotated[int, whole(1, MAX_SUBMISSIONS)]
    """Counts from 1, in the order in which they were made."""
    number: Annotated[int | None, whole(1, optional=True)]
    """Its number on the archive's site."""
    origin: Annotated[Origin | None, record(Origin, optional=True)]
    phase: Annotated[int, whole(0, 10_000)]
    """Position in ``competition.yaml``, from 0."""
    person: Annotated[str, text(40)]
    state: Annotated[str, one_of(list(State))]
    reason: Annotated[str, text(_REASON)]
    blame: Annotated[str, one_of(["", *Blame])]
    answers: Annotated[dict[str, Any], answers(1_000, 20_000)]
    created_at: Annotated[datetime, moment()]
    ended_at: Annotated[datetime | None, moment(optional=True)]
    counted_on: Annotated[date | None, day()]
    """The UTC day whose try it used."""
    on_board: Annotated[bool, flag()]
    rerun_of: Annotated[int | None, whole(1, MAX_SUBMISSIONS, optional=True)]
    migrated_from: Annotated[int | None, whole(1, MAX_SUBMISSIONS, optional=True)]
    file: Annotated[File, record(File)]
    runs: Annotated[tuple[RunRecord, ...], many(RunRecord, MAX_TASKS)]


@dataclass(frozen=True)
class LogRecord:
    """A piece of a log."""

    submission: Annotated[int, whole(1, MAX_SUBMISSIONS)]
    task: Annotated[int, whole(0, MAX_TASKS)]
    attempt: Annotated[int, whole()]
    seq: Annotated[int, whole()]
    stream: Annotated[str, one_of(list(Stream))]
    text: Annotated[str, text(MAX_LOG_CHUNK_CHARS)]
