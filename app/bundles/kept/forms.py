"""The form of the list of a person's bundles."""

from __future__ import annotations

from flask_babel import lazy_gettext as _
from wtforms import SelectField
from wtforms.fields.choices import SelectChoice

from app.bundles.kept.queries import CHECK, DUMP, IMPORT, UPLOAD, Filters
from app.platform.forms import ListForm

WHAT_WORDS = {
    IMPORT: _("Import"),
    CHECK: _("Check"),
    DUMP: _("Dump"),
    UPLOAD: _("Upload that was never imported"),
}


class FilterForm(ListForm):
    """What the list is to show."""

    what = SelectField(
        _("What it is"),
        choices=[
            SelectChoice("", _("All bundles")),
            *(SelectChoice(key, words) for key, words in WHAT_WORDS.items()),
        ],
    )
    sort = SelectField(
        _("Order"),
        choices=[
            SelectChoice("-created", _("Newest first")),
            SelectChoice("created", _("Oldest first")),
            SelectChoice("name", _("By name")),
            SelectChoice("-name", _("By name, backwards")),
            SelectChoice("-size", _("Largest first")),
            SelectChoice("size", _("Smallest first")),
        ],
    )

    def filters(self) -> Filters:
        """Return what is asked for."""
        return Filters(**self.chosen())
