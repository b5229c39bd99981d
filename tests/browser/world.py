"""What the pages of the browser tests show: people, benchmarks and submissions in every state."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from flask import Flask, url_for

from app import create_app
from app.accounts import queries as accounts
from app.accounts import services as account_services
from app.accounts.models import User
from app.bundles import queries as bundle_queries
from app.bundles import services as bundles
from app.bundles.dumps import services as dumps
from app.bundles.models import BundleDump, DumpState
from app.cli.submit import wait_for
from app.competitions import memberships
from app.competitions import queries as competitions
from app.competitions import services as competition_services
from app.competitions.models import Membership
from app.competitions.services import InvalidDraft
from app.competitions.tasks import listing as tasks
from app.platform.clock import now
from app.platform.db import db, unit_of_work
from app.policy import Viewer
from app.queues import machines
from app.queues import services as queues
from app.queues.drafts import QueueDraft
from app.queues.models import Role
from app.resources import services as resources
from app.resources.library import queries as library
from app.resources.library import services as library_services
from app.resources.library.drafts import FileDraft, Filters
from app.resources.models import FileKind, StoredFile
from app.settings import Settings
from app.submissions import queries as submissions
from app.submissions import services as submission_services
from app.submissions.drafts import SubmissionDraft
from tests.browser import benchmarks
from tests.browser.person import PASSWORD
from tests.patience import PATIENCE_S
from tests.release import release
from tests.stack import RunningStack

CAST = ("olga", "pavel", "wanda", "dora", "petra", "rita")
"""Olga organizes, Pavel takes part, Wanda waits, Dora was declined, Petra is new, Rita is staff."""

_WARD_PAGES = (
    (
        "Overview",
        "# What is asked\n\nThe length of stay $t$, by $$\\hat t = \\beta_0 + x^\\top\\beta$$",
    ),
    ("Data", "| Column | Unit |\n|---|---|\n| age | years |\n| creatinine | µmol/l |"),
    ("Evaluation", "```python\nprint('one number')\n```\n\n> The mean absolute error, in days."),
    ("Timeline", "1. Development\n2. Final"),
    ("Rules", "<h2>Rules</h2><p>One <strong>person</strong>, one account.</p>"),
    ("Contact", "Write to <ward@example.org>."),
)
_WARD_SETTINGS: Mapping[str, Any] = {
    "description": "How long people stay, from what is known at admission.",
    "registration_auto_approve": False,
    "auto_run_submissions": False,
    "reward": "A certificate",
    "contact_email": "ward@example.org",
    "fact_sheet": {
        "approach": {
            "key": "approach", "type": "text", "title": "Approach", "is_required": True,
            "is_on_leaderboard": True,
        },
        "external": {"key": "external", "type": "checkbox", "title": "Trained on other data"},
        "family": {
            "key": "family", "type": "select", "title": "Kind of model",
            "selection": ["Trees", "Linear"],
        },
    },
}  # fmt: skip


class World:
    """Rows made in the database of a running stack, by the same services as its pages."""

    def __init__(self, stack: RunningStack, folder: Path) -> None:
        self.stack, self._folder = stack, folder
        self.ids: dict[str, Any] = {}
        """Names to the ids that addresses hold; :meth:`_populate` names them all."""
        self.app: Flask = create_app(Settings.from_env(stack.environ))

    def __enter__(self) -> World:
        with self.app.app_context():
            self._populate()
        return self

    def __exit__(self, *_error: object) -> None:
        with self.app.app_context():
            db.session.remove()
            db.engine.dispose()

    def _not_over(self, submission_id: int) -> str:
        return f"Submission {submission_id} is not over.\n{self.stack.output()[-8000:]}"

    def cookie(self, name: str) -> dict[str, Any]:
        """Return the cookie of a browser in which somebody has logged in."""
        with self.app.app_context(), unit_of_work():
            token = account_services.log_in(name, PASSWORD, now=now())
        serializer = self.app.session_interface.get_signing_serializer(self.app)  # type: ignore[attr-defined]
        value = serializer.dumps({"login": token, "_permanent": True})
        return {"name": "sid", "value": value, "url": self.stack.base_url}

    def path(self, endpoint: str, **arguments: object) -> str:
        """Return the address of a page; an argument that is a name stands for its id."""
        known: dict[str, Any] = {
            key: self.ids.get(value, value) if isinstance(value, str) else value
            for key, value in arguments.items()
        }
        with self.app.test_request_context(base_url=self.stack.base_url):
            return url_for(endpoint, **known)

    def submit(self, name: str, phase: str, content: bytes, file_name: str = "numbers.zip") -> int:
        """Submit as somebody, like the form does; returns the submission's id."""
        with self.app.app_context():
            return self._submit(name, phase, content, file_name)

    def import_bundle(self, name: str, content: bytes, owner: str = "olga") -> int:
        """Import and publish a benchmark; its ids are known by ``name`` afterwards."""
        with self.app.app_context():
            return self._imported(name, content, owner)

    def join(self, name: str, competition: str) -> None:
        """Let somebody take part."""
        with self.app.app_context():
            self._join(name, competition)

    def wait(self, submission_id: int) -> None:
        """Wait until a submission is over."""
        with self.app.app_context():
            assert wait_for(submission_id, PATIENCE_S), self._not_over(submission_id)

    def release(self, submission_id: int, word: str = "go", *, place: int = 0) -> None:
        """Let the program of a running submission go on that waits for this word.

        Args:
            place: of the run among those of the submission.
        """
        with self.app.app_context():
            run_id = self._run(submission_id, place)
        release(self.stack.folder / "worker", run_id, word)

    def newest_task(self) -> object:
        """Return the key of the task that Olga made last."""
        with self.app.app_context():
            return tasks.page(self._viewer("olga"), tasks.Filters(), 1).rows[0].task.key

    def first_run(self, submission_id: int) -> int:
        """Return the id of a submission's first run."""
        with self.app.app_context():
            return self._first_run(submission_id)

    # Making it --------------------------------------------------------------------------------

    def _populate(self) -> None:
        with unit_of_work():
            for name in CAST:
                account_services.create_user(
                    name, f"{name}@example.org", PASSWORD, is_staff=name == "rita", now=now()
                )
        demo = benchmarks.breast_cancer(self._folder)
        self._imported("demo", (demo / "bundle.zip").read_bytes())
        self._join("pavel", "demo")
        self._ward()
        self._choosing()
        self._drafts()
        self._dumps()
        self._queue()
        self._library()
        code = (demo / "sample_code.zip").read_bytes()
        ended = [
            self._kept("finished", "pavel", "demo", code, "sample_code.zip"),
            self._kept("failed", "pavel", "demo", benchmarks.program("print(1)"), "no_model.zip"),
            self._kept("chosen", "pavel", "choosing", benchmarks.result()),
        ]
        for submission_id in ended:
            assert wait_for(submission_id, PATIENCE_S), self._not_over(submission_id)
        for name, number in zip(("finished", "failed", "chosen"), ended, strict=True):
            self.ids[f"{name} run"] = self._first_run(number)
        with unit_of_work():
            file = resources.receive(
                self._viewer("pavel"), FileKind.SUBMISSION, "uploaded.zip",
                io.BytesIO(benchmarks.result()), now=now(),
            )  # fmt: skip
            self.ids["upload"] = file.key

    def _ward(self) -> None:
        content = benchmarks.bundle(
            "Length of stay on a surgical ward", pages=_WARD_PAGES, terms="Be kind to the data.",
            is_board_hidden=True, **_WARD_SETTINGS,
        )  # fmt: skip
        self._imported("ward", content)
        for name, status in (
            ("pavel", Membership.APPROVED), ("wanda", None), ("dora", Membership.DENIED),
        ):  # fmt: skip
            self._join(name, "ward", status)
        with unit_of_work():
            competition = competitions.get(self.ids["ward"], self._viewer("rita"))
            competition_services.grant(
                self._viewer("rita"), competition, network=True, writable_root=False,
                image_user=False, memory_mib=8192,
            )  # fmt: skip
        self._kept("held", "pavel", "ward", benchmarks.result(0.5))
        cancelled = self._kept("cancelled", "pavel", "ward", benchmarks.result(0.6))
        with unit_of_work():
            viewer = self._viewer("pavel")
            submission_services.cancel(viewer, submissions.get(cancelled, viewer), now=now())

    def _choosing(self) -> None:
        phases = [
            {"name": "Development", "start": "2025-01-01", "end": "2099-01-01", "tasks": [0]},
            {"name": "Final", "start": "2099-01-01", "auto_migrate_to_this_phase": True,
             "tasks": [0]},
        ]  # fmt: skip
        content = benchmarks.bundle(
            "Numbers of one's own choice", rule="Add_And_Delete", phases=phases
        )
        self._imported("choosing", content)
        self._join("pavel", "choosing")

    def _queue(self) -> None:
        """Olga's queue: shared with Wanda, with a machine that was heard and one that never was."""
        olga = self._viewer("olga")
        with unit_of_work():
            queue = queues.make(olga, QueueDraft("Ward GPUs", max_running_per_person=2), now=now())
            queues.share(olga, queue, "wanda", Role.COLLABORATOR, now=now())
            first = machines.add(olga, queue, "ward-gpu-1", now=now())
            machines.add(olga, queue, "ward-gpu-2", now=now())
            self.ids |= {"queue": queue.id, "machine": first.machine.id}
        details = {
            "worker_version": "0.1.0", "version": "28.3.2", "gpus": ["NVIDIA A100-SXM4-40GB"],
            "disk_free_bytes": 812 * 10**9, "has_data": True,
        }  # fmt: skip
        with unit_of_work():
            machines.hear_from(
                first.token, engine="docker", trusted_only=False, details=details,
                now=now() - timedelta(minutes=3),
            )  # fmt: skip

    def _library(self) -> None:
        """Olga's files: those of her bundles, a public one, and one that nothing uses yet."""
        with unit_of_work():
            self.ids["public file"] = self._public_file().key
        with unit_of_work():
            file = resources.receive(
                self._viewer("olga"), FileKind.REFERENCE_DATA, "answers.zip",
                io.BytesIO(benchmarks.result()), now=now(),
            )  # fmt: skip
            listed = library.listing(self._viewer("olga"), Filters(kind="scoring_program"), 1)
            self.ids |= {"unused file": file.key, "file": listed.rows[0].file.key}
            made = tasks.page(self._viewer("olga"), tasks.Filters(), 1)
            self.ids |= {"task": made.rows[-1].task.key}

    def _public_file(self) -> StoredFile:
        file = resources.receive(
            self._viewer("olga"), FileKind.PUBLIC_DATA, "numbers.zip",
            io.BytesIO(benchmarks.result()), now=now(),
        )  # fmt: skip
        library_services.describe(
            self._viewer("olga"), file, FileDraft("Numbers", "Ten of them.", "CC-BY-4.0")
        )
        library_services.publish(self._viewer("olga"), file)
        return file

    def _dumps(self) -> None:
        """One that is there, and one that could not be made."""
        with unit_of_work():
            demo = competitions.get(self.ids["demo"], self._viewer("olga"))
            made = dumps.request(self._viewer("olga"), demo, with_files=True, now=now())
        dumps.run(made.id, now)
        refusal = "The file “kit.zip” (phases/1-development/starting_kit.zip) is no longer stored."
        with unit_of_work():
            failed = BundleDump(
                competition_id=demo.id, owner_id=made.owner_id, state=DumpState.FAILED, notes=[],
                refusal=refusal, created_at=now(), heard_at=now(), ended_at=now(),
            )  # fmt: skip
            db.session.add(failed)

    def _drafts(self) -> None:
        self._imported("draft", benchmarks.bundle("A draft that nobody sees"), publish=False)
        bad = self._folder / "broken.zip"
        bad.write_bytes(benchmarks.zipped({"competition.yaml": "version: 2\ntitle: [1]\n"}))
        with contextlib.suppress(InvalidDraft):
            bundles.import_file(self._viewer("olga"), bad, now)
        failed, imported, *_ = bundle_queries.recent(self._viewer("olga"))
        self.ids |= {"failed import": failed.id, "import": imported.id}

    def _imported(
        self, name: str, content: bytes, owner: str = "olga", *, publish: bool = True
    ) -> int:
        file = self._folder / f"{name}.zip"
        file.write_bytes(content)
        made = bundles.import_file(self._viewer(owner), file, now)
        with unit_of_work():
            competition = competitions.get(made.competition_id, self._viewer(owner))
            if publish:
                competition_services.publish(self._viewer(owner), competition, now=now())
            self.ids[name] = competition.id
            self.ids[f"{name} phase"] = competition.phases[0].id
            self.ids[f"{name} page"] = competitions.pages(competition)[-1].id
        return made.competition_id

    def _join(
        self, name: str, competition: str, status: Membership | None = Membership.APPROVED
    ) -> None:
        with unit_of_work():
            found = competitions.get(self.ids[competition], self._viewer("olga"))
            joined = memberships.register(self._viewer(name), found, accepted_terms=True, now=now())
            if status is not None and joined.status != status:
                memberships.decide(
                    self._viewer("olga"), joined.id, status, "No affiliation given.", now=now()
                )

    def _kept(
        self, key: str, name: str, competition: str, content: bytes, file_name: str = "numbers.zip"
    ) -> int:
        self.ids[key] = self._submit(name, f"{competition} phase", content, file_name)
        return int(self.ids[key])

    def _submit(self, name: str, phase: str, content: bytes, file_name: str = "numbers.zip") -> int:
        with unit_of_work():
            viewer = self._viewer(name)
            file = resources.receive(
                viewer, FileKind.SUBMISSION, file_name, io.BytesIO(content), now=now()
            )
            draft = SubmissionDraft(file_key=file.key, fact_sheet_answers={"approach": "Guessing"})
            chosen = competitions.get_phase(self.ids[phase], viewer)
            return submission_services.submit(viewer, chosen, draft, now=now()).id

    def _viewer(self, name: str) -> Viewer:
        user: User | None = accounts.by_username(name)
        return competitions.viewer(user)

    def _first_run(self, submission_id: int) -> int:
        return self._run(submission_id, 0)

    def _run(self, submission_id: int, place: int) -> int:
        db.session.rollback()
        return submissions.get(submission_id, self._viewer("rita")).runs[place].id
