"""Which user names are taken from the start: reserved words, and what could be read as one; pure."""

from __future__ import annotations

import re
import unicodedata

NAME = re.compile(r"[a-z0-9_-]{3,30}")

_RESERVED = """
    about abuse account accounts admin administrator anonymous api app audit audits auditor benchmark
    benchmarks billing bot ceo codabench codalab contact demo everyone guest healthz help home
    hostmaster info login log-in logout log-out me mail mine moderator nobody noreply null official
    operator organizer owner password plumbline plumbline-staff policy postmaster privacy register
    reserved robots root security settings signup sign-up site staff static status styleguide sudo
    superuser support sysadmin system team terms test undefined user users visitor webmaster worker www
"""

_LOOK_ALIKES = (
    ("0", "o"), ("1", "l"), ("3", "e"), ("4", "a"), ("5", "s"), ("7", "t"), ("8", "b"), ("9", "g"),
    ("rn", "m"), ("vv", "w"), ("cl", "d"), ("i", "l"),
)  # fmt: skip


def fold(text: str) -> str:
    """Return the one spelling of a name that is stored and compared: NFKC, case-folded, trimmed."""
    return unicodedata.normalize("NFKC", text).strip().casefold()


def skeleton(name: str) -> str:
    """Return what a hurried reader sees: look-alike characters made one, separators dropped."""
    seen = name.replace("-", "").replace("_", "")
    for look, like in _LOOK_ALIKES:
        seen = seen.replace(look, like)
    return seen


_TAKEN = frozenset(skeleton(word) for word in _RESERVED.split())


def is_reserved(name: str) -> bool:
    """Return whether a folded name is reserved, looks like a reserved one, or shows nothing."""
    seen = skeleton(name)
    return not seen or seen in _TAKEN
