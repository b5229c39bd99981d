"""The form that takes a bundle."""

from __future__ import annotations

from flask_babel import lazy_gettext as _
from wtforms import FileField, HiddenField, RadioField
from wtforms.fields.choices import SelectChoice

from app.bundles.services import Past
from app.platform.forms import Form


class BundleForm(Form):
    """A file, or the key of one that the browser has sent to the store already."""

    file = FileField(_("Bundle"))
    upload_key = HiddenField()
    past = RadioField(
        _("If it has participants, submissions and scores"),
        choices=[
            SelectChoice(
                Past.RESTORE.value, _("Restore them, for accounts that nobody can log in to")
            ),
            SelectChoice(
                Past.MATCH.value,
                _("Restore them, and give accounts of this site what has their e-mail address"),
            ),
            SelectChoice(Past.LEAVE.value, _("Make the benchmark without them")),
        ],
        default=Past.RESTORE.value,
    )

    def offer(self, *, matching: bool) -> None:
        """Offer only what this person may choose."""
        if not matching:
            self.past.choices = [one for one in self.past.choices if one.value != Past.MATCH]
