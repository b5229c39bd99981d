"""When phases and competitions are open."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from app.competitions.lifecycle import (
    Obstacle,
    Reason,
    Stage,
    after,
    before,
    beside,
    current_phase,
    obstacles,
    phase_stage,
    shown_phase,
    shown_tracks,
    stage,
)
from app.competitions.models import Competition, Phase, PhaseTask
from tests.factories import NOW

HOUR = timedelta(hours=1)


def phase(start: datetime, end: datetime | None, name: str = "") -> Phase:
    task = [PhaseTask(task_id=1, order=0)]
    return Phase(name=name, starts_at=start, ends_at=end, phase_tasks=task, leaderboard_id=1)


def competition(*phases: Phase, published: bool = True) -> Competition:
    return Competition(phases=list(phases), is_published=published, auto_run_submissions=True)


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (NOW - HOUR, NOW + HOUR, Stage.OPEN),
        (NOW, NOW + HOUR, Stage.OPEN),
        (NOW - HOUR, NOW, Stage.CLOSED),
        (NOW + HOUR, NOW + 2 * HOUR, Stage.UPCOMING),
        (NOW - HOUR, None, Stage.OPEN),
        (NOW + HOUR, None, Stage.UPCOMING),
        (NOW, NOW, Stage.CLOSED),
    ],
)
def test_phase_contains_its_start_and_not_its_end(
    start: datetime, end: datetime | None, expected: Stage
) -> None:
    assert phase_stage(phase(start, end), NOW) == expected


def test_next_phase_is_open_at_a_shared_boundary() -> None:
    first, second = phase(NOW - HOUR, NOW), phase(NOW, NOW + HOUR)
    both = competition(first, second)
    assert current_phase(both, NOW) is second
    assert current_phase(both, NOW - timedelta(microseconds=1)) is first


def test_later_of_two_open_phases_is_current() -> None:
    first, second = phase(NOW - 2 * HOUR, None), phase(NOW - HOUR, NOW + HOUR)
    assert current_phase(competition(first, second), NOW) is second


def test_gap_between_phases_is_upcoming_and_shows_the_next() -> None:
    first, second = phase(NOW - 2 * HOUR, NOW - HOUR), phase(NOW + HOUR, None)
    both = competition(first, second)
    assert stage(both, NOW) == Stage.UPCOMING
    assert current_phase(both, NOW) is None
    assert shown_phase(both, NOW) is second


def test_past_competition_shows_its_last_phase() -> None:
    first, second = phase(NOW - 4 * HOUR, NOW - 3 * HOUR), phase(NOW - 2 * HOUR, NOW - HOUR)
    both = competition(first, second)
    assert stage(both, NOW) == Stage.CLOSED
    assert shown_phase(both, NOW) is second


def test_competition_without_phases_is_upcoming_and_shows_none() -> None:
    empty = competition()
    assert stage(empty, NOW) == Stage.UPCOMING
    assert shown_phase(empty, NOW) is None


def test_nothing_is_in_the_way_when_all_is_well() -> None:
    well = competition(phase(NOW - HOUR, None))
    assert obstacles(well, well.phases, NOW, machines=1, approved=1) == []


def test_every_obstacle_is_named() -> None:
    closed = phase(NOW - 2 * HOUR, NOW - HOUR, "Development")
    closed.phase_tasks, closed.leaderboard_id = [], None
    bad = competition(closed, published=False)
    bad.auto_run_submissions = False
    assert obstacles(bad, bad.phases, NOW, machines=0, approved=0) == [
        Reason(Obstacle.UNPUBLISHED),
        Reason(Obstacle.NO_OPEN_PHASE),
        Reason(Obstacle.NO_TASK, "Development"),
        Reason(Obstacle.NO_BOARD, "Development"),
        Reason(Obstacle.NOBODY_APPROVED),
        Reason(Obstacle.NO_MACHINE),
        Reason(Obstacle.HELD),
    ]
    bad.registration_auto_approve = True
    found = obstacles(bad, bad.phases, NOW, machines=0, approved=0)
    assert Reason(Obstacle.NOBODY_APPROVED) not in found
    none = competition()
    assert Reason(Obstacle.NO_PHASE) in obstacles(none, [], NOW, machines=1, approved=1)


def tracks(*numbers: int) -> list[Phase]:
    """Phases by track, with gaps between their indexes."""
    return [Phase(index=3 * place, track=number) for place, number in enumerate(numbers)]


def test_tracks_side_by_side_make_one_step() -> None:
    phases = tracks(0, 0, 1, 2, 0)
    assert beside(phases, phases[0]) == [phases[0]]
    assert beside(phases, phases[2]) == beside(phases, phases[3]) == phases[1:4]
    assert beside(phases, phases[4]) == [phases[4]]


@pytest.mark.parametrize(
    ("numbers", "sources"),
    [
        ((0, 0, 0), (None, 0, 1)),
        ((0, 0, 1), (None, 0, 0)),  # all tracks continue the one phase before
        ((0, 1, 0, 1), (None, None, 0, 1)),  # each track continues itself
        ((0, 1, 0, 1, 2), (None, None, 0, 1, 1)),
        ((0, 1, 0), (None, None, 0)),
    ],
)
def test_migration_follows_the_tracks(
    numbers: tuple[int, ...], sources: tuple[int | None, ...]
) -> None:
    phases = tracks(*numbers)
    expected = [None if source is None else phases[source] for source in sources]
    assert [before(phases, phase) for phase in phases] == expected


def test_moving_on_by_hand_leads_to_the_same_track_or_the_last_there_is() -> None:
    phases = tracks(0, 1, 2, 0, 1, 0)
    targets = [after(phases, phase) for phase in phases]
    assert targets == [phases[3], phases[4], phases[4], phases[5], phases[5], None]


def test_tracks_that_are_open_are_shown_side_by_side() -> None:
    text = Phase(track=0, starts_at=NOW - HOUR, ends_at=NOW + HOUR)
    speech = Phase(track=1, starts_at=NOW - HOUR, ends_at=NOW + 2 * HOUR)
    video = Phase(track=2, starts_at=NOW + HOUR, ends_at=NOW + 2 * HOUR)
    of_all = competition(text, speech, video)
    assert current_phase(of_all, NOW) is text
    assert shown_tracks(of_all, NOW) == [text, speech]
    assert current_phase(of_all, NOW + HOUR) is speech
    assert shown_tracks(of_all, NOW + HOUR) == [speech, video]
    assert shown_tracks(competition(), NOW) == []
