"""Pages of accounts, and who is behind a request."""

from __future__ import annotations

import math
import time
from typing import cast
from urllib.parse import urlsplit

from flask import (
    Blueprint,
    Request,
    current_app,
    g,
    make_response,
    redirect,
    request,
    session,
    url_for,
)
from flask import Response as Answer
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_limiter import RequestLimit
from flask_login import LoginManager, current_user, login_required
from werkzeug.wrappers import Response

from app.accounts import drafts, queries, services
from app.accounts.destinations import safe_path
from app.accounts.forms import LogInForm, PasswordForm, SignUpForm
from app.accounts.models import User
from app.errors import Forbidden, Invalid
from app.platform import links
from app.platform.clock import now
from app.platform.configured import settings
from app.platform.db import unit_of_work
from app.platform.limiting import limiter, named_account
from app.platform.web import SAFE, done, error_response, invalid, is_fragment, page

bp = Blueprint("accounts", __name__)

login_manager = LoginManager()
login_manager.session_protection = None  # sessions are rows here; an address may change any time

_TOKEN = "login"  # noqa: S105 - the key in the session, not a secret


@login_manager.request_loader
def _load(_request: Request) -> User | None:
    token = session.get(_TOKEN)
    found = queries.session_of(token, now=now()) if isinstance(token, str) else None
    if found is None:
        return None
    if _is_somebodys_act() and services.needs_note(found, now=now()):
        g.busy_session = found.id
    return found.user


def _is_somebodys_act() -> bool:
    """Tell a click from what an open page asks for by itself, which keeps no session alive."""
    if request.method not in SAFE:
        return True
    return request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate" and not is_fragment()


@bp.teardown_app_request
def _note_activity(_error: BaseException | None) -> None:
    """Note it once the answer is made, in a transaction of its own: a GET itself saves nothing."""
    session_id = g.pop("busy_session", None)
    if session_id is not None:
        with unit_of_work():
            services.note_activity(session_id, now=now())


@login_manager.unauthorized_handler
def _unauthorized() -> Response:
    """Send to the log-in page, and from there back to what was asked for."""
    if is_fragment():
        asked = urlsplit(request.headers.get("HX-Current-URL", ""))
        wanted = f"{asked.path}?{asked.query}" if asked.query else asked.path
        url = url_for("accounts.log_in", next=_safe(wanted) or None)
        return make_response("", 200, {"HX-Redirect": url})
    wanted = request.full_path.removesuffix("?") if request.method == "GET" else request.path
    return redirect(url_for("accounts.log_in", next=_safe(wanted) or None), 303)


def _safe(wanted: str) -> str:
    return safe_path(wanted, current_app.url_map.bind("", url_scheme="http"))


def _slow_down(limit: RequestLimit) -> Answer:
    seconds = max(1, math.ceil(limit.reset_at - time.time()))
    minutes = math.ceil(seconds / 60)
    if seconds < 120:
        wait = ngettext("%(num)d second", "%(num)d seconds", seconds)
    elif minutes < 120:
        wait = ngettext("%(num)d minute", "%(num)d minutes", minutes)
    else:
        wait = ngettext("%(num)d hour", "%(num)d hours", math.ceil(minutes / 60))
    # An exception raised here would be taken for a failure of the counter.
    answer = error_response(429, _("Too many attempts. Wait %(wait)s, then try again.", wait=wait))
    answer.headers["Retry-After"] = str(seconds)
    return cast(Answer, answer)


def _was_refused(response: Response) -> bool:
    return response.status_code == 422


@bp.get("/log-in")
def log_in() -> Response:
    """Ask for name and password."""
    wanted = _safe(request.args.get("next", ""))
    if current_user.is_authenticated:
        return redirect(wanted or url_for("home.index"), 303)
    return page("accounts/log_in.html", form=LogInForm(data={"next": wanted}))


