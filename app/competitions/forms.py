"""The forms of competitions: search, registration, decisions and grants."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask_babel import lazy_gettext as _
from wtforms import BooleanField, IntegerField, SearchField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from app.competitions.memberships import MAX_REASON
from app.competitions.queries import MAX_SEARCH
from app.platform.forms import Form, stripped
from app.platform.web import LARGEST
from app.queues.models import ComputeQueue


def _number(text: Any) -> int | None:
    """Read an id; anything that is none means that nothing was chosen."""
    shown = str(text or "")
    if not shown:
        return None
    if not shown.isascii() or not shown.isdigit() or int(shown[:12]) > LARGEST:
        raise ValueError("not an id")
    return int(shown)


class SearchForm(Form):
    """Words of a title; sent by GET."""

    q = SearchField(
        _("Search titles"), filters=[stripped], validators=[Optional(), Length(max=MAX_SEARCH)]
    )


class RegistrationForm(Form):
    """Taking part; the box is there only when there are terms."""

    accepted_terms = BooleanField(
        _("I accept the terms of this benchmark"),
        validators=[InputRequired(_("Accept the terms to take part."))],
    )


class DecisionForm(Form):
    """Approving or declining one person."""

    status = StringField(validators=[InputRequired(), Length(max=16)])
    reason = StringField(filters=[stripped], validators=[Length(max=MAX_REASON)])


class QueueForm(Form):
    """Which queue runs go to; the choices are the viewer's own. Empty means the usual one."""

    queue_id = SelectField(_("Queue"), coerce=_number, validate_choice=False)

    def offer(self, queues: Iterable[ComputeQueue], usual: str, chosen: int | None) -> None:
        """Fill the choices.

        Args:
            usual: what is called the one that nobody chose.
            chosen: the present one.
        """
        listed = [SelectChoice(str(queue.id), queue.name) for queue in queues]
        self.queue_id.choices = [SelectChoice("", usual), *listed]
        self.queue_id.data = chosen


class GrantForm(Form):
    """What an administrator allows the containers of a benchmark beyond the defaults."""

    network = BooleanField(
        _("Reach the network"), description=_("Programs may connect to other computers.")
    )
    writable_root = BooleanField(
        _("Write to the image's own folders"),
        description=_("The root file system is writable; it is thrown away after each run."),
    )
    image_user = BooleanField(
        _("Run as the image's own user"),
        description=_("Programs may run as root inside the container."),
    )
    memory_mib = IntegerField(
        _("Memory in MiB"),
        description=_("Leave empty for the site's default."),
        validators=[
            Optional(),
            NumberRange(64, 1_048_576, _("Enter a number of MiB from 64 to 1048576.")),
        ],
    )
