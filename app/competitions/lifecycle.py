"""When phases and competitions are open. A phase contains its start and not its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.competitions.models import Competition, Phase


class Stage(StrEnum):
    """Where a phase, or a whole competition, is in time."""

    UPCOMING = "upcoming"
    OPEN = "open"
    CLOSED = "closed"


class Obstacle(StrEnum):
    """Why nobody can submit, or why what they submit would not run."""

    UNPUBLISHED = "unpublished"
    NO_PHASE = "no_phase"
    NO_OPEN_PHASE = "no_open_phase"
    NO_TASK = "no_task"
    NO_BOARD = "no_board"
    NO_MACHINE = "no_machine"
    NO_MACHINE_FOR_SOME = "no_machine_for_some"
    NOBODY_APPROVED = "nobody_approved"
    HELD = "held"


@dataclass(frozen=True)
class Reason:
    """One obstacle; ``phase`` names the phase it is about, if any, and ``queue`` the queue."""

    obstacle: Obstacle
    phase: str = ""
    queue: str = ""


def phase_stage(phase: Phase, now: datetime) -> Stage:
    """Say whether a phase is open. Where one ends as the next starts, the next one is open."""
    if now < phase.starts_at:
        return Stage.UPCOMING
    if phase.ends_at is not None and phase.ends_at <= now:
        return Stage.CLOSED
    return Stage.OPEN


def stage(competition: Competition, now: datetime) -> Stage:
    """Say whether a competition (``phases`` loaded) is open; between two phases it is upcoming."""
    stages = {phase_stage(phase, now) for phase in competition.phases}
    if Stage.OPEN in stages:
        return Stage.OPEN
    return Stage.UPCOMING if Stage.UPCOMING in stages or not stages else Stage.CLOSED


def beside(phases: Sequence[Phase], phase: Phase) -> list[Phase]:
    """Return a phase and those that are side by side with it, of all in order: a step of its own."""
    found: list[Phase] = []
    for one in phases:
        if not one.track:  # None before the first flush
            if phase in found:
                break
            found = []
        found.append(one)
    return found


def before(phases: Sequence[Phase], phase: Phase) -> Phase | None:
    """Return the phase that migration into ``phase`` takes from, of all in order.

    That is the one on the same track of the step before, or its last track where it has fewer.
    """
    first = beside(phases, phase)[0]
    earlier = [one for one in phases if one.index < first.index and one.track <= phase.track]
    return earlier[-1] if earlier else None


def after(phases: Sequence[Phase], phase: Phase) -> Phase | None:
    """Return the phase on the same track of the next step, or its last track where it has fewer."""
    last = beside(phases, phase)[-1]
    later = [one for one in phases if one.index > last.index]
    if not later:
        return None
    return [one for one in beside(phases, later[0]) if one.track <= phase.track][-1]


def current_phase(competition: Competition, now: datetime) -> Phase | None:
    """Return the open phase (``phases`` loaded), None if none is.

    If several are, it is the later one; of phases side by side the first track that is open.
    """
    open_ones = [p for p in competition.phases if phase_stage(p, now) == Stage.OPEN]
    if not open_ones:
        return None
    return next(p for p in beside(competition.phases, open_ones[-1]) if p in open_ones)


def shown_phase(competition: Competition, now: datetime) -> Phase | None:
    """Return the phase a page is about unless told otherwise: open, else next, else the last."""
    if current := current_phase(competition, now):
        return current
    upcoming = [p for p in competition.phases if phase_stage(p, now) == Stage.UPCOMING]
    if upcoming:
        return min(upcoming, key=lambda phase: phase.starts_at)
    return competition.phases[-1] if competition.phases else None


def shown_tracks(competition: Competition, now: datetime) -> list[Phase]:
    """Return the shown phase and those side by side with it that are at the same stage."""
    shown = shown_phase(competition, now)
    if shown is None:
        return []
    stage = phase_stage(shown, now)
    return [p for p in beside(competition.phases, shown) if phase_stage(p, now) == stage]


def obstacles(
    competition: Competition,
    phases: Sequence[Phase],
    now: datetime,
    *,
    machines: int,
    approved: int,
    silent: Sequence[str] = (),
) -> list[Reason]:
    """List everything that keeps people from submitting, the most basic first.

    Args:
        competition: with ``phases`` loaded.
        phases: the same phases with ``phase_tasks`` loaded.
        machines: how many machines of its queue are online.
        approved: how many participants may submit.
        silent: names of the queues of chosen participants that have no machine online.
    """
    found = []
    if not competition.is_published:
        found.append(Reason(Obstacle.UNPUBLISHED))
    if not competition.phases:
        found.append(Reason(Obstacle.NO_PHASE))
    elif current_phase(competition, now) is None:
        found.append(Reason(Obstacle.NO_OPEN_PHASE))
    for phase in phases:
        if not phase.phase_tasks:
            found.append(Reason(Obstacle.NO_TASK, phase.name))
        if phase.leaderboard_id is None:
            found.append(Reason(Obstacle.NO_BOARD, phase.name))
    if not approved and not competition.registration_auto_approve:
        found.append(Reason(Obstacle.NOBODY_APPROVED))
    if not machines:
        found.append(Reason(Obstacle.NO_MACHINE))
    found += [Reason(Obstacle.NO_MACHINE_FOR_SOME, queue=name) for name in silent]
    if not competition.auto_run_submissions:
        found.append(Reason(Obstacle.HELD))
    return found