@bp.post("/log-in")
@limiter.limit("5/minute;50/day", key_func=named_account, on_breach=_slow_down)
@limiter.limit("5/minute;50/day", deduct_when=_was_refused, on_breach=_slow_down)
def log_in_now() -> Response:
    """Start a session, or show the form again. An address pays for wrong passwords only."""
    form = LogInForm(request.form)
    token = None
    if form.validate():
        token = services.log_in(form.name.data, form.password.data, now=now())
        if token is None:
            form.refuse("password", _("The name or the password is wrong. Try again."))
    if token is None:
        return invalid("accounts/log_in.html", form=form)
    _enter(token)
    return done(_safe(form.next.data or "") or url_for("home.index"))


def _enter(token: str) -> None:
    """Begin a new browser session; nothing of the old one stays but the links it followed."""
    opened = links.followed()
    session.clear()
    for secret in opened:
        links.follow(secret)
    session[_TOKEN] = token
    session.permanent = True


@bp.post("/log-out")
def log_out() -> Response:
    """End the session, here and on the server."""
    token = session.get(_TOKEN)
    if isinstance(token, str):
        services.log_out(token)
    session.clear()
    return done(url_for("home.index"), message=_("You are logged out."))


@bp.get("/sign-up")
def sign_up() -> Response:
    """Ask for what an account needs."""
    if current_user.is_authenticated:
        return redirect(url_for("home.index"), 303)
    form = SignUpForm(data={"next": _safe(request.args.get("next", ""))})
    return page("accounts/sign_up.html", form=form, is_open=settings().sign_up)


@bp.post("/sign-up")
@limiter.limit("10/hour", on_breach=_slow_down)
def sign_up_now() -> Response:
    """Make an account and log in; a known address is answered like a new one."""
    form = SignUpForm(request.form)
    form.validate()
    draft = form.draft()
    for field, sentence in drafts.problems(draft).items():
        if not form[field].errors:
            form.refuse(field, _(sentence))
    if not form.username.errors and (sentence := services.name_problem(draft.username)):
        form.refuse("username", _(sentence))
    token = ""
    if not form.errors:
        try:
            token = services.sign_up(draft, now=now())
        except services.NameTaken as taken:
            form.refuse("username", _(taken.message))
    if form.errors:
        return invalid("accounts/sign_up.html", form=form, is_open=settings().sign_up)
    _enter(token)
    wanted = _safe(form.next.data or "") or None
    return done(url_for("accounts.signed_up", next=wanted))


@bp.get("/sign-up/done")
def signed_up() -> Response:
    """Go on, logged in; or say what to do when the address had an account before."""
    wanted = _safe(request.args.get("next", ""))
    if current_user.is_authenticated:
        return done(wanted or url_for("home.index"), message=_("You are logged in."))
    return page("accounts/signed_up.html", next=wanted or None)


@bp.get("/account")
@login_required
def account() -> Response:
    """Show one's own account."""
    return _account(PasswordForm())


@bp.post("/account/password")
@login_required
@limiter.limit("5/minute;50/day", deduct_when=_was_refused, on_breach=_slow_down)
def change_password() -> Response:
    """Change one's own password."""
    form = PasswordForm(request.form)
    if form.validate():
        try:
            services.change_password(
                current_user, form.current.data, form.new.data, token=session.get(_TOKEN, "")
            )
        except Forbidden as refusal:
            form.refuse("current", _(refusal.message))
        except Invalid as refusal:
            form.refuse("new", _(refusal.message))
    if form.errors:
        return _account(form, status=422)
    return done(url_for(".account"), message=_("Your password is changed."))


@bp.post("/account/log-out-elsewhere")
@login_required
def log_out_elsewhere() -> Response:
    """End all other sessions of this account."""
    services.log_out_elsewhere(current_user, session.get(_TOKEN, ""))
    return done(url_for(".account"), message=_("All other browsers are logged out."))


def _account(form: PasswordForm, status: int = 200) -> Response:
    sessions = queries.count_sessions(current_user.id, now=now())
    return page("accounts/account.html", status=status, form=form, sessions=sessions)
