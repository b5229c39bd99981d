"""The forms of tasks."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, cast
from uuid import UUID

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from wtforms import (
    BooleanField,
    FileField,
    HiddenField,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length

from app.competitions.drafts import FileRef, TaskDraft
from app.competitions.tasks.drafts import ROLES, Incoming
from app.competitions.tasks.listing import Filters
from app.platform.forms import Form, ListForm, stripped
from app.platform.moments import day
from app.resources.models import FileKind, StoredFile, Task, TaskRole

_NONE = SelectChoice("", _("None"))
_MINE = _("One of your files")
_NEW = _("Or upload a new one")
_ZIP = _("A zip file. It takes the place of the choice above.")


class TaskForm(Form):
    """A task: what it is called, and what it is made of."""

    name = StringField(_("Name"), filters=[stripped])
    description = TextAreaField(_("Description"), filters=[stripped])
    scoring_program = SelectField(_("Scoring program"), default="", description=_MINE)
    scoring_program_file = FileField(_("Upload a scoring program"), description=_ZIP)
    ingestion_program = SelectField(_("Ingestion program"), default="", description=_MINE)
    ingestion_program_file = FileField(_("Upload an ingestion program"), description=_ZIP)
    input_data = SelectField(_("Input data"), default="", description=_MINE)
    input_data_file = FileField(_("Upload input data"), description=_ZIP)
    reference_data = SelectField(_("Reference data"), default="", description=_MINE)
    reference_data_file = FileField(_("Upload reference data"), description=_ZIP)
    ingestion_only_during_scoring = BooleanField(
        _("Run the ingestion program only beside the scoring program")
    )
    version = HiddenField(default="1")

    def offer(
        self, files: Mapping[FileKind, Sequence[StoredFile]], current: Sequence[StoredFile] = ()
    ) -> TaskForm:
        """Fill the lists of files; those of the current revision stay on offer."""
        for kind in ROLES:
            known = {file.key: file for file in (*current, *files[kind]) if file.kind == kind}
            names = Counter(file.name for file in known.values())
            chosen = [
                SelectChoice(key, file.name if names[file.name] == 1 else _told_apart(file))
                for key, file in known.items()
            ]
            self.choice(kind).choices = [_NONE, *chosen]
        return self

    def choice(self, kind: FileKind) -> SelectField:
        """Return the list of files of a kind."""
        return cast(SelectField, self._fields[kind.value])

    def place(self, where: str) -> str:
        """Return the field that a problem belongs to."""
        return where if where in self._fields else "name"

    def draft(self, sent: Mapping[str, Any]) -> tuple[TaskDraft, dict[FileRef, Incoming]]:
        """Return what was asked for, and the files that came with it.

        Args:
            sent: the files of the request, by field.
        """
        refs: dict[FileKind, FileRef | None] = {}
        incoming: dict[FileRef, Incoming] = {}
        for kind in ROLES:
            file, key = sent.get(f"{kind}_file"), self.choice(kind).data
            refs[kind] = FileRef(key=UUID(key)) if key else None
            if file is not None and file.filename:
                ref = refs[kind] = FileRef(member=kind.value)
                incoming[ref] = _incoming(file)
        draft = TaskDraft(
            index="", name=self.name.data or "", description=self.description.data or "",
            ingestion_only_during_scoring=bool(self.ingestion_only_during_scoring.data),
            scoring_program=refs[FileKind.SCORING_PROGRAM],
            ingestion_program=refs[FileKind.INGESTION_PROGRAM],
            input_data=refs[FileKind.INPUT_DATA], reference_data=refs[FileKind.REFERENCE_DATA],
        )  # fmt: skip
        return draft, incoming

    @staticmethod
    def filled(task: Task) -> dict[str, Any]:
        """Return the data of a form that shows a task (with the files of its revisions)."""
        current = task.revisions[-1]
        keys = {
            kind.value: getattr(current, kind.value).key
            for kind in ROLES
            if getattr(current, kind.value) is not None
        }
        return {
            "name": task.name, "description": task.description, "version": str(task.version),
            "ingestion_only_during_scoring": current.ingestion_only_during_scoring, **keys,
        }  # fmt: skip


def _told_apart(file: StoredFile) -> str:
    """Return what to call a file where others have its name; the key's start is in its address."""
    told = {"name": file.name, "date": day(file.created_at), "key": file.key[:8]}
    return str(gettext("%(name)s, %(date)s, %(key)s", **told))


def _incoming(file: Any) -> Incoming:
    def write(out: Any) -> None:
        file.stream.seek(0)
        shutil.copyfileobj(file.stream, out)

    return Incoming(file.filename, write)


class ShareForm(Form):
    """Letting a person see or use a task."""

    name = StringField(
        _("User name"),
        filters=[stripped],
        validators=[InputRequired(_("Type the user name of a person.")), Length(max=150)],
    )
    role = SelectField(
        _("They may"),
        choices=[
            SelectChoice(TaskRole.VIEW.value, _("see it")),
            SelectChoice(TaskRole.USE.value, _("see it, and use it in their benchmarks")),
        ],
    )


class FilterForm(ListForm):
    """What a list of tasks is to show."""

    whose = SelectField(
        _("Whose"),
        choices=[
            SelectChoice("mine", _("Mine")),
            SelectChoice("shared", _("Shared with me")),
            SelectChoice("public", _("Public")),
        ],
    )
    sort = SelectField(
        _("Order"),
        choices=[
            SelectChoice("-created", _("Newest first")),
            SelectChoice("created", _("Oldest first")),
            SelectChoice("name", _("By name")),
            SelectChoice("-used", _("Most used first")),
            SelectChoice("used", _("Least used first")),
        ],
    )

    def filters(self) -> Filters:
        """Return what is asked for."""
        return Filters(**self.chosen())


class PublishForm(Form):
    """Offering a task to everybody."""

    is_understood = BooleanField(
        _("I trust everybody here with what this task measures against."),
        validators=[InputRequired(_("Tick this to make the task public."))],
    )
