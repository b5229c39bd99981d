"""Uploading a task as a zip."""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO, cast

from flask import Blueprint, request, url_for
from flask_babel import gettext as _
from flask_login import current_user, login_required
from werkzeug.wrappers import Response

from app.bundles.tasks import services
from app.bundles.tasks.forms import TaskZipForm
from app.competitions import queries as competitions
from app.competitions.drafts import Problem
from app.competitions.services import InvalidDraft
from app.platform import links
from app.platform.clock import now
from app.platform.configured import settings
from app.platform.limiting import limiter, person
from app.platform.web import csrf, done, invalid, page, receive_large_form
from app.resources.measuring import MIB

bp = Blueprint("task_zips", __name__, url_prefix="/tasks/upload")


@bp.get("")
@login_required
def new() -> Response:
    """Ask for a task zip."""
    return page(
        "tasks/upload.html", form=TaskZipForm(), problems=(), limit_mib=settings().upload_mib
    )


@bp.post("")
@csrf.exempt  # receive_large_form checks the token, once it is known who sends
@login_required
@limiter.limit("60 per hour", key_func=person)
def create() -> Response:
    """Make a task of a zip, or say everything that is wrong with it."""
    receive_large_form((settings().upload_mib + 1) * MIB)
    file = request.files.get("file")
    if file is None or not file.filename:
        return _refused((), _("No file was chosen. Choose one."))
    viewer = competitions.viewer(current_user, links.followed())
    try:
        task, notes = services.create(
            viewer, file.filename[:255], cast(BinaryIO, file.stream), now=now()
        )
    except InvalidDraft as error:
        return _refused(error.problems, _("The task zip cannot be used. Its problems are below."))
    message = " ".join([str(_("The task is made.")), *map(str, notes)])
    return done(url_for("tasks.detail", key=task.key), message=message)


def _refused(problems: Sequence[Problem], sentence: str) -> Response:
    form = TaskZipForm()
    form.refuse("file", sentence)
    return invalid(
        "tasks/upload.html", form=form, problems=problems, limit_mib=settings().upload_mib
    )
