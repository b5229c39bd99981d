"""Importing the zips of the corpus as their pages do, and judging what is said of them."""

from __future__ import annotations

import io
from collections.abc import Iterable

import pytest

from app.bundles import services
from app.bundles.models import BundleImport
from app.bundles.tasks import services as task_zips
from app.competitions.drafts import Problem
from app.competitions.services import InvalidDraft
from app.platform.db import db, unit_of_work
from app.platform.storage import put_bytes, store
from app.policy import Viewer
from app.resources.models import FileKind, StoredFile
from tests.bundles.corpus.cases import MINE, THEIRS, Case
from tests.bundles.test_services import Clock
from tests.factories import NOW, make_file, make_task, make_user, save


def make_actor() -> Viewer:
    """Somebody with a task and a file, beside somebody else with others."""
    olga, petra = make_user("olga"), make_user("petra")
    for owner, key, kind in (
        (olga, MINE, FileKind.INPUT_DATA), (petra, THEIRS, FileKind.SCORING_PROGRAM),
    ):  # fmt: skip
        make_file(owner, kind=kind, key=key, name="Films")
        make_task(owner, key=key)
    return Viewer(olga.id, olga.username)


def problems_of_import(actor: Viewer, raw: bytes) -> list[Problem]:
    """Import a bundle as its job does, and take its own row and its zip away again."""
    file = StoredFile(
        owner_id=actor.user_id, kind=FileKind.COMPETITION_BUNDLE, name="bundle.zip",
        file_name="bundle.zip", bucket="private", object_key="files/corpus/bundle.zip",
        size_bytes=len(raw), is_complete=True, created_at=NOW,
    )  # fmt: skip
    save(file)
    put_bytes(file.ref, raw, "application/zip")
    with unit_of_work():
        import_id = services.open_import(actor, file, now=NOW).id
    services.run_import(import_id, Clock())
    db.session.rollback()
    with unit_of_work():
        ended = db.session.get_one(BundleImport, import_id)
        assert (ended.state, ended.object_keys) == ("failed", [])
        found = [Problem(**one) for one in ended.problems]
        db.session.delete(ended)
        db.session.flush()
        store().delete(file.ref)
        db.session.delete(db.session.get_one(StoredFile, file.id))
    return found


def problems_of_task(actor: Viewer, raw: bytes) -> list[Problem]:
    """Upload a task zip that is broken."""
    with pytest.raises(InvalidDraft) as refusal, unit_of_work():
        task_zips.create(actor, "task.zip", io.BytesIO(raw), now=NOW)
    return list(refusal.value.problems)


def assert_whole(problems: Iterable[Problem]) -> None:
    """Every problem names its file, what was found and expected, and a hint."""
    for problem in problems:
        assert all((problem.where, problem.found, problem.expected, problem.hint)), problem
        assert problem.sentence.endswith("."), problem
        assert problem.hint.endswith((".", "?")), problem


def assert_told(found: list[Problem], case: Case) -> None:
    """The messages are those of the table."""
    assert_whole(found)
    assert [str(problem) for problem in found] == list(case.messages)
