"""Counting downloads: who counts, how often, and what happens when the tally is away."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from flask import Flask

from app.platform.db import db
from app.resources import routes
from app.resources.library import downloads
from app.resources.models import FileKind, StoredFile
from tests.actors import Cast, browser, make_cast
from tests.factories import NOW, make_file
from tests.fakes.tally import FakeTally

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture
def cast(app: Flask) -> Cast:
    return make_cast()


@pytest.fixture
def tally(app: Flask) -> FakeTally:
    found: FakeTally = app.extensions["plumbline.tally"]
    return found


def shared(cast: Cast, kind: FileKind = FileKind.PUBLIC_DATA) -> StoredFile:
    return make_file(cast.olga, kind=kind, is_public=True)


def download(app: Flask, cast: Cast, who: str, file: StoredFile, **headers: str) -> None:
    person = cast.people()[who]
    answer = browser(app, person).get(
        f"/files/{file.key}", headers={"User-Agent": FIREFOX} | headers
    )
    assert answer.status_code == 302


def counted(file: StoredFile) -> int:
    downloads.add_up()
    db.session.expire_all()
    return db.session.get_one(StoredFile, file.id).downloads


def test_each_person_counts_once_a_day(
    app: Flask, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, today = shared(cast), [NOW]

    def clock() -> datetime:
        return today[0]

    monkeypatch.setattr(routes, "now", clock)
    for who in ("participant", "participant", "stranger", "visitor", "visitor"):
        download(app, cast, who, file)
    assert counted(file) == 3
    download(app, cast, "participant", file)
    assert counted(file) == 3
    today[0] += timedelta(days=1)
    download(app, cast, "participant", file)
    assert counted(file) == 4


def test_visitors_behind_one_address_are_told_apart_by_their_browsers(
    app: Flask, cast: Cast
) -> None:
    file = shared(cast)
    download(app, cast, "visitor", file)
    download(app, cast, "visitor", file, **{"User-Agent": "curl/8.5.0"})
    assert counted(file) == 2


@pytest.mark.parametrize(
    "headers",
    [
        {"User-Agent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"},
        {"User-Agent": "Some Crawler 1"},
        {"User-Agent": ""},
        {"Sec-Purpose": "prefetch"},
    ],
)
def test_robots_and_guesses_of_a_browser_get_the_file_and_are_not_counted(
    app: Flask, cast: Cast, headers: dict[str, str]
) -> None:
    file = shared(cast)
    download(app, cast, "visitor", file, **headers)
    assert counted(file) == 0


def test_owner_does_not_count(app: Flask, cast: Cast) -> None:
    file = shared(cast)
    download(app, cast, "organizer", file)
    assert counted(file) == 0


def test_what_is_on_its_way_to_a_machine_is_no_download(
    app: Flask, cast: Cast, tally: FakeTally
) -> None:
    file = make_file(cast.pavel, is_public=True)
    download(app, cast, "stranger", file)
    assert not tally.seen


def test_asking_how_large_a_file_is_does_not_count(
    app: Flask, cast: Cast, tally: FakeTally
) -> None:
    file = shared(cast)
    answer = browser(app, None).head(f"/files/{file.key}", headers={"User-Agent": FIREFOX})
    assert answer.status_code == 302
    assert not tally.seen


def test_tally_that_is_away_keeps_nobody_from_a_file(
    app: Flask, cast: Cast, tally: FakeTally
) -> None:
    file = shared(cast)
    tally.down = True
    download(app, cast, "participant", file)
    assert counted(file) == 0


def test_what_could_not_be_saved_is_added_later(
    app: Flask, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = shared(cast)
    download(app, cast, "participant", file)
    with monkeypatch.context() as broken:
        broken.setattr(downloads, "_add", lambda _counted: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            downloads.add_up()
    assert counted(file) == 1


def test_file_that_is_gone_meanwhile_is_passed_over(
    app: Flask, cast: Cast, tally: FakeTally
) -> None:
    file = shared(cast)
    tally.give_back(downloads.COUNTER, {file.id: 1, 999_999: 5})
    assert counted(file) == 1


def test_count_stands_in_the_lists_and_on_both_pages(app: Flask, cast: Cast) -> None:
    file = make_file(cast.olga, kind=FileKind.PUBLIC_DATA, is_public=True, downloads=4321)
    for who, address in (
        ("organizer", "/resources/"), ("organizer", f"/resources/{file.key}"),
        ("visitor", "/datasets/"), ("visitor", f"/datasets/{file.key}"),
    ):  # fmt: skip
        assert "4321" in browser(app, cast.people()[who]).get(address).text
