"""Submitting, and the pages of submissions."""

from __future__ import annotations

import secrets
from typing import Any

from flask import Blueprint, request, url_for
from flask_babel import gettext as _
from flask_login import current_user, login_required
from itsdangerous import BadSignature
from werkzeug.wrappers import Response

from app.competitions import lifecycle
from app.competitions import queries as competitions
from app.competitions.models import Competition, Phase
from app.errors import AppError, NotFound
from app.platform import links, storage
from app.platform.clock import now
from app.platform.configured import settings
from app.platform.limiting import limiter, person
from app.platform.paging import page_number
from app.platform.web import (
    csrf,
    done,
    invalid,
    page,
    receive_large_form,
    redirect_to,
)
from app.policy import Act, Viewer, can
from app.queues import queries as queues
from app.resources import services as resources
from app.resources.arriving import services as arriving
from app.resources.measuring import MIB
from app.resources.models import FileKind, StoredFile
from app.submissions import (
    factsheet,
    moving,
    prerequisites,
    queries,
    quota,
    reruns,
    revisions,
    services,
    waiting,
)
from app.submissions.drafts import SubmissionDraft
from app.submissions.live import routes as live
from app.submissions.models import Submission
from app.submissions.provenance import queries as provenance
from worker.contract import Output

bp = Blueprint("submissions", __name__)

_RESULTS_POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'unsafe-inline'; img-src data: blob:; font-src data:; media-src data: blob:; "
    "connect-src 'none'; form-action 'none'; base-uri 'none'; frame-ancestors 'self'; "
    "webrtc 'block'"
)
_RESULTS_LINK_S = 60
_MAX_RESULTS_BYTES = 10 * 1024 * 1024


def _viewer() -> Viewer:
    return competitions.viewer(current_user, links.followed())


@bp.get("/benchmarks/<int:competition_id>/submit")
def new(competition_id: int) -> Response:
    """Choose a file for the phase that is open."""
    viewer = _viewer()
    competition = competitions.get(competition_id, viewer)
    moment = now()
    wanted = request.args.get("phase", type=int)
    open_phases = [p for p in competition.phases if _is_open(p, moment)]
    chosen = next(
        (p for p in open_phases if p.id == wanted), open_phases[-1] if open_phases else None
    )
    allowance, lack, ahead, kit = None, "", None, None
    if chosen is not None and viewer.user_id is not None:
        allowance = quota.allowance(chosen, viewer.user_id, moment)
        lack = prerequisites.lack(chosen, viewer.user_id)
        ahead = waiting.ahead(competition, viewer.user_id, now=moment)
        kit = competitions.starting_kit(competition, chosen, viewer)
    return page(
        "submissions/new.html", frame=competitions.frame(competition, viewer, moment), tab="submit",
        chosen=chosen, open_phases=open_phases, allowance=allowance,
        limit_mib=settings().upload_mib, lack=lack, kit=kit, ahead=ahead,
    )  # fmt: skip


def _is_open(phase: Phase, moment: Any) -> bool:
    return lifecycle.phase_stage(phase, moment) == lifecycle.Stage.OPEN


@bp.post("/phases/<int:phase_id>/uploads")
@csrf.exempt  # receive_large_form checks the token, once it is known who sends
@limiter.limit("120/hour", key_func=person)
@login_required
def upload(phase_id: int) -> Response:
    """Take the file: from the form itself, or by the key of what the browser sent to the store."""
    receive_large_form((settings().upload_mib + 1) * MIB)
    viewer = _viewer()
    competition_id = competitions.get_phase(phase_id, viewer).competition_id
    try:
        stored = arriving.take(viewer, FileKind.SUBMISSION, request, now)
    except AppError as error:
        return _again(competition_id, phase_id, error, viewer)
    return done(url_for(".review", phase_id=phase_id, file=stored.key))


def _again(competition_id: int, phase_id: int, error: AppError, viewer: Viewer) -> Response:
    moment = now()
    competition = competitions.get(competition_id, viewer)
    chosen = next((p for p in competition.phases if p.id == phase_id), None)
    return invalid(
        "submissions/new.html", frame=competitions.frame(competition, viewer, moment), tab="submit",
        chosen=chosen, open_phases=[p for p in competition.phases if _is_open(p, moment)],
        allowance=quota.allowance(chosen, viewer.user_id or 0, moment) if chosen else None,
        limit_mib=settings().upload_mib, problem=error.message,
        kit=competitions.starting_kit(competition, chosen, viewer) if chosen else None,
    )  # fmt: skip


