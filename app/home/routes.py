"""The front page, the health check, the style guide and what robots may read."""

from __future__ import annotations

from pathlib import Path

from flask import (
    Blueprint,
    current_app,
    jsonify,
    make_response,
    render_template,
)
from flask_login import current_user, login_required
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.wrappers import Response

from app import policy
from app.competitions import queries as competitions
from app.home import specimens
from app.platform.clock import now
from app.platform.configured import settings
from app.platform.db import db
from app.platform.web import page
from app.policy import Act

bp = Blueprint("home", __name__)

NEWEST = 5
_DAY_S = 86_400


@bp.get("/")
def index() -> Response:
    """Say what this is, and show the newest benchmarks."""
    viewer = competitions.viewer(current_user)
    rows = competitions.listing(viewer, 1, now=now(), size=NEWEST)
    return page("home/index.html", rows=rows, can_sign_up=settings().sign_up)


@bp.get("/healthz")
def health() -> Response:
    """Tell a monitor whether the app reaches its database."""
    try:
        db.session.execute(text("SELECT 1"))
    except SQLAlchemyError:
        return make_response(jsonify(status="no database"), 503)
    return make_response(jsonify(status="ok"))


@bp.get("/styleguide")
@login_required
def styleguide() -> Response:
    """Show every component in every state."""
    policy.require(competitions.viewer(current_user), Act.STYLEGUIDE_VIEW)
    return make_response(render_template("styleguide.html", **specimens.context(now())))


@bp.get("/favicon.ico")
def favicon() -> Response:
    """Send the icon to browsers that show something else than a page of ours, such as JSON."""
    icon = Path(current_app.static_folder or "", "img", "plumbline.ico").read_bytes()
    headers = {"Content-Type": "image/x-icon", "Cache-Control": f"max-age={_DAY_S}"}
    return make_response(icon, headers)


@bp.get("/robots.txt")
def robots() -> Response:
    """Keep crawlers off the pages that are nobody's business."""
    lines = [
        "User-agent: *",
        "Disallow: /benchmarks/open/",
        "Disallow: /account",
        "Disallow: /media/",
    ]
    return make_response("\n".join(lines) + "\n", {"Content-Type": "text/plain; charset=utf-8"})
