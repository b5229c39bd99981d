"""What many pages are told at the same time, worked out once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Shared(Generic[T]):
    """The last answers, each for a short time.

    Args:
        life_s: how long an answer is given again.
        most: how many are kept.
    """

    def __init__(self, life_s: float, most: int) -> None:
        self._life_s, self._most = life_s, most
        self._known: OrderedDict[Hashable, tuple[float, T]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, question: Hashable, at: float, work_out: Callable[[], T]) -> T:
        """Return the answer to a question, an earlier one if it is young enough.

        Args:
            at: now, in seconds of a clock that only goes forward.
        """
        known = self._known.get(question)
        if known is not None and at - known[0] < self._life_s:
            return known[1]
        answer = work_out()  # outside the lock: two may work at once, nobody waits for a database
        with self._lock:
            self._known[question] = (at, answer)
            self._known.move_to_end(question)
            while len(self._known) > self._most:
                self._known.popitem(last=False)
        return answer
