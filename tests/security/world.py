"""One of everything and one of everybody, for tests that go through all routes."""

from __future__ import annotations

import io
import uuid
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from itsdangerous import URLSafeTimedSerializer
from sqlalchemy import select
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from app.bundles.models import BundleDump, BundleImport, DumpState, ImportState
from app.competitions.models import Competition, Participant, Phase
from app.platform import tokens
from app.platform.db import db
from app.platform.storage import PUBLIC, RUNS, ObjectRef
from app.queues.models import ComputeQueue, Machine, QueueMember, Role
from app.resources.models import FileKind, PartUpload, StoredFile, TaskRole, TaskShare
from app.submissions.models import Attempt, LogChunk, Run, RunOutput, State, Submission
from tests import factories
from tests.actors import Cast, browser, make_cast
from tests.factories import NOW, change, make_file, make_user, save
from tests.fakes.storage import FakeStore
from worker.contract import Kind, Output, Stream

LONG_AGO, FAR = datetime(2020, 1, 1, tzinfo=UTC), datetime(2999, 1, 1, tzinfo=UTC)
RUN_TOKEN, MACHINE_TOKEN = "plb_run_of_the_tests", "plb_machine_of_the_tests"
PICTURE = f"pictures/{'a' * 32}/logo.png"
PEOPLE = (
    "visitor", "stranger", "pending", "denied", "rival", "participant", "organizer", "staff",
    "link", "machine", "attempt",
)  # fmt: skip
"""Nobody, the organizer of another benchmark, who waits, who was declined, two who take part (the
second one's submissions are asked for), who organizes it, an administrator, somebody with its
secret link, and the bearers of a machine's and of a run's token."""


def a_zip(name: str = "a.csv") -> bytes:
    """Return a harmless zip."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name, "1")
    return out.getvalue()


def a_task_zip() -> bytes:
    """Return a task with a scoring program."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("task.yaml", "name: Triage\nscoring_program: scoring.zip\n")
        archive.writestr("scoring.zip", a_zip())
    return out.getvalue()


@dataclass
class World:
    """The rows that addresses name, and the browsers of everybody."""

    app: Flask
    cast: Cast
    arguments: dict[str, Any]
    """Values of what stands in rules, by name."""
    special: dict[str, dict[str, Any]]
    """Other values, by endpoint: what can be started must be held, and so on."""
    clients: dict[str, FlaskClient]
    cookies: dict[str, str]
    run_id: int

    def path(self, rule: Rule) -> str:
        """Return the address of a rule."""
        # A ticket opens its page for a minute, and a slow machine takes longer than that.
        tickets = URLSafeTimedSerializer(self.app.secret_key or "", salt="detailed-results")
        values = {
            **self.arguments, "ticket": tickets.dumps(self.run_id),
            **self.special.get(rule.endpoint, {}),
        }  # fmt: skip
        wanted = {
            name: values[name] for name in rule.arguments if name not in (rule.defaults or {})
        }
        with self.app.test_request_context():
            address = self.app.url_map.bind("localhost").build(rule.endpoint, wanted)
        return address

    def ask(self, person: str, rule: Rule, method: str, **options: Any) -> TestResponse:
        """Send a request as somebody; a write carries a form that could succeed."""
        headers = dict(options.pop("headers", {}))
        if person in ("machine", "attempt"):
            token = MACHINE_TOKEN if person == "machine" else RUN_TOKEN
            headers["Authorization"] = f"Bearer {token}"
        if method == "POST" and not options:
            options = self.form(rule.endpoint)
        path = self.path(rule)
        if rule.endpoint in QUERIES:
            path += QUERIES[rule.endpoint](self)
        return self.browser(person).open(path, method=method, headers=headers, **options)

    def browser(self, person: str) -> FlaskClient:
        """Return the browser of somebody as it was at first: a log-out before is forgotten."""
        client = self.clients[person]
        client.delete_cookie("sid")
        if self.cookies[person]:
            client.set_cookie("sid", self.cookies[person])
        return client

    def form(self, endpoint: str) -> dict[str, Any]:
        """Return a body that the endpoint accepts."""
        if endpoint.startswith("worker_api"):
            return {"json": _JSON[endpoint]}
        fill_in = FORMS.get(endpoint)
        return {"data": fill_in(self) if fill_in else {}}


