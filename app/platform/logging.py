"""Events, not sentences: a static dotted name with data as keywords."""

from __future__ import annotations

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

request_id: ContextVar[str] = ContextVar("request_id", default="-")

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def event(log: logging.Logger, name: str, /, *, level: int = logging.INFO, **data: Any) -> None:
    """Log one event. Give ids, counts and durations; never a token, a URL's query or an answer."""
    log.log(level, name, extra={"data": data})


def _data(record: logging.LogRecord) -> dict[str, Any]:
    extra = {k: v for k, v in vars(record).items() if k not in _STANDARD and k != "data"}
    return {**extra, **getattr(record, "data", {})}


class _Json(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            "logger": record.name,
            "request_id": request_id.get(),
            **_data(record),
        }
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=repr, ensure_ascii=False)


class _Console(logging.Formatter):
    """A line a person reads; values go through repr, so nobody can forge a line."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S")
        pairs = " ".join(f"{k}={v!r}" for k, v in _data(record).items())
        line = f"{at} {record.levelname.lower():7} {record.getMessage()!s} {pairs}".rstrip()
        return line + ("\n" + self.formatException(record.exc_info) if record.exc_info else "")


def configure(*, json_lines: bool, level: int = logging.INFO) -> None:
    """Send every log to standard error, as console lines or as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if json_lines else _Console())
    logging.basicConfig(level=level, handlers=[handler], force=True)
