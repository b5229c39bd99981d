"""Every broken zip of the corpus gets its exact messages, each with all its parts, and leaves nothing."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from app.platform.db import db
from app.policy import Viewer
from tests.bundles.corpus import tables
from tests.bundles.corpus.trying import (
    assert_told,
    make_actor,
    problems_of_import,
    problems_of_task,
)
from tests.bundles.test_services import rows
from tests.fakes.storage import FakeStore


@pytest.fixture
def actor(app: Flask) -> Viewer:
    return make_actor()


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go while a test runs."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def leaves_nothing(actor: Viewer, store: FakeStore, scratch: Path) -> Iterator[None]:
    """Compare rows, objects and temporary files with those of before."""
    before = (rows(), dict(store.objects), dict(store.uploads), list(scratch.iterdir()))
    yield
    db.session.rollback()
    after = (rows(), dict(store.objects), dict(store.uploads), list(scratch.iterdir()))
    assert after == before


@pytest.mark.usefixtures("leaves_nothing")
@pytest.mark.parametrize(("family", "name"), tables.names(tables.BUNDLES))
def test_broken_bundle_gets_its_messages_and_leaves_nothing(
    actor: Viewer, family: str, name: str
) -> None:
    case = tables.BUNDLES[family][name]
    assert_told(problems_of_import(actor, case.raw), case)


@pytest.mark.usefixtures("leaves_nothing")
@pytest.mark.parametrize("name", tables.TASK_ZIPS)
def test_broken_task_zip_gets_its_messages_and_leaves_nothing(actor: Viewer, name: str) -> None:
    case = tables.TASK_ZIPS[name]
    assert_told(problems_of_task(actor, case.raw), case)


def test_faults_are_many_and_each_is_another_one() -> None:
    bundles = [case.raw for family in tables.BUNDLES.values() for case in family.values()]
    task_zips = [case.raw for case in tables.TASK_ZIPS.values()]
    assert len(set(bundles)) == len(bundles) > 200
    assert len(set(task_zips)) == len(task_zips) > 30
