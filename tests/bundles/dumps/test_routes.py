"""The page of a benchmark's dumps, as browsers see it."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.bundles.dumps import services
from app.bundles.models import BundleDump
from app.platform.db import db
from app.resources.models import FileKind
from tests.actors import HTMX, Cast, browser, make_cast
from tests.factories import NOW, make_file, save
from tests.fakes.carrier import FakeCarrier


@pytest.fixture
def cast(app: Flask) -> Cast:
    return make_cast()


def make_dump(cast: Cast, state: str = "finished", **values: Any) -> BundleDump:
    if state == "finished":
        values["file_id"] = make_file(cast.olga, kind=FileKind.COMPETITION_BUNDLE).id
    made = BundleDump(
        **{"competition_id": cast.competition.id, "owner_id": cast.olga.id, "state": state,
           "created_at": NOW, "heard_at": NOW, "notes": [], **values}
    )  # fmt: skip
    save(made)
    return made


def address(cast: Cast) -> str:
    return f"/benchmarks/{cast.competition.id}/dumps"


def test_manage_tab_leads_to_the_dumps(app: Flask, cast: Cast) -> None:
    page = browser(app, cast.olga).get(f"/benchmarks/{cast.competition.id}/manage")
    assert address(cast).encode() in page.data


def test_page_says_who_asked_and_what_became_of_it(app: Flask, cast: Cast) -> None:
    make_dump(cast)
    make_dump(cast, "failed", refusal="The file “a.zip” is no longer stored.")
    answer = browser(app, cast.olga).get(address(cast))
    assert answer.status_code == 200
    assert b"olga" in answer.data
    assert "The file “a.zip” is no longer stored.".encode() in answer.data
    assert answer.data.count(b">Download</a>") == 1
    assert b"hx-trigger" not in answer.data


def test_plain_browser_asks_for_a_dump(app: Flask, cast: Cast, carrier: FakeCarrier) -> None:
    answer = browser(app, cast.olga).post(address(cast), data={"contents": "keys"})
    asked = db.session.scalars(select(BundleDump)).one()
    assert (answer.status_code, answer.location) == (303, address(cast))
    assert carrier.jobs == [(services.PACK, (asked.id,))]
    assert asked.with_files is False
    page = browser(app, cast.olga).get(address(cast))
    assert b"Waiting for its turn" in page.data
    assert b'hx-trigger="every 1s"' in page.data
    assert b"<noscript>" in page.data


def test_form_that_says_nothing_is_shown_again(app: Flask, cast: Cast) -> None:
    answer = browser(app, cast.olga).post(address(cast), data={"contents": "everything"})
    assert answer.status_code == 422
    assert db.session.scalars(select(BundleDump)).all() == []


def test_progress_is_polled_until_every_dump_has_ended(app: Flask, cast: Cast) -> None:
    dump = make_dump(cast, "packing", bytes_done=3, bytes_total=9)
    status = f"{address(cast)}/status"
    olga = browser(app, cast.olga)
    answer = olga.get(status, headers=HTMX)
    assert answer.status_code == 200
    assert b'max="9" value="3"' in answer.data
    assert olga.get(status).location == address(cast)
    dump.state = "failed"
    db.session.commit()
    assert olga.get(status, headers=HTMX).status_code == 286


def test_download_leads_to_the_store(app: Flask, cast: Cast) -> None:
    dump = make_dump(cast)
    answer = browser(app, cast.olga).get(f"/dumps/{dump.id}")
    assert answer.status_code == 303
    assert answer.location.startswith("http://store.test/private/")
    unfinished = make_dump(cast, "packing")
    assert browser(app, cast.olga).get(f"/dumps/{unfinished.id}").status_code == 404
    assert browser(app, cast.pavel).get(f"/dumps/{dump.id}").status_code == 404


def test_dump_is_deleted(app: Flask, cast: Cast) -> None:
    dump = make_dump(cast)
    assert browser(app, cast.pavel).post(f"/dumps/{dump.id}/delete").status_code == 404
    answer = browser(app, cast.olga).post(f"/dumps/{dump.id}/delete")
    assert (answer.status_code, answer.location) == (303, address(cast))
    assert db.session.scalars(select(BundleDump)).all() == []


def test_archive_is_asked_for_with_or_without_names(app: Flask, cast: Cast) -> None:
    olga = browser(app, cast.olga)
    for data in ({}, {"is_pseudonymised": "y"}, {"is_pseudonymised": "y"}):
        assert olga.post(address(cast), data={"contents": "archive", **data}).status_code == 303
    found = db.session.scalars(select(BundleDump).order_by(BundleDump.id)).all()
    flags = [(dump.with_files, dump.with_archive, dump.is_pseudonymised) for dump in found]
    assert flags == [(True, True, False), (True, True, True)]
    assert b"Archive, pseudonymised" in olga.get(address(cast)).data


def test_only_an_archive_is_pseudonymised(app: Flask, cast: Cast) -> None:
    data = {"contents": "files", "is_pseudonymised": "y"}
    answer = browser(app, cast.olga).post(address(cast), data=data)
    assert answer.status_code == 422
    assert b"Only a dump with participants, submissions and scores is pseudonymised." in answer.data
    assert db.session.scalars(select(BundleDump)).all() == []


def test_participants_get_no_archive(app: Flask, cast: Cast) -> None:
    dump = make_dump(cast, with_archive=True)
    for person in (cast.pavel, cast.petra, cast.dora):
        asked = browser(app, person).post(address(cast), data={"contents": "archive"})
        assert asked.status_code in (403, 404)
        assert browser(app, person).get(f"/dumps/{dump.id}").status_code == 404
