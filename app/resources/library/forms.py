"""The forms of the library of files."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _
from wtforms import (
    BooleanField,
    FileField,
    HiddenField,
    IntegerField,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.fields.choices import SelectChoice
from wtforms.validators import (
    DataRequired,
    InputRequired,
    Length,
    NumberRange,
    Optional,
    ValidationError,
)

from app.platform.forms import Form, ListForm, stripped
from app.resources.library import drafts
from app.resources.library.drafts import FileDraft, Filters
from app.resources.library.licences import LICENCES
from app.resources.models import FileKind

_OTHER = "other"
KIND_WORDS = {
    FileKind.INPUT_DATA: _("Input data"),
    FileKind.REFERENCE_DATA: _("Reference data"),
    FileKind.PUBLIC_DATA: _("Public data"),
    FileKind.INGESTION_PROGRAM: _("Ingestion program"),
    FileKind.SCORING_PROGRAM: _("Scoring program"),
    FileKind.STARTING_KIT: _("Starting kit"),
    FileKind.SOLUTION: _("Solution"),
    FileKind.COMPETITION_BUNDLE: _("Bundle"),
    FileKind.TASK_ZIP: _("Task zip"),
    FileKind.SUBMISSION: _("Submission"),
}


class DetailsForm(Form):
    """How a file is described."""

    name = StringField(
        _("Name"),
        filters=[stripped],
        validators=[
            DataRequired(_("Give the file a name.")),
            Length(max=drafts.MAX_NAME, message=_("Use at most 255 characters.")),
        ],
    )
    description = TextAreaField(
        _("Description"),
        filters=[stripped],
        description=_("What is in it, where it comes from, how to read it. Markdown."),
        validators=[
            Length(max=drafts.MAX_DESCRIPTION, message=_("Use at most 10 000 characters."))
        ],
    )
    license = SelectField(
        _("Licence"),
        choices=[
            SelectChoice("", _("None stated")),
            *(SelectChoice(key, licence.name) for key, licence in LICENCES.items()),
            SelectChoice(_OTHER, _("Another one")),
        ],
    )
    license_other = StringField(
        _("Name of the other licence"),
        filters=[stripped],
        validators=[Length(max=drafts.MAX_LICENCE, message=_("Use at most 128 characters."))],
    )

    def validate_license_other(self, field: StringField) -> None:
        """Ask for words where no licence of the list was chosen."""
        if self.license.data == _OTHER and not field.data:
            raise ValidationError(_("Name the licence."))

    def draft(self) -> FileDraft:
        """Return what was asked for."""
        licence = self.license_other.data if self.license.data == _OTHER else self.license.data
        return FileDraft(self.name.data or "", self.description.data or "", licence or "")

    @staticmethod
    def filled(draft: FileDraft) -> dict[str, Any]:
        """Return the data of a form that shows a draft."""
        is_known = not draft.license or draft.license in LICENCES
        return {
            "name": draft.name,
            "description": draft.description,
            "license": draft.license if is_known else _OTHER,
            "license_other": "" if is_known else draft.license,
        }


class NewFileForm(DetailsForm):
    """A new file: what it is, and the file itself or what is known of it."""

    kind = SelectField(
        _("What it is"),
        choices=[SelectChoice(kind.value, KIND_WORDS[kind]) for kind in drafts.KINDS],
    )
    file = FileField(_("File"))
    upload_key = HiddenField()
    replaces = HiddenField()
    """The key of the file that this one is a new version of."""


class AnnouncementForm(NewFileForm):
    """What the upload island says before it sends the file."""

    file_name = StringField(_("File name"), validators=[InputRequired(), Length(max=1000)])
    file_size = IntegerField(
        _("Size in bytes"), validators=[InputRequired(), NumberRange(min=0, max=2**53)]
    )
    file_modified = IntegerField(
        _("Changed"), default=0, validators=[Optional(), NumberRange(min=0, max=2**53)]
    )


class FilterForm(ListForm):
    """What a list of files is to show."""

    kind = SelectField(
        _("What it is"),
        choices=[
            SelectChoice("", _("All datasets and programs")),
            *(SelectChoice(kind.value, KIND_WORDS[kind]) for kind in drafts.KINDS),
        ],
    )
    whose = SelectField(
        _("Whose"), choices=[SelectChoice("mine", _("Mine")), SelectChoice("public", _("Public"))]
    )
    origin = SelectField(
        _("Made by"),
        choices=[
            SelectChoice("", _("Anything")),
            SelectChoice("hand", _("An upload")),
            SelectChoice("bundle", _("A bundle")),
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
            SelectChoice("-downloads", _("Most downloaded first")),
            SelectChoice("downloads", _("Least downloaded first")),
        ],
    )

    def filters(self) -> Filters:
        """Return what is asked for."""
        return Filters(**self.chosen())


class PublishForm(Form):
    """Offering a file to everybody."""

    is_understood = BooleanField(
        _("I want everybody to be able to download this file, also without an account."),
        validators=[InputRequired(_("Tick this to make the file public."))],
    )
