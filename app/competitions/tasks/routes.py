"""The pages of tasks: lists, one task, and everything its owner does with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from flask import Blueprint, request, url_for
from flask_babel import gettext as _
from flask_login import current_user, login_required
from werkzeug.wrappers import Response

from app.competitions import queries as competitions
from app.competitions.drafts import Problem
from app.competitions.services import InvalidDraft
from app.competitions.tasks import listing as listing_of
from app.competitions.tasks import queries, services
from app.competitions.tasks.forms import FilterForm, PublishForm, ShareForm, TaskForm
from app.competitions.tasks.services import EditedMeanwhile
from app.errors import Invalid
from app.platform import links
from app.platform.clock import now
from app.platform.configured import settings
from app.platform.limiting import limiter, person
from app.platform.paging import page_number
from app.platform.web import csrf, done, invalid, page, receive_large_form
from app.policy import Act, Viewer, require
from app.resources.measuring import MIB
from app.resources.models import Task

bp = Blueprint("tasks", __name__, url_prefix="/tasks")


def _viewer() -> Viewer:
    return competitions.viewer(current_user, links.followed())


def _kept(key: UUID, act: Act) -> tuple[Task, Viewer]:
    viewer = _viewer()
    task = queries.get(key, viewer)
    require(viewer, act, task)
    return task, viewer


@bp.get("/")
@login_required
def listing() -> Response:
    """List the tasks of a person, those shared with them, or the public ones."""
    form = FilterForm(request.args)
    filters = form.filters()
    rows = listing_of.page(_viewer(), filters, page_number(request.args.get("page")))
    return page("tasks/listing.html", form=form, filters=filters, rows=rows)


@bp.get("/new")
@login_required
def new() -> Response:
    """Ask for a task."""
    return page("tasks/new.html", **_form(TaskForm().offer(queries.own_files(_viewer()))))


def _form(form: TaskForm, task: Task | None = None) -> dict[str, Any]:
    return {"form": form, "task": task, "limit_mib": settings().upload_mib}


def _receive() -> None:
    """Read a form that may bring one file of each kind."""
    receive_large_form((4 * settings().upload_mib + 1) * MIB)


@bp.post("/new")
@csrf.exempt  # receive_large_form checks the token, once it is known who sends
@login_required
@limiter.limit("120 per hour", key_func=person)
def create() -> Response:
    """Make a task."""
    _receive()
    viewer = _viewer()
    form = TaskForm(request.form).offer(queries.own_files(viewer))
    if form.validate():
        draft, incoming = form.draft(request.files)
        try:
            task = services.create(viewer, draft, incoming, now=now())
        except InvalidDraft as error:
            _refuse(form, error.problems)
        else:
            return done(url_for(".detail", key=task.key), message=_("The task is made."))
    return invalid("tasks/new.html", **_form(form))


def _refuse(form: TaskForm, problems: Sequence[Problem]) -> None:
    for problem in problems:
        form.refuse(form.place(problem.where), problem.sentence)


@bp.get("/<uuid:key>")
@login_required
def detail(key: UUID) -> Response:
    """Show a task: its revisions, where it is used, who it is shared with."""
    return _shown(key, ShareForm())


def _shown(key: UUID, form: ShareForm, status: int = 200) -> Response:
    viewer = _viewer()
    item = queries.shown(queries.get(key, viewer), viewer)
    return page("tasks/detail.html", status=status, item=item, form=form, viewer=viewer)


@bp.get("/<uuid:key>/edit")
@login_required
def edit(key: UUID) -> Response:
    """Show what can be changed."""
    task, viewer = _kept(key, Act.TASK_EDIT)
    return page("tasks/edit.html", theirs=None, **_form(_editor(task, viewer, None), task))


def _editor(task: Task, viewer: Viewer, sent: Any) -> TaskForm:
    form = TaskForm(sent) if sent is not None else TaskForm(data=TaskForm.filled(task))
    return form.offer(queries.own_files(viewer), queries.files_of(task.revisions[-1]))


@bp.post("/<uuid:key>/edit")
@csrf.exempt  # receive_large_form checks the token, once it is known who sends
@login_required
@limiter.limit("120 per hour", key_func=person)
def save(key: UUID) -> Response:
    """Change a task; other programs or data make a new revision."""
    _receive()
    task, viewer = _kept(key, Act.TASK_EDIT)
    form = _editor(task, viewer, request.form)
    theirs: Task | None = None
    if form.validate():
        draft, incoming = form.draft(request.files)
        try:
            revision = services.revise(
                viewer, task, _version(form), draft, incoming, now=now()
            )  # fmt: skip
        except EditedMeanwhile:
            theirs = queries.get(key, viewer)
            form = _editor(theirs, viewer, request.form)
            form.version.data = str(theirs.version)
        except InvalidDraft as error:
            _refuse(form, error.problems)
        else:
            return done(url_for(".detail", key=key), message=_saved(revision))
    task = queries.get(key, viewer)
    return invalid("tasks/edit.html", theirs=theirs, **_form(form, task))


def _version(form: TaskForm) -> int:
    text = form.version.data or ""
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Invalid(_("This form has no version. Open the page again."))
    return int(text)


def _saved(revision: Any) -> str:
    if revision is None:
        return str(_("The changes are saved."))
    return str(_("Revision %(number)d is current now.", number=revision.number))


@bp.post("/<uuid:key>/copy")
@login_required
def copy(key: UUID) -> Response:
    """Make a task of one's own of a task."""
    viewer = _viewer()
    made = services.copy(viewer, queries.get(key, viewer), now=now())
    return done(url_for(".detail", key=made.key), message=_("This is your copy."))


