"""A tally that only remembers, for the fast tier."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import date

from app.errors import Unavailable


class FakeTally:
    """Counts as the real one does; ``down`` makes it behave as a Redis that is away."""

    def __init__(self) -> None:
        self.seen: set[tuple[str, int, str, date]] = set()
        self.counted: Counter[tuple[str, int]] = Counter()
        self.down = False

    def note(self, counter: str, thing: int, who: str, day: date) -> None:
        self._check()
        if (counter, thing, who, day) not in self.seen:
            self.seen.add((counter, thing, who, day))
            self.counted[counter, thing] += 1

    def take(self, counter: str) -> Mapping[int, int]:
        self._check()
        taken = {thing: count for (one, thing), count in self.counted.items() if one == counter}
        for thing in taken:
            del self.counted[counter, thing]
        return taken

    def give_back(self, counter: str, counted: Mapping[int, int]) -> None:
        self._check()
        for thing, count in counted.items():
            self.counted[counter, thing] += count

    def _check(self) -> None:
        if self.down:
            raise Unavailable("The tally does not answer.")
