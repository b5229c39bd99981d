"""What machines say: events of an attempt, and heartbeats. Bearer tokens only, no cookie."""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, jsonify, request
from werkzeug.wrappers import Response

from app.errors import Invalid, NotFound, TooLarge
from app.platform.clock import now
from app.platform.configured import settings
from app.platform.limiting import limiter
from app.platform.web import LARGEST
from app.queues import services as queues
from app.queues.models import Machine
from app.submissions import events as run_events
from worker.contract import MACHINE_HEADER, MAX_EVENTS_BYTES, ContractError, RunEvent

bp = Blueprint("worker_api", __name__, url_prefix="/api/worker")
limiter.exempt(bp)


def _bearer() -> str:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer" or not token:
        raise NotFound("Send the token as Authorization: Bearer.")
    return token.strip()


def _json() -> dict[str, object]:
    if (request.content_length or 0) > MAX_EVENTS_BYTES:
        raise TooLarge(f"Events must stay under {MAX_EVENTS_BYTES // 1024} KiB.")
    try:
        body = _storable(json.loads(request.get_data()))
    except (ValueError, RecursionError) as error:
        raise Invalid("Send a JSON object.") from error
    if not isinstance(body, dict):
        raise Invalid("Send a JSON object.")
    return body


def _storable(value: Any) -> Any:
    """Replace in every text what no database stores: NUL and halves of characters."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode().replace("\x00", "\ufffd")
    if isinstance(value, list):
        return [_storable(one) for one in value]
    if isinstance(value, dict):
        return {_storable(key): _storable(one) for key, one in value.items()}
    return value


@bp.post("/runs/<int:run_id>/events")
def events(run_id: int) -> Response:
    """Take a batch of events of one attempt and answer whether to go on."""
    body = _json()
    number, listed = body.get("attempt"), body.get("events")
    if not isinstance(number, int) or not isinstance(listed, list) or abs(number) > LARGEST:
        raise Invalid("Send attempt (a number) and events (a list).")
    try:
        batch = [RunEvent.from_json(one) for one in listed]
    except ContractError as error:
        raise Invalid(str(error)) from error
    machine = _machine(request.headers.get(MACHINE_HEADER, ""))
    answer = run_events.receive(run_id, _bearer(), number, batch, now=now(), machine=machine)
    return jsonify(answer.to_json())


def _machine(token: str) -> Machine | None:
    """Return the machine that a batch names; it may name none, but not one without access."""
    if not token:
        return None
    machine = queues.by_token(token)
    if machine is None:
        raise NotFound("No machine has this token, or not any more.")
    return machine


@bp.post("/heartbeat")
def heartbeat() -> Response:
    """Note that a machine is there, and with which engine; or only say whether it is known."""
    body = _json()
    details = body.get("details")
    here = settings()
    answer = jsonify(store_url=here.s3_public_url or here.s3_url)
    if body.get("check") is True:
        if queues.by_token(_bearer()) is None:
            raise NotFound("No machine has this token, or not any more.")
        return answer
    queues.hear_from(
        _bearer(),
        engine=str(body.get("engine", "")),
        trusted_only=body.get("trusted_only") is True,
        details=details if isinstance(details, dict) else {},
        now=now(),
    )
    return answer
