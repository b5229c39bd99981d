"""How long open pages wait before they ask again: short, unless many ask."""

from __future__ import annotations

import threading
from collections import deque

SHORTEST_MS = 500
LONGEST_MS = 1200
HELD_MS = 10_000
"""Between looks at what waits for a person."""
_ASKED_PER_S = 450
"""How many polls a second one process answers without making other pages slow."""
_WINDOW_S = 4.0


class Pace:
    """Counts the pages that are open, by the waits they were given: no page is remembered."""

    def __init__(self) -> None:
        self._given: deque[tuple[float, int]] = deque()
        self._sum_ms = 0
        self._lock = threading.Lock()

    def next_wait_ms(self, at: float) -> int:
        """Return how long the page that asks now shall wait.

        Args:
            at: now, in seconds of a clock that only goes forward.
        """
        with self._lock:
            self._forget(at)
            wanted = round(1000 * self._pages() / _ASKED_PER_S)
            wait = min(LONGEST_MS, max(SHORTEST_MS, wanted))
            self._given.append((at, wait))
            self._sum_ms += wait
            return wait

    def pages(self, at: float) -> float:
        """Return about how many pages ask: one that waits 0.5 s asks twice as often as one of 1 s."""
        with self._lock:
            self._forget(at)
            return self._pages()

    def _pages(self) -> float:
        return self._sum_ms / 1000 / _WINDOW_S

    def _forget(self, at: float) -> None:
        while self._given and self._given[0][0] < at - _WINDOW_S:
            self._sum_ms -= self._given.popleft()[1]
