"""Organizers' pages: submissions that wait for them, re-runs, migration, prerequisites."""

from __future__ import annotations

import secrets
from typing import Any

from flask import Blueprint, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user, login_required
from werkzeug.wrappers import Response

from app import policy
from app.competitions import lifecycle
from app.competitions import queries as competitions
from app.competitions.models import Competition, Phase
from app.competitions.tasks import queries as competition_tasks
from app.errors import Invalid
from app.platform import links
from app.platform.clock import now
from app.platform.paging import page_number
from app.platform.web import LARGEST, done, page
from app.policy import Act, Viewer
from app.submissions import held, migration, moving, prerequisites, reruns, revisions

bp = Blueprint("organizing", __name__)


def _viewer() -> Viewer:
    return competitions.viewer(current_user, links.followed())


def _managed(competition_id: int) -> tuple[Competition, Viewer]:
    viewer = _viewer()
    competition = competitions.get(competition_id, viewer)
    policy.require(viewer, Act.SUBMISSION_RUN, competition)
    return competition, viewer


def _managed_phase(phase_id: int) -> tuple[Phase, Viewer]:
    viewer = _viewer()
    phase = competitions.get_phase(phase_id, viewer)
    policy.require(viewer, Act.SUBMISSION_RUN, phase)
    return phase, viewer


def _framed(competition: Competition, viewer: Viewer) -> dict[str, Any]:
    return {"frame": competitions.frame(competition, viewer, now()), "tab": "manage"}


def _chosen_ids() -> list[int]:
    chosen = request.values.getlist("id", type=int)
    return sorted({id_ for id_ in chosen if 0 < id_ <= LARGEST})


def _everyone(competition_id: int) -> str:
    return url_for("submissions.everyone", competition_id=competition_id)


# Submissions that wait for the organizer ------------------------------------------------------


@bp.get("/benchmarks/<int:competition_id>/submissions/held")
@login_required
def waiting(competition_id: int) -> Response:
    """List the submissions that wait to be started, the longest waiting first."""
    competition, viewer = _managed(competition_id)
    rows = held.listing(viewer, competition, page_number(request.args.get("page")))
    return page("submissions/held.html", submissions=rows, **_framed(competition, viewer))


@bp.post("/benchmarks/<int:competition_id>/submissions/held")
@login_required
def start_waiting(competition_id: int) -> Response:
    """Start the chosen ones, or all that wait."""
    competition, viewer = _managed(competition_id)
    ids = None if request.form.get("which") == "all" else _chosen_ids()
    if ids == []:
        return done(
            url_for(".waiting", competition_id=competition_id),
            message=_("Choose at least one submission."),
        )
    count = held.start(viewer, competition, ids, now=now())
    message = ngettext("%(num)d submission is queued.", "%(num)d submissions are queued.", count)
    return done(url_for(".waiting", competition_id=competition_id), message=message)


# Runs on another queue ------------------------------------------------------------------------


@bp.get("/benchmarks/<int:competition_id>/submissions/move")
@login_required
def confirm_move(competition_id: int) -> Response:
    """Say which waiting runs would go to the queue that the benchmark uses now, and ask."""
    competition, viewer = _managed(competition_id)
    policy.require(viewer, Act.SUBMISSION_MOVE, competition)
    rows = moving.misplaced(competition)
    return page("submissions/move.html", rows=rows, **_framed(competition, viewer))


@bp.post("/benchmarks/<int:competition_id>/submissions/move")
@login_required
def move(competition_id: int) -> Response:
    """Send what waits elsewhere to the queue that the benchmark uses now."""
    competition, viewer = _managed(competition_id)
    count = moving.move(viewer, competition, now=now())
    message = ngettext("%(num)d run is moved.", "%(num)d runs are moved.", count)
    return done(_everyone(competition_id), message=message)


# Re-runs --------------------------------------------------------------------------------------


@bp.get("/benchmarks/<int:competition_id>/reruns")
@login_required
def confirm_rerun(competition_id: int) -> Response:
    """Say what a re-run of chosen submissions would run, and ask."""
    competition, viewer = _managed(competition_id)
    ids = _chosen_ids()
    if not ids:
        return done(_everyone(competition_id), message=_("Choose at least one submission."))
    plan = reruns.plan_for(viewer, competition, ids)
    action = url_for(".rerun", competition_id=competition_id)
    return _confirmation(competition, viewer, plan, action, ids)


@bp.post("/benchmarks/<int:competition_id>/reruns")
@login_required
def rerun(competition_id: int) -> Response:
    """Run chosen submissions again."""
    competition, viewer = _managed(competition_id)
    count = reruns.rerun(
        viewer, competition, _chosen_ids(), _key(), now=now(), task_id=_task_id()
    )  # fmt: skip
    return _started(competition_id, count)


@bp.get("/phases/<int:phase_id>/reruns")
@login_required
def confirm_phase_rerun(phase_id: int) -> Response:
    """Say what a re-run of a whole phase would run, and ask."""
    phase, viewer = _managed_phase(phase_id)
    plan = reruns.plan_for_phase(viewer, phase)
    action = url_for(".rerun_phase", phase_id=phase_id)
    return _confirmation(phase.competition, viewer, plan, action, [], phase)


