"""The tab of the resources that lists a person's bundles."""

from __future__ import annotations

from flask import Blueprint, request
from flask_login import current_user, login_required
from werkzeug.wrappers import Response

from app.bundles.kept import queries
from app.bundles.kept.forms import WHAT_WORDS, FilterForm
from app.competitions import queries as competitions
from app.platform.paging import page_number
from app.platform.web import page

bp = Blueprint("kept_bundles", __name__, url_prefix="/resources/bundles")


@bp.get("/")
@login_required
def listing() -> Response:
    """List one's own uploads, imports, checks and dumps."""
    form = FilterForm(request.args)
    filters = form.filters()
    viewer = competitions.viewer(current_user)
    rows = queries.listing(viewer, filters, page_number(request.args.get("page")))
    return page(
        "resources/bundles.html", form=form, filters=filters, rows=rows, whats=WHAT_WORDS
    )  # fmt: skip
