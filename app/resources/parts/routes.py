"""What the upload island asks while it sends a file in parts."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, jsonify, make_response, url_for
from flask_babel import gettext as _
from flask_login import current_user, login_required
from werkzeug.wrappers import Response

from app.platform.clock import now
from app.platform.limiting import limiter, person
from app.platform.web import done
from app.policy import Viewer
from app.resources.library import queries
from app.resources.models import StoredFile
from app.resources.parts import services

bp = Blueprint("parts", __name__, url_prefix="/uploads")


def ticket(file: StoredFile, url: str) -> Response:
    """Answer where to send a file: to one place, or in parts where ``url`` is empty."""
    if url:
        return jsonify(url=url, headers={"Content-Type": "application/zip"}, key=file.key)
    return jsonify(
        parts_url=url_for("parts.next_parts", key=file.key),
        cancel_url=url_for("parts.cancel", key=file.key), key=file.key,
    )  # fmt: skip


def _viewer() -> Viewer:
    return Viewer(current_user.id, current_user.username, current_user.is_staff)


@bp.post("/<uuid:key>/parts")
@login_required
@limiter.limit("120 per minute", key_func=person)
def next_parts(key: UUID) -> Response:
    """Say which parts are missing and where to send them, or that the upload must begin anew."""
    viewer = _viewer()
    try:
        batch = services.next_parts(viewer, queries.own_upload(key, viewer), now=now())
    except services.Forgotten as error:
        return make_response(jsonify(error=error.message, is_forgotten=True), error.status)
    return jsonify(
        part_bytes=batch.part_bytes, arrived=batch.arrived_bytes,
        urls=[{"number": number, "url": url} for number, url in batch.urls],
    )  # fmt: skip


@bp.post("/<uuid:key>/cancel")
@login_required
def cancel(key: UUID) -> Response:
    """Forget an upload, and everything that was sent of it."""
    viewer = _viewer()
    services.cancel(viewer, queries.own_upload(key, viewer))
    return done(url_for("library.listing"), message=_("The upload is cancelled. Nothing was kept."))
