"""The tab of the resources that lists what a person submitted."""

from __future__ import annotations

from flask import Blueprint, request
from flask_login import current_user, login_required
from werkzeug.wrappers import Response

from app.competitions import queries as competitions
from app.platform.paging import page_number
from app.platform.web import page
from app.submissions.kept import queries
from app.submissions.kept.forms import FilterForm

bp = Blueprint("kept_submissions", __name__, url_prefix="/resources/submissions")


@bp.get("/")
@login_required
def listing() -> Response:
    """List one's own submissions to all benchmarks."""
    form = FilterForm(request.args)
    filters = form.filters()
    viewer = competitions.viewer(current_user)
    rows = queries.listing(viewer, filters, page_number(request.args.get("page")))
    return page("resources/submissions.html", form=form, filters=filters, rows=rows)
