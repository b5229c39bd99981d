"""The form that asks for a dump."""

from __future__ import annotations

from flask_babel import lazy_gettext as _
from wtforms import RadioField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired

from app.platform.forms import Form


class DumpForm(Form):
    """With the files themselves, or with their keys."""

    contents = RadioField(
        _("Contents"),
        [InputRequired()],
        choices=[
            SelectChoice("files", _("With all files, to import it anywhere")),
            SelectChoice("keys", _("With the keys of its files, to copy it on this site")),
        ],
        default="files",
    )
