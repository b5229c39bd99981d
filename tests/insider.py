"""Somebody with a key to a running stack: makes people and benchmarks, submits, and looks inside."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import Flask
from sqlalchemy import select

from app import create_app
from app.accounts import queries as accounts
from app.accounts import services as account_services
from app.bundles import services as bundles
from app.bundles.models import BundleImport
from app.competitions import memberships
from app.competitions import queries as competitions
from app.competitions import services as competition_services
from app.competitions.models import Leaderboard, Membership
from app.platform.clock import now
from app.platform.configured import settings
from app.platform.db import db, unit_of_work
from app.platform.storage import read_bytes
from app.policy import Viewer
from app.resources import services as resources
from app.resources.models import FileKind
from app.settings import Settings
from app.submissions import queries, services
from app.submissions.drafts import SubmissionDraft
from app.submissions.models import LogChunk, Run, State, Submission
from tests.loose import eventually
from tests.patience import PATIENCE_S

PASSWORD = "a long enough password of the tests"
_LOOK_S = 0.1


@dataclass(frozen=True)
class Benchmark:
    """What the tests must know of a benchmark: its id and those of its phases, in order."""

    id: int
    phases: tuple[int, ...]


@dataclass(frozen=True)
class RunSeen:
    """A run as the organizer sees it."""

    id: int
    state: str
    step: str
    reason: str
    blame: str
    attempt: int
    engine: str
    image_digest: str
    notes: tuple[str, ...]
    scores: Mapping[str, float]
    logs: Mapping[str, str]
    """Text by stream."""
    outputs: Mapping[str, bytes]
    attempts: tuple[str, ...]
    """How each attempt ended, in words; empty while it lasts."""


@dataclass(frozen=True)
class Seen:
    """A submission as the organizer sees it."""

    id: int
    state: str
    reason: str
    blame: str
    counts: bool
    """Whether it used up a try."""
    answers: Mapping[str, Any]
    runs: tuple[RunSeen, ...]

    @property
    def run(self) -> RunSeen:
        """The only run."""
        (run,) = self.runs
        return run


class Insider:
    """The app of a running stack in this process, on the same database and store."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.app: Flask = create_app(Settings.from_env(environ))

    def __enter__(self) -> Insider:
        return self

    def __exit__(self, *_error: object) -> None:
        with self.app.app_context():
            db.session.remove()
            db.engine.dispose()

    @contextmanager
    def inside(self) -> Iterator[None]:
        """An app context with a fresh view of the database."""
        with self.app.app_context():
            db.session.rollback()
            yield
            db.session.rollback()

    def person(self, name: str, *, is_staff: bool = False) -> int:
        """Make an account unless it is there; return its id."""
        with self.inside(), unit_of_work():
            found = accounts.by_username(name) or account_services.create_user(
                name, f"{name}@example.org", PASSWORD, is_staff=is_staff, now=now()
            )
            db.session.flush()
            return found.id

    def benchmark(
        self, bundle: bytes, *people: str, owner: str = "olga", **grants: Any
    ) -> Benchmark:
        """Import and publish a bundle; let people take part.

        Args:
            grants: what an administrator allows its containers, see ``competitions.services.grant``.
        """
        for name in (owner, *people):
            self.person(name)
        competition_id = self._imported(bundle, owner)
        with self.inside(), unit_of_work():
            competition = competitions.get(competition_id, _viewer(owner))
            competition_services.publish(_viewer(owner), competition, now=now())
            phases = tuple(phase.id for phase in competition.phases)
        if grants:
            self._grant(competition_id, grants)
        for name in people:
            self.join(name, competition_id)
        return Benchmark(competition_id, phases)

    def _imported(self, bundle: bytes, owner: str) -> int:
        with self.inside():
            with unit_of_work():
                file = resources.receive(
                    _viewer(owner), FileKind.COMPETITION_BUNDLE, "bundle.zip", io.BytesIO(bundle),
                    now=now(),
                )  # fmt: skip
                import_id = bundles.open_import(_viewer(owner), file, now=now()).id
            bundles.run_import(import_id, now)
            ended = db.session.get_one(BundleImport, import_id, populate_existing=True)
            assert ended.competition_id is not None, ended.problems
            return ended.competition_id

    def _grant(self, competition_id: int, grants: Mapping[str, Any]) -> None:
        self.person("rita", is_staff=True)
        nothing = {
            "network": False, "writable_root": False, "image_user": False, "memory_mib": None,
        }  # fmt: skip
        with self.inside(), unit_of_work():
            viewer = _viewer("rita")
            competition = competitions.get(competition_id, viewer)
            competition_services.grant(viewer, competition, **{**nothing, **grants})

    def join(self, name: str, competition_id: int, *, owner: str = "olga") -> None:
        """Let somebody take part."""
        self.person(name)
        with self.inside(), unit_of_work():
            competition = competitions.get(competition_id, _viewer(name))
            joined = memberships.register(
                _viewer(name), competition, accepted_terms=True, now=now()
            )
            if joined.status != Membership.APPROVED:
                memberships.decide(_viewer(owner), joined.id, Membership.APPROVED, "", now=now())

    def upload(self, name: str, content: bytes, file_name: str = "submission.zip") -> str:
        """Store a file as somebody's upload; return its key."""
        with self.inside(), unit_of_work():
            file = resources.receive(
                _viewer(name), FileKind.SUBMISSION, file_name, io.BytesIO(content), now=now()
            )
            return file.key

    def submit(
        self, name: str, phase_id: int, content: bytes, file_name: str = "submission.zip",
        answers: Mapping[str, object] | None = None,
    ) -> int:  # fmt: skip
        """Submit as somebody; return the submission's id."""
        key = self.upload(name, content, file_name)
        with self.inside(), unit_of_work():
            phase = competitions.get_phase(phase_id, _viewer(name))
            draft = SubmissionDraft(file_key=key, fact_sheet_answers=dict(answers or {}))
            return services.submit(_viewer(name), phase, draft, now=now()).id

    def start(self, submission_id: int, *, owner: str = "olga") -> None:
        """Start a submission that waits for its organizer."""
        with self.inside(), unit_of_work():
            submission = queries.get(submission_id, _viewer(owner))
            services.start_held(_viewer(owner), submission, now=now())

    def state(self, submission_id: int) -> str:
        """Return where a submission is in its life."""
        with self.inside():
            return db.session.get_one(Submission, submission_id).state

    def wait(self, submission_id: int, seconds: float = PATIENCE_S) -> Seen:
        """Wait until a submission is over; return what became of it."""
        end = time.monotonic() + seconds
        while not State(self.state(submission_id)).is_terminal:
            if time.monotonic() > end:
                raise AssertionError(f"not over after {seconds} s: {self.look(submission_id)}")
            time.sleep(_LOOK_S)
        return self.look(submission_id)

    def give_up(self, submission_id: int, number: int = 1) -> None:
        """Let the lease of an attempt, or the time to claim it, run out; return once it is over."""
        for _ in eventually(f"attempt {number} of submission {submission_id} is given up"):
            with self.inside(), unit_of_work():
                run = db.session.scalars(
                    select(Run).where(Run.submission_id == submission_id).with_for_update()
                ).one()
                attempts = queries.attempts(run)
                if len(attempts) < number:
                    continue
                attempt = attempts[number - 1]
                if attempt.ended_at is not None:
                    return
                if attempt.lease_until is not None:
                    attempt.lease_until = now() - timedelta(seconds=1)
                else:
                    run.sent_at = now() - timedelta(seconds=settings().sent_timeout_s + 1)

    def look(self, submission_id: int) -> Seen:
        """Return a submission as it is now."""
        with self.inside():
            owner_id = db.session.get_one(Submission, submission_id).owner_id
            found = queries.get(submission_id, Viewer(owner_id, is_staff=True))
            keys = _column_keys(found.phase.leaderboard)
            return Seen(
                found.id, found.state, found.reason, found.blame, found.counted_on is not None,
                found.fact_sheet_answers, tuple(_run(run, keys) for run in found.runs),
            )  # fmt: skip

    def cookie(self, name: str) -> str:
        """Return the ``Cookie`` header of a browser in which somebody has logged in."""
        with self.inside(), unit_of_work():
            token = account_services.log_in(name, PASSWORD, now=now())
        serializer = self.app.session_interface.get_signing_serializer(self.app)  # type: ignore[attr-defined]
        value = serializer.dumps({"login": token, "_permanent": True})
        return f"{self.app.config['SESSION_COOKIE_NAME']}={value}"


