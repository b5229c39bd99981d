"""What every form shares."""

from __future__ import annotations

from typing import Any

from wtforms import Form as WTForm


class Form(WTForm):
    """Base of every form. The CSRF token is checked app-wide and is not a field here."""

    def refuse(self, field: str, message: str) -> None:
        """Attach a problem that only a service could find."""
        self._fields[field].errors = [*self._fields[field].errors, message]


def stripped(value: Any) -> Any:
    """Remove the white space that paste leaves around a text."""
    return value.strip() if isinstance(value, str) else value
