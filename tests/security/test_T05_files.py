"""Files of tasks, kits, dumps and rehearsals: who reaches which by any route, listed or guessed.

Every route of the app that answers to GET is asked with every number and key that there is, after
every route that answers to POST was tried, so that a new route is covered by itself.
"""

from __future__ import annotations

import itertools
import re
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.routing import Rule

from app.accounts.models import User
from app.bundles import services as bundles
from app.bundles.dumps import services as dumps
from app.bundles.models import BundleImport
from app.competitions.models import Competition, Phase
from app.platform.db import db, unit_of_work
from app.platform.limiting import limiter
from app.policy import Viewer
from app.resources.models import (
    FileKind,
    Solution,
    StoredFile,
    Task,
    TaskRevision,
    TaskRole,
    TaskShare,
)
from app.submissions.models import Run, RunOutput, State
from tests import factories
from tests.actors import browser
from tests.bundles.bundle_factories import changed, make_files, zip_of
from tests.bundles.test_services import Clock
from tests.factories import NOW, change, make_file, make_user, save
from tests.fakes.storage import FakeStore
from worker.contract import Output

pytestmark = pytest.mark.security

SECRET = {FileKind.REFERENCE_DATA, FileKind.SCORING_PROGRAM}
HANDED_OUT = {FileKind.STARTING_KIT, FileKind.PUBLIC_DATA, FileKind.SOLUTION}
PROGRAMS, INPUTS = FileKind.INGESTION_PROGRAM, FileKind.INPUT_DATA
WITHOUT_EFFECT = ("/log-out", "/account", "/log-in", "/sign-up")
"""What ends the session of who asks, or makes another."""

MANIFEST = changed(
    ("2030-01-01", "2020-01-01"),
    ("scoring/\n", "scoring/\n  reference_data: truth/\n  ingestion_program: ingestion/\n"
     "  input_data: inputs/\nsolutions:\n- {index: 0, tasks: [0], path: solution/}\n"),
    ("tasks: [0]\n", "tasks: [0]\n  starting_kit: kit/\n  public_data: public/\n"),
)  # fmt: skip


@dataclass
class Site:
    """A benchmark with files of every kind, and who comes to see it."""

    app: Flask
    store: FakeStore
    people: dict[str, User | None]
    competition: Competition
    kinds: dict[str, FileKind]
    """Of every file that is somebody's secret or handed out, by where it is stored; links end it with ?."""


def _import(actor: Viewer, store: FakeStore, owner: User, manifest: str) -> int:
    folders = ("truth", "ingestion", "inputs", "solution", "kit", "public")
    files = make_files(manifest) | {f"{name}/{name}.txt": name.encode() for name in folders}
    file = make_file(owner, kind=FileKind.COMPETITION_BUNDLE, file_name="bundle.zip")
    store.objects[file.ref] = zip_of(files).getvalue()
    with unit_of_work():
        import_id = bundles.open_import(actor, file, now=NOW).id
    bundles.run_import(import_id, Clock())
    db.session.rollback()
    made = db.session.get_one(BundleImport, import_id)
    assert made.competition_id is not None, made.problems
    return made.competition_id


def _revise(owner: User) -> None:
    """Give the benchmark's task another truth, so that the one before is of an old revision."""
    [old] = db.session.scalars(select(TaskRevision))
    newer = make_file(owner, kind=FileKind.REFERENCE_DATA)
    save(
        TaskRevision(
            task_id=old.task_id, number=2, created_at=NOW, reference_data_id=newer.id,
            scoring_program_id=old.scoring_program_id, input_data_id=old.input_data_id,
            ingestion_program_id=old.ingestion_program_id,
        )
    )  # fmt: skip


def _besides(owner: User, borrower: User) -> None:
    """Keep files and tasks that no benchmark uses, one of them lent and one offered to everybody."""
    for role, is_public in ((TaskRole.VIEW, False), (TaskRole.USE, False), (None, True)):
        task = factories.make_task(owner, programs=True, is_public=is_public)
        if role:
            save(TaskShare(task_id=task.id, user_id=borrower.id, role=role))
    make_file(owner, kind=FileKind.REFERENCE_DATA)


