"""What ended a container that was neither its program nor a limit of its own, as far as there is proof.

A code above 128 proves nothing: any program can end with 137. Only what the engine or the kernel say
counts, so that nobody gets another attempt by a code of their choice.
"""

from __future__ import annotations

import logging
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

from docker import APIClient
from docker.errors import APIError

from worker.logs import event

log = logging.getLogger("worker.engines.outside")

KILLED_CODES = (137, 143)
"""How a container ends that was sent SIGKILL or SIGTERM, by whomever."""

TOLD = "the container engine was told to stop it"
STARVED = "the machine ran out of memory"

_VMSTAT = Path("/proc/vmstat")
_LATE = timedelta(seconds=1)
"""The engine writes down a kill after it has sent it: the container may be gone by then."""


def oom_kills(vmstat: Path = _VMSTAT) -> int:
    """Return how many processes this machine's kernel has killed for want of memory, in all.

    Those of containers that met their own limit are among them. 0 where the kernel does not say.
    """
    try:
        lines = vmstat.read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)


def engine_says(
    client: APIClient, container: str, began: datetime, ended: datetime
) -> tuple[bool, bool]:
    """Ask the engine about the life of a container.

    Args:
        began: by the engine's own clock, as ``ended``.

    Returns:
        (whether somebody told it to end this one, whether any container met its limit of memory).
    """
    told = starved = False
    wanted = {"type": ["container"], "event": ["kill", "stop", "oom"]}
    try:
        stream = client.events(  # type: ignore[call-overload] # the API takes parts of seconds
            since=_stamp(began), until=_stamp(ended + _LATE), filters=wanted, decode=True
        )
        with closing(stream):
            for one in stream:
                starved = starved or one.get("Action") == "oom"
                told = told or (
                    one.get("Action") != "oom" and one.get("Actor", {}).get("ID") == container
                )
    except APIError as error:
        event(log, "engine.tells_nothing", why=str(error.explanation)[:200])
    return told, starved


def _stamp(moment: datetime) -> str:
    return f"{moment.timestamp():.6f}"