@bp.post("/<uuid:key>/people")
@login_required
def share(key: UUID) -> Response:
    """Share a task with somebody."""
    task, viewer = _kept(key, Act.TASK_SHARE)
    form = ShareForm(request.form)
    if form.validate():
        try:
            services.share(viewer, task, form.name.data or "", form.role.data)
        except Invalid as refusal:
            form.refuse("name", refusal.message)
        else:
            return done(url_for(".detail", key=key), message=_("Saved."))
    return _shown(key, form, 422)


@bp.post("/<uuid:key>/people/<int:user_id>/remove")
@login_required
def unshare(key: UUID, user_id: int) -> Response:
    """Take a task back from somebody, or leave it."""
    viewer = _viewer()
    services.unshare(viewer, queries.get(key, viewer), user_id)
    if user_id == viewer.user_id:
        return done(url_for(".listing"), message=_("The task is off your list."))
    return done(url_for(".detail", key=key), message=_("Saved."))


@bp.get("/<uuid:key>/public")
@login_required
def confirm_public(key: UUID) -> Response:
    """Ask before a task is offered to everybody."""
    task, _who = _kept(key, Act.TASK_SHARE)
    return page("tasks/public.html", **_offer(task, PublishForm()))


def _offer(task: Task, form: PublishForm) -> dict[str, Any]:
    return {"task": task, "form": form, "why_not": services.why_not_public(task)}


@bp.post("/<uuid:key>/public")
@login_required
def publish(key: UUID) -> Response:
    """Offer a task to everybody."""
    task, viewer = _kept(key, Act.TASK_SHARE)
    form = PublishForm(request.form)
    if not form.validate():
        return invalid("tasks/public.html", **_offer(task, form))
    services.publish(viewer, task)
    return done(url_for(".detail", key=key), message=_("The task is public."))


@bp.post("/<uuid:key>/private")
@login_required
def withdraw(key: UUID) -> Response:
    """Offer a task to nobody any more."""
    task, viewer = _kept(key, Act.TASK_SHARE)
    services.withdraw(viewer, task)
    return done(url_for(".detail", key=key), message=_("The task is private."))


@bp.get("/<uuid:key>/delete")
@login_required
def confirm_delete(key: UUID) -> Response:
    """Ask before a task is deleted, or say where it is used."""
    task, _who = _kept(key, Act.TASK_SHARE)
    return page("tasks/delete.html", task=task, why_not=services.why_not_deleted(task))


@bp.post("/<uuid:key>/delete")
@login_required
def delete(key: UUID) -> Response:
    """Delete a task for good; its files stay."""
    task, viewer = _kept(key, Act.TASK_SHARE)
    services.delete(viewer, task)
    return done(url_for(".listing"), message=_("The task is deleted."))
