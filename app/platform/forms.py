"""What every form shares."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _
from wtforms import Form as WTForm
from wtforms import SelectField, StringField
from wtforms.validators import Length


class Form(WTForm):
    """Base of every form. The CSRF token is checked app-wide and is not a field here."""

    def refuse(self, field: str, message: str) -> None:
        """Attach a problem that only a service could find."""
        self._fields[field].errors = [*self._fields[field].errors, message]


def stripped(value: Any) -> Any:
    """Remove the white space that paste leaves around a text."""
    return value.strip() if isinstance(value, str) else value


class ListForm(Form):
    """What a list is to show, as its address says; a form of lists adds its choices."""

    q = StringField(_("Search"), filters=[stripped], validators=[Length(max=100)])

    def chosen(self) -> dict[str, str]:
        """Return the words that are searched for, and each choice by its field's name.

        Whatever is no choice means the first one, and a text that is too long none: an address is
        never refused.
        """
        self.validate()
        found = {"words": "" if "q" in self.errors else self.q.data or ""}
        for field in self:
            if isinstance(field, SelectField):
                is_wrong = field.short_name in self.errors
                found[field.short_name] = str(field.choices[0].value if is_wrong else field.data)
        return found
