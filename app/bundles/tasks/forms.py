"""The form that takes a task zip."""

from __future__ import annotations

from flask_babel import lazy_gettext as _
from wtforms import FileField

from app.platform.forms import Form


class TaskZipForm(Form):
    """One zip."""

    file = FileField(_("Task zip"))
