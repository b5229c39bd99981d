"""How often a file was downloaded: by how many people a day, leaving out robots and its owner.

A download is a GET, which saves nothing here, and must not wait for a database that is busy. So it
is counted in the tally, and cron adds what was counted to the rows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import update

from app.errors import Unavailable
from app.platform.db import db, unit_of_work
from app.platform.tally import somebody, tally
from app.policy import Viewer
from app.resources.library.drafts import KINDS
from app.resources.models import FileKind, StoredFile

COUNTER = "downloads"
_ROBOT = re.compile(r"bot\b|crawl|spider|slurp|preview|facebookexternalhit|archiver|monitor", re.I)


@dataclass(frozen=True)
class Caller:
    """What a request says of whoever sent it."""

    address: str
    agent: str
    """Its User-Agent header."""
    purpose: str = ""
    """Its Sec-Purpose header: ``prefetch`` when nobody has clicked yet."""

    @property
    def is_robot(self) -> bool:
        """Whether no person asked for this; programs that people download with are people."""
        return not self.agent or bool(self.purpose) or bool(_ROBOT.search(self.agent))


def note(file: StoredFile, viewer: Viewer, caller: Caller, *, now: datetime) -> None:
    """Count a download, once for each person and day; a tally that is away counts nothing."""
    if FileKind(file.kind) not in KINDS or viewer.user_id == file.owner_id or caller.is_robot:
        return
    named = f"address {caller.address} {caller.agent}"
    if viewer.user_id is not None:
        named = f"person {viewer.user_id}"
    day = now.date()
    try:
        tally().note(COUNTER, file.id, somebody(named, day), day)
    except Unavailable:
        return  # better a download that is not counted than one that fails


def add_up() -> int:
    """Add to the files what was counted since the last time; returns how many downloads.

    A crash in between loses these few; it never counts them twice.
    """
    try:
        counted = tally().take(COUNTER)
    except Unavailable:
        return 0
    if not counted:
        return 0
    try:
        with unit_of_work():
            _add(counted)
    except BaseException:
        tally().give_back(COUNTER, counted)
        raise
    return sum(counted.values())


def _add(counted: Mapping[int, int]) -> None:
    for file_id, count in counted.items():
        more = StoredFile.downloads + count
        db.session.execute(
            update(StoredFile).where(StoredFile.id == file_id).values(downloads=more)
        )
