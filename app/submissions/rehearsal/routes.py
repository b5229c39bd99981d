"""The page of a benchmark's rehearsal."""

from __future__ import annotations

from flask import Blueprint, url_for
from flask_babel import ngettext
from flask_login import current_user, login_required
from werkzeug.wrappers import Response

from app import policy
from app.competitions import queries as competitions
from app.competitions.models import Competition
from app.platform import links
from app.platform.clock import now
from app.platform.web import done, page, poll
from app.policy import Act, Viewer
from app.submissions.rehearsal import queries, services

bp = Blueprint("rehearsal", __name__, url_prefix="/benchmarks/<int:competition_id>/rehearsal")


def _managed(competition_id: int) -> tuple[Competition, Viewer]:
    viewer = competitions.viewer(current_user, links.followed())
    competition = competitions.get(competition_id, viewer)
    policy.require(viewer, Act.SUBMISSION_RUN, competition)
    return competition, viewer


@bp.get("")
@login_required
def detail(competition_id: int) -> Response:
    """Show how each sample solution fared on each task, and offer to score them anew."""
    competition, viewer = _managed(competition_id)
    return page(
        "rehearsal/detail.html", fragment="rehearsal/_table.html", competition=competition,
        rehearsal=queries.table(competition, viewer),
        frame=competitions.frame(competition, viewer, now()), tab="manage",
    )  # fmt: skip


@bp.get("/status")
@login_required
def status(competition_id: int) -> Response:
    """Answer the fragment that polls itself."""
    competition, viewer = _managed(competition_id)
    found = queries.table(competition, viewer)
    return poll(
        url_for(".detail", competition_id=competition_id), fragment="rehearsal/_table.html",
        competition=competition, rehearsal=found, over=found.is_over, has_ended=found.is_over,
    )  # fmt: skip


@bp.post("")
@login_required
def rehearse(competition_id: int) -> Response:
    """Score every sample solution."""
    competition, viewer = _managed(competition_id)
    count = services.rehearse(viewer, competition, now=now())
    message = ngettext("%(num)d run is queued.", "%(num)d runs are queued.", count)
    return done(url_for(".detail", competition_id=competition_id), message=message)
