"""What a process and everything it started uses, as Linux tells it."""

from __future__ import annotations

import os
from pathlib import Path

from worker.engines import Usage

_PROC = Path("/proc")
_PARENT, _USER_TICKS, _CHILDREN_SYSTEM_TICKS, _RESIDENT_PAGES = 1, 11, 14, 21
"""Fields of ``stat``, counted after the name."""


def family_usage(pid: int) -> Usage | None:
    """Return what a process and its descendants use; None where that cannot be read.

    Processors count with children that have ended. Memory is what is resident; pages that
    processes share are counted for each of them.
    """
    stats = _all_stats()
    if pid not in stats:
        return None
    children: dict[int, list[int]] = {}
    for one, fields in stats.items():
        children.setdefault(fields[_PARENT], []).append(one)
    family, todo = [pid], [pid]
    while todo:
        found = children.get(todo.pop(), [])
        family += found
        todo += found
    ticks = sum(sum(stats[one][_USER_TICKS : _CHILDREN_SYSTEM_TICKS + 1]) for one in family)
    pages = sum(stats[one][_RESIDENT_PAGES] for one in family)
    return Usage(ticks / os.sysconf("SC_CLK_TCK"), pages * os.sysconf("SC_PAGE_SIZE"))


def _all_stats() -> dict[int, list[int]]:
    """Return the numbers of ``/proc/*/stat`` by process id, the state letter as 0."""
    found: dict[int, list[int]] = {}
    try:
        names = [name for name in os.listdir(_PROC) if name.isdigit()]
    except OSError:
        return {}
    for name in names:
        try:
            text = (_PROC / name / "stat").read_text(encoding="ascii", errors="replace")
        except OSError:
            continue  # it has ended since
        fields = text.rpartition(")")[2].split()
        found[int(name)] = [0, *(int(field) for field in fields[1 : _RESIDENT_PAGES + 1])]
    return found
