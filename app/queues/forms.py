"""The forms of queues and machines."""

from __future__ import annotations

from flask_babel import lazy_gettext as _
from wtforms import BooleanField, IntegerField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, Length, NumberRange, Optional

from app.platform.forms import Form, stripped
from app.queues import machines
from app.queues.drafts import MAX_NAME, MAX_RUNNING, QueueDraft
from app.queues.models import Role


class QueueForm(Form):
    """A queue, new or changed."""

    name = StringField(
        _("Name"),
        filters=[stripped],
        validators=[DataRequired(_("Give the queue a name.")), Length(max=MAX_NAME)],
    )
    is_public = BooleanField(
        _("Public"),
        description=_("Everybody with an account may run benchmarks on it."),
    )
    max_running_per_person = IntegerField(
        _("Runs at once per person"),
        description=_("How many runs of one person it has under way. Empty means no limit."),
        validators=[
            Optional(),
            NumberRange(1, MAX_RUNNING, _("Enter a number of runs from 1 to 1000.")),
        ],
    )

    def draft(self) -> QueueDraft:
        """Return what was asked for."""
        return QueueDraft(
            self.name.data or "", bool(self.is_public.data), self.max_running_per_person.data
        )


class MemberForm(Form):
    """Sharing a queue with somebody."""

    name = StringField(
        _("User name"),
        filters=[stripped],
        validators=[DataRequired(_("Enter a user name.")), Length(max=100)],
    )
    role = SelectField(
        _("They may"),
        choices=[
            SelectChoice(Role.ORGANIZER, _("use it for their benchmarks")),
            SelectChoice(Role.COLLABORATOR, _("also change it and its machines")),
        ],
    )


class MachineForm(Form):
    """A new machine."""

    name = StringField(
        _("Name of the machine"),
        filters=[stripped],
        description=_("1 to 40 of a-z A-Z 0-9 . _ - as you call it, for example gpu-1."),
        validators=[
            DataRequired(_("Give the machine a name.")),
            Length(max=machines.MAX_NAME),
        ],
    )
