"""The form that asks for a dump."""

from __future__ import annotations

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from wtforms import BooleanField, RadioField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, ValidationError

from app.bundles.archives.ledger import Wish
from app.platform.forms import Form

ARCHIVE = "archive"


class DumpForm(Form):
    """With the files themselves, with their keys, or with what took place as well."""

    contents = RadioField(
        _("Contents"),
        [InputRequired()],
        choices=[
            SelectChoice("files", _("With all files, to import it anywhere")),
            SelectChoice("keys", _("With the keys of its files, to copy it on this site")),
            SelectChoice(ARCHIVE, _("With all files, participants, submissions and scores")),
        ],
        default="files",
    )
    is_pseudonymised = BooleanField(_("Pseudonymised"))

    def validate_is_pseudonymised(self, field: BooleanField) -> None:
        """Refuse it where there is nobody to hide."""
        if field.data and self.contents.data != ARCHIVE:
            raise ValidationError(
                gettext("Only a dump with participants, submissions and scores is pseudonymised.")
            )

    @property
    def wish(self) -> Wish | None:
        """What archive was asked for, if any."""
        return Wish(self.is_pseudonymised.data) if self.contents.data == ARCHIVE else None
