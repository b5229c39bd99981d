"""Starting an upload, downloading a file, and the pictures that pages show."""

from __future__ import annotations

import re
from uuid import UUID

from flask import Blueprint, make_response, redirect, request
from flask_login import current_user, login_required
from werkzeug.wrappers import Response

from app.errors import Invalid, NotFound
from app.platform.clock import now
from app.platform.limiting import limiter, person
from app.platform.storage import PUBLIC, ObjectRef, read_bytes
from app.policy import Viewer
from app.resources import queries, services
from app.resources.forms import UploadForm
from app.resources.library import downloads
from app.resources.library.downloads import Caller
from app.resources.models import FileKind
from app.resources.parts import services as parts
from app.resources.parts.routes import ticket

bp = Blueprint("resources", __name__)

_PICTURE = re.compile(r"pictures/[0-9a-f]{32}/[a-z]{1,20}\.png")
_MAX_PICTURE_BYTES = 4 * 1024 * 1024


def _viewer() -> Viewer:
    """Return who asks; memberships are looked up only where they matter."""
    if not current_user.is_authenticated:
        return Viewer()
    return Viewer(current_user.id, current_user.username, current_user.is_staff)


@bp.post("/uploads")
@limiter.limit("60 per minute; 600 per hour", key_func=person)
@login_required
def start_upload() -> Response:
    """Say where to send a file, and under which key it is known here.

    In parts only to who asks for it: everybody else PUTs the whole file to one URL.
    """
    form = UploadForm(request.values)
    if not form.validate():
        raise Invalid(" ".join(str(error) for errors in form.errors.values() for error in errors))
    kind, name, size = FileKind(form.kind.data), form.file_name.data, form.file_size.data
    if form.in_parts.data and size >= parts.FROM_BYTES:
        changed = form.file_modified.data or 0
        return ticket(parts.begin(_viewer(), kind, name, size, changed, now=now()), "")
    return ticket(*services.start_upload(_viewer(), kind, name, size, now=now()))


@bp.get("/files/<uuid:key>")
def download(key: UUID) -> Response:
    """Send the browser to a link that lives a few minutes."""
    viewer = _viewer()
    file = queries.get_file(key, viewer)
    url = services.link(file, viewer)
    if request.method == "GET":
        headers = request.headers
        agent, purpose = headers.get("User-Agent", ""), headers.get("Sec-Purpose", "")
        caller = Caller(request.remote_addr or "", agent, purpose)
        downloads.note(file, viewer, caller, now=now())
    return redirect(url, 302)


@bp.get("/media/<path:object_key>")
def media(object_key: str) -> Response:
    """Serve a picture; its key changes whenever its content does."""
    if not _PICTURE.fullmatch(object_key) or not queries.is_shown_image(object_key):
        raise NotFound("There is no such picture.")
    content = read_bytes(ObjectRef(PUBLIC, object_key), _MAX_PICTURE_BYTES)
    answer = make_response(content)
    answer.mimetype = "image/png"
    answer.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return answer
