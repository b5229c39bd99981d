"""Pages about space: what uses how much, clearing up, and what an administrator grants."""

from __future__ import annotations

from flask import Blueprint, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user, login_required
from werkzeug.wrappers import Response

from app import policy
from app.accounts import queries as accounts
from app.accounts.models import User
from app.errors import NotFound
from app.platform import moments
from app.platform.web import done, invalid, page
from app.policy import Act, Viewer
from app.resources.library.forms import KIND_WORDS
from app.resources.space import cleanup, queries, services
from app.resources.space.forms import QuotaForm

bp = Blueprint("space", __name__, url_prefix="/resources/space")


def _viewer() -> Viewer:
    return Viewer(current_user.id, current_user.username, current_user.is_staff)


def _person(name: str) -> User:
    """Return whose space is asked for: one's own, or for administrators anybody's."""
    if not name or name == current_user.username:
        found: User = current_user
        return found
    policy.require(_viewer(), Act.QUOTA_SET)
    user = accounts.by_name(name)
    if user is None:
        raise NotFound(_("There is nobody of this name."))
    return user


@bp.get("/")
@login_required
def overview() -> Response:
    """Show what uses how much, and what could go."""
    return _shown(_person(request.args.get("person", "")), None)


def _shown(user: User, form: QuotaForm | None) -> Response:
    space = queries.space_of(user.id)
    form_or_new = form or QuotaForm(data={"person": user.username})
    is_own = user.id == current_user.id
    show = invalid if form is not None else page
    return show(
        "resources/space.html", user=user, space=space, form=form_or_new, is_own=is_own,
        groups=cleanup.groups(_viewer()) if is_own else [], kinds=KIND_WORDS,
        can_grant=policy.can(_viewer(), Act.QUOTA_SET),
    )  # fmt: skip


@bp.post("/quota")
@login_required
def grant() -> Response:
    """Set how much somebody may keep."""
    policy.require(_viewer(), Act.QUOTA_SET)
    form = QuotaForm(request.form)
    user = _person(form.person.data or "")
    if not form.validate():
        return _shown(user, form)
    services.grant(_viewer(), user.id, form.gib.data)
    url = url_for(".overview", person=user.username)
    return done(url, message=_("The quota of %(name)s is changed.", name=user.username))


@bp.get("/clear/<group>")
@login_required
def confirm_clear(group: str) -> Response:
    """List exactly what would go."""
    found = [one for one in cleanup.groups(_viewer()) if one.key == group]
    if not found:
        raise NotFound(_("There is nothing of this kind to clear."))
    return page("resources/clear.html", group=found[0])


@bp.post("/clear/<group>")
@login_required
def clear(group: str) -> Response:
    """Let go what was listed and ticked."""
    ids = {int(text) for text in request.form.getlist("id") if text.isascii() and text.isdigit()}
    freed = cleanup.clear(_viewer(), group, ids)
    gone = ngettext("%(num)d thing is gone", "%(num)d things are gone", freed.count)
    message = _(
        "%(gone)s, %(size)s are free again.", gone=gone, size=moments.size(freed.size_bytes)
    )
    return done(url_for(".overview"), message=message)
