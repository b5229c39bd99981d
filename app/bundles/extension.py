"""What only Plumbline reads of a bundle: the keys under ``plumbline``, which others pass over.

Source: docs/reference/bundle.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from app.bundles.fields import A_MAPPING, MAPPING_HINT, Section, described

KEY = "plumbline"
_HINT = "Write the index of the phase that comes before."


class Required(StrEnum):
    """Which submission in the required phase opens a phase."""

    FINISHED = "finished"
    ENTRY = "entry"


def requirement(section: Section, indexes: Sequence[int], position: int) -> tuple[int | None, bool]:
    """Return the position of the phase that a phase requires, and whether it wants an entry there.

    Args:
        section: the phase.
        indexes: what the bundle calls each phase, in their order.
        position: where this phase stands among them.
    """
    own = _mapping(section, KEY)
    requires = _mapping(own, "requires") if own else None
    found, wants_entry = None, False
    if requires:
        found = _earlier(requires, indexes, position)
        wanted = requires.choice("submission", Required, Required.FINISHED)
        wants_entry = found is not None and wanted is Required.ENTRY
        requires.close()
    if own:
        own.close()
    return found, wants_entry


def _earlier(requires: Section, indexes: Sequence[int], position: int) -> int | None:
    if requires.get("phase") is None:
        requires.wrong("phase", "nothing", "the index of an earlier phase", _HINT)
        return None
    wanted = requires.whole("phase", -1)
    found = [at for at, index in enumerate(indexes) if index == wanted]
    if len(found) > 1:
        hint = "Give each phase an index of its own."
        called = f"{wanted}, which several phases are called"
        requires.wrong("phase", called, "an index of one", hint)
    elif not found:
        requires.wrong(
            "phase", f"{wanted}, which no phase is called", "the index of a phase", _HINT
        )
    elif found[0] >= position:
        requires.wrong("phase", f"{wanted}, which is no earlier phase", "an earlier phase", _HINT)
    else:
        return found[0]
    return None


def _mapping(section: Section, key: str) -> Section | None:
    value = section.get(key)
    if value is None:
        return None
    if not isinstance(value, dict):
        section.wrong(key, described(value), A_MAPPING, MAPPING_HINT)
        return None
    return Section(value, section.at(key), section.report)
