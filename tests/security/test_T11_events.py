"""What a machine may say is checked as if a participant had written it, by whatever door."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from app import create_app
from app.platform import db as platform_db
from app.platform.db import Base, db
from app.platform.limiting import limiter
from app.submissions.models import Run, RunScore
from tests.conftest import _parts, make_settings
from tests.plugins.machine import fresh_database
from tests.security.world import MACHINE_TOKEN, RUN_TOKEN, World, event, make_world
from worker.contract import MAX_EVENTS_BYTES, Kind, Output

pytestmark = pytest.mark.security


@pytest.fixture(
    scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.services)]
)
def under_way(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """A run under way, whose token the tests hold."""
    with ExitStack() as open_things:
        url = f"sqlite:///{tmp_path_factory.mktemp('events')}/events.db"
        if request.param == "postgresql":
            url = open_things.enter_context(fresh_database())
        app = create_app(make_settings(database_url=url), _parts())
        app.config.update(TESTING=True, PROPAGATE_EXCEPTIONS=False)
        with app.app_context():
            Base.metadata.create_all(db.engine)
            yield make_world(app)
            db.session.remove()
            db.engine.dispose()


@pytest.fixture
def world(under_way: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """The same, and whatever is said reaches the database but is not kept."""

    def try_out() -> None:
        db.session.flush()
        platform_db.rollback()

    monkeypatch.setattr(limiter, "enabled", False)
    monkeypatch.setattr(platform_db, "commit", try_out)
    return under_way


def _url(world: World) -> str:
    return f"/api/worker/runs/{world.special['worker_api.events']['run_id']}/events"


def _say(world: World, *events: dict[str, Any]) -> int:
    return _send(world, json.dumps({"attempt": 1, "events": list(events)}))


def _send(world: World, body: str | bytes, token: str = RUN_TOKEN) -> int:
    client: FlaskClient = world.app.test_client()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    answer = client.post(_url(world), data=body, headers=headers)
    assert "Traceback" not in answer.text
    return answer.status_code


def _state(world: World) -> str:
    db.session.rollback()
    run_id = world.special["worker_api.events"]["run_id"]
    return db.session.scalars(select(Run.state).where(Run.id == run_id)).one()


_SCORES = [
    '{"score": NaN}', '{"score": Infinity}', '{"score": -Infinity}', '{"score": 1e999}',
    '{"score": -1e999}', '{"score": 1' + "0" * 400 + "}", '{"score": 1' + "0" * 5000 + "}",
    '{"score": "1"}', '{"score": null}', '{"score": true}', '{"score": [1]}', '{"score": {"a": 1}}',
    '{"score": ' + "[" * 5000 + "]" * 5000 + "}", "[]", "1", '"score"', "null",
    json.dumps({f"key{number}": 1 for number in range(201)}),
]  # fmt: skip


@pytest.mark.parametrize("scores", _SCORES, ids=lambda text: text[:30])
def test_score_that_no_board_can_rank_is_refused(world: World, scores: str) -> None:
    body = f'{{"attempt": 1, "events": [{{"seq": 2, "kind": "finished", "scores": {scores}}}]}}'
    assert _send(world, body) == 422
    assert _state(world) == "running"
    assert db.session.scalar(select(RunScore).where(RunScore.value != 0.5)) is None


@pytest.mark.parametrize(
    "body",
    [
        b"", b"x", b"[]", b"null", b"{}", b'{"attempt": 1}', b'{"attempt": "1", "events": []}',
        b'{"attempt": 1, "events": {}}', b'{"attempt": 1, "events": [1]}',
        b'{"attempt": 1, "events": [{"seq": 2, "kind": "dance"}]}',
        b'{"attempt": 1, "events": [{"seq": "2", "kind": "note", "text": "x"}]}',
        b'{"attempt": 1, "events": [{"seq": 2, "kind": "note", "more": 1}]}',
        b'{"attempt": 1, "events": [{"kind": "note"}]}',
        b'{"attempt": 1, "events": [{"seq": 2, "kind": "step", "step": "dance"}]}',
        b'{"attempt": 1, "events": [{"seq": 2, "kind": "failed", "text": "x", "blame": "you"}]}',
        b'{"attempt": 1, "events": [{"seq": 2, "kind": "output", "output": "../../x"}]}',
        b'{"attempt": 1, "events": [{"seq": 2, "kind": "log", "stream": "other", "text": "x"}]}',
        b'{"attempt": 1, "events": [{"seq": 2, "kind": "note", "text": "\xff\xfe"}]}',
        b"[" * 100_000, b'{"a":' * 50_000, b'{"attempt": ' + b"1" * 5000 + b', "events": []}',
    ],
    ids=lambda body: repr(body[:40]),
)  # fmt: skip
def test_message_of_the_wrong_form_is_refused(world: World, body: bytes) -> None:
    assert _send(world, body) == 422
    assert _state(world) == "running"


def test_numbers_beyond_any_column_are_refused(world: World) -> None:
    huge = 10**30
    assert _send(world, json.dumps({"attempt": huge, "events": []})) in (404, 422)
    assert _say(world, event(huge, Kind.NOTE, text="x")) in (200, 422)
    assert _say(world, event(-1, Kind.NOTE, text="x")) in (200, 422)
    client = world.app.test_client()
    assert client.post(f"/api/worker/runs/{huge}/events", json={}).status_code in (404, 422)


_ODD = "NUL \x00 surrogate \ud800 bell \x07 bidi \u202e end"


@pytest.mark.parametrize(
    "said",
    [
        event(2, Kind.NOTE, text=_ODD),
        event(2, Kind.LOG, stream="scoring_stdout", text=_ODD),
        event(2, Kind.STEP, step="score", engine=_ODD, image_digest=_ODD),
        event(2, Kind.FAILED, text=_ODD, blame="participant"),
        event(2, Kind.FAILED, text=_ODD, blame="platform"),
        event(2, Kind.HANDED_BACK, text=_ODD),
        event(2, Kind.FINISHED, scores={_ODD: 1}, rejected={_ODD + "2": _ODD}),
        event(2, Kind.FINISHED, scores={}, rejected={"score": _ODD}),
        event(2, Kind.OUTPUT, output=str(Output.SCORING_OUTPUT), sha256=_ODD, size_bytes=1),
    ],
    ids=lambda said: said["kind"],
)
def test_text_that_a_database_refuses_ends_no_request(world: World, said: dict[str, Any]) -> None:
    status = _say(world, said)
    assert status in (200, 422)
    assert (status == 422) == (said["kind"] == Kind.OUTPUT)


def test_machine_that_says_odd_things_of_itself_is_heard(world: World) -> None:
    body = {"engine": _ODD, "trusted_only": False, "details": {_ODD: [_ODD, {"deep": _ODD}]}}
    answer = world.app.test_client().post(
        "/api/worker/heartbeat", json=body, headers={"Authorization": f"Bearer {MACHINE_TOKEN}"}
    )
    assert answer.status_code == 200


def test_message_beyond_its_limit_is_refused_unread(world: World) -> None:
    assert _send(world, b" " * (MAX_EVENTS_BYTES + 1)) == 413


@pytest.mark.parametrize(
    "token", ["", "x", "a" * 10_000, "\u00e4", MACHINE_TOKEN, RUN_TOKEN + "x", RUN_TOKEN[:-1]]
)
def test_wrong_token_opens_nothing(world: World, token: str) -> None:
    body = json.dumps({"attempt": 1, "events": []})
    assert _send(world, body, token=token.encode().decode("latin-1")) == 404


def test_scores_of_another_attempt_are_not_taken(world: World) -> None:
    finished = event(2, Kind.FINISHED, scores={"score": 1})
    for number in (0, 2, -1):
        body = json.dumps({"attempt": number, "events": [finished]})
        assert _send(world, body) == 404