QUERIES: Mapping[str, Callable[[World], str]] = {
    "submissions.review": lambda world: f"?file={world.arguments['file']}",
    "organizing.confirm_rerun": lambda world: f"?id={world.arguments['submission_id']}",
}
FORMS: Mapping[str, Callable[[World], dict[str, Any]]] = {
    "accounts.log_in_now": lambda _: {"name": "pavel", "password": "wrong"},
    "accounts.sign_up_now": lambda _: {
        "username": "newcomer", "email": "new@example.org", "password": "correct horse battery",
        "confirm": "correct horse battery",
    },
    "accounts.change_password": lambda _: {"current": "wrong", "new": "correct horse battery"},
    "bundles.create": lambda _: {"file": (io.BytesIO(a_zip()), "bundle.zip"), "upload_key": ""},
    "competitions.choose_queue": lambda world: {"queue_id": str(world.arguments["queue_id"])},
    "competitions.decide": lambda _: {"status": "approved"},
    "competitions.grant": lambda _: {"network": "y", "memory_mib": "512"},
    "competitions.register_now": lambda _: {"accepted_terms": "y"},
    "competitions.route": lambda world: {"queue_id": str(world.arguments["queue_id"])},
    "dumps.create": lambda _: {"contents": "archive", "is_pseudonymised": "y"},
    "library.create": lambda _: {
        "name": "Numbers", "kind": "input_data", "description": "", "license": "", "replaces": "",
        "upload_key": "", "file": (io.BytesIO(a_zip()), "numbers.zip"),
    },
    "library.publish": lambda _: {"is_understood": "y"},
    "library.save": lambda _: {"name": "Numbers", "description": "", "license": ""},
    "library.start": lambda _: {
        "name": "Numbers", "kind": "input_data", "description": "", "license": "",
        "file_name": "numbers.zip", "file_size": "100",
    },
    "organizing.require": lambda _: {"phase": "", "what": "finished"},
    "organizing.rerun": lambda world: {"id": world.arguments["submission_id"], "key": "click"},
    "organizing.rerun_phase": lambda _: {"key": "click"},
    "organizing.rerun_outdated": lambda _: {"key": "click", "which": "all"},
    "organizing.start_waiting": lambda _: {"which": "all"},
    "queues.add_machine": lambda _: {"name": "gpu-9"},
    "queues.create": lambda _: {"name": "GPUs", "is_public": "", "max_running_per_person": "2"},
    "queues.save": lambda _: {"name": "GPUs", "is_public": "", "max_running_per_person": "2"},
    "queues.share": lambda _: {"name": "wanda", "role": "organizer"},
    "resources.start_upload": lambda _: {
        "kind": "submission", "file_name": "a.zip", "file_size": "100",
    },
    "space.clear": lambda _: {"id": "0"},
    "space.grant": lambda _: {"person": "olga", "gib": "20"},
    "submissions.create": lambda world: {
        "file": world.arguments["file"], "idempotency_key": "one click",
    },
    "submissions.upload": lambda _: {"file": (io.BytesIO(a_zip()), "a.zip"), "upload_key": ""},
    "task_zips.create": lambda _: {
        "file": (io.BytesIO(a_task_zip()), "task.zip"), "upload_key": "",
    },
    "tasks.create": lambda world: {
        "name": "Triage", "description": "", "version": "1", "ingestion_only_during_scoring": "",
        "scoring_program_file": (io.BytesIO(a_zip()), "scoring.zip"),
    },
    "tasks.publish": lambda _: {"is_understood": "y"},
    "tasks.save": lambda _: {
        "name": "Triage", "description": "", "version": "1", "ingestion_only_during_scoring": "",
        "scoring_program_file": (io.BytesIO(a_zip()), "scoring.zip"),
    },
    "tasks.share": lambda _: {"name": "wanda", "role": "use"},
}  # fmt: skip
TASK_PAGES = (
    "detail", "edit", "save", "copy", "share", "unshare", "confirm_public", "publish", "withdraw",
    "confirm_delete", "delete",
)  # fmt: skip
_JSON: Mapping[str, dict[str, Any]] = {
    "worker_api.events": {"attempt": 1, "events": []},
    "worker_api.heartbeat": {"engine": "docker", "trusted_only": False, "details": {}},
}


