"""Run events up to the app: numbered, batched, sent again until taken, and the ear for "stop"."""

from __future__ import annotations

import json
import logging
import math
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import urllib3

from worker.contract import (
    MACHINE_HEADER,
    MAX_EVENTS_BYTES,
    MAX_LOG_CHUNK_CHARS,
    Answer,
    Blame,
    Claim,
    ContractError,
    Kind,
    Output,
    RunEvent,
    RunSpec,
    Step,
    Stream,
)
from worker.errors import Stop, Stopped
from worker.logs import event

log = logging.getLogger("worker.client")

BEAT_S = 0.9
"""A live run says something at least this often, and so learns of a cancel within a second."""
LINGER_S = 0.1
"""How long an event may wait for others: the steps of a small run travel together."""
FLUSH_S = 0.25
"""How often log text is sent: the first words after a silence go at once, the next ones wait."""
CLAIM_PATIENCE_S = 120.0
FINAL_PATIENCE_S = 1800.0
MAX_TEXT_CHARS = 4000
_MAX_PAUSE_S = 10.0
_TERMINAL = frozenset({Kind.FINISHED, Kind.FAILED, Kind.HANDED_BACK, Kind.CANCELLED})


class Away(Exception):
    """The app did not answer, or answered that it cannot now: try again."""


class Gone(Exception):
    """The app knows no such attempt, or not any more: say nothing more."""


class Unknown(Gone):
    """The app says that it knows no such token."""


class App:
    """The app as a worker reaches it: kept connections, tokens in headers and nowhere else."""

    def __init__(self, api_url: str, machine_token: str = "") -> None:
        self._machine = {MACHINE_HEADER: machine_token} if machine_token else {}
        self._url = api_url.rstrip("/")
        timeout = urllib3.Timeout(connect=5, read=15)
        self._pool = urllib3.PoolManager(maxsize=2, retries=False, timeout=timeout)
        logging.getLogger("urllib3").setLevel(logging.ERROR)  # its warnings quote URLs

    def post(self, path: str, token: str, body: bytes) -> bytes:
        """Post JSON and return the answer's body.

        Raises:
            Away: no answer, 429 or 5xx, or an answer that is not the app's: what stands before it
                may say 404, too, while the app is being replaced.
            Unknown: the app knows no such token.
            Gone: any other refusal of the app's; the reason is in the text.
        """
        headers = {
            "Authorization": f"Bearer {token}", "Content-Type": "application/json", **self._machine,
        }  # fmt: skip
        try:
            reply = self._pool.request(
                "POST", self._url + path, body=body, headers=headers, redirect=False
            )
        except urllib3.exceptions.HTTPError as error:
            raise Away(type(error).__name__) from error
        if reply.status == 200:
            return reply.data
        if reply.status >= 500 or reply.status in (408, 425, 429):
            raise Away(f"status {reply.status}")
        if not _is_said_by_the_app(reply.data):
            raise Away(f"status {reply.status}, not of the app")
        why = f"status {reply.status} {reply.data[:300].decode(errors='replace')}"
        raise Unknown(why) if reply.status == 404 else Gone(why)

    def close(self) -> None:
        """Close every connection."""
        self._pool.clear()


def _is_said_by_the_app(body: bytes) -> bool:
    try:
        said = json.loads(body)
    except ValueError:
        return False
    return isinstance(said, dict) and isinstance(said.get("error"), str)


# Not the module's own generator, whose state belongs to whoever seeds it.
_chance = secrets.SystemRandom()


def pause_s(failures: int) -> float:
    """Return how long to wait after this many failures in a row: doubling, with jitter."""
    longest: float = min(_MAX_PAUSE_S, 0.2 * 2 ** min(failures, 10))
    return longest * _chance.uniform(0.5, 1.0)


