"""The provenance of a submission as a file of its own."""

from __future__ import annotations

from flask import Blueprint, jsonify
from flask_login import current_user
from werkzeug.wrappers import Response

from app.competitions import queries as competitions
from app.platform import links
from app.submissions.provenance import queries

bp = Blueprint("provenance", __name__)


@bp.get("/submissions/<int:submission_id>/provenance.json")
def document(submission_id: int) -> Response:
    """Answer where the scores of a submission come from."""
    viewer = competitions.viewer(current_user, links.followed())
    return jsonify(queries.of(submission_id, viewer))