def _viewer(name: str) -> Viewer:
    return competitions.viewer(accounts.by_username(name))


def _column_keys(board: Leaderboard | None) -> dict[int, str]:
    return {column.id: column.key for column in board.columns} if board else {}


def _run(run: Run, keys: Mapping[int, str]) -> RunSeen:
    logs: dict[str, str] = {}
    chunks = select(LogChunk).where(LogChunk.run_id == run.id, LogChunk.attempt == run.attempt)
    for chunk in db.session.scalars(chunks.order_by(LogChunk.seq)):
        logs[chunk.stream] = logs.get(chunk.stream, "") + chunk.text
    return RunSeen(
        id=run.id, state=run.state, step=run.step, reason=run.reason, blame=run.blame,
        attempt=run.attempt, engine=run.engine, image_digest=run.image_digest,
        notes=tuple(run.notes), scores={keys[s.column_id]: s.value for s in run.scores},
        logs=logs,
        outputs={output.kind: read_bytes(output.ref, 2**26) for output in run.outputs},
        attempts=tuple(attempt.outcome for attempt in queries.attempts(run)),
    )  # fmt: skip


def as_json(seen: Seen) -> str:
    """Return what a failed test should print of a submission."""
    return json.dumps([vars(run) | {"outputs": sorted(run.outputs)} for run in seen.runs], indent=1)