@bp.get("/phases/<int:phase_id>/submissions/new")
@login_required
def review(phase_id: int) -> Response:
    """Show what would be submitted, and ask what the organizer wants to know."""
    viewer = _viewer()
    phase = competitions.get_phase(phase_id, viewer)
    file = services.own_file(viewer, request.args.get("file", ""))
    answers = factsheet.read(phase.competition.fact_sheet, {})
    return page("submissions/review.html", **_reviewed(viewer, phase, file, answers))


def _reviewed(
    viewer: Viewer, phase: Phase, file: StoredFile, answers: dict[str, Any]
) -> dict[str, Any]:
    moment = now()
    return {
        "frame": competitions.frame(phase.competition, viewer, moment),
        "tab": "submit",
        "subject": phase,
        "file": file,
        "answers": answers,
        "wrong": {},
        "problem": "",
        "is_open": _is_open(phase, moment),
        "allowance": quota.allowance(phase, viewer.user_id or 0, moment),
        "idempotency_key": request.form.get("idempotency_key") or secrets.token_urlsafe(24),
    }


@bp.post("/phases/<int:phase_id>/submissions")
@login_required
@limiter.limit("120/hour", key_func=person)
def create(phase_id: int) -> Response:
    """Accept a submission, or show the review again with what is wrong."""
    viewer = _viewer()
    phase = competitions.get_phase(phase_id, viewer)
    given = {key[7:]: value for key, value in request.form.items() if key.startswith("answer-")}
    answers = factsheet.read(phase.competition.fact_sheet, given)
    key = request.form.get("file", "")
    draft = SubmissionDraft(
        file_key=key, fact_sheet_answers=answers,
        idempotency_key=request.form.get("idempotency_key", "")[:64] or None,
    )  # fmt: skip
    try:
        submission = services.submit(viewer, phase, draft, now=now())
    except AppError as error:
        wrong = factsheet.problems(phase.competition.fact_sheet, answers)
        context = _reviewed(viewer, phase, services.own_file(viewer, key), answers)
        return invalid(
            "submissions/review.html", **{**context, "wrong": wrong, "problem": error.message}
        )
    return done(url_for(".detail", submission_id=submission.id))


@bp.get("/benchmarks/<int:competition_id>/submissions")
@login_required
def mine(competition_id: int) -> Response:
    """List the viewer's own submissions."""
    viewer = _viewer()
    competition = competitions.get(competition_id, viewer)
    rows = queries.mine(competition, viewer, page_number(request.args.get("page")))
    return _list("submissions/mine.html", competition, viewer, rows, tab="mine")


@bp.get("/benchmarks/<int:competition_id>/submissions/all")
@login_required
def everyone(competition_id: int) -> Response:
    """List everybody's submissions, for the organizers."""
    viewer = _viewer()
    competition = competitions.get(competition_id, viewer)
    rows = queries.everyone(competition, viewer, page_number(request.args.get("page")))
    return _list("submissions/everyone.html", competition, viewer, rows, tab="manage")


def _list(template: str, competition: Competition, viewer: Viewer, rows: Any, tab: str) -> Response:
    frame = competitions.frame(competition, viewer, now())
    outlook, misplaced, outdated = None, [], 0
    if tab == "manage":
        outdated = revisions.count(competition)
        outlook = queues.outlook(competition.queue_id, now=now())
        misplaced = moving.misplaced(competition)
    return page(
        template, frame=frame, tab=tab, submissions=rows, outlook=outlook, misplaced=misplaced,
        outdated=outdated,
    )  # fmt: skip


@bp.get("/submissions/<int:submission_id>")
@login_required
def detail(submission_id: int) -> Response:
    """Show one submission: its state, its reason, its log, its scores."""
    viewer = _viewer()
    seen = live.look(submission_id)
    submission = queries.get(submission_id, viewer)
    shown = queries.status(submission, viewer, now=now())
    frame = competitions.frame(submission.phase.competition, viewer, now())
    log = live.chosen_log(shown, seen, viewer)
    return page(
        "submissions/detail.html", frame=frame, tab=_tab(submission, viewer), shown=shown,
        rule=submission.phase.rule if submission.phase.leaderboard else "", log=log, voice_names=live.voice_names(),
        drawn=live.drawn(log), last_words=live.last_words(shown, viewer), live_address=live.first_address(shown, seen, log), live_wait_ms=live.wait_ms(seen),
        relatives=reruns.relatives(submission, viewer),
        record=provenance.of(submission_id, viewer),
    )  # fmt: skip


