"""The form that takes a task zip."""

from __future__ import annotations

from flask_babel import lazy_gettext as _
from wtforms import FileField, HiddenField

from app.platform.forms import Form


class TaskZipForm(Form):
    """A file, or the key of one that the browser has sent to the store already."""

    file = FileField(_("Task zip"))
    upload_key = HiddenField()
