"""Pages of the library: the list, one file, a new one, and what its owner does with it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, request, url_for
from flask_babel import gettext as _
from flask_login import current_user, login_required
from werkzeug.wrappers import Response

from app import policy
from app.errors import AppError, Invalid
from app.platform.clock import now
from app.platform.configured import settings
from app.platform.limiting import limiter, person
from app.platform.paging import page_number
from app.platform.web import csrf, done, invalid, page, poll, receive_large_form
from app.policy import Act, Viewer
from app.resources.library import licences, queries, services
from app.resources.library.drafts import FileDraft
from app.resources.library.forms import (
    KIND_WORDS,
    AnnouncementForm,
    DetailsForm,
    FilterForm,
    NewFileForm,
    PublishForm,
)
from app.resources.library.queries import FilePage, FileState
from app.resources.measuring import MIB
from app.resources.models import FileKind, StoredFile
from app.resources.parts.routes import ticket

bp = Blueprint("library", __name__, url_prefix="/resources")


def _viewer() -> Viewer:
    if not current_user.is_authenticated:
        return Viewer()
    return Viewer(current_user.id, current_user.username, current_user.is_staff)


def _kept(key: UUID) -> tuple[StoredFile, Viewer]:
    """Return a file that the person who asks may change."""
    viewer = _viewer()
    file = queries.get(key, viewer)
    policy.require(viewer, Act.FILE_EDIT, file)
    return file, viewer


@bp.get("/")
@login_required
def listing() -> Response:
    """List one's own files, or what anybody shares."""
    form = FilterForm(request.args)
    filters = form.filters()
    rows = queries.listing(_viewer(), filters, page_number(request.args.get("page")))
    return page("resources/listing.html", form=form, filters=filters, rows=rows, kinds=KIND_WORDS)


@bp.get("/new")
@login_required
def new() -> Response:
    """Ask for a file, or for a new version of one (``?replaces=``)."""
    form = NewFileForm(request.args)
    older = _older(form)
    if older is not None:
        draft = FileDraft(older.name, older.description, older.license)
        form = NewFileForm(
            data=DetailsForm.filled(draft) | {"kind": older.kind, "replaces": older.key}
        )
    return page("resources/new.html", **_form(form, older))


def _older(form: NewFileForm) -> StoredFile | None:
    try:
        key = UUID(form.replaces.data or "")
    except ValueError:
        return None
    return queries.own_upload(key, _viewer())


def _form(form: NewFileForm, older: StoredFile | None) -> dict[str, Any]:
    here = settings()
    return {
        "form": form, "older": older, "limit_mib": here.dataset_mib,
        "plain_mib": min(here.upload_mib, here.dataset_mib),
    }  # fmt: skip


@bp.post("/start")
@login_required
@limiter.limit("60 per minute; 600 per hour", key_func=person)
def start() -> Response:
    """Tell the upload island where to send a file: to one place, or in parts."""
    form = AnnouncementForm(request.values)
    if not form.validate():
        raise Invalid(" ".join(str(error) for errors in form.errors.values() for error in errors))
    file, url = services.announce(
        _viewer(), FileKind(form.kind.data), form.draft(), form.file_name.data,
        form.file_size.data, form.file_modified.data or 0, now=now(),
    )  # fmt: skip
    return ticket(file, url)


@bp.post("/new")
@csrf.exempt  # receive_large_form checks the token, once it is known who sends
@login_required
@limiter.limit("120 per hour", key_func=person)
def create() -> Response:
    """Take a file, sent before by the upload island or with this very form."""
    here = settings()
    receive_large_form((min(here.upload_mib, here.dataset_mib) + 1) * MIB)
    form = NewFileForm(request.form)
    if form.validate():
        try:
            file = services.add(
                _viewer(), FileKind(form.kind.data), form.draft(), request,
                form.replaces.data or "", now=now(),
            )  # fmt: skip
        except AppError as error:
            if error.status == 403:
                raise
            form.refuse("file", error.message)
        else:
            return done(url_for(".detail", key=file.key))
    return invalid(
        "resources/new.html", fragment="resources/_new_form.html", **_form(form, _older(form))
    )


@bp.get("/<uuid:key>")
@login_required
def detail(key: UUID) -> Response:
    """Show a file: what it is, how far it is, where it is used."""
    return page("resources/detail.html", **_shown(queries.shown(key, _viewer())))


def _shown(item: FilePage) -> dict[str, Any]:
    return {
        "item": item, "kinds": KIND_WORDS,
        "licence_name": licences.name_of, "licence_url": licences.url_of,
    }  # fmt: skip


@bp.get("/<uuid:key>/status")
@login_required
def status(key: UUID) -> Response:
    """Answer the fragment that polls itself; once the check is over, the rest of the page, too."""
    found = queries.shown(key, _viewer())
    over = found.state != FileState.CHECKING
    return poll(
        url_for(".detail", key=key), fragment="resources/_status.html", over=over, oob=over,
        **_shown(found),
    )  # fmt: skip


@bp.get("/<uuid:key>/edit")
@login_required
def edit(key: UUID) -> Response:
    """Show what can be changed."""
    file, _who = _kept(key)
    draft = FileDraft(file.name, file.description, file.license)
    return page("resources/edit.html", file=file, form=DetailsForm(data=DetailsForm.filled(draft)))


@bp.post("/<uuid:key>/edit")
@login_required
def save(key: UUID) -> Response:
    """Rename, describe, state the licence."""
    file, viewer = _kept(key)
    form = DetailsForm(request.form)
    if not form.validate():
        return invalid("resources/edit.html", file=file, form=form)
    services.describe(viewer, file, form.draft())
    return done(url_for(".detail", key=key), message=_("The changes are saved."))


@bp.get("/<uuid:key>/public")
@login_required
def confirm_public(key: UUID) -> Response:
    """Ask before a file is offered to everybody."""
    file, _who = _kept(key)
    return page("resources/public.html", **_offer(file, PublishForm()))


def _offer(file: StoredFile, form: PublishForm) -> dict[str, Any]:
    is_open = FileKind(file.kind) in services.OPEN_KINDS
    why_not = services.why_not_public(file)
    return {"file": file, "form": form, "is_open": is_open, "why_not": why_not}


@bp.post("/<uuid:key>/public")
@login_required
def publish(key: UUID) -> Response:
    """Offer a file to everybody."""
    file, viewer = _kept(key)
    form = PublishForm(request.form)
    if not form.validate():
        return invalid("resources/public.html", **_offer(file, form))
    services.publish(viewer, file)
    return done(url_for(".detail", key=key), message=_("The file is public."))


@bp.post("/<uuid:key>/private")
@login_required
def withdraw(key: UUID) -> Response:
    """Offer a file to nobody any more."""
    file, viewer = _kept(key)
    services.withdraw(viewer, file)
    return done(url_for(".detail", key=key), message=_("The file is private."))


@bp.get("/<uuid:key>/delete")
@login_required
def confirm_delete(key: UUID) -> Response:
    """Ask before a file is deleted, or say where it is used."""
    file, _who = _kept(key)
    return page("resources/delete.html", file=file, why_not=services.why_not_deleted(file))


@bp.post("/<uuid:key>/delete")
@login_required
def delete(key: UUID) -> Response:
    """Delete a file for good."""
    file, viewer = _kept(key)
    services.delete(viewer, file)
    return done(url_for(".listing"), message=_("The file is deleted."))
