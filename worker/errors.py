"""What can end an attempt before its scores: a failure, or somebody saying stop."""

from __future__ import annotations

from enum import StrEnum

from worker.contract import Blame


class RunFailed(Exception):
    """The attempt failed; ``str()`` of it is the reason that a participant reads.

    Args:
        message: what was wrong, where, and what to do about it.
        blame: whose it is to fix; PLATFORM makes the app try again elsewhere.
        log: technical detail that goes into the notes of the run, not into the reason.
    """

    def __init__(self, message: str, blame: Blame, *, log: str = "") -> None:
        super().__init__(message)
        self.blame = blame
        self.log = log


class Stop(StrEnum):
    """Why an attempt must end now without being a failure."""

    CANCELLED = "cancelled"  # the app said so
    SUPERSEDED = "superseded"  # the app no longer knows this attempt: say nothing more
    HANDED_BACK = "handed_back"  # this worker is told to shut down
    BUSY = "busy"  # the machine is still at the run before


class Stopped(Exception):
    """Raised in the main thread of an attempt once :class:`Stop` was asked for."""

    def __init__(self, reason: Stop) -> None:
        super().__init__(str(reason))
        self.reason = reason


class SettingsError(ValueError):
    """Every problem of the environment in one message, one line each."""


class EngineUnavailable(Exception):
    """The engine that the settings ask for does not answer; the text says what was tried."""
