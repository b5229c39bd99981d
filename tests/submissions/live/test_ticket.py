from __future__ import annotations

from app.submissions.live import ticket
from app.submissions.live.ticket import Ticket
from tests.factories import NOW

TICKET = Ticket(7, 8, frozenset({"scoring_stdout", "prediction_stderr"}), True, 100)


def test_ticket_is_read_as_it_was_issued() -> None:
    assert ticket.read(ticket.issue(TICKET, "secret"), "secret") == TICKET


def test_ticket_that_was_altered_or_signed_by_others_is_none() -> None:
    text = ticket.issue(TICKET, "secret")
    assert ticket.read(text, "other") is None
    assert ticket.read("x" + text, "secret") is None
    assert ticket.read("", "secret") is None


def test_ticket_is_over_at_its_end() -> None:
    until = int(NOW.timestamp())
    assert Ticket(1, 2, frozenset(), False, until).is_over(NOW)
    assert not Ticket(1, 2, frozenset(), False, until + 1).is_over(NOW)
