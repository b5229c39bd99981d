"""One poll per open page: new lines of its log, and its state when that changed."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import datetime
from typing import Any

from flask import Blueprint, current_app, make_response, render_template, request, url_for
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_login import current_user, login_required
from itsdangerous import URLSafeTimedSerializer
from markupsafe import Markup
from werkzeug.wrappers import Response

from app.competitions import queries as competitions
from app.errors import NotFound
from app.platform import links
from app.platform.clock import now
from app.platform.limiting import limiter
from app.platform.web import LARGEST, POLL_OVER, is_fragment, redirect_to
from app.platform.web import poll as answer_poll
from app.policy import Viewer
from app.submissions import queries
from app.submissions.live import lastwords, news, pace, panel, ticket, transcript
from app.submissions.live.lastwords import LastWords
from app.submissions.live.news import Glance, Said
from app.submissions.live.page import LogView, chosen
from app.submissions.live.panel import Panel
from app.submissions.live.position import Position
from app.submissions.live.shared import Shared
from app.submissions.live.ticket import Ticket
from app.submissions.live.transcript import Place, Voice
from app.submissions.models import Run, RunOutput, State
from worker.contract import Output

bp = Blueprint("live", __name__)
limiter.exempt(bp)

_pace = pace.Pace()
_WAITING_LOOK_S = 3
"""How often a waiting page looks at its place in the queue, if few pages are open."""
_LOOKS_PER_S = 20
_MANY_PAGES = 50
"""From here on pages of the same submission are told the same, up to a few tenths late."""
_glances = Shared[Glance | None](0.15, 1000)
_charts = Shared[str](2.0, 200)
_lines = Shared[tuple[Markup, Place]](2.0, 200)
_NO_LOG = '<div id="log" hx-swap-oob="delete"></div>'
"""A page made after the end shows no log where nothing was printed, either."""


def voice_names() -> dict[Voice, str]:
    """Return what pages call those who speak in a log."""
    return {
        Voice.PREDICTION: _("Prediction"),
        Voice.PREDICTION_INGESTION: _("Ingestion"),
        Voice.SCORING: _("Scoring"),
        Voice.SCORING_INGESTION: _("Ingestion while scoring"),
    }


def look(submission_id: int) -> Glance | None:
    """Look at a submission before its page is made, so that nothing in between is missed."""
    return news.glance(submission_id)


def chosen_log(shown: queries.StatusRow, seen: Glance | None, viewer: Viewer) -> LogView | None:
    """Return the log that a page shows: what its address names, else all there is."""
    readable = queries.visible_streams(shown.submission, viewer)
    return chosen(
        shown, seen.runs if seen else {}, readable, voice_names(),
        run_id=request.args.get("run", type=int), name=request.args.get("stream", ""),
    )  # fmt: skip


def first_address(shown: queries.StatusRow, seen: Glance | None, log: LogView | None) -> str:
    """Return the address that a page which is now made asks for news; empty if none will come."""
    if seen is None or seen.is_terminal or not shown.runs:
        return ""
    if log is not None:
        return _address_of(shown, seen, log, now())
    run_id = shown.runs[0].run.id
    said = seen.runs[run_id]
    here = Position(seen.status, said.attempt, said.last_seq, "", shown.version, _seconds(now()))
    return _address(_issue(shown.submission.id, run_id, frozenset()), here, "")


def _address_of(shown: queries.StatusRow, seen: Glance, log: LogView, moment: datetime) -> str:
    here = Position(
        seen.status, log.said.attempt, log.said.last_seq, log.place.pack(), shown.version,
        _seconds(moment), log.said.chart, log.follows,
    )  # fmt: skip
    issued = _issue(shown.submission.id, log.run.id, log.streams)
    return _address(issued, here, log.name)


def wait_ms(seen: Glance | None) -> int:
    """Return how long a page that shows a submission waits before it asks."""
    if seen is not None and seen.is_held:
        return pace.HELD_MS
    return _pace.next_wait_ms(time.monotonic())


@bp.get("/submissions/<int:submission_id>/live")
def poll(submission_id: int) -> Response:
    """Answer what is new since the position in the address, and where to ask next.

    A valid ticket stands for the reader's session, so that a poll costs one statement, or two with
    new lines. Once the ticket is over, or the state changed, the reader is asked for again.
    """
    if not is_fragment():
        return redirect_to(url_for("submissions.detail", submission_id=submission_id))
    moment = now()
    issued = ticket.read(request.args.get("ticket", ""), _secret())
    if issued is None or issued.submission_id != submission_id or issued.is_over(moment):
        if not current_user.is_authenticated:
            return _log_in()
        issued = _checked(submission_id, moment)
    seen = _glance(submission_id)
    if seen is None or issued.run_id not in seen.runs:
        raise NotFound("There is no such submission, or it is not yours to see.")
    return _answer(issued, seen, Position.read(request.args), moment)


@bp.get("/runs/<int:run_id>/log.txt")
@login_required
def log_text(run_id: int) -> Response:
    """Send the log of a run as a file: of a voice, of a stream, or all of it."""
    viewer = _viewer()
    submission, run = queries.run_of(run_id, viewer)
    name = request.args.get("stream", "")
    streams = transcript.streams_of(name) & queries.visible_streams(submission, viewer)
    if not streams:
        raise NotFound("There is no such log, or it is not yours to read.")
    chunks = news.chunks(run.id, run.attempt, streams, after=0, until=LARGEST)
    return Response(
        transcript.text_of(chunks),
        mimetype="text/plain",
        headers={"Content-Disposition": f'attachment; filename="run-{run.id}-{name or "log"}.txt"'},
    )


def _glance(submission_id: int) -> Glance | None:
    at = time.monotonic()
    if _pace.pages(at) < _MANY_PAGES:
        return news.glance(submission_id)
    return _glances.get(submission_id, at, lambda: news.glance(submission_id))


@bp.get("/runs/<int:run_id>/detailed-results/newest")
def newest_results(run_id: int) -> Response:
    """Answer the frame of detailed results again if they were rewritten; it asks by itself."""
    run = queries.board_run(run_id, _viewer())
    found = results_of(run)
    over = State(run.state).is_terminal
    if is_fragment() and not over and request.args.get("seen") == found.sha256:
        return Response(status=204)
    return answer_poll(
        url_for("submissions.detailed_results", run_id=run_id),
        fragment="submissions/_results_frame.html", over=over, **results_frame(run),
    )  # fmt: skip


def results_of(run: Run) -> RunOutput:
    """Return the detailed results of a run with its outputs.

    Raises:
        NotFound: the attempt that counts has stored none yet.
    """
    for output in run.outputs:
        if output.kind == Output.DETAILED_RESULTS and output.attempt == run.attempt:
            return output
    raise NotFound("This run has no detailed results.")


def results_frame(run: Run) -> dict[str, Any]:
    """Return what the frame of a run's detailed results needs."""
    return {
        "run": run,
        "seen": results_of(run).sha256,
        "ticket": results_tickets().dumps(run.id),
        "is_live": not State(run.state).is_terminal,
    }


