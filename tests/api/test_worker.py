from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from app.accounts.models import User
from app.competitions.models import Competition, Phase
from app.platform import tokens
from app.platform.db import db
from app.queues.models import ComputeQueue, Machine
from tests import factories
from tests.factories import NOW
from tests.fakes.carrier import FakeCarrier
from tests.submissions.test_services import submit

STARTED = {"seq": 1, "kind": "started", "text": "claim"}


@pytest.fixture
def spec(carrier: FakeCarrier, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr("app.submissions.dispatch.clock_now", lambda: NOW)
    monkeypatch.setattr("app.api.worker.now", lambda: NOW)
    queue: ComputeQueue = factories.make_queue(qid="queueone")
    factories.save(
        Machine(queue_id=queue.id, name="gpu1", token_hash=tokens.digest("machine"),
                created_at=NOW, last_seen_at=NOW)
    )  # fmt: skip
    competition: Competition = factories.make_competition()
    phase: Phase = factories.make_phase(competition)
    pavel: User = factories.make_user("pavel")
    factories.make_participant(competition, pavel)
    submit(phase, "pavel")
    return carrier.runs[0][2]


def post(client: FlaskClient, spec: dict[str, Any], events: object, token: str = "") -> Any:
    return client.post(
        f"/api/worker/runs/{spec['run_id']}/events",
        json={"attempt": spec["attempt"], "events": events},
        headers={"Authorization": f"Bearer {token or spec['token']}"},
    )


def test_run_lives_from_claim_to_score(client: FlaskClient, spec: dict[str, Any]) -> None:
    claim = post(client, spec, [STARTED]).get_json()
    assert claim["claim"]["lease_s"] == 60
    done = post(client, spec, [{"seq": 2, "kind": "finished", "scores": {"score": 0.25}}])
    assert done.get_json() == {"cancel": False, "accepted_seq": 2, "claim": None}


def test_missing_and_foreign_tokens_look_like_no_run(
    client: FlaskClient, spec: dict[str, Any]
) -> None:
    path = f"/api/worker/runs/{spec['run_id']}/events"
    assert client.post(path, json={"attempt": 1, "events": []}).status_code == 404
    assert post(client, spec, [STARTED], token="plb_run_other").status_code == 404


def test_late_event_is_a_conflict(client: FlaskClient, spec: dict[str, Any]) -> None:
    post(client, spec, [STARTED, {"seq": 2, "kind": "finished", "scores": {}}])
    late = post(client, spec, [{"seq": 3, "kind": "note", "text": "still here"}])
    assert late.status_code == 409
    assert "error" in late.get_json()


@pytest.mark.parametrize(
    "events", [[{"seq": 1, "kind": "nonsense"}], [{"seq": "1", "kind": "started"}], ["x"], {}, None]
)
def test_message_outside_the_contract_is_refused_in_words(
    client: FlaskClient, spec: dict[str, Any], events: object
) -> None:
    answer = post(client, spec, events)
    assert answer.status_code == 422
    assert answer.get_json()["error"]


def test_body_that_is_too_large_is_refused(client: FlaskClient, spec: dict[str, Any]) -> None:
    note = {"seq": 1, "kind": "note", "text": "x" * 600_000}
    assert post(client, spec, [note]).status_code == 413


def test_heartbeat_is_noted(client: FlaskClient, spec: dict[str, Any]) -> None:
    body = {"engine": "bubblewrap", "trusted_only": True, "details": {"disk_free_gib": 12}}
    answer = client.post(
        "/api/worker/heartbeat", json=body, headers={"Authorization": "Bearer machine"}
    )
    assert answer.status_code == 200
    machine = db.session.scalars(select(Machine)).one()
    assert (machine.engine, machine.trusted_only) == ("bubblewrap", True)
    assert machine.details == {"disk_free_gib": 12}


def test_heartbeat_with_an_unknown_token_is_refused(
    client: FlaskClient, spec: dict[str, Any]
) -> None:
    answer = client.post(
        "/api/worker/heartbeat", json={}, headers={"Authorization": "Bearer nobody"}
    )
    assert answer.status_code == 404
