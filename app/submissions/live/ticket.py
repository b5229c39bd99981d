"""A ticket: what one open page may be told without asking again who reads it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from itsdangerous import BadSignature, URLSafeSerializer

from worker.contract import Stream

LIFE_S = 60
"""How long a page is trusted; what was withdrawn from its reader meanwhile ends with it."""
_STREAMS = tuple(Stream)


@dataclass(frozen=True)
class Ticket:
    """One page of one submission, and what of one of its runs it shows."""

    submission_id: int
    run_id: int
    streams: frozenset[str]
    """What the page shows of the log, all of it readable by its reader when this was issued."""
    may_see_results: bool
    until: int
    """Seconds since 1970."""

    def is_over(self, now: datetime) -> bool:
        """Return whether the reader must be asked for again."""
        return now.timestamp() >= self.until


def issue(ticket: Ticket, secret: str) -> str:
    """Return a ticket as signed text for an address."""
    mask = sum(1 << place for place, one in enumerate(_STREAMS) if one in ticket.streams)
    return _signer(secret).dumps(
        [ticket.submission_id, ticket.run_id, mask, int(ticket.may_see_results), ticket.until]
    )


def read(text: str, secret: str) -> Ticket | None:
    """Return the ticket that this server signed, over or not; None for any other text."""
    try:
        submission_id, run_id, mask, results, until = _signer(secret).loads(text)
    except BadSignature:
        return None
    streams = frozenset(one for place, one in enumerate(_STREAMS) if mask >> place & 1)
    return Ticket(submission_id, run_id, streams, bool(results), until)


def _signer(secret: str) -> URLSafeSerializer:
    return URLSafeSerializer(secret, salt="live")
