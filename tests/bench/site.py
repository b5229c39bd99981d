"""The stack under measurement, as its organizer sets it up and its participants use it."""

from __future__ import annotations

import io
import re
import sqlite3
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import urllib3
from flask.testing import FlaskClient

from app import create_app
from app.accounts.models import User
from app.bundles import services as bundles
from app.competitions import memberships
from app.competitions import queries as competitions
from app.competitions import services as competition_services
from app.competitions.models import Competition
from app.platform.clock import now
from app.platform.db import db, unit_of_work
from app.resources import services as resources
from app.resources.models import FileKind
from app.settings import Settings
from tests.actors import browser
from tests.bench.benchmark import bundle, result
from tests.factories import make_user

_PATIENCE_S = 120.0
_LOOK_S = 0.003


@dataclass(frozen=True)
class Place:
    """A benchmark that takes submissions, and the people who make them."""

    phase_id: int
    people: Sequence[Person]


@dataclass(frozen=True)
class Person:
    """A participant's browser: a cookie, the token of its forms, and an uploaded file."""

    cookie: str
    form_token: str
    file_key: str


@dataclass(frozen=True)
class Sent:
    """A submission that was accepted."""

    submission_id: int
    asked_at: float
    """When its request was sent, in seconds since 1970."""


class Site:
    """One running stack; close it when done."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        """Connect.

        Args:
            environ: the settings of the stack's app.
        """
        settings = Settings.from_env(environ)
        self._app = create_app(settings)
        self._url = settings.base_url
        self._pool = urllib3.PoolManager(maxsize=16, retries=False, timeout=60)
        database = settings.database_url.removeprefix("sqlite:///")
        # Read beside the app, as any reader would: nothing of this waits for a page.
        self._rows = sqlite3.connect(f"file:{database}?mode=ro", uri=True, isolation_level=None)

    def close(self) -> None:
        """Close every connection."""
        self._rows.close()
        self._pool.clear()
        with self._app.app_context():
            db.session.remove()
            db.engine.dispose()

    @property
    def url(self) -> str:
        """Where its pages are."""
        return self._url

    def open(
        self, title: str, *, detailed: bool, people: int, submission: bytes | None = None
    ) -> Place:
        """Import and publish a benchmark, and let people take part in it.

        Args:
            submission: the zip that each of them submits; a tiny result if not given.
        """
        with self._app.app_context():
            competition_id = self._import(title, detailed=detailed)
            phase_id = self._only_phase(competition_id)
            joined = [self._join(competition_id, submission or result()) for _ in range(people)]
        # Outside: requests inside one context would all be the first person's.
        return Place(phase_id, [self._person(phase_id, *one) for one in joined])

    def _import(self, title: str, *, detailed: bool) -> int:
        olga = competitions.viewer(make_user(f"olga-{title.lower()}"))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "bundle.zip"
            path.write_bytes(bundle(title, detailed=detailed))
            competition_id = bundles.import_file(olga, path, now).competition_id
        with unit_of_work():
            competition = competitions.get(competition_id, olga)
            competition_services.publish(olga, competition, now=now())
        return competition_id

    def _only_phase(self, competition_id: int) -> int:
        found = db.session.get_one(Competition, competition_id)
        olga = competitions.viewer(db.session.get_one(User, found.owner_id))
        (phase,) = competitions.get(competition_id, olga).phases
        return phase.id

    def _join(self, competition_id: int, content: bytes) -> tuple[FlaskClient, str]:
        """Let somebody take part; return a browser that is logged in, and the key of an upload."""
        user = make_user()
        viewer = competitions.viewer(user)
        with unit_of_work():
            competition = competitions.get(competition_id, viewer)
            memberships.register(viewer, competition, accepted_terms=True, now=now())
        with unit_of_work():
            file = resources.receive(
                viewer, FileKind.SUBMISSION, "result.zip", io.BytesIO(content), now=now()
            )
            key = file.key
        return browser(self._app, user), key

    def _person(self, phase_id: int, client: FlaskClient, file_key: str) -> Person:
        page = client.get(f"/phases/{phase_id}/submissions/new?file={file_key}").text
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
        cookie = client.get_cookie("sid")
        if token is None or cookie is None:
            raise RuntimeError(f"the review page has no form: {page}")
        return Person(f"sid={cookie.value}", token[1], file_key)

    def submit(self, place: Place, number: int = 0) -> Sent:
        """Send the request of a submission, as a browser would; returns once it is answered."""
        person = place.people[number % len(place.people)]
        fields = {"csrf_token": person.form_token, "file": person.file_key}
        headers = {
            "Cookie": person.cookie,
            "Content-Type": "application/x-www-form-urlencoded",
        }
        asked_at = time.time()
        answer = self._pool.request(
            "POST", f"{self._url}/phases/{place.phase_id}/submissions", headers=headers,
            body=urlencode(fields), redirect=False,
        )  # fmt: skip
        if answer.status != 303:
            raise RuntimeError(f"a submission was answered with {answer.status}: {answer.data!r}")
        return Sent(int(answer.headers["Location"].rpartition("/")[2]), asked_at)

    def wait_for_scores(self, submission_ids: Sequence[int], look_s: float = _LOOK_S) -> float:
        """Wait until each of them has a score row; return when that was, in seconds since 1970.

        Raises:
            RuntimeError: one of them failed, or it takes too long; says which and why.
        """
        marks = ", ".join("?" * len(submission_ids))
        scored = (
            "SELECT count(DISTINCT runs.submission_id) FROM runs"
            f" JOIN run_scores ON run_scores.run_id = runs.id WHERE runs.submission_id IN ({marks})"
        )
        end = time.monotonic() + _PATIENCE_S
        while time.monotonic() < end:
            (count,) = self._rows.execute(scored, submission_ids).fetchone()
            if count == len(submission_ids):
                return time.time()
            time.sleep(look_s)
        states = self._rows.execute(
            f"SELECT id, state, reason FROM submissions WHERE id IN ({marks})", submission_ids
        )
        raise RuntimeError(f"no scores within {_PATIENCE_S:.0f} s: {states.fetchall()}")

    def count_submissions(self, place: Place, state: str = "") -> int:
        """Return how many submissions a benchmark has, in a state or in any."""
        (count,) = self._rows.execute(
            "SELECT count(*) FROM submissions WHERE phase_id = ? AND (? = '' OR state = ?)",
            [place.phase_id, state, state],
        ).fetchone()
        return int(count)

    def pages_of(self, place: Place) -> list[str]:
        """Return addresses that people open while a phase is busy."""
        (competition_id,) = self._rows.execute(
            "SELECT competition_id FROM phases WHERE id = ?", [place.phase_id]
        ).fetchone()
        return [
            f"/phases/{place.phase_id}/leaderboard",
            f"/benchmarks/{competition_id}/submissions",
            "/benchmarks/",
        ]

    def read(self, place: Place, path: str) -> bytes:
        """Open a page as the first participant."""
        headers = {"Cookie": place.people[0].cookie}
        answer = self._pool.request("GET", self._url + path, headers=headers, redirect=False)
        if answer.status != 200:
            raise RuntimeError(f"{path} was answered with {answer.status}")
        return answer.data

    def wait_until_over(self, submission_id: int) -> None:
        """Wait until the machine is free again."""
        while True:
            (state,) = self._rows.execute(
                "SELECT state FROM submissions WHERE id = ?", [submission_id]
            ).fetchone()
            if state in ("finished", "failed", "cancelled"):
                return
            time.sleep(_LOOK_S)

    def cancel(self, place: Place, submission_id: int) -> None:
        """Cancel a submission of the first participant, and wait until nothing of it runs."""
        person = place.people[0]
        self._pool.request(
            "POST", f"{self._url}/submissions/{submission_id}/cancel", redirect=False,
            headers={"Cookie": person.cookie, "Content-Type": "application/x-www-form-urlencoded"},
            body=urlencode({"csrf_token": person.form_token}),
        )  # fmt: skip
        self.wait_until_over(submission_id)

    def wait_until_running(self, submission_id: int) -> None:
        """Wait until a machine works on it."""
        end = time.monotonic() + _PATIENCE_S
        while time.monotonic() < end:
            (state,) = self._rows.execute(
                "SELECT state FROM submissions WHERE id = ?", [submission_id]
            ).fetchone()
            if state == "running":
                return
            time.sleep(_LOOK_S)
        raise RuntimeError("the submission never ran")

    def wait_for_machine(self) -> None:
        """Wait until a worker has said that it is there."""
        end = time.monotonic() + _PATIENCE_S
        while time.monotonic() < end:
            with closing(
                self._rows.execute("SELECT 1 FROM machines WHERE last_seen_at IS NOT NULL")
            ) as found:
                if found.fetchone():
                    return
            time.sleep(0.1)
        raise RuntimeError("no worker said that it is there")

    def run_of(self, submission_id: int) -> int:
        """Return the id of the only run of a submission."""
        (run_id,) = self._rows.execute(
            "SELECT id FROM runs WHERE submission_id = ?", [submission_id]
        ).fetchone()
        return int(run_id)
