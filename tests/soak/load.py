"""People who submit all the time, whatever fails, and remember what the site told them."""

from __future__ import annotations

import random
import secrets
import threading
import time
from dataclasses import dataclass, field

import urllib3

from tests.insider import Benchmark
from tests.person import Person
from tests.services.bundles import ANSWER, code, program, result, zipped

_PAUSE_S = 0.5
_BUSY_S = 600.0
"""How long somebody tries to get one submission accepted."""
_NAP = "import time\ntime.sleep({})\n"

SCORE = 1.0
"""What every submission that can be scored is worth."""


@dataclass(frozen=True)
class Kind:
    """A sort of submission."""

    name: str
    content: bytes
    is_good: bool = True
    """Whether it deserves a score."""
    is_cancelled: bool = False


def kinds() -> list[Kind]:
    """Return what people submit; the first ones more often than the last."""
    nap = program(ANSWER + _NAP.format(1.5))
    scoring_nap = program(ANSWER + 'pathlib.Path(sys.argv[2], "nap.txt").write_text("1.5")\n')
    return [
        Kind("result", result()),
        Kind("code", code(ANSWER)),
        Kind("nap", zipped(nap)),
        Kind("nap in scoring", zipped(scoring_nap)),
        Kind("bad", code("raise SystemExit('my own mistake')"), is_good=False),
        Kind("cancelled", zipped(program(ANSWER + _NAP.format(4))), is_cancelled=True),
    ]


@dataclass
class Accepted:
    """A submission that the site said it had taken."""

    submission_id: int
    key: str
    kind: Kind


@dataclass
class Load:
    """Everybody's submissions so far."""

    base_url: str
    benchmark: Benchmark
    accepted: list[Accepted] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    """Answers that were neither an acceptance nor a reason to come again."""
    ended: threading.Event = field(default_factory=threading.Event)
    slow: threading.Event = field(default_factory=threading.Event)
    """Set while nobody should submit."""

    def submit_all(self, cookie: str, count: int, seed: str, gap_s: float) -> None:
        """Be one person: submit again and again until all were accepted.

        Args:
            gap_s: the mean time between an acceptance and the next submission, in seconds.
        """
        chance = random.Random(seed)
        with Person(self.base_url, cookie) as person:
            for _ in range(count):
                if self.ended.wait(chance.expovariate(1 / gap_s)):
                    return
                (kind,) = chance.choices(kinds(), weights=(4, 4, 3, 3, 1, 1))
                if found := self._submit(person, kind):
                    self.accepted.append(found)
                    if kind.is_cancelled:
                        self.ended.wait(chance.uniform(0, 3))
                        self._cancel(person, found)

    def _submit(self, person: Person, kind: Kind) -> Accepted | None:
        """Submit once, however often that must be tried: the key makes it one."""
        key, end = secrets.token_hex(16), time.monotonic() + _BUSY_S
        review = ""
        while time.monotonic() < end and not self.ended.is_set():
            try:
                review = review or self._upload(person, kind)
                if review:
                    answer = self._confirm(person, review, key)
                    if answer.status == 303:
                        number = int(answer.headers["Location"].rpartition("/")[2])
                        return Accepted(number, key, kind)
                    if answer.status < 500 and "does not answer" not in answer.data.decode():
                        self.refused.append(f"{answer.status}: {answer.data.decode()[:2000]}")
                        return None
            except (urllib3.exceptions.HTTPError, OSError, AssertionError):
                pass  # the site is away: a person comes back
            time.sleep(_PAUSE_S)
        return None

    def _upload(self, person: Person, kind: Kind) -> str:
        fields = {"file": ("submission.zip", kind.content, "application/zip")}
        answer = person.post(f"/phases/{self.benchmark.phases[0]}/uploads", fields)
        return answer.headers["Location"] if answer.status == 303 else ""

    def _confirm(self, person: Person, review: str, key: str) -> urllib3.BaseHTTPResponse:
        fields = {"file": review.partition("file=")[2], "idempotency_key": key}
        return person.post(f"/phases/{self.benchmark.phases[0]}/submissions", fields)

    def _cancel(self, person: Person, accepted: Accepted) -> None:
        """Ask once; it may be over already, or the site away."""
        try:
            person.post(f"/submissions/{accepted.submission_id}/cancel", {})
        except (urllib3.exceptions.HTTPError, OSError, AssertionError):
            return
