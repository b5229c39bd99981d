"""The page of the server's state."""

from __future__ import annotations

from flask import Blueprint, request
from flask_login import current_user, login_required
from werkzeug.wrappers import Response

from app.competitions import queries as competitions
from app.platform import links
from app.platform.clock import now
from app.platform.paging import page_number
from app.platform.web import page
from app.submissions.activity import queries

bp = Blueprint("activity", __name__)


@bp.get("/status")
@login_required
def status() -> Response:
    """Show runs and machines as far as the viewer may know of them."""
    viewer = competitions.viewer(current_user, links.followed())
    shown = request.args.get("show", "")
    shown = shown if shown in queries.SHOWN else "running"
    number = page_number(request.args.get("page"))
    row = queries.activity(viewer, shown, number, now=now())
    return page("submissions/activity.html", activity=row, shown=shown, sees_all=viewer.is_staff)
