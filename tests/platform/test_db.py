from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import select

from app.accounts.models import User
from app.platform import db as database
from app.platform.db import db, is_postgresql, reading, unit_of_work
from tests import factories
from tests.patience import PATIENCE_S


@pytest.fixture(autouse=True)
def _on_sqlite(app: Flask) -> Iterator[None]:
    if is_postgresql():
        pytest.skip("only SQLite has one writer at a time")
    yield
    assert not database._turn.locked(), "a test left with the writers' turn"


def test_writers_of_one_process_wait_for_each_other_and_both_write(app: Flask) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def write(name: str) -> None:
        with app.app_context(), unit_of_work():
            db.session.scalars(select(User.id)).all()
            begun.set()
            assert go_on.wait(PATIENCE_S)
            factories.make_user(name)

    first = threading.Thread(target=write, args=("first",))
    second = threading.Thread(target=write, args=("second",))
    first.start()
    assert begun.wait(PATIENCE_S)
    begun.clear()
    second.start()
    assert not begun.wait(0.2), "the second began while the first was at it"
    go_on.set()
    for thread in (first, second):
        thread.join(PATIENCE_S)
    assert set(db.session.scalars(select(User.username))) >= {"first", "second"}


def test_failed_write_gives_its_turn_up() -> None:
    with pytest.raises(ZeroDivisionError):
        _write_and_fail()
    assert not database._turn.locked()


@unit_of_work()
def _write_and_fail() -> None:
    db.session.scalars(select(User.id)).all()
    assert database._turn.locked()
    raise ZeroDivisionError


def test_reader_takes_no_turn_even_within_a_request_that_writes() -> None:
    database.will_write(True)
    with reading():
        db.session.scalars(select(User.id)).all()
        assert not database._turn.locked()
    db.session.scalars(select(User.id)).all()
    assert database._turn.locked()
    db.session.rollback()
