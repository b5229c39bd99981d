"""HTTP in, HTTP out: the four answers, the end of every request, and error pages."""

from __future__ import annotations

import logging
import secrets
import time
from typing import Any

from flask import (
    Flask,
    current_app,
    flash,
    g,
    jsonify,
    make_response,
    redirect,
    render_template,
    request,
)
from flask_babel import gettext as _
from flask_wtf.csrf import CSRFError, CSRFProtect
from sqlalchemy.exc import DataError
from werkzeug.exceptions import HTTPException, SecurityError
from werkzeug.routing import IntegerConverter, Map
from werkzeug.wrappers import Response

from app.errors import AppError
from app.platform import db
from app.platform.logging import event, request_id

log = logging.getLogger(__name__)

csrf = CSRFProtect()

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
LARGEST = 2**31 - 1
"""The largest number that an id column holds."""
POLL_OVER = 286
"""htmx stops polling at this status."""


class IdConverter(IntegerConverter):
    """``<int:…>`` in an address; a number that no row can have leads nowhere."""

    def __init__(self, url_map: Map) -> None:
        super().__init__(url_map, max=LARGEST)


def is_fragment() -> bool:
    """Return whether htmx asked for a piece of a page rather than for the page."""
    h = request.headers
    boosted = "HX-Boosted" in h or "HX-History-Restore-Request" in h
    return h.get("HX-Request") == "true" and not boosted


def page(template: str, *, fragment: str = "", status: int = 200, **context: Any) -> Response:
    """Answer a page, or its named fragment to htmx."""
    name = fragment if fragment and is_fragment() else template
    return make_response(render_template(name, **context), status)


def invalid(template: str, *, fragment: str = "", **context: Any) -> Response:
    """Answer a form again with its errors; nothing is saved."""
    return page(template, fragment=fragment, status=422, **context)


def done(url: str, *, fragment: str = "", message: str = "", **context: Any) -> Response:
    """Answer an accepted write: the changed fragment to htmx, a redirect to everyone else."""
    if is_fragment() and fragment:
        changed = render_template(fragment, **context)
        if message:
            changed += render_template("_ui/_flashes.html", flashed=message, oob=True)
        return make_response(changed)
    if message:
        flash(message)
    if is_fragment():
        return make_response("", 200, {"HX-Redirect": url})
    return redirect(url, 303)


def poll(url: str, *, fragment: str, over: bool, **context: Any) -> Response:
    """Answer a fragment that polls itself; a plain browser is sent to the page."""
    if not is_fragment():
        return redirect(url, 303)
    return make_response(render_template(fragment, **context), POLL_OVER if over else 200)


def receive_large_form(limit_bytes: int) -> None:
    """Read a form that carries a file of up to ``limit_bytes``, holding no lock while it arrives.

    For views that are exempt from the app-wide token check, after ``login_required``: the token is
    checked here, once it is known who sends, so that a stranger cannot make us read gigabytes.
    """
    db.release()
    request.max_content_length = limit_bytes
    if current_app.config["WTF_CSRF_ENABLED"]:
        csrf.protect()


def redirect_to(url: str) -> Response:
    """Send the browser to another address by GET."""
    return redirect(url, 303)


def init(app: Flask, *, csp: str) -> None:
    """Install the request's beginning and end, and the error pages; routes come after this."""
    app.url_map.converters["int"] = IdConverter
    app.before_request(_begin)
    app.after_request(lambda response: _finish(response, csp))
    app.register_error_handler(AppError, _app_error)
    app.register_error_handler(CSRFError, _csrf_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(DataError, _data_error)
    app.register_error_handler(Exception, _crash)


def _begin() -> None:
    g.began = time.perf_counter()
    request_id.set(secrets.token_hex(8))
    db.will_write(request.method not in SAFE)


def _finish(response: Response, csp: str) -> Response:
    """End the transaction, then add the headers that every answer carries.

    An unsafe method below 400 saves; everything else forgets, so a GET cannot save by mistake.
    """
    if request.method not in SAFE and response.status_code < 400:
        db.commit()
    else:
        db.rollback()
    headers = response.headers
    headers.setdefault("Content-Security-Policy", csp)
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
    if request.is_secure:
        headers.setdefault("Strict-Transport-Security", "max-age=63072000; includeSubDomains")
    if request.endpoint != "static":
        headers.setdefault("Cache-Control", "private, no-store")
        headers.add("Vary", "HX-Request")
    headers["X-Request-Id"] = request_id.get()
    if _is_worth_a_line(response.status_code):
        milliseconds = round((time.perf_counter() - g.get("began", time.perf_counter())) * 1000, 1)
        event(log, "request", method=request.method, path=request.path, ms=milliseconds,
              status=response.status_code)  # fmt: skip
    return response


def _is_worth_a_line(status: int) -> bool:
    """Leave out what only shows that a machine or a watcher is there, a line a second."""
    quiet = (
        request.endpoint in ("static", "home.health", "live.poll")
        or request.blueprint == "worker_api"
    )
    return status >= 400 or not quiet


def _wants_json() -> bool:
    return request.path.startswith("/api/") or request.accept_mimetypes.best == "application/json"


def error_response(status: int, message: str) -> Response:
    """Answer a failure as JSON, as a toast or as a page, as the caller can read it."""
    if _wants_json():
        answer = jsonify(error=message)
        answer.status_code = status
        return answer
    if is_fragment():
        return make_response(render_template("errors/_toast.html", message=message), status)
    known = status if status in (403, 404, 405, 409, 413, 422, 429, 503) else 500
    return make_response(
        render_template(f"errors/{known}.html", message=message, request_id=request_id.get()),
        status,
    )


def _app_error(error: AppError) -> Response:
    return error_response(error.status, error.message)


def _csrf_error(_error: CSRFError) -> Response:
    return error_response(
        403, _("This form is no longer valid. Reload the page and send it again.")
    )


def _stock_messages() -> dict[int, str]:
    return {
        403: _("You may not see this page."),
        404: _("There is no page at this address, or you may not see it."),
        405: _("This address does not take that kind of request."),
        413: _("What you sent is larger than this page takes."),
        429: _("Too many attempts. Wait a minute and try again."),
    }


def _http_error(error: HTTPException) -> Response:
    if isinstance(error, SecurityError):
        # A host we do not know: no page can be made, for its links would lead there.
        return make_response("This server is not known by that name.\n", 400)
    if error.response is not None or error.code is None or error.code < 400:
        return error.get_response()  # a redirect, or an answer somebody made on purpose
    message = _stock_messages().get(error.code, _("The request could not be read."))
    return error_response(error.code, message)


def _data_error(error: DataError) -> Response:
    """Answer what the database itself refuses to hold or compare, such as a NUL in a text."""
    event(log, "request.unstorable", level=logging.WARNING, path=request.path)
    db.rollback()
    return error_response(
        422, _("This request holds a character or a number that cannot be used. Leave it out.")
    )


def _crash(error: Exception) -> Response:
    log.exception("request.crashed", extra={"path": request.path, "method": request.method})
    db.rollback()
    return error_response(
        500,
        _("Something went wrong on our side. Nothing you entered was saved; the error is logged."),
    )
