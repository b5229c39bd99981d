"""The form of the list of a person's submissions."""

from __future__ import annotations

from flask_babel import lazy_gettext as _
from wtforms import SelectField
from wtforms.fields.choices import SelectChoice

from app.platform.forms import ListForm
from app.submissions.kept.queries import UNDER_WAY, Filters
from app.submissions.models import State


class FilterForm(ListForm):
    """What the list is to show."""

    state = SelectField(
        _("State"),
        choices=[
            SelectChoice("", _("Any")),
            SelectChoice(UNDER_WAY, _("Under way")),
            SelectChoice(State.FINISHED.value, _("Finished")),
            SelectChoice(State.FAILED.value, _("Failed")),
            SelectChoice(State.CANCELLED.value, _("Cancelled")),
        ],
    )
    sort = SelectField(
        _("Order"),
        choices=[
            SelectChoice("-created", _("Newest first")),
            SelectChoice("created", _("Oldest first")),
            SelectChoice("-size", _("Largest first")),
            SelectChoice("size", _("Smallest first")),
        ],
    )

    def filters(self) -> Filters:
        """Return what is asked for."""
        return Filters(**self.chosen())