def results_tickets() -> URLSafeTimedSerializer:
    """Return what signs the address inside the frame."""
    return URLSafeTimedSerializer(_secret(), salt="detailed-results")


def _answer(issued: Ticket, seen: Glance, before: Position, moment: datetime) -> Response:
    if before.follows and issued.streams and (successor := seen.successor(issued.run_id)):
        return _move_on(issued.submission_id, successor, seen, moment)
    pieces = []
    said = seen.runs[issued.run_id]
    lines, place = _new_lines(issued, said, before)
    is_new_attempt = said.attempt != before.attempt
    if lines or (is_new_attempt and issued.streams):
        # Without what pages are rendered with: that would look for the reader's session.
        template = current_app.jinja_env.get_template("submissions/_log_lines.html")
        pieces.append(template.render(run_id=issued.run_id, lines=lines, is_new=is_new_attempt))
    version, looked = before.version, before.looked
    if seen.status != before.status or (seen.waits and _is_due(looked, moment)):
        if not current_user.is_authenticated:
            return _log_in()
        shown = _status(issued.submission_id, moment)
        if shown.version != version or seen.status != before.status:
            pieces.append(_status_piece(shown))
        if seen.is_terminal and issued.streams and not any(row.streams for row in shown.runs):
            pieces.append(_NO_LOG)
        version, looked = shown.version, _seconds(moment)
    chart = _new_chart(issued, said, before)
    after = Position(
        seen.status, said.attempt, said.last_seq, place.pack(), version, looked, said.chart,
        before.follows,
    )  # fmt: skip
    response = make_response(chart + "".join(pieces), 200 if chart or pieces else 204)
    if chart:
        response.headers["HX-Reswap"] = "outerHTML"
        response.headers["HX-Retarget"] = f"#charts-{issued.run_id}"
    if seen.is_terminal:
        response.status_code = POLL_OVER
    else:
        stream = request.args.get("stream", "")
        response.headers["Live-Next"] = _address(issued, after, stream)
        response.headers["Live-Wait"] = str(wait_ms(seen))
    return response


def _move_on(submission_id: int, run_id: int, seen: Glance, moment: datetime) -> Response:
    """Put the log of the run that is now under way in the place of one that no longer is."""
    if not current_user.is_authenticated:
        return _log_in()
    viewer = _viewer()
    shown = queries.status(queries.get(submission_id, viewer), viewer, now=moment)
    readable = queries.visible_streams(shown.submission, viewer)
    log = chosen(shown, seen.runs, readable, voice_names(), run_id=run_id, name="")
    if log is None:
        raise NotFound("There is no such log, or it is not yours to read.")
    log = replace(log, follows=True)
    piece = render_template(
        "submissions/_log.html", shown=shown, one=shown.submission, log=log, drawn=drawn(log),
        voice_names=voice_names(),
    )  # fmt: skip
    response = make_response(piece + _status_piece(shown))
    response.headers["HX-Reswap"] = "outerHTML"
    response.headers["HX-Retarget"] = "#log"
    response.headers["Live-Next"] = _address_of(shown, seen, log, moment)
    response.headers["Live-Wait"] = str(wait_ms(seen))
    return response


