"""The tab of a person's bundles, and clearing them up."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, insert

from app.bundles.models import BundleDump, BundleImport
from app.platform.db import db, unit_of_work
from app.resources.models import FileKind, StoredFile
from tests.actors import Cast, browser, make_cast
from tests.factories import NOW, change, make_file, save
from tests.fakes.storage import FakeStore

TAB = "/resources/bundles/"
BUNDLE = FileKind.COMPETITION_BUNDLE


@pytest.fixture
def cast(app: Flask) -> Cast:
    return make_cast()


def a_zip(cast: Cast, name: str, **values: Any) -> StoredFile:
    return make_file(cast.olga, kind=BUNDLE, name=name, file_name=name, **values)


def an_import(cast: Cast, file: StoredFile | None, state: str, **values: Any) -> BundleImport:
    made = BundleImport(
        **{"owner_id": cast.olga.id, "file_id": file.id if file else None, "state": state,
           "created_at": NOW, "heard_at": NOW, "problems": [], "notes": [], "object_keys": [],
           **values}
    )  # fmt: skip
    save(made)
    return made


def a_dump(cast: Cast, file: StoredFile | None, state: str = "finished") -> BundleDump:
    made = BundleDump(
        competition_id=cast.competition.id, owner_id=cast.olga.id, state=state, created_at=NOW,
        heard_at=NOW, notes=[], file_id=file.id if file else None,
    )  # fmt: skip
    save(made)
    return made


def listed(app: Flask, person: Any, query: str = "") -> list[str]:
    page = browser(app, person).get(TAB + query).text
    found = re.findall(r'<th scope="row"><a [^>]+>([^<]+)</a>', page)
    return [html.unescape(one) for one in found]


def test_list_holds_what_is_asked_for(app: Flask, cast: Cast) -> None:
    change(cast.competition, title="Mammograms")
    hour = timedelta(hours=1)
    an_import(
        cast, a_zip(cast, "b.zip", size_bytes=9), "finished",
        competition_id=cast.competition.id, created_at=NOW - 3 * hour,
    )  # fmt: skip
    an_import(
        cast, None, "finished", is_check=True, checked_name="c.zip", created_at=NOW - 2 * hour
    )
    a_dump(cast, a_zip(cast, "dump.zip", size_bytes=50))
    a_zip(cast, "alone.zip", size_bytes=3, created_at=NOW - hour)
    make_file(cast.petra, kind=BUNDLE)
    make_file(cast.olga, kind=FileKind.INPUT_DATA)
    newest = ["dump.zip", "alone.zip", "c.zip", "b.zip"]
    for query, expected in {
        "": newest,
        "?sort=created": newest[::-1],
        "?sort=name": ["alone.zip", "b.zip", "c.zip", "dump.zip"],
        "?sort=-size": ["dump.zip", "b.zip", "alone.zip", "c.zip"],
        "?what=import": ["b.zip"],
        "?what=check": ["c.zip"],
        "?what=dump": ["dump.zip"],
        "?what=upload": ["alone.zip"],
        "?what=nonsense&sort=drop": newest,
        "?q=MAMMO": ["dump.zip", "b.zip"],
        "?q=alone": ["alone.zip"],
        "?page=2": [],
    }.items():
        assert listed(app, cast.olga, query) == expected, query
    assert listed(app, cast.wanda) == []


def test_rows_lead_to_what_they_are_about(app: Flask, cast: Cast) -> None:
    done = an_import(cast, a_zip(cast, "b.zip"), "finished", competition_id=cast.competition.id)
    dump = a_dump(cast, a_zip(cast, "dump.zip"))
    alone = a_zip(cast, "alone.zip")
    client = browser(app, cast.olga)
    page = client.get(TAB).text
    for address in (
        f"/bundles/{done.id}", f"/benchmarks/{cast.competition.id}", f"/dumps/{dump.id}",
        f"/benchmarks/{cast.competition.id}/dumps", f"/resources/{alone.key}",
        f"/files/{alone.key}",
    ):  # fmt: skip
        assert f'href="{address}"' in page, address
        assert client.get(address).status_code in (200, 302, 303), address


def statements(app: Flask, person: Any, address: str) -> int:
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    client = browser(app, person)
    event.listen(db.engine, "before_cursor_execute", note)
    try:
        assert client.get(address).status_code == 200
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    return len(seen)


@pytest.mark.parametrize("query", ["", "?sort=-size&q=zip"])
def test_ten_thousand_take_as_many_statements_as_two(app: Flask, cast: Cast, query: str) -> None:
    for name in ("a.zip", "b.zip"):
        an_import(cast, a_zip(cast, name), "finished")
    few = statements(app, cast.olga, TAB + query)
    with unit_of_work():
        db.session.execute(
            insert(BundleImport),
            [
                {
                    "owner_id": cast.olga.id, "state": "finished", "is_check": True,
                    "checked_name": f"{one}.zip", "created_at": NOW, "heard_at": NOW,
                    "problems": [], "notes": [], "object_keys": [],
                }
                for one in range(10_000)
            ],
        )  # fmt: skip
    assert statements(app, cast.olga, TAB + query) == few
    assert len(listed(app, cast.olga, query)) == 50


# Clearing up ----------------------------------------------------------------------------------


def offered(app: Flask, person: Any, group: str) -> str:
    answer = browser(app, person).get(f"/resources/space/clear/{group}")
    return answer.text if answer.status_code == 200 else ""


def clear(app: Flask, person: Any, group: str, *ids: int) -> None:
    data = {"id": [str(one) for one in ids]}
    assert (
        browser(app, person).post(f"/resources/space/clear/{group}", data=data).status_code == 303
    )


@pytest.mark.parametrize(
    ("group", "state", "other"), [("rejected", "failed", "imported"), ("imported", "finished", "rejected")]
)  # fmt: skip
def test_zip_of_an_import_that_is_over_goes_and_the_report_stays(
    app: Flask, cast: Cast, store: FakeStore, group: str, state: str, other: str
) -> None:
    file = a_zip(cast, "old.zip")
    store.objects[file.ref] = b"zip"
    made = an_import(cast, file, state)
    assert "old.zip" in offered(app, cast.olga, group)
    assert "old.zip" not in offered(app, cast.olga, other)
    clear(app, cast.petra, group, file.id)
    clear(app, cast.olga, other, file.id)
    assert file.ref in store.objects
    clear(app, cast.olga, group, file.id)
    assert store.objects == {}
    assert db.session.get(StoredFile, file.id) is None
    page = browser(app, cast.olga).get(f"/bundles/{made.id}")
    assert (page.status_code, "old.zip" in page.text) == (200, True)
    assert listed(app, cast.olga) == ["old.zip"]


def test_zip_that_something_still_uses_stays(app: Flask, cast: Cast, store: FakeStore) -> None:
    under_way, dumped, shared = (
        a_zip(cast, f"precious {name}.zip", is_public=name == "shared")
        for name in ("under way", "dumped", "shared")
    )
    for file in (under_way, dumped, shared):
        store.objects[file.ref] = b"zip"
        an_import(cast, file, "failed")
    an_import(cast, under_way, "reading")
    a_dump(cast, dumped)
    for group in ("rejected", "imported", "bundles"):
        assert "precious" not in offered(app, cast.olga, group)
        clear(app, cast.olga, group, under_way.id, dumped.id, shared.id)
    assert len(store.objects) == 3


def test_dumps_go_and_those_of_others_stay(app: Flask, cast: Cast, store: FakeStore) -> None:
    mine = a_dump(cast, a_zip(cast, "dump.zip"))
    unfinished = a_dump(cast, None, "packing")
    file = db.session.get_one(StoredFile, mine.file_id)
    store.objects[file.ref] = b"zip"
    assert "dump.zip" in offered(app, cast.olga, "dumps")
    assert offered(app, cast.petra, "dumps") == ""
    clear(app, cast.petra, "dumps", mine.id)
    assert file.ref in store.objects
    clear(app, cast.olga, "dumps", mine.id, unfinished.id)
    assert store.objects == {}
    assert db.session.get(BundleDump, mine.id) is None
    assert db.session.get(BundleDump, unfinished.id) is not None
