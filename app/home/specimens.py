"""What the style guide shows: one form, one board and one run that never existed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from werkzeug.datastructures import MultiDict
from wtforms import (
    BooleanField,
    DateField,
    FileField,
    IntegerField,
    PasswordField,
    RadioField,
    SelectChoice,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.validators import DataRequired, Length, NumberRange
from wtforms.widgets import CheckboxInput, ListWidget

from app.platform.forms import Form
from app.platform.paging import Page

_LEVELS = [
    SelectChoice("open", "Everybody"),
    SelectChoice("approved", "Approved participants"),
    SelectChoice("nobody", "Nobody"),
]


class SpecimenForm(Form):
    """One field of every kind."""

    title = StringField(
        "Title", [DataRequired("Enter a title."), Length(max=80)],
        description="As it stands at the top of the benchmark's page.",
    )  # fmt: skip
    email = StringField("E-mail address")
    password = PasswordField("Password", [DataRequired("Enter a password.")])
    limit = IntegerField(
        "Submissions per day",
        [DataRequired("Enter a number."), NumberRange(1, 100, "Enter a number from 1 to 100.")],
    )
    day = DateField("First day")
    text = TextAreaField("Description", description="Markdown; formulas between dollar signs.")
    access = SelectField("Who may see the results", choices=_LEVELS)
    rule = RadioField("Which submission counts", [DataRequired("Choose one.")], choices=_LEVELS)
    tasks = SelectMultipleField(
        "Tasks", choices=[SelectChoice("all", "All features"), SelectChoice("mean", "Mean features only")],
        widget=ListWidget(prefix_label=False), option_widget=CheckboxInput(),
    )  # fmt: skip
    file = FileField("Submission", description="One zip file of at most 2 GB.")
    terms = BooleanField(
        "I accept the terms of this benchmark", [DataRequired("Accept the terms to go on.")]
    )


def _board() -> list[dict[str, Any]]:
    rows = [
        (1, "ada", 0.972, 0.951, 0.988, False, False),
        (1, "grace-with-a-rather-long-user-name", 0.972, 0.949, 0.989, False, True),
        (3, "rosalind", 0.941, 0.912, 0.965, False, False),
        (None, "Logistic regression", 0.933, 0.901, 0.960, True, False),
        (4, "emmy", 0.877, None, None, False, False),
    ]
    names = ("rank", "who", "value", "low", "high", "is_baseline", "is_you")
    return [dict(zip(names, row, strict=True)) for row in rows]


def context(now: datetime) -> dict[str, Any]:
    """Build what ``templates/styleguide.html`` needs."""
    invalid = SpecimenForm(
        MultiDict({"limit": "1000", "email": "ada@example.org", "access": "open"})
    )
    invalid.validate()
    filled = SpecimenForm(data={"title": "Breast cancer, diagnostic", "limit": 5, "rule": "open"})
    phases = [
        {"name": "Warm-up", "start": now - timedelta(days=60), "end": now - timedelta(days=30)},
        {"name": "Development", "start": now - timedelta(days=30), "end": now + timedelta(days=12)},
        {"name": "Final", "start": now + timedelta(days=12), "end": now + timedelta(days=26)},
        {"name": "Ever after", "start": now + timedelta(days=26), "end": None},
    ]
    return {
        "filled": filled,
        "invalid": invalid,
        "phases": phases,
        "board": _board(),
        "number_page": Page(rows=range(25), number=2, size=25, total=131),
        "moment": now,
        "soon": now + timedelta(days=3, hours=2),
    }
