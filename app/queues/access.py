"""Makes the users of the runs Redis agree with the rows of machines; cron does it every few seconds."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import false, or_, select, true, update

from app.platform.broker import Keeper
from app.platform.db import db, unit_of_work
from app.platform.logging import event
from app.queues import machines
from app.queues.models import ComputeQueue, Machine

log = logging.getLogger(__name__)

_WATCHED_FOR = timedelta(hours=1)
"""How long an ended user is looked after: a round that began before may have made it again."""


@dataclass(frozen=True)
class _Wanted:
    """What a machine's user should be, as its row said when it was read."""

    machine_id: int
    user: str
    queue_id: str
    hash: str
    old_hash: str | None
    is_over: bool
    is_set: bool

    @property
    def hashes(self) -> frozenset[str]:
        return frozenset() if self.is_over else frozenset({self.hash, self.old_hash or self.hash})


class Doorkeeper:
    """Lets machines in and shows them out.

    What the server says is compared with what the rows say each time, so a server that lost its
    users gets them back. The first round sets every user anew: rules change with releases.
    """

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._is_first = True

    def round(self, *, now: datetime) -> int:
        """Set what differs; return how many users were changed.

        Raises:
            Unavailable: the server does not answer; what is set already is noted nonetheless.
        """
        changed = 0
        try:
            for wanted in _all_wanted(now, with_ended=self._is_first):
                is_new = self._set(wanted)
                changed += is_new
                if is_new or not wanted.is_set:
                    _note(wanted, now)
        finally:
            if changed:
                self._keeper.save()
                event(log, "access.set", users=changed)
        self._is_first = False
        return changed

    def _set(self, wanted: _Wanted) -> bool:
        found = self._keeper.passwords(wanted.user)
        if wanted.is_over:
            if found is not None:
                self._keeper.end_user(wanted.user)
            return found is not None
        if found == wanted.hashes and not self._is_first:
            return False
        self._keeper.set_user(wanted.user, wanted.queue_id, wanted.hashes)
        if found and not found <= wanted.hashes:
            self._keeper.disconnect(wanted.user)  # whoever logged in with what is over now
        return True


def _all_wanted(now: datetime, *, with_ended: bool) -> list[_Wanted]:
    live = or_(
        Machine.revoked_at.is_(None),
        Machine.access_set_at.is_(None),
        Machine.revoked_at > now - _WATCHED_FOR,
        true() if with_ended else false(),
    )
    with unit_of_work():
        for machine in db.session.scalars(select(Machine).where(Machine.old_until < now)):
            machines.forget_old(machine)
        db.session.flush()
        rows = db.session.execute(
            select(Machine, ComputeQueue.qid)
            .join(ComputeQueue, Machine.queue_id == ComputeQueue.id)
            .where(Machine.broker_user.is_not(None), live)
            .order_by(Machine.id)
        )
        return [
            _Wanted(
                machine.id, machine.broker_user or "", qid, machine.broker_hash,
                machine.old_broker_hash, machine.revoked_at is not None,
                machine.access_set_at is not None,
            )
            for machine, qid in rows
        ]  # fmt: skip


def _note(wanted: _Wanted, now: datetime) -> None:
    """Write that the server agrees, unless the row has changed meanwhile."""
    with unit_of_work():
        db.session.execute(
            update(Machine)
            .where(
                Machine.id == wanted.machine_id,
                Machine.broker_hash == wanted.hash,
                Machine.old_broker_hash.is_not_distinct_from(wanted.old_hash),
                Machine.revoked_at.is_not(None) if wanted.is_over else Machine.revoked_at.is_(None),
            )
            .values(access_set_at=now)
        )