@pytest.fixture
def site(app: Flask, store: FakeStore, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setattr(limiter, "enabled", False)
    return make_site(app, store, MANIFEST)


def make_site(app: Flask, store: FakeStore, manifest: str) -> Site:
    names = ("olga", "pavel", "wanda", "dora", "petra")
    olga, pavel, wanda, dora, petra = (make_user(name) for name in names)
    actor = Viewer(olga.id, olga.username)
    competition_id = _import(actor, store, olga, manifest)
    competition = db.session.get_one(Competition, competition_id)
    change(competition, is_published=True, published_at=NOW)
    for person, state in ((pavel, "approved"), (wanda, "pending"), (dora, "denied")):
        factories.make_participant(competition, person, status=state)
    _revise(olga)
    _besides(olga, pavel)
    with unit_of_work():
        fresh = db.session.get_one(Competition, competition_id)
        dump_id = dumps.request(actor, fresh, with_files=True, now=NOW).id
    dumps.run(dump_id, Clock())
    _rehearsal(competition, olga)
    kinds = {
        file.object_key: FileKind(file.kind) for file in db.session.scalars(select(StoredFile))
    }
    for output in db.session.scalars(select(RunOutput)):
        kinds[output.object_key] = FileKind.REFERENCE_DATA  # of a rehearsal: it may quote it
    people = dict(zip(names, (olga, pavel, wanda, dora, petra), strict=True))
    return Site(app, store, {**people, "nobody": None}, competition, kinds)


def _rehearsal(competition: Competition, owner: User) -> None:
    """Try a sample solution, whose outputs the organizer alone may see."""
    phase = db.session.scalars(select(Phase).where(Phase.competition_id == competition.id)).one()
    made = factories.make_submission(phase, owner, [{"accuracy": 1}], state=State.FINISHED)
    change(made, is_rehearsal=True, is_on_leaderboard=False)
    [run_id] = db.session.scalars(select(Run.id).where(Run.submission_id == made.id))
    change(db.session.get_one(Run, run_id), attempt=1)
    for kind in Output:
        save(
            RunOutput(run_id=run_id, kind=kind, attempt=1, bucket="runs", size_bytes=1,
                      object_key=f"runs/{run_id}/1/{kind}")
        )  # fmt: skip


def values() -> dict[str, list[str]]:
    """Return everything that could stand for each part of an address."""
    keys = [
        str(key) for table in (StoredFile, Task, Solution) for key in db.session.scalars(select(table.key))
    ]  # fmt: skip
    return {
        "kind": [str(kind) for kind in Output], "key": [*keys, str(uuid.UUID(int=0))],
        "ticket": ["x"], "secret_key": ["x"], "object_key": ["x"], "group": ["files", "bundles"],
        "filename": ["css/base.css"],
    }  # fmt: skip


def addresses(app: Flask, method: str, known: dict[str, list[str]]) -> Iterator[str]:
    """Yield the address of every route with everything that could stand in it."""
    numbers = [str(number) for number in range(1, 4)]
    for rule in app.url_map.iter_rules():
        if method not in (rule.methods or ()) or str(rule).startswith(WITHOUT_EFFECT):
            continue
        names = sorted(rule.arguments)
        for chosen in itertools.product(*(known.get(name, numbers) for name in names)):
            yield _filled(rule, dict(zip(names, chosen, strict=True)))


def _filled(rule: Rule, chosen: dict[str, str]) -> str:
    return re.sub(r"<(?:[^:<>]+:)?(\w+)>", lambda one: chosen[one[1]], str(rule))


def reached(site: Site, client: FlaskClient) -> set[FileKind]:
    """Return the kinds of the files that somebody finds a way to, their own aside."""
    known = values()
    for address in addresses(site.app, "POST", known):
        client.post(address, data={"is_understood": "y", "name": "pavel", "role": "use"}).close()
    found: set[str] = set()
    for address in addresses(site.app, "GET", known):
        with client.get(address) as answer:
            said = f"{answer.headers}\n".encode() + answer.data
        found |= {place for place in site.kinds if f"{place}?".encode() in said}
    return {site.kinds[place] for place in found}


@pytest.mark.parametrize(
    ("who", "is_generous"),
    [
        ("nobody", True),
        ("petra", True),
        ("wanda", True),
        ("pavel", False),
        ("pavel", True),
    ],
)
def test_people_reach_what_the_organizer_hands_out_and_nothing_else(
    site: Site, who: str, is_generous: bool
) -> None:
    change(
        site.competition, make_programs_available=is_generous, make_input_data_available=is_generous
    )
    handed_out: Iterable[FileKind] = ()
    if who == "pavel":
        handed_out = HANDED_OUT | ({PROGRAMS, INPUTS} if is_generous else set())
    assert reached(site, browser(site.app, site.people[who])) == set(handed_out)


def test_search_of_these_tests_finds_what_the_organizer_reaches(site: Site) -> None:
    known, found = values(), set()
    client = browser(site.app, site.people["olga"])
    for address in addresses(site.app, "GET", known):
        with client.get(address) as answer:
            found |= {place for place in site.kinds if f"{place}?" in str(answer.headers)}
    assert {site.kinds[place] for place in found} >= SECRET | HANDED_OUT | {PROGRAMS, INPUTS}
    assert FileKind.COMPETITION_BUNDLE in {site.kinds[place] for place in found}
    assert any(place.startswith("runs/") for place in found)


def test_truth_that_is_handed_out_by_mistake_stays_secret(
    app: Flask, store: FakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limiter, "enabled", False)
    twice = MANIFEST.replace(": kit/", ": truth/").replace(": public/", ": truth/")
    site = make_site(app, store, twice)
    assert reached(site, browser(app, site.people["pavel"])) == {FileKind.SOLUTION}
