"""Dumps of a benchmark: asking for one, watching it, fetching it, deleting it."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request, url_for
from flask_babel import gettext as _
from flask_login import current_user, login_required
from werkzeug.wrappers import Response

from app import policy
from app.bundles.dumps import queries, services
from app.bundles.dumps.forms import DumpForm
from app.bundles.models import DumpState
from app.competitions import queries as competitions
from app.competitions.models import Competition
from app.platform import links
from app.platform.clock import now
from app.platform.limiting import limiter, person
from app.platform.web import done, invalid, page, poll, redirect_to
from app.policy import Act, Viewer

bp = Blueprint("dumps", __name__)


def _managed(competition_id: int) -> tuple[Competition, Viewer]:
    viewer = competitions.viewer(current_user, opened=links.followed())
    competition = competitions.get(competition_id, viewer)
    policy.require(viewer, Act.COMPETITION_EDIT, competition)
    return competition, viewer


def _listed(competition: Competition) -> dict[str, Any]:
    found = queries.of(competition)
    over = all(DumpState(dump.state).is_terminal for dump in found)
    return {"competition": competition, "dumps": found, "is_over": over}


def _shown(competition: Competition, viewer: Viewer, form: DumpForm) -> dict[str, Any]:
    frame = competitions.frame(competition, viewer, now())
    kept_days = services.KEPT_FOR.days
    return {"frame": frame, "tab": "manage", "form": form, "kept_days": kept_days}


@bp.get("/benchmarks/<int:competition_id>/dumps")
@login_required
def listing(competition_id: int) -> Response:
    """List the dumps of a benchmark, with the form that asks for another."""
    competition, viewer = _managed(competition_id)
    return page(
        "bundles/dumps.html", fragment="bundles/_dumps.html", **_listed(competition),
        **_shown(competition, viewer, DumpForm()),
    )  # fmt: skip


@bp.get("/benchmarks/<int:competition_id>/dumps/status")
@login_required
def status(competition_id: int) -> Response:
    """Answer the fragment that polls itself."""
    competition, _viewer = _managed(competition_id)
    url = url_for(".listing", competition_id=competition_id)
    listed = _listed(competition)
    return poll(url, fragment="bundles/_dumps.html", over=listed["is_over"], **listed)


@bp.post("/benchmarks/<int:competition_id>/dumps")
@login_required
@limiter.limit("30 per hour", key_func=person)
def create(competition_id: int) -> Response:
    """Ask for a dump."""
    competition, viewer = _managed(competition_id)
    form = DumpForm(request.form)
    if not form.validate():
        return invalid(
            "bundles/dumps.html", **_listed(competition), **_shown(competition, viewer, form)
        )
    with_files = form.contents.data != "keys"
    services.request(viewer, competition, with_files=with_files, now=now(), wish=form.wish)
    return done(url_for(".listing", competition_id=competition_id))


@bp.get("/dumps/<int:dump_id>")
@login_required
def download(dump_id: int) -> Response:
    """Lead to the file of a dump."""
    viewer = competitions.viewer(current_user)
    return redirect_to(services.link(viewer, queries.get(dump_id, viewer)))


@bp.post("/dumps/<int:dump_id>/delete")
@login_required
def delete(dump_id: int) -> Response:
    """Delete a dump."""
    viewer = competitions.viewer(current_user)
    dump = queries.get(dump_id, viewer)
    services.delete(viewer, dump)
    url = url_for(".listing", competition_id=dump.competition_id)
    return done(url, message=_("The dump is deleted."))