class Reporter:
    """The voice of one attempt. Any thread may report; one background thread sends.

    Args:
        on_stop: called once, from the background thread, when the app says stop or disowns us.
    """

    def __init__(self, app: App, spec: RunSpec, on_stop: Callable[[Stop], None]) -> None:
        self._app = app
        self._path = f"/api/worker/runs/{spec.run_id}/events"
        self._token = spec.token
        self._attempt = spec.attempt
        self._run_id = spec.run_id
        self._on_stop = on_stop
        self._changed = threading.Condition()
        self._waiting: list[tuple[int, bytes]] = []
        self._waiting_since = 0.0
        self._words: list[tuple[str, str]] = []
        self._words_since = 0.0
        self._words_sent = 0.0
        self._seq = 0
        self._over = False
        self._said_last = False
        self._stop_told = False
        self._closing = False
        self._give_up_at = math.inf
        self._last_sent = time.monotonic()
        self._retry_at = 0.0
        self._failures = 0
        self._began = self._step_began = time.monotonic()
        self._thread = threading.Thread(target=self._send_until_over, daemon=True, name="reporter")

    # Saying ------------------------------------------------------------------------------------

    def claim(self, engine: str = "") -> Claim:
        """Say ``started``, wait for the claim, and begin to send in the background.

        Raises:
            Stopped: the attempt is not ours to run, was cancelled, or the app stays away.
        """
        # The text tells this claim from one by another worker that was handed the same attempt.
        self._add(Kind.STARTED, engine=engine, text=secrets.token_hex(16))
        deadline = time.monotonic() + CLAIM_PATIENCE_S
        while True:
            try:
                answer = self._post([body for _, body in self._waiting])
                break
            except Gone as error:
                event(log, "attempt.refused", run_id=self._run_id, why=str(error))
                raise Stopped(Stop.SUPERSEDED) from error
            except Away as error:
                self._failures += 1
                if time.monotonic() > deadline:
                    event(log, "attempt.unclaimed", run_id=self._run_id, why=str(error))
                    raise Stopped(Stop.SUPERSEDED) from error
                time.sleep(pause_s(self._failures))
        self._failures = 0
        if answer.cancel or answer.claim is None:
            self._waiting.clear()
        if answer.cancel:
            self._stop_told = True
        elif answer.claim is None:
            event(log, "attempt.no_claim", run_id=self._run_id)
            raise Stopped(Stop.SUPERSEDED)
        self._taken(answer)
        self._thread.start()
        if answer.claim is None or answer.cancel:
            raise Stopped(Stop.CANCELLED)
        return answer.claim

    def step(self, step: Step, *, engine: str = "", image_digest: str = "") -> None:
        """Say that a step begins, and how long the one before took."""
        now = time.monotonic()
        seconds, self._step_began = round(now - self._step_began, 4), now
        self._add(Kind.STEP, step=step, engine=engine, image_digest=image_digest, seconds=seconds)

    def log(self, stream: Stream, text: str) -> None:
        """Add text to a log stream; it is sent within a quarter of a second."""
        if not text:
            return
        with self._changed:
            if not self._words:
                self._words_since = time.monotonic()
                self._changed.notify()
            if self._words and self._words[-1][0] == stream:
                self._words[-1] = (stream, self._words[-1][1] + text)
            else:
                self._words.append((stream, text))
            if len(self._words[-1][1]) >= MAX_LOG_CHUNK_CHARS:
                self._gather_words()
                self._changed.notify()

    def sample(self, stream: Stream, usage: Mapping[str, float]) -> None:
        """Say what the container behind a stream uses at this moment."""
        seconds = round(time.monotonic() - self._began, 2)
        self._add(Kind.SAMPLE, stream=stream, usage=dict(usage), seconds=seconds)

    def note(self, text: str, failed: Step | None = None) -> None:
        """Say something worth knowing that does not end the run.

        Args:
            failed: the step in which something failed.
        """
        self._add(Kind.NOTE, text=text[:MAX_TEXT_CHARS], step=failed or "")

    def output(self, output: Output, *, size_bytes: int, sha256: str) -> None:
        """Say that an output is stored."""
        self._add(Kind.OUTPUT, output=output, size_bytes=size_bytes, sha256=sha256)

    def finished(
        self, scores: Mapping[str, float], rejected: Mapping[str, str], container_s: float
    ) -> None:
        """Say the scores; everything else must be stored already."""
        self._end(
            Kind.FINISHED, container_s, scores=dict(scores), rejected=dict(rejected),
        )  # fmt: skip

    def failed(self, reason: str, blame: Blame, container_s: float = 0.0) -> None:
        """Say why the attempt failed and whose it is to fix."""
        self._end(Kind.FAILED, container_s, text=reason[:MAX_TEXT_CHARS], blame=blame)

    def handed_back(self, why: str, container_s: float = 0.0) -> None:
        """Say that the run must go on elsewhere."""
        self._end(Kind.HANDED_BACK, container_s, text=why)

    def cancelled(self, container_s: float = 0.0) -> None:
        """Say that everything of the attempt has stopped, as the app asked."""
        self._end(Kind.CANCELLED, container_s)

    def silence(self) -> None:
        """Say nothing more, not even what waits."""
        with self._changed:
            self._over = True
            self._changed.notify()

    def close(self, patience_s: float = FINAL_PATIENCE_S) -> bool:
        """Wait until everything is taken, for at most ``patience_s``; return whether it was."""
        self.hurry(patience_s)
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread.ident is not None:
            self._thread.join(patience_s + 20)
        self._app.close()
        return not self._waiting

    def hurry(self, patience_s: float) -> None:
        """Give up what is not taken ``patience_s`` from now; no effect on an earlier deadline."""
        with self._changed:
            self._give_up_at = min(self._give_up_at, time.monotonic() + patience_s)
            self._changed.notify()

    def _end(self, kind: Kind, container_s: float, **data: Any) -> None:
        seconds = round(time.monotonic() - self._began, 4)
        self._add(kind, seconds=seconds, container_s=round(container_s, 4), **data)

    def _add(self, kind: Kind, **data: Any) -> None:
        with self._changed:
            if self._said_last:
                return
            self._gather_words()
            self._number(kind, data)
            self._said_last = kind in _TERMINAL
            self._changed.notify()

    def _gather_words(self) -> None:
        if self._words:
            self._words_sent = time.monotonic()
        for stream, text in self._words:
            for start in range(0, len(text), MAX_LOG_CHUNK_CHARS):
                piece = text[start : start + MAX_LOG_CHUNK_CHARS]
                self._number(Kind.LOG, {"stream": stream, "text": piece})
        self._words.clear()

    def _number(self, kind: Kind, data: dict[str, Any]) -> None:
        if self._said_last:
            return
        self._seq += 1
        if "text" in data:
            data["text"] = data["text"].replace("\x00", "\ufffd")  # PostgreSQL text holds no NUL
        full = RunEvent(seq=self._seq, kind=kind, **data).to_json()
        body = json.dumps(full, ensure_ascii=False).encode("utf-8", "replace")
        if not self._waiting:
            self._waiting_since = time.monotonic()
        self._waiting.append((self._seq, body))

    # Sending -----------------------------------------------------------------------------------

    def _send_until_over(self) -> None:
        while True:
            batch = self._next_batch()
            if batch is None:
                return
            try:
                answer = self._post(batch)
            except Gone as error:
                event(log, "attempt.disowned", run_id=self._run_id, why=str(error))
                self.silence()
                self._waiting.clear()
                self._tell(Stop.SUPERSEDED)
                return
            except Away as error:
                self._failures += 1
                self._retry_at = time.monotonic() + pause_s(self._failures)
                event(log, "app.away", run_id=self._run_id, why=str(error), tries=self._failures)
                continue
            self._taken(answer)
            if answer.cancel:
                self._tell(Stop.CANCELLED)

    def _next_batch(self) -> list[bytes] | None:
        """Wait until there is something to say, or silence has lasted long enough."""
        with self._changed:
            while True:
                now = time.monotonic()
                if self._over or now > self._give_up_at:
                    return None
                if self._closing and not self._waiting and not self._words:
                    return None
                due = self._due_at()
                if due <= now:
                    break
                self._changed.wait(due - now)
            self._gather_words()
            return self._as_many_as_fit()

    def _due_at(self) -> float:
        if self._failures:
            return self._retry_at
        if self._closing or (self._said_last and self._waiting):
            return 0.0
        due = self._last_sent + BEAT_S
        if self._waiting:
            due = min(due, self._waiting_since + LINGER_S)
        if not self._words:
            return due
        return min(due, max(self._words_since + LINGER_S, self._words_sent + FLUSH_S))

    def _as_many_as_fit(self) -> list[bytes]:
        room, batch = MAX_EVENTS_BYTES - 1024, list[bytes]()
        for _, body in self._waiting:
            room -= len(body) + 1
            if room < 0 and batch:
                break
            batch.append(body)
        return batch

    def _post(self, events: list[bytes]) -> Answer:
        head = json.dumps({"attempt": self._attempt})[:-1].encode()
        body = head + b', "events": [' + b",".join(events) + b"]}"
        self._last_sent = time.monotonic()
        raw = self._app.post(self._path, self._token, body)
        try:
            return Answer.from_json(json.loads(raw))
        except (ContractError, ValueError) as error:
            raise Away(f"unreadable answer: {error}") from error

    def _taken(self, answer: Answer) -> None:
        with self._changed:
            before = len(self._waiting)
            self._waiting = [item for item in self._waiting if item[0] > answer.accepted_seq]
            if answer.cancel and self._said_last:  # a cancelled attempt is asked to say no more
                self._waiting.clear()
            stuck = before and len(self._waiting) == before
            self._failures = self._failures + 1 if stuck else 0
            self._retry_at = time.monotonic() + pause_s(self._failures) if stuck else 0.0

    def _tell(self, reason: Stop) -> None:
        if not self._stop_told or reason is Stop.SUPERSEDED:
            self._stop_told = True
            self._on_stop(reason)
