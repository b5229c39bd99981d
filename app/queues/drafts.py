"""What somebody may ask of a queue."""

from __future__ import annotations

from dataclasses import dataclass

MAX_NAME = 64
MAX_RUNNING = 1000


@dataclass(frozen=True)
class QueueDraft:
    """How a queue is called, who may run benchmarks on it, and how much of it one person gets."""

    name: str
    is_public: bool = False
    max_running_per_person: int | None = None
    """Runs under way at once; None means no limit."""


def problems(draft: QueueDraft) -> dict[str, str]:
    """Return what is wrong, a sentence by field; empty when nothing is."""
    found = {}
    if not draft.name.strip():
        found["name"] = "Give the queue a name."
    elif len(draft.name) > MAX_NAME:
        found["name"] = f"The name has {len(draft.name)} characters; at most {MAX_NAME} are taken."
    elif not draft.name.isprintable():
        found["name"] = "The name holds a character that cannot be shown. Type it anew."
    limit = draft.max_running_per_person
    if limit is not None and not 1 <= limit <= MAX_RUNNING:
        found["max_running_per_person"] = f"Enter a number of runs from 1 to {MAX_RUNNING}."
    return found
