"""Tells the app every ten seconds that this machine is there, and hears that it is not wanted."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from worker.client import App, Away, Gone, Unknown
from worker.logs import event
from worker.settings import Settings

log = logging.getLogger("worker.heart")

HEARTBEAT_S = 10.0
MOST_REFUSALS = 3
"""How often in a row the app says that it does not know this machine before that is believed."""


class Heart:
    """One thread that beats until the machine is shown out.

    Only the app itself can show it out, by saying so again and again: a site that is away or being
    mended, a proxy's 404, and a Redis that refuses the log-in during a rotation are waited for.

    Args:
        about: says what a heartbeat tells of this machine.
        on_shown_out: called once, from the thread.
    """

    def __init__(
        self,
        settings: Settings,
        about: Callable[[], dict[str, Any]],
        on_shown_out: Callable[[], None],
        *,
        every_s: float = HEARTBEAT_S,
    ) -> None:
        self._app, self._token = App(settings.api_url), settings.token
        self._about, self._on_shown_out = about, on_shown_out
        self._every_s = every_s
        self._refusals = 0

    @property
    def is_shown_out(self) -> bool:
        """Whether the app does not know this machine any more."""
        return self._refusals >= MOST_REFUSALS

    def start(self) -> None:
        """Beat in the background."""
        threading.Thread(target=self._beat_on, daemon=True, name="heartbeat").start()

    def beat(self) -> None:
        """Beat once, and count how often in a row the app did not know the machine."""
        try:
            body = json.dumps(self._about()).encode()
            self._app.post("/api/worker/heartbeat", self._token, body)
            self._refusals = 0
        except Unknown as error:
            self._refusals += 1
            self._lost(error)
        except (Away, Gone) as error:
            self._refusals = 0
            self._lost(error)

    def _beat_on(self) -> None:
        while True:
            self.beat()
            if self.is_shown_out:
                event(log, "machine.unknown", level=logging.ERROR, times=self._refusals)
                self._on_shown_out()
                return
            time.sleep(self._every_s)

    def _lost(self, error: Exception) -> None:
        event(log, "heartbeat.lost", level=logging.WARNING, why=str(error))
