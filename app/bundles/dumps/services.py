"""Dumps: asking for one, fetching and deleting it; the work itself is in working."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

from app.bundles import progress
from app.bundles.archives.ledger import Wish
from app.bundles.dumps import queries, working
from app.bundles.models import BundleDump, DumpState
from app.competitions.models import Competition
from app.errors import Forbidden, NotFound, Refused
from app.platform.db import after_commit, db
from app.platform.queueing import carrier
from app.platform.storage import store
from app.policy import Act, Viewer, require
from app.resources import services as resources
from app.resources.library import services as library
from app.resources.models import StoredFile

PACK = "app.bundles.dumps.jobs.pack"
KEPT_FOR = timedelta(days=14)

run = working.run
pack_into = working.pack_into


def request(
    actor: Viewer, competition: Competition, *,
    with_files: bool, now: datetime, wish: Wish | None = None,
) -> BundleDump:  # fmt: skip
    """Ask for a dump; a second click gets the one that is under way.

    Args:
        with_files: False names the files by key, for this site alone.
        wish: what archive to add, if any; never with addresses.
    """
    require(actor, Act.COMPETITION_EDIT, competition)
    if wish is not None:
        require(actor, Act.COMPETITION_ARCHIVE, competition)
    if actor.user_id is None:
        raise Forbidden("Log in to take a benchmark away.")
    # One click after the other.
    db.session.get_one(Competition, competition.id, with_for_update=True)
    flavour = {
        "with_files": with_files,
        "with_archive": wish is not None,
        "is_pseudonymised": wish is not None and wish.is_pseudonymised,
    }
    if known := queries.under_way(competition.id, **flavour):
        return known
    asked = BundleDump(
        competition_id=competition.id, owner_id=actor.user_id, **flavour,
        created_at=now, heard_at=now, state=DumpState.WAITING, notes=[],
    )  # fmt: skip
    db.session.add(asked)
    db.session.flush()
    after_commit(partial(_send, asked.id))
    return asked


def link(actor: Viewer, dump: BundleDump) -> str:
    """Return a URL that downloads a dump, for at most 15 minutes.

    Raises:
        NotFound: it is not there, or not yet.
    """
    act = Act.COMPETITION_ARCHIVE if dump.with_archive else Act.COMPETITION_EDIT
    require(actor, act, dump.competition)
    if dump.file is None:
        raise NotFound("This dump is not there to be downloaded.")
    return store().presign_get(dump.file.ref, resources.LINK_LIFE, file_name=dump.file.file_name)


def delete(actor: Viewer, dump: BundleDump) -> None:
    """Delete a dump and its file.

    Raises:
        Refused: it is still being made.
    """
    require(actor, Act.COMPETITION_EDIT, dump.competition)
    if not DumpState(dump.state).is_terminal:
        raise Refused("This dump is still being made. Delete it when it is finished.")
    _forget(dump)


def forget_old(*, now: datetime) -> int:
    """Delete dumps whose time is over. Returns how many."""
    found = queries.to_forget(now - KEPT_FOR)
    for dump in found:
        _forget(dump)
    return len(found)


def send_waiting(*, now: datetime) -> int:
    """Send dumps again that still wait. Returns how many."""
    found = progress.to_send_again(BundleDump, now)
    for waiting in found:
        after_commit(partial(_send, waiting.id))
    return len(found)


def fail_stale(*, now: datetime) -> int:
    """End dumps whose job died, and delete what they left in the store. Returns how many ended."""
    found = progress.silent(BundleDump, now)
    for silent in found:
        sentence = "The dump stopped without a word. Nothing of it was kept; ask for it again."
        if silent.state == DumpState.WAITING:
            sentence = "No job took this dump for an hour. Tell the administrator."
        working.note_failure(silent, sentence, now=now)
    left = queries.leftovers(now - progress.CLEANS_FOR)
    for dump_id in {row.id for row in (*found, *left)}:
        after_commit(partial(working.clean_up, dump_id))
    return len(found)


def _forget(dump: BundleDump) -> None:
    file: StoredFile | None = dump.file
    db.session.delete(dump)
    db.session.flush()
    if file is not None and not library.why_not_deleted(file):  # a bundle may be used elsewhere
        after_commit(partial(resources.forget, (file.ref,)))
        db.session.delete(file)
        db.session.flush()


def _send(dump_id: int) -> None:
    carrier().send_job(PACK, dump_id)