def make_world(app: Flask, *, is_published: bool = True) -> World:
    """Make it; the benchmark is public or a draft that some take part in."""
    cast = make_cast()
    rick = make_user("rick")
    factories.make_participant(cast.competition, rick)
    change(
        cast.competition, enable_detailed_results=True, is_published=is_published, logo_key=PICTURE
    )
    for competition in (cast.competition, cast.other):
        _open_phase(competition)
    phase = _first_phase(cast.competition)
    factories.make_phase(cast.competition, name="Final", starts_at=FAR, ends_at=None)
    page = factories.make_page(cast.competition)
    finished = _submission(app, cast, phase, State.FINISHED, on_board=False)
    run = db.session.scalars(select(Run).where(Run.submission_id == finished.id)).one()
    _fill_run(app, run)
    running = _submission(app, cast, phase, State.RUNNING)
    live = db.session.scalars(select(Run).where(Run.submission_id == running.id)).one()
    change(live, attempt=1)
    save(_attempt(live.id, FAR), _machine(live.queue_id))
    held = _submission(app, cast, phase, State.HELD)
    file = make_file(cast.pavel)
    secret_file = make_file(cast.olga, kind=FileKind.REFERENCE_DATA)
    waiting = db.session.scalars(
        select(Participant).where(Participant.user_id == cast.wanda.id)
    ).one()
    arguments = {
        "competition_id": cast.competition.id, "page_id": page.id, "phase_id": phase.id,
        "participant_id": waiting.id, "submission_id": finished.id, "run_id": run.id,
        "kind": str(Output.SCORING_OUTPUT), "key": uuid.UUID(secret_file.key), "file": file.key,
        "object_key": PICTURE, "filename": "css/base.css",
        "secret_key": cast.competition.secret_key, "import_id": _import(cast),
    }  # fmt: skip
    queue = _queue(cast)
    arguments["dump_id"] = _dump(cast)
    arguments |= {"queue_id": queue, "machine_id": _machine_of(queue), "user_id": cast.pavel.id}
    public_file = make_file(cast.olga, kind=FileKind.INPUT_DATA, is_public=True)
    half: dict[str, Any] = {"key": uuid.UUID(_half_sent(app, cast).key)}
    task = factories.make_task(cast.olga, programs=True)
    save(TaskShare(task_id=task.id, user_id=cast.pavel.id, role=TaskRole.USE))
    special = {
        **{f"tasks.{name}": {"key": uuid.UUID(task.key)} for name in TASK_PAGES},
        "kits.create": {"key": uuid.UUID(task.key)},
        "kits.new": {"key": uuid.UUID(task.key)},
        "datasets.detail": {"key": uuid.UUID(public_file.key)},
        "library.withdraw": {"key": uuid.UUID(public_file.key)},
        "parts.cancel": half,
        "parts.next_parts": half,
        "space.clear": {"group": "files"},
        "space.confirm_clear": {"group": "files"},
        "submissions.cancel": {"submission_id": running.id},
        "submissions.start": {"submission_id": held.id},
        "worker_api.events": {"run_id": live.id},
    }
    _store(app).objects[ObjectRef(PUBLIC, PICTURE)] = b"png"
    people = {
        "visitor": None, "stranger": cast.petra, "pending": cast.wanda, "denied": cast.dora,
        "rival": rick, "participant": cast.pavel, "organizer": cast.olga, "staff": cast.rita,
        "link": None, "machine": None, "attempt": None,
    }  # fmt: skip
    clients = {name: browser(app, user) for name, user in people.items()}
    clients["link"].get(f"/benchmarks/open/{cast.competition.secret_key}")
    found = {name: client.get_cookie("sid") for name, client in clients.items()}
    cookies = {name: cookie.value if cookie else "" for name, cookie in found.items()}
    return World(app, cast, arguments, special, clients, cookies, run.id)


def _half_sent(app: Flask, cast: Cast) -> StoredFile:
    """Return a file of the organizer of which nothing has arrived."""
    file = make_file(cast.olga, kind=FileKind.INPUT_DATA, is_complete=False)
    _store(app).uploads["half"] = (file.ref, {})
    save(PartUpload(file_id=file.id, upload_id="half", part_bytes=100, heard_at=NOW))
    return file


