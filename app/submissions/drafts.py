"""What a participant may ask for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class SubmissionDraft:
    """One upload to one phase, with the answers that go with it."""

    file_key: str
    """Key of a completed upload of the participant's own."""
    fact_sheet_answers: dict[str, Any] = field(default_factory=dict)
    idempotency_key: str | None = None
    """The client's name for this act: sent twice, it makes one submission."""
