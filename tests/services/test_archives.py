"""A benchmark with a past that moves to a server with PostgreSQL and a real store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from app import Parts, create_app
from app.bundles.archives.ledger import Wish
from app.bundles.dumps import queries, services
from app.competitions.models import Competition
from app.platform.db import Base, db, unit_of_work
from app.platform.storage import S3Store, read_bytes
from app.policy import Viewer
from app.resources.models import StoredFile
from app.submissions.models import RunOutput
from tests.bundles.archives.history import make_history
from tests.bundles.archives.test_gathering import pack
from tests.bundles.archives.test_restoring import boards_of, plain_records, restore
from tests.conftest import make_settings
from tests.factories import NOW, make_user
from tests.fakes.carrier import FakeCarrier
from tests.fakes.storage import FakeStore
from tests.fakes.tally import FakeTally

pytestmark = pytest.mark.services


@pytest.fixture
def elsewhere(postgres_url: str, s3_settings: dict[str, str]) -> Iterator[Flask]:
    """Another server: its database is empty."""
    url, access, secret = (
        s3_settings[name] for name in ("s3_url", "s3_access_key", "s3_secret_key")
    )
    store = S3Store(url, "", access, secret, "us-east-1")
    store.prepare()
    parts = Parts(store=store, carrier=FakeCarrier(), tally=FakeTally())
    made = create_app(make_settings(database_url=postgres_url), parts)
    with made.app_context():
        Base.metadata.create_all(db.engine)
    yield made
    with made.app_context():
        db.session.remove()
        Base.metadata.drop_all(db.engine)
        db.engine.dispose()


@pytest.mark.parametrize("hides_names", [False, True])
def test_archive_moves_to_another_server(
    app: Flask, store: FakeStore, elsewhere: Flask, tmp_path: Path, hides_names: bool
) -> None:
    organizer = make_user("quill")
    competition_id = make_history(organizer, store)
    raw = pack(organizer, competition_id, is_pseudonymised=hides_names)
    before = boards_of(competition_id)
    db.session.remove()
    with elsewhere.app_context():
        petra = make_user("petra")
        restored = restore(petra, raw, tmp_path)
        after = boards_of(restored)
        for rows, others in zip(after, before, strict=True):
            for row, other in zip(rows, others, strict=True):
                assert (row[0], row[2], row[3], row[5], row[6]) == (
                    other[0], other[2], other[3], other[5], other[6],
                )  # fmt: skip
        if not hides_names:
            assert after == before
            assert plain_records(_dumped(petra.id, restored)) == plain_records(raw)
        for one in (
            *db.session.scalars(select(StoredFile)),
            *db.session.scalars(select(RunOutput)),
        ):
            assert len(read_bytes(one.ref, 1_000_000)) == one.size_bytes or one.size_bytes == 0


def _dumped(user_id: int, competition_id: int) -> bytes:
    """Make an archive as a job would, and return what lies in the store."""
    actor = Viewer(user_id)
    with unit_of_work():
        competition = db.session.get_one(Competition, competition_id)
        asked = services.request(actor, competition, with_files=True, now=NOW, wish=Wish())
        dump_id = asked.id
    services.run(dump_id, lambda: NOW)
    made = queries.get(dump_id, actor)
    assert (made.state, made.refusal) == ("finished", "")
    assert made.bytes_done == made.bytes_total > 0
    assert made.file is not None
    return read_bytes(made.file.ref, 10_000_000)