def _store(app: Flask) -> FakeStore:
    found: FakeStore = app.extensions["plumbline.store"]
    return found


def _first_phase(competition: Competition) -> Phase:
    return db.session.scalars(select(Phase).where(Phase.competition_id == competition.id)).one()


def _open_phase(competition: Competition) -> None:
    change(_first_phase(competition), starts_at=LONG_AGO, ends_at=FAR)


def _submission(
    app: Flask, cast: Cast, phase: Phase, state: State, **more: Any
) -> Submission:  # fmt: skip
    submission = factories.make_submission(
        phase, cast.pavel, [{"score": 0.5}] if state == State.FINISHED else [], state=state, **more
    )
    file = db.session.get_one(StoredFile, submission.file_id)
    _store(app).objects[file.ref] = a_zip()
    return submission


def _fill_run(app: Flask, run: Run) -> None:
    change(run, attempt=1)
    save(_attempt(run.id, None))
    for kind in Output:
        ref = ObjectRef(RUNS, f"runs/{run.id}/1/{kind}")
        _store(app).objects[ref] = b"<h1>result</h1>"
        save(
            RunOutput(
                run_id=run.id, kind=kind, attempt=1, bucket=ref.bucket, object_key=ref.key,
                size_bytes=15,
            )
        )  # fmt: skip
    save(
        *(
            LogChunk(run_id=run.id, attempt=1, seq=seq, stream=stream, text=f"said on {stream}\n")
            for seq, stream in enumerate(Stream, start=1)
        )
    )


def _attempt(run_id: int, lease_until: datetime | None) -> Attempt:
    is_live = lease_until is not None
    return Attempt(
        run_id=run_id, number=1, output_prefix=f"runs/{run_id}/1", created_at=LONG_AGO,
        token_hash=tokens.digest(RUN_TOKEN if is_live else "another"), lease_until=lease_until,
        started_at=LONG_AGO, ended_at=None if is_live else LONG_AGO + timedelta(hours=1),
        outcome="" if is_live else "finished", claim="claim", last_seq=1,
    )  # fmt: skip


def _machine(queue_id: int) -> Machine:
    return Machine(
        queue_id=queue_id, name="gpu1", token_hash=tokens.digest(MACHINE_TOKEN), created_at=LONG_AGO
    )


def _queue(cast: Cast) -> int:
    """Return a private queue of the organizer's, shared with the participant."""
    shared = QueueMember(user_id=cast.pavel.id, role=Role.ORGANIZER, created_at=LONG_AGO)
    return factories.make_queue(is_default=False, owner_id=cast.olga.id, members=[shared]).id


def _machine_of(queue_id: int) -> int:
    queue = db.session.get_one(ComputeQueue, queue_id)
    return factories.make_machine(queue).id


def _import(cast: Cast) -> int:
    row = BundleImport(
        owner_id=cast.olga.id, state=ImportState.FINISHED, problems=[], notes=[], object_keys=[],
        file_id=make_file(cast.olga, kind=FileKind.COMPETITION_BUNDLE).id, created_at=LONG_AGO,
        heard_at=LONG_AGO, ended_at=LONG_AGO, competition_id=cast.competition.id,
    )  # fmt: skip
    save(row)
    return row.id


def _dump(cast: Cast) -> int:
    row = BundleDump(
        competition_id=cast.competition.id, owner_id=cast.olga.id, state=DumpState.FINISHED,
        file_id=make_file(cast.olga, kind=FileKind.COMPETITION_BUNDLE).id, notes=[],
        created_at=LONG_AGO, heard_at=LONG_AGO, ended_at=LONG_AGO,
    )  # fmt: skip
    save(row)
    return row.id


def rules(app: Flask) -> list[tuple[Rule, str]]:
    """Return every rule with each of its methods, HEAD and OPTIONS aside."""
    return [
        (rule, method)
        for rule in sorted(app.url_map.iter_rules(), key=lambda one: (one.endpoint, one.rule))
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    ]


def event(seq: int, kind: Kind, **data: Any) -> dict[str, Any]:
    """Return one event as a worker posts it."""
    return {"seq": seq, "kind": str(kind), **data}
