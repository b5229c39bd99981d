"""What the upload island says before it sends a file."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, IntegerField, SelectField, StringField
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from app.platform.forms import Form
from app.resources.models import FileKind


class UploadForm(Form):
    """The file that is about to come; only kinds that have a page of their own."""

    kind = SelectField(
        choices=[
            FileKind.SUBMISSION.value,
            FileKind.COMPETITION_BUNDLE.value,
            FileKind.TASK_ZIP.value,
        ],
        validators=[InputRequired()],
    )
    file_name = StringField(_l("File name"), validators=[InputRequired(), Length(max=1000)])
    file_size = IntegerField(
        _l("Size in bytes"), validators=[InputRequired(), NumberRange(min=0, max=2**53)]
    )
    file_modified = IntegerField(
        _l("Changed"), default=0, validators=[Optional(), NumberRange(min=0, max=2**53)]
    )
    in_parts = BooleanField(_l("In parts"))
    """Whether the sender knows how to send a large file in parts."""