def _tab(submission: Submission, viewer: Viewer) -> str:
    is_mine = submission.owner_id == viewer.user_id and not submission.is_rehearsal
    return "mine" if is_mine else "manage"


@bp.get("/runs/<int:run_id>/outputs/<kind>")
@login_required
def output(run_id: int, kind: str) -> Response:
    """Send a file that a run wrote, by a link that opens it for a few minutes."""
    viewer = _viewer()
    submission, run = queries.run_of(run_id, viewer)
    found = next((o for o in run.outputs if o.kind == kind and o.attempt == run.attempt), None)
    if found is None or not queries.may_download(submission, kind, viewer):
        raise NotFound("There is no such file, or it is not yours to see.")
    extension = "html" if kind == Output.DETAILED_RESULTS else "zip"
    name = f"submission-{submission.id}-{kind}.{extension}"
    return redirect_to(storage.store().presign_get(found.ref, resources.LINK_LIFE, file_name=name))


@bp.get("/submissions/<int:submission_id>/file")
@login_required
def file(submission_id: int) -> Response:
    """Send the submitted file itself."""
    found = queries.get(submission_id, _viewer())
    name = found.file.file_name
    return redirect_to(
        storage.store().presign_get(found.file.ref, resources.LINK_LIFE, file_name=name)
    )


@bp.get("/runs/<int:run_id>/detailed-results")
def detailed_results(run_id: int) -> Response:
    """Show the page that the scoring program wrote, inside a frame that can reach nothing."""
    viewer = _viewer()
    run = queries.board_run(run_id, viewer)
    shown = live.results_frame(run)
    competition = competitions.get(run.submission.phase.competition_id, viewer)
    frame = competitions.frame(competition, viewer, now())
    return page(
        "submissions/detailed_results.html", frame=frame, tab="leaderboard", **shown,
        may_open=can(viewer, Act.SUBMISSION_VIEW, run.submission),
    )  # fmt: skip


@bp.get("/detailed-results/<ticket>")
def detailed_results_content(ticket: str) -> Response:
    """Send the untrusted page itself; a ticket opens it for a minute, and for a frame only."""
    try:
        run_id = int(live.results_tickets().loads(ticket, max_age=_RESULTS_LINK_S))
    except BadSignature as error:
        raise NotFound("This frame has expired. Reload the page around it.") from error
    if request.headers.get("Sec-Fetch-Dest", "iframe") != "iframe":
        return redirect_to(url_for(".detailed_results", run_id=run_id))
    found = live.results_of(queries.board_run(run_id, _viewer()))
    content = storage.read_bytes(found.ref, _MAX_RESULTS_BYTES)
    return Response(content, content_type="text/html; charset=utf-8", headers=_results_headers())


def _results_headers() -> dict[str, str]:
    return {
        "Content-Security-Policy": _RESULTS_POLICY,
        # Chromium knows no webrtc directive: without this, a peer connection gets out.
        "Connection-Allowlist": "(response-origin)",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }


@bp.route("/submissions/<int:submission_id>/cancel", methods=["GET", "POST"])
@login_required
def cancel(submission_id: int) -> Response:
    """Ask whether to cancel, then cancel."""
    viewer = _viewer()
    submission = queries.get(submission_id, viewer)
    frame = competitions.frame(submission.phase.competition, viewer, now())
    if request.method == "GET":
        return page("submissions/cancel.html", frame=frame, tab=_tab(submission, viewer),
                    submission=submission)  # fmt: skip
    services.cancel(viewer, submission, now=now())
    return _changed(submission_id, viewer, _("Submission %(id)s is cancelled.", id=submission_id))


@bp.post("/submissions/<int:submission_id>/start")
@login_required
def start(submission_id: int) -> Response:
    """Start a submission that waited for the organizer."""
    viewer = _viewer()
    services.start_held(viewer, queries.get(submission_id, viewer), now=now())
    return _changed(submission_id, viewer, _("Submission %(id)s is queued.", id=submission_id))


def _changed(submission_id: int, viewer: Viewer, message: str) -> Response:
    row = queries.status(queries.get(submission_id, viewer), viewer, now=now())
    url = url_for(".detail", submission_id=submission_id)
    return done(url, fragment="submissions/_status.html", message=message, shown=row)
