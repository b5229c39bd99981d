"""Why an image could not be pulled, and whose that is to mend, from what the engine said."""

from __future__ import annotations

from worker.contract import Blame
from worker.errors import RunFailed

_OF_THE_MACHINE = (
    (("no space left",), "the disk of this machine is full"),
    (
        ("no matching manifest", "no match for platform", "does not match the specified platform"),
        "it is not made for the kind of processor that this machine has",
    ),
    (("toomanyrequests", "too many requests"), "its registry asks this machine to wait"),
)
_OF_THE_NAME = ("not found", "does not exist", "unknown", "denied", "unauthorized")


def failure(name: str, said: str) -> RunFailed:
    """Return what a failed pull means.

    A machine may lack room, a processor or the way to a registry that another one has; a name that
    its registry does not give out is the organizer's. The engine's own words may name hosts of the
    machine's network, so only those about the name are passed on.
    """
    lower = said.lower()
    for signs, reason in _OF_THE_MACHINE:
        if any(sign in lower for sign in signs):
            return _no_image(name, reason, Blame.PLATFORM)
    if any(sign in lower for sign in _OF_THE_NAME):
        return _no_image(name, said, Blame.ORGANIZER)
    return _no_image(name, "its registry does not answer this machine", Blame.PLATFORM)


def _no_image(name: str, reason: str, blame: Blame) -> RunFailed:
    return RunFailed(
        f"The container image {name} could not be pulled: {reason.strip().rstrip('.')}.", blame
    )
