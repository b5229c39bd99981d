"""Making a starting kit from a task: to download, or for a phase."""

from __future__ import annotations

import tempfile
from typing import BinaryIO, cast
from uuid import UUID

from flask import Blueprint, request, send_file, url_for
from flask_babel import gettext as _
from flask_login import current_user, login_required
from werkzeug.wrappers import Response

from app.bundles.kits import services
from app.bundles.kits.forms import KitForm
from app.competitions import queries as competitions
from app.competitions.models import Phase
from app.competitions.tasks import queries as tasks
from app.platform import links
from app.platform.clock import now
from app.platform.limiting import limiter, person
from app.platform.web import LARGEST, done, page
from app.policy import Act, Viewer, require
from app.resources.models import Task

bp = Blueprint("kits", __name__, url_prefix="/tasks/<uuid:key>/kit")


def _asked(key: UUID) -> tuple[Viewer, Task, Phase | None]:
    viewer = competitions.viewer(current_user, links.followed())
    task = tasks.get(key, viewer)
    require(viewer, Act.TASK_EDIT, task)
    phase_id = request.values.get("phase", type=int)
    if phase_id is None or not 0 < phase_id <= LARGEST:
        return viewer, task, None
    phase = competitions.get_phase(phase_id, viewer)
    require(viewer, Act.COMPETITION_EDIT, phase.competition)
    return viewer, tasks.get(key, viewer), phase


@bp.get("")
@login_required
def new(key: UUID) -> Response:
    """Ask what the kit is to hold; ``?phase=`` names the phase whose image and limits count."""
    viewer, task, phase = _asked(key)
    uses = tasks.phases_of(task, viewer)
    return page(
        "tasks/kit.html", form=KitForm(), task=task, phase=phase, uses=uses,
        has_solution=bool(tasks.solutions_of([task.id])),
    )  # fmt: skip


@bp.post("")
@login_required
@limiter.limit("30 per hour", key_func=person)
def create(key: UUID) -> Response:
    """Send the kit, or hand it out in the phase."""
    viewer, task, phase = _asked(key)
    draft = KitForm(request.form).draft()
    if phase is not None and request.form.get("what") == "hand out":
        competition_id = phase.competition_id
        services.hand_out(viewer, task, draft, phase, now=now())
        url = url_for("competitions.phases", competition_id=competition_id)
        return done(url, message=_("The starting kit is handed out in this phase."))
    kit = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the answer that streams it
    services.write(viewer, task, draft, cast(BinaryIO, kit), phase)
    kit.seek(0)
    return send_file(kit, "application/zip", as_attachment=True, download_name="starting_kit.zip")