def _status_piece(shown: queries.StatusRow) -> str:
    return render_template(
        "submissions/_status.html", shown=shown, oob=True, voice_names=voice_names(),
        last_words=last_words(shown, _viewer()),
    )  # fmt: skip


def _new_lines(issued: Ticket, said: Said, before: Position) -> tuple[Markup, Place]:
    is_same = said.attempt == before.attempt
    place = Place.unpack(before.place) if is_same else Place()
    after = before.seq if is_same else 0
    if said.last_seq <= after or not issued.streams:
        return Markup(), place
    is_whole = not request.args.get("stream")

    def rendered() -> tuple[Markup, Place]:
        names = voice_names() if is_whole else {}
        chunks = news.chunks(
            issued.run_id, said.attempt, issued.streams, after=after, until=said.last_seq
        )
        return transcript.render(chunks, place, names)

    at = time.monotonic()
    if _pace.pages(at) < _MANY_PAGES:
        return rendered()
    # What was said between two events never changes.
    question = (
        issued.run_id, said, issued.streams, after, before.place, is_whole, get_locale(),
    )  # fmt: skip
    return _lines.get(question, at, rendered)


def _new_chart(issued: Ticket, said: Said, before: Position) -> str:
    if (said.attempt, said.chart) == (before.attempt, before.chart) or not issued.streams:
        return ""

    def rendered() -> str:
        drawn = panel.of(issued.run_id, said.attempt, issued.streams, _words())
        template = current_app.jinja_env.get_template("submissions/_charts.html")
        return template.render(run_id=issued.run_id, drawn=drawn)

    at = time.monotonic()
    if _pace.pages(at) < _MANY_PAGES:
        return rendered()
    question = (issued.run_id, said.attempt, said.chart, issued.streams, get_locale())
    return _charts.get(question, at, rendered)


def last_words(shown: queries.StatusRow, viewer: Viewer) -> dict[int, LastWords]:
    """Return what failed programs said last, by run, as far as the viewer may read it."""
    if not shown.is_terminal:
        return {}
    return lastwords.of(
        [row.run for row in shown.runs], queries.visible_streams(shown.submission, viewer)
    )


def drawn(log: LogView | None) -> Panel:
    """Return the graphs under the log of a page."""
    if log is None:
        return Panel([])
    return panel.of(log.run.id, log.said.attempt, log.streams, _words())


def _words() -> panel.Words:
    measures = {
        "memory": (_("Memory in use"), ""),
        "cpu": (_("Processors in use"), _("processors")),
        "gpu": (_("GPU in use"), "%"),
        "gpu_memory": (_("GPU memory in use"), ""),
    }
    return panel.Words(voice_names(), _("plotted by the program"), measures)


def _is_due(looked: int, moment: datetime) -> bool:
    """Return whether a waiting page looks again; the more pages, the more rarely each."""
    pages = _pace.pages(time.monotonic())
    return _seconds(moment) - looked >= max(_WAITING_LOOK_S, pages / _LOOKS_PER_S)


def _status(submission_id: int, moment: datetime) -> queries.StatusRow:
    viewer = _viewer()
    return queries.status(queries.get(submission_id, viewer), viewer, now=moment)


def _checked(submission_id: int, moment: datetime) -> Ticket:
    """Return a new ticket, for what the reader may see by now."""
    viewer = _viewer()
    submission = queries.get(submission_id, viewer)
    readable = queries.visible_streams(submission, viewer)
    run_id = request.args.get("run", type=int)
    run = next((one for one in submission.runs if one.id == run_id), None)
    if run is None:
        raise NotFound("There is no such run, or it is not yours to see.")
    streams = transcript.streams_of(request.args.get("stream", "")) & readable
    return Ticket(submission_id, run.id, streams, False, _seconds(moment) + ticket.LIFE_S)


def _issue(submission_id: int, run_id: int, streams: frozenset[str]) -> Ticket:
    return Ticket(submission_id, run_id, streams, False, _seconds(now()) + ticket.LIFE_S)


def _address(issued: Ticket, here: Position, stream: str) -> str:
    return url_for(
        "live.poll",
        submission_id=issued.submission_id, run=issued.run_id, stream=stream or None,
        ticket=ticket.issue(issued, _secret()), **here.arguments(),
    )  # fmt: skip


def _viewer() -> Viewer:
    return competitions.viewer(current_user, links.followed())


def _log_in() -> Response:
    answer: Response = current_app.login_manager.unauthorized()  # type: ignore[attr-defined]
    return answer


def _secret() -> str:
    return str(current_app.secret_key)


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
