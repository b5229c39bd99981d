"""Uploading a bundle, and watching it become a competition."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request, url_for
from flask_babel import gettext as _
from flask_login import current_user, login_required
from werkzeug.wrappers import Response

from app.bundles import queries, services
from app.bundles.forms import BundleForm
from app.bundles.models import ImportState
from app.bundles.services import Past
from app.competitions import queries as competitions
from app.errors import Invalid, NotFound, Refused, TooLarge
from app.platform import links
from app.platform.clock import now
from app.platform.configured import settings
from app.platform.limiting import limiter
from app.platform.web import csrf, done, invalid, page, poll, receive_large_form
from app.policy import Viewer
from app.resources.arriving import services as arriving
from app.resources.measuring import MIB
from app.resources.models import FileKind

bp = Blueprint("bundles", __name__, url_prefix="/bundles")


def _viewer() -> Viewer:
    return competitions.viewer(current_user, opened=links.followed())


@bp.get("/new")
@login_required
def new() -> Response:
    """Show the form, and what became of earlier bundles."""
    return page("bundles/new.html", **_form(BundleForm(), _viewer()))


def _form(form: BundleForm, viewer: Viewer) -> dict[str, Any]:
    form.offer(matching=services.may_match(viewer))
    return {"form": form, "limit_mib": settings().upload_mib, "imports": queries.recent(viewer)}


@bp.post("/new")
@csrf.exempt  # receive_large_form checks the token, once it is known who sends
@login_required
@limiter.limit("30 per hour")
def create() -> Response:
    """Take a bundle and import it in the background, or only check it."""
    viewer = _viewer()
    receive_large_form((settings().upload_mib + 1) * MIB)
    try:
        past = _past(viewer)
        file = arriving.take(viewer, FileKind.COMPETITION_BUNDLE, request, now)
        is_check = request.form.get("act") == "check"
        started = services.start(viewer, file, now=now(), is_check=is_check, past=past)
    except (Invalid, NotFound, Refused, TooLarge) as error:
        form = BundleForm(past=request.form.get("past"))
        form.refuse("file", error.message)
        return invalid("bundles/new.html", fragment="bundles/_form.html", **_form(form, viewer))
    return done(url_for(".detail", import_id=started.id))


def _past(viewer: Viewer) -> Past:
    """Read the choice, before anything is stored."""
    try:
        past = Past(request.form.get("past", Past.RESTORE))
    except ValueError:
        raise Invalid(_("Choose what becomes of participants, submissions and scores.")) from None
    services.check_past(viewer, past)
    return past


@bp.get("/<int:import_id>")
@login_required
def detail(import_id: int) -> Response:
    """Show how far an import is, or what came of it."""
    found = queries.get(import_id, _viewer())
    return page("bundles/detail.html", fragment="bundles/_status.html", bundle_import=found)


@bp.get("/<int:import_id>/status")
@login_required
def status(import_id: int) -> Response:
    """Answer the fragment that polls itself."""
    found = queries.get(import_id, _viewer())
    return poll(
        url_for(".detail", import_id=import_id), fragment="bundles/_status.html",
        bundle_import=found, over=ImportState(found.state).is_terminal,
    )  # fmt: skip
