"""How far a page has got: the server tells it the address that says so."""

from __future__ import annotations

from dataclasses import dataclass

from flask import request, url_for

from app.submissions.live import ticket
from app.submissions.live.ticket import Ticket


@dataclass(frozen=True)
class Position:
    """What a page shows already."""

    status: str = ""
    attempt: int = 0
    seq: int = 0
    place: str = ""
    version: str = ""
    """Of the whole state, while the submission waits for a machine."""
    looked: int = 0
    """When that was last compared, in seconds since 1970."""
    chart: int = 0
    follows: bool = False
    """Whether its log goes on to the next run by itself, because its reader has chosen none."""


def asked() -> Position:
    """Return the position in the address that is asked."""
    given = request.args
    return Position(
        given.get("status", ""), given.get("attempt", 0, type=int), given.get("seq", 0, type=int),
        given.get("place", ""), given.get("version", ""), given.get("looked", 0, type=int),
        given.get("chart", 0, type=int), given.get("follow") == "1",
    )  # fmt: skip


def address(issued: Ticket, position: Position, stream: str, secret: str) -> str:
    """Return where a page asks next.

    Args:
        stream: the name of what it shows of the log; empty for all of it.
    """
    return url_for(
        "live.poll",
        submission_id=issued.submission_id, run=issued.run_id, stream=stream or None,
        ticket=ticket.issue(issued, secret), status=position.status, attempt=position.attempt,
        seq=position.seq, place=position.place or None, version=position.version,
        looked=position.looked, chart=position.chart, follow=1 if position.follows else None,
    )  # fmt: skip
