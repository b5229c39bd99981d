"""The golden messages of the contract, as the app writes and takes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from app.platform.db import db
from app.platform.storage import ObjectRef
from app.submissions.models import Attempt, Run, State
from tests.api.test_worker import post
from tests.api.test_worker import spec as _spec
from tests.fakes.storage import FakeStore
from worker.contract import MAX_SPEC_BYTES, RunSpec

GOLDEN = Path(__file__).parents[1] / "contract"
spec = _spec


def golden(name: str) -> Any:
    return json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))


def test_app_sends_exactly_the_fields_of_the_golden_spec(spec: dict[str, Any]) -> None:
    assert set(spec) == set(golden("run_spec"))
    assert {key: type(value) for key, value in spec.items()} == {
        key: type(value) for key, value in golden("run_spec").items()
    }
    assert RunSpec.from_json(spec).to_json() == spec
    assert len(json.dumps(spec)) < MAX_SPEC_BYTES


def test_answer_to_the_claim_has_the_shape_of_the_golden_one(
    client: FlaskClient, spec: dict[str, Any]
) -> None:
    answer = post(client, spec, golden("events")[:1]).get_json()
    example = golden("answer_started")
    assert set(answer) == set(example)
    assert set(answer["claim"]) == set(example["claim"])
    assert set(answer["claim"]["uploads"]) == set(example["claim"]["uploads"])
    assert set(answer["claim"]["downloads"]["submission"]) == set(
        example["claim"]["downloads"]["submission"]
    )


def test_golden_life_of_an_attempt_ends_with_a_finished_run(
    client: FlaskClient, spec: dict[str, Any], store: FakeStore
) -> None:
    events = golden("events")
    assert post(client, spec, events[:1]).status_code == 200
    prefix = db.session.scalars(
        select(Attempt.output_prefix).where(Attempt.run_id == spec["run_id"])
    ).one()
    for name in ("prediction_output.zip", "scoring_output.zip", "detailed_results.html"):
        store.objects[ObjectRef("runs", f"{prefix}/{name}")] = b"bytes"
    answer = post(client, spec, events[1:])
    assert answer.status_code == 200, answer.text
    assert answer.get_json()["accepted_seq"] == len(events)
    db.session.rollback()
    assert db.session.get_one(Run, spec["run_id"]).state == State.FINISHED


@pytest.mark.parametrize("number", range(len(golden("events_ends"))))
def test_every_golden_end_is_taken(client: FlaskClient, spec: dict[str, Any], number: int) -> None:
    post(client, spec, golden("events")[:1])
    answer = post(client, spec, [golden("events_ends")[number]])
    assert answer.status_code == 200, answer.text
    db.session.rollback()
    assert db.session.get_one(Run, spec["run_id"]).state != State.RUNNING


@pytest.mark.parametrize("number", range(len(golden("events_refused"))))
def test_every_golden_refusal_is_refused(
    client: FlaskClient, spec: dict[str, Any], number: int
) -> None:
    why, event = golden("events_refused")[number]
    post(client, spec, golden("events")[:1])
    assert post(client, spec, [event]).status_code == 422, why
