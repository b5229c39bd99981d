"""Log lines of the worker: a static dotted event, data as keywords, never a token or URL query."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any


def event(log: logging.Logger, name: str, /, *, level: int = logging.INFO, **data: Any) -> None:
    """Log one event with ids, counts and durations."""
    log.log(level, name, extra={"data": data})


class _Lines(logging.Formatter):
    """One line an event; values go through JSON, so nobody can forge a line."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S.%f")[:-3]
        data = getattr(record, "data", {})
        pairs = " ".join(f"{k}={json.dumps(v, default=str)}" for k, v in data.items())
        line = f"{at} {record.levelname.lower():7} {record.getMessage()} {pairs}".rstrip()
        return line + ("\n" + self.formatException(record.exc_info) if record.exc_info else "")


def configure() -> None:
    """Send every log to standard error; libraries speak up from warnings on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("worker").setLevel(logging.INFO)
    rq = logging.getLogger("rq.worker")
    rq.setLevel(logging.WARNING)
    # RQ prints through handlers of its own unless it finds one; ours is at the root.
    rq.addHandler(logging.NullHandler())
    logging.getLogger("rq.job").addHandler(logging.NullHandler())
