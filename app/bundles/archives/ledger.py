"""What the records of one archive call people, tasks, submissions and files."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute

from app.bundles.archives.records import File
from app.competitions.models import Phase
from app.competitions.rereading import Rows
from app.platform.db import db
from app.platform.storage import ObjectRef
from app.resources.models import StoredFile
from app.submissions.models import Submission

AT_ONCE = 200
"""How many rows of a kind are in memory at a time."""


@dataclass(frozen=True)
class Source:
    """Bytes to carry, apart from their row."""

    place: ObjectRef
    size: int
    sha256: str
    file_name: str


@dataclass(frozen=True)
class Wish:
    """What an archive is to hold."""

    is_pseudonymised: bool = False
    with_addresses: bool = False
    """E-mail addresses, by which another site may find its accounts: for administrators alone."""


@dataclass
class Ledger:
    """One archive in the making; ids of rows do not leave by it."""

    rows: Rows
    wish: Wish
    members: dict[str, str]
    """Where files lie in the zip, by their keys."""
    may_carry: Callable[[StoredFile], bool]
    files: dict[str, Source] = field(default_factory=dict)
    """What the archive adds to the files of the bundle, by member."""
    notes: dict[str, None] = field(default_factory=dict)
    people: dict[int, str] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    """What people are really called, in small letters."""
    tasks: dict[int, int] = field(default_factory=dict)
    """Positions of tasks, by id."""
    submissions: dict[int, int] = field(default_factory=dict)
    """Numbers of submissions from 1, by id, in the order in which they were made."""
    _secret: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    """Kept nowhere, so that nobody can make the pseudonyms again, not even this site."""

    @property
    def hides(self) -> bool:
        """Whether nobody may be recognised."""
        return self.wish.is_pseudonymised

    def name_person(self, user_id: int) -> str:
        """Return what the records are to call somebody; before anything of theirs is written."""
        ref = str(len(self.people) + 1)
        if self.hides:
            mixed = hmac.new(self._secret, str(user_id).encode(), hashlib.sha256).hexdigest()
            ref = f"p-{mixed[:16]}"
        self.people[user_id] = ref
        return ref

    def keep(self, file: StoredFile, member: str) -> File:
        """Return the record of a file, which lies at ``member`` unless it is in the zip already."""
        place = self.members.get(file.key)
        if place is None:
            place = self.members[file.key] = member
            self.files[member] = Source(file.ref, file.size_bytes, file.sha256, "")
        name = "" if self.hides else file.file_name
        return File(member=place, file_name=name, sha256=file.sha256, size=file.size_bytes)


def of_submissions(
    competition_id: int, *columns: Any, by: InstrumentedAttribute[int] | None = None
) -> Any:
    """Select columns of a benchmark's submissions, trials and rehearsals left out, in order.

    Args:
        by: the column that names the submission, when the columns are those of another table.
    """
    statement = select(*columns)
    if by is not None:
        statement = statement.join(Submission, Submission.id == by)
    return (
        statement.join(Phase, Phase.id == Submission.phase_id)
        .where(Phase.competition_id == competition_id)
        .where(Submission.is_trial.is_(False), Submission.is_rehearsal.is_(False))
        .order_by(Submission.id)
    )


def ids(competition_id: int) -> Sequence[int]:
    """Return the ids of the submissions that an archive holds, in the order of their making."""
    found: Sequence[int] = db.session.scalars(of_submissions(competition_id, Submission.id)).all()
    return found
