"""The board of a phase as page, fragment and JSON, and putting submissions on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, make_response, request, url_for
from flask_babel import gettext as _
from flask_login import current_user, login_required
from werkzeug.wrappers import Response

from app import policy
from app.competitions import queries as competitions
from app.competitions.models import Competition
from app.leaderboards import exports, queries, services
from app.platform import links
from app.platform.clock import now
from app.platform.paging import page_number
from app.platform.web import done, is_fragment, page, redirect_to
from app.policy import Act, Viewer

bp = Blueprint("leaderboards", __name__)

FEW_TASKS = 4
"""Up to so many tasks, a row shows their scores beneath unless the reader hides them."""


def _viewer() -> Viewer:
    return competitions.viewer(current_user, links.followed())


def _framed(competition: Competition, viewer: Viewer) -> dict[str, Any]:
    frame = competitions.frame(competition, viewer, now())
    return {"frame": frame, "tab": "leaderboard"}


@bp.get("/benchmarks/<int:competition_id>/leaderboard")
def index(competition_id: int) -> Response:
    """Go to the board of the phase that started last."""
    viewer = _viewer()
    competition = competitions.get(competition_id, viewer)
    phase = queries.phase_of_interest(competition, now())
    if phase is None:
        return page("leaderboards/none.html", phase_of_board=None, **_framed(competition, viewer))
    return redirect_to(url_for(".board", phase_id=phase.id))


@bp.get("/phases/<int:phase_id>/leaderboard")
def board(phase_id: int) -> Response:
    """Show a page of a board; to a poll that has seen it already, nothing."""
    viewer = _viewer()
    phase = competitions.get_phase(phase_id, viewer)
    around = _framed(phase.competition, viewer)
    if phase.leaderboard is None or not policy.can(viewer, Act.BOARD_VIEW, phase):
        if is_fragment():  # a poll whose board was hidden meanwhile
            return done(url_for(".board", phase_id=phase_id))
        status = 200 if phase.leaderboard is None else 403
        return page("leaderboards/none.html", status=status, phase_of_board=phase, **around)
    row = queries.board(phase, viewer, page_number(request.args.get("page")))
    if is_fragment() and request.args.get("seen") == row.version:
        return make_response("", 204)
    chooses = row.about.rule not in services.AUTOMATIC
    return page(
        "leaderboards/board.html",
        fragment="leaderboards/_board.html",
        board=row,
        with_tasks=_with_tasks(len(row.about.tasks)),
        is_live=request.args.get("live") != "off",
        own=queries.own_submissions(phase, viewer) if chooses and not is_fragment() else [],
        can_remove=row.about.rule in services.REMOVABLE,
        **around,
    )


def _with_tasks(count: int) -> bool:
    asked = request.args.get("tasks")
    return count > 1 and (asked == "shown" or (asked != "hidden" and count <= FEW_TASKS))


@bp.get("/phases/<int:phase_id>/leaderboard.json")
def board_json(phase_id: int) -> Response:
    """Answer a page of a board as JSON, or with ``?all=true`` all of it."""
    viewer = _viewer()
    phase = competitions.get_phase(phase_id, viewer)
    if request.args.get("all") == "true":
        about, rows = queries.whole_board(phase, viewer)
        return _cacheable(exports.board_as_json(about, rows, _addresses()))
    size = request.args.get("page_size", queries.PAGE_SIZE, type=int)
    size = min(max(1, size), queries.MAX_PAGE_SIZE)
    row = queries.board(phase, viewer, page_number(request.args.get("page")), size)
    return _cacheable(exports.page_as_json(row, _addresses()))


def _addresses() -> exports.Addresses:
    """Return what gives addresses by id; asking Flask for thousands takes long."""
    return exports.Addresses(
        details=_by_id(url_for("submissions.detailed_results", run_id=0)),
        provenance=_by_id(url_for("provenance.document", submission_id=0)),
    )


def _by_id(of_zero: str) -> Callable[[int], str]:
    before, _, after = of_zero.rpartition("/0/")
    return lambda id_: f"{before}/{id_}/{after}"


def _cacheable(body: bytes) -> Response:
    """Answer JSON that a client may keep, as long as it asks each time whether it still holds."""
    answer = make_response(body, 200, {"Content-Type": "application/json"})
    answer.headers["Cache-Control"] = "private, no-cache"
    answer.add_etag()
    return answer.make_conditional(request)


@bp.post("/submissions/<int:submission_id>/entry")
@login_required
def add(submission_id: int) -> Response:
    """Put a submission on the board of its phase."""
    viewer = _viewer()
    submission = queries.submission(submission_id, viewer)
    services.add(viewer, submission, now=now())
    message = _("Submission %(number)d stands on the board.", number=submission_id)
    return done(url_for(".board", phase_id=submission.phase_id), message=message)


@bp.post("/submissions/<int:submission_id>/entry/remove")
@login_required
def remove(submission_id: int) -> Response:
    """Take a submission off the board of its phase."""
    viewer = _viewer()
    submission = queries.submission(submission_id, viewer)
    services.remove(viewer, submission, now=now())
    message = _("Submission %(number)d is off the board.", number=submission_id)
    return done(url_for(".board", phase_id=submission.phase_id), message=message)