@bp.post("/phases/<int:phase_id>/reruns")
@login_required
def rerun_phase(phase_id: int) -> Response:
    """Run every submission of a phase again."""
    phase, viewer = _managed_phase(phase_id)
    count = reruns.rerun_phase(viewer, phase, _key(), now=now(), task_id=_task_id())
    return _started(phase.competition_id, count)


def _confirmation(
    competition: Competition, viewer: Viewer, plan: reruns.Plan, action: str, ids: list[int],
    phase: Phase | None = None,
) -> Response:  # fmt: skip
    return page(
        "submissions/rerun.html", plan=plan, action=action, ids=ids, subject=phase,
        tasks=reruns.tasks_to_try(viewer, competition),
        phases_by_task=reruns.phases_by_task(competition), key=secrets.token_urlsafe(24),
        back=_everyone(competition.id), **_framed(competition, viewer),
    )  # fmt: skip


def _key() -> str:
    return request.form.get("key", "")[:40]


def _task_id() -> int | None:
    """Return the task of choice; the empty choice means the tasks of the phase."""
    chosen = request.form.get("task", "")
    if not chosen:
        return None
    if not (chosen.isascii() and chosen.isdigit()):
        raise Invalid(_("Choose one of the listed tasks."))
    return min(int(chosen[:12]), LARGEST)


def _started(competition_id: int, count: int) -> Response:
    message = ngettext("%(num)d re-run is queued.", "%(num)d re-runs are queued.", count)
    return done(_everyone(competition_id), message=message)


# Revisions ------------------------------------------------------------------------------------


@bp.get("/benchmarks/<int:competition_id>/submissions/outdated")
@login_required
def outdated(competition_id: int) -> Response:
    """List what was scored on an earlier revision of a task."""
    competition, viewer = _managed(competition_id)
    rows = revisions.listing(viewer, competition, page_number(request.args.get("page")))
    return page(
        "submissions/outdated.html", rows=rows, under_way=revisions.under_way(competition),
        key=secrets.token_urlsafe(24), **_framed(competition, viewer),
    )  # fmt: skip


@bp.post("/benchmarks/<int:competition_id>/submissions/outdated")
@login_required
def rerun_outdated(competition_id: int) -> Response:
    """Run the chosen ones, or all, on the current revisions."""
    competition, viewer = _managed(competition_id)
    ids = None if request.form.get("which") == "all" else _chosen_ids()
    if ids == []:
        return done(
            url_for(".outdated", competition_id=competition_id),
            message=_("Choose at least one submission."),
        )
    count = revisions.rerun(viewer, competition, ids, _key(), now=now())
    message = ngettext("%(num)d re-run is queued.", "%(num)d re-runs are queued.", count)
    return done(url_for(".outdated", competition_id=competition_id), message=message)


# Phases ---------------------------------------------------------------------------------------


@bp.get("/benchmarks/<int:competition_id>/phases/manage")
@login_required
def phases(competition_id: int) -> Response:
    """List the phases with what an organizer can do with each."""
    competition, viewer = _managed(competition_id)
    rows = [(phase, prerequisites.choices(phase)) for phase in competition.phases]
    return page(
        "submissions/phases.html", rows=rows, outlooks=migration.outlooks(viewer, competition),
        kit_tasks=competition_tasks.own_by_phase(competition, viewer),
        **_framed(competition, viewer),
    )  # fmt: skip


@bp.get("/phases/<int:phase_id>/migration")
@login_required
def confirm_migration(phase_id: int) -> Response:
    """Say what moving on from a phase would submit to the next one, and ask."""
    phase, viewer = _managed_phase(phase_id)
    plan = migration.plan_by_hand(viewer, phase)
    return page(
        "submissions/migration.html", plan=plan, subject=phase,
        stage=lifecycle.phase_stage(plan.target, now()), **_framed(phase.competition, viewer),
    )  # fmt: skip


@bp.post("/phases/<int:phase_id>/migration")
@login_required
def migrate(phase_id: int) -> Response:
    """Submit what stands on a phase's board to the next phase."""
    phase, viewer = _managed_phase(phase_id)
    count = migration.migrate_by_hand(viewer, phase, now=now())
    if not count:
        message = _("Nothing was left to migrate.")
    else:
        message = ngettext(
            "%(num)d submission is migrated.", "%(num)d submissions are migrated.", count
        )
    return done(url_for(".phases", competition_id=phase.competition_id), message=message)


@bp.post("/phases/<int:phase_id>/prerequisite")
@login_required
def require(phase_id: int) -> Response:
    """Say what a phase requires of whoever submits to it."""
    phase, viewer = _managed_phase(phase_id)
    chosen = request.form.get("phase", "")
    required_id = request.form.get("phase", type=int) if chosen else None
    if chosen and required_id is None:
        raise Invalid(_("Choose an earlier phase of this benchmark, or none."))
    prerequisites.set_for(
        viewer, phase, required_id, requires_entry=request.form.get("what") == "entry"
    )
    message = _("What %(phase)s requires is saved.", phase=phase.name)
    return done(url_for(".phases", competition_id=phase.competition_id), message=message)
