"""The forms about space."""

from __future__ import annotations

from flask_babel import lazy_gettext as _
from wtforms import FloatField, HiddenField
from wtforms.validators import InputRequired, NumberRange, Optional

from app.platform.forms import Form


class QuotaForm(Form):
    """How much somebody may keep."""

    person = HiddenField(validators=[InputRequired()])
    gib = FloatField(
        _("Quota in GiB"),
        description=_("Empty means what everybody has."),
        validators=[
            Optional(),
            NumberRange(0, 1_000_000, _("Enter a number from 0 to 1 000 000.")),
        ],
    )
