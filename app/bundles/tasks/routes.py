"""Uploading a task as a zip."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, BinaryIO, cast

from flask import Blueprint, request, url_for
from flask_babel import gettext as _
from flask_login import current_user, login_required
from werkzeug.wrappers import Response

from app.bundles.fields import Note
from app.bundles.tasks import services
from app.bundles.tasks.forms import TaskZipForm
from app.competitions import queries as competitions
from app.competitions.drafts import Problem
from app.competitions.services import InvalidDraft
from app.errors import Invalid, NotFound, Refused, TooLarge
from app.platform import links
from app.platform.clock import now
from app.platform.configured import settings
from app.platform.limiting import limiter, person
from app.platform.web import csrf, done, invalid, page, receive_large_form
from app.policy import Viewer
from app.resources.arriving import services as arriving
from app.resources.measuring import MIB
from app.resources.models import FileKind, Task

bp = Blueprint("task_zips", __name__, url_prefix="/tasks/upload")


@bp.get("")
@login_required
def new() -> Response:
    """Ask for a task zip."""
    return page("tasks/upload.html", **_form(TaskZipForm()))


def _form(form: TaskZipForm, problems: Sequence[Problem] = ()) -> dict[str, Any]:
    here = settings()
    plain = min(here.upload_mib, here.dataset_mib)
    return {
        "form": form, "problems": problems, "limit_mib": here.dataset_mib, "plain_mib": plain,
    }  # fmt: skip


@bp.post("")
@csrf.exempt  # receive_large_form checks the token, once it is known who sends
@login_required
@limiter.limit("60 per hour", key_func=person)
def create() -> Response:
    """Make a task of a zip, or say everything that is wrong with it."""
    receive_large_form((settings().upload_mib + 1) * MIB)
    viewer = competitions.viewer(current_user, links.followed())
    try:
        task, notes = _made(viewer)
    except InvalidDraft as error:
        return _refused(error.problems, _("The task zip cannot be used. Its problems are below."))
    except (Invalid, NotFound, Refused, TooLarge) as error:
        return _refused((), error.message)
    message = " ".join([str(_("The task is made.")), *map(str, notes)])
    return done(url_for("tasks.detail", key=task.key), message=message)


def _made(viewer: Viewer) -> tuple[Task, Sequence[Note]]:
    """Make a task of what came with the form, or of what was sent to the store before."""
    if request.form.get("upload_key", ""):
        file = arriving.take(viewer, FileKind.TASK_ZIP, request, now)
        return services.create_from(viewer, file, now=now())
    sent = request.files.get("file")
    if sent is None or not sent.filename:
        raise Invalid(_("Choose a zip file."))
    return services.create(viewer, sent.filename[:255], cast(BinaryIO, sent.stream), now=now())


def _refused(problems: Sequence[Problem], sentence: str) -> Response:
    form = TaskZipForm()
    form.refuse("file", sentence)
    return invalid("tasks/upload.html", **_form(form, problems))
