from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from app.accounts.models import User
from app.competitions.models import Competition, Phase
from app.platform import tokens
from app.platform.db import db
from app.policy import Viewer
from app.queues.models import ComputeQueue, Machine
from app.submissions import load
from app.submissions.models import Attempt
from tests import factories
from tests.factories import NOW
from tests.fakes.carrier import FakeCarrier
from tests.submissions.test_services import submit
from worker.contract import MACHINE_HEADER

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


def bearer(token: str, machine: str = "") -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", **({MACHINE_HEADER: machine} if machine else {})}


def test_question_of_the_doctor_is_no_heartbeat(client: FlaskClient, spec: dict[str, Any]) -> None:
    machine = factories.make_machine(
        db.session.scalars(select(ComputeQueue)).one(), token_hash=tokens.digest("own")
    )
    body = {"check": True, "engine": "docker"}
    answer = client.post("/api/worker/heartbeat", json=body, headers=bearer("own"))
    assert answer.get_json() == {"store_url": "http://store.test"}
    assert (machine.last_seen_at, machine.engine) == (None, "")
    refused = client.post("/api/worker/heartbeat", json=body, headers=bearer("nobody"))
    assert refused.status_code == 404


def test_claim_says_which_machine_works(client: FlaskClient, spec: dict[str, Any]) -> None:
    machine = factories.make_machine(
        db.session.scalars(select(ComputeQueue)).one(), token_hash=tokens.digest("own")
    )
    headers = bearer(spec["token"], "own")
    body = {"attempt": spec["attempt"], "events": [STARTED]}
    path = f"/api/worker/runs/{spec['run_id']}/events"
    assert client.post(path, json=body, headers=headers).status_code == 200
    assert db.session.scalars(select(Attempt)).one().machine_id == machine.id
    work = load.work_on([machine.id], Viewer())[machine.id]
    assert [(one.run_id, one.submission_id) for one in work] == [(spec["run_id"], None)]
    staff = load.work_on([machine.id], Viewer(is_staff=True))[machine.id]
    assert staff[0].submission_id is not None


def test_machine_without_access_claims_nothing(client: FlaskClient, spec: dict[str, Any]) -> None:
    queue = db.session.scalars(select(ComputeQueue)).one()
    factories.make_machine(queue, token_hash=tokens.digest("own"), revoked_at=NOW)
    body = {"attempt": spec["attempt"], "events": [STARTED]}
    path = f"/api/worker/runs/{spec['run_id']}/events"
    assert client.post(path, json=body, headers=bearer(spec["token"], "own")).status_code == 404
    assert db.session.scalars(select(Attempt)).one().started_at is None


def test_machine_of_another_queue_is_not_written_down(
    client: FlaskClient, spec: dict[str, Any]
) -> None:
    factories.make_machine(factories.make_queue(is_default=False), token_hash=tokens.digest("own"))
    body = {"attempt": spec["attempt"], "events": [STARTED]}
    path = f"/api/worker/runs/{spec['run_id']}/events"
    client.post(path, json=body, headers=bearer(spec["token"], "own"))
    assert db.session.scalars(select(Attempt)).one().machine_id is None
