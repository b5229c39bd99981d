"""Public datasets and programs, for people without an account and for search engines."""

from __future__ import annotations

import dataclasses
from uuid import UUID

from flask import Blueprint, request, url_for
from werkzeug.wrappers import Response

from app.errors import NotFound
from app.platform.configured import settings
from app.platform.paging import page_number
from app.platform.web import page
from app.policy import ANONYMOUS
from app.resources.datasets import croissant
from app.resources.library import licences, queries
from app.resources.library.forms import KIND_WORDS, FilterForm
from app.resources.models import StoredFile

bp = Blueprint("datasets", __name__, url_prefix="/datasets")


@bp.get("/")
def listing() -> Response:
    """List what its owners offer to everybody."""
    form = FilterForm(request.args)
    filters = dataclasses.replace(form.filters(), whose="public", origin="")
    rows = queries.listing(ANONYMOUS, filters, page_number(request.args.get("page")))
    return page(
        "datasets/listing.html", form=form, filters=filters, rows=rows, kinds=KIND_WORDS,
        licence_name=licences.name_of,
    )  # fmt: skip


@bp.get("/<uuid:key>")
def detail(key: UUID) -> Response:
    """Show a public file, with its description for machines and how to cite it."""
    item = queries.shown(key, ANONYMOUS)
    if not item.file.is_public:
        raise NotFound("There is no such dataset.")
    return page(
        "datasets/detail.html", item=item, kinds=KIND_WORDS, licence_name=licences.name_of,
        licence_url=licences.url_of, described=croissant.describe(item.file, **_where(item.file)),
    )  # fmt: skip


def _where(file: StoredFile) -> dict[str, str]:
    base = settings().base_url.rstrip("/")
    return {
        "site": settings().site_name,
        "page_url": base + url_for(".detail", key=file.key),
        "download_url": base + url_for("resources.download", key=file.key),
    }
