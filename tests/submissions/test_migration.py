from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select

from app.accounts.models import User
from app.cli import serve
from app.competitions import queries as competitions
from app.competitions.models import Competition, Phase
from app.errors import Forbidden, Refused
from app.leaderboards import queries as boards
from app.leaderboards import services as leaderboards
from app.platform.db import db, unit_of_work
from app.submissions import migration, outcome, quota
from app.submissions.models import Run, State, Submission
from tests import factories
from tests.factories import NOW
from tests.leaderboards.boards import counted, entries, tell
from tests.submissions.conftest import viewer_of

START = NOW + timedelta(days=10)
"""The development phase of the factories ends, and the final one begins."""


@pytest.fixture(autouse=True)
def _no_bell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.submissions.dispatch.ring", lambda: None)


def phase_of(competition: Competition, rule: str = "Force_Best", **more: object) -> Phase:
    board = factories.make_board(competition, submission_rule=rule)
    return factories.make_phase(competition, board=board, **more)  # type: ignore[arg-type]


@pytest.fixture
def first(competition: Competition) -> Phase:
    return phase_of(competition)


@pytest.fixture
def final(first: Phase, competition: Competition) -> Phase:
    return final_of(competition)


def final_of(competition: Competition, rule: str = "Force_Best", **more: object) -> Phase:
    values = {
        "tasks": 2, "auto_migrate_to_this_phase": True, "starts_at": START,
        "ends_at": START + timedelta(days=5), "max_submissions_per_person": 1, **more,
    }  # fmt: skip
    return phase_of(competition, rule, **values)


def on_board(phase: Phase, owner: User, score: float = 0.5, **more: object) -> Submission:
    made = factories.make_submission(phase, owner, [{"score": score}], **more)  # type: ignore[arg-type]
    tell(made)
    return made


def round_at(moment: datetime) -> list[int]:
    """Do what cron does; returns how many each due phase got."""
    counts = []
    for phase_id in migration.due(moment):
        with unit_of_work():
            counts.append(migration.migrate(phase_id, now=moment))
    return counts


def moved_to(phase: Phase) -> Sequence[Submission]:
    db.session.rollback()
    statement = select(Submission).where(Submission.phase_id == phase.id)
    return db.session.scalars(statement.order_by(Submission.id)).all()


def test_what_stands_on_the_board_is_submitted_to_all_tasks_of_the_next_phase_once(
    first: Phase, final: Phase, pavel: User
) -> None:
    source = on_board(first, pavel, fact_sheet_answers={"method": "trees"})
    for moment in (START, START + timedelta(minutes=1), START + timedelta(days=1)):
        round_at(moment)
    (moved,) = moved_to(final)
    assert (moved.owner_id, moved.file_id) == (pavel.id, source.file_id)
    assert moved.fact_sheet_answers == {"method": "trees"}
    assert (moved.migrated_from_id, moved.state) == (source.id, State.QUEUED)
    runs = db.session.scalar(select(func.count()).where(Run.submission_id == moved.id))
    assert runs == 2
    assert quota.allowance(final, pavel.id, START).used == 0


def test_submission_with_several_tasks_is_moved(competition: Competition, pavel: User) -> None:
    board = factories.make_board(competition, submission_rule="Force_Best")
    first = factories.make_phase(competition, tasks=3, board=board)
    final = final_of(competition)
    source = factories.make_submission(first, pavel, [{"score": 0.5}] * 3)
    tell(source)
    round_at(START)
    assert [one.migrated_from_id for one in moved_to(final)] == [source.id]


def test_what_does_not_stand_on_the_board_stays(first: Phase, final: Phase, pavel: User) -> None:
    on_board(first, pavel, 0.9)
    on_board(first, pavel, 0.1)
    factories.make_submission(first, pavel, state=State.FAILED)
    round_at(START)
    assert len(moved_to(final)) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"starts_at": START + timedelta(days=1)},
        {"auto_migrate_to_this_phase": False},
        {"tasks": 0},
    ],
)
def test_nothing_moves_before_its_time_without_the_switch_or_without_a_task(
    first: Phase, competition: Competition, pavel: User, change: dict[str, object]
) -> None:
    final = final_of(competition, **change)  # type: ignore[arg-type]
    on_board(first, pavel)
    assert round_at(START) == []
    assert not moved_to(final)


def test_nothing_moves_while_the_phase_before_goes_on(
    first: Phase, final: Phase, pavel: User
) -> None:
    on_board(first, pavel)
    with unit_of_work():
        db.session.get_one(Phase, first.id).ends_at = START + timedelta(days=1)
    assert round_at(START) == []


def test_first_phase_with_the_switch_on_harms_nobody(competition: Competition, pavel: User) -> None:
    phase_of(competition, auto_migrate_to_this_phase=True)
    assert migration.due(START) == []


def test_running_ones_block_nobody_and_follow_when_they_finish(
    first: Phase, final: Phase, pavel: User
) -> None:
    petra = factories.make_user("petra")
    on_board(first, pavel)
    late = factories.make_submission(
        first, petra, [{"score": 0.5}], state=State.RUNNING
    )  # fmt: skip
    assert round_at(START) == [1]
    much_later = START + timedelta(hours=3)
    with unit_of_work():
        run = db.session.scalars(select(Run).where(Run.submission_id == late.id)).one()
        outcome.end(run, State.FINISHED, now=much_later)
    assert round_at(much_later) == [1]
    assert round_at(much_later) == []
    assert [one.owner_id for one in moved_to(final)] == [pavel.id, petra.id]


def test_what_is_put_on_the_old_board_afterwards_stays_there(
    competition: Competition, pavel: User
) -> None:
    first, final = phase_of(competition, "Add_And_Delete_Multiple"), final_of(competition)
    older = factories.make_submission(first, pavel, [{"score": 0.5}])
    round_at(START)
    with unit_of_work():
        db.session.get_one(Submission, older.id).on_board = True
    assert round_at(START + timedelta(hours=1)) == []
    assert not moved_to(final)


def test_rerun_on_the_board_of_what_was_moved_is_not_moved_again(
    first: Phase, final: Phase, pavel: User
) -> None:
    source = on_board(first, pavel)
    round_at(START)
    later = START + timedelta(hours=1)
    again = on_board(first, pavel, 0.7, rerun_of_id=source.id, ended_at=later)
    assert entries(first) == [again.id]
    assert round_at(later) == []


def test_moved_ones_keep_the_order_in_which_they_were_submitted(
    first: Phase, final: Phase, pavel: User
) -> None:
    petra = factories.make_user("petra")
    late = on_board(first, pavel, created_at=NOW + timedelta(hours=1))
    early = on_board(first, petra, created_at=NOW)
    round_at(START)
    assert [one.migrated_from_id for one in moved_to(final)] == [early.id, late.id]


@pytest.mark.parametrize("rule", ["Add", "Add_And_Delete_Multiple", "Force_Best"])
def test_moved_ones_take_their_place_on_the_new_board_by_themselves(
    first: Phase, competition: Competition, pavel: User, rule: str
) -> None:
    final = final_of(competition, rule, tasks=1)
    on_board(first, pavel)
    round_at(START)
    (moved,) = moved_to(final)
    with unit_of_work():
        run = db.session.scalars(select(Run).where(Run.submission_id == moved.id)).one()
        run.state = State.RUNNING
        outcome.end(run, State.FINISHED, now=START)
    assert entries(final) == [moved.id]


def test_moved_one_replaces_nothing_that_its_owner_chose(
    first: Phase, competition: Competition, pavel: User
) -> None:
    final = final_of(competition, "Add", tasks=1)
    chosen = factories.make_submission(final, pavel, [{"score": 0.1}])
    on_board(first, pavel)
    round_at(START)
    moved = moved_to(final)[-1]
    with unit_of_work():
        viewer = viewer_of("pavel")
        leaderboards.add(viewer, boards.submission(chosen.id, viewer), now=START)
    with unit_of_work():
        run = db.session.scalars(select(Run).where(Run.submission_id == moved.id)).one()
        run.state = State.RUNNING
        outcome.end(run, State.FINISHED, now=START)
    assert entries(final) == [chosen.id]


def test_benchmark_run_by_hand_holds_what_is_moved(
    first: Phase, final: Phase, pavel: User, competition: Competition
) -> None:
    with unit_of_work():
        db.session.get_one(Competition, competition.id).auto_run_submissions = False
    on_board(first, pavel)
    round_at(START)
    assert [one.state for one in moved_to(final)] == [State.HELD]


def test_one_benchmark_that_fails_stops_no_other(
    first: Phase, final: Phase, pavel: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = factories.make_competition(factories.make_user("rival"))
    other_first, other_final = phase_of(other), final_of(other)
    on_board(first, pavel)
    on_board(other_first, pavel)
    real, bad_id, good_id = migration.migrate, final.id, other_final.id

    def fail_for_one(phase_id: int, *, now: datetime) -> int:
        if phase_id == bad_id:
            raise RuntimeError("something unheard of")
        return real(phase_id, now=now)

    monkeypatch.setattr(migration, "migrate", fail_for_one)
    monkeypatch.setattr(serve, "now", lambda: START)
    serve._migrate_phases()
    found = db.session.scalars(select(Submission.phase_id).where(Submission.migrated_from_id > 0))
    assert found.all() == [good_id]


def test_organizer_moves_on_by_hand_whatever_the_dates(
    first: Phase, final: Phase, pavel: User
) -> None:
    on_board(first, pavel)
    viewer = viewer_of("olga")
    for expected in (1, 0):
        with unit_of_work():
            loaded = competitions.get_phase(first.id, viewer)
            assert migration.migrate_by_hand(viewer, loaded, now=NOW) == expected
    round_at(START)
    assert len(moved_to(final)) == 1
    with pytest.raises(Refused, match="No phase follows"):
        migration.plan_by_hand(viewer, competitions.get_phase(final.id, viewer))
    with pytest.raises(Forbidden):
        migration.plan_by_hand(viewer_of("pavel"), competitions.get_phase(first.id, viewer))


def test_looking_for_what_is_due_takes_one_statement(
    first: Phase, final: Phase, pavel: User
) -> None:
    for _ in range(3):
        other = factories.make_competition()
        on_board(phase_of(other), pavel)
        final_of(other)
    with counted() as statements:
        assert len(migration.due(START)) == 4
    assert len([one for one in statements if one.startswith("SELECT")]) == 1


def test_each_track_goes_on_in_its_own(first: Phase, competition: Competition, pavel: User) -> None:
    beside = phase_of(competition, track=1)
    finals = [final_of(competition), final_of(competition, track=1), final_of(competition, track=2)]
    sources = [on_board(first, pavel).id, on_board(beside, pavel).id]
    ids = [final.id for final in finals]
    with counted() as statements:
        assert migration.due(START) == ids
    assert len(statements) == 1
    assert round_at(START) == [1, 1, 1]
    moved = [[one.migrated_from_id for one in moved_to(final)] for final in finals]
    assert moved == [[sources[0]], [sources[1]], [sources[1]]]


def test_all_tracks_of_the_first_step_begin_empty(
    first: Phase, competition: Competition, pavel: User
) -> None:
    beside = phase_of(competition, track=1, auto_migrate_to_this_phase=True)
    on_board(first, pavel)
    assert round_at(START) == []
    assert not moved_to(beside)


def test_by_hand_a_track_moves_on_to_its_own(
    first: Phase, competition: Competition, pavel: User
) -> None:
    beside = phase_of(competition, track=1)
    finals = [final_of(competition), final_of(competition, track=1)]
    source = on_board(beside, pavel)
    olga = viewer_of("olga")
    found = migration.outlooks(olga, competitions.get(competition.id, olga))
    assert {id_: (one.target.id, one.new) for id_, one in found.items()} == {
        first.id: (finals[0].id, 0), beside.id: (finals[1].id, 1),
    }  # fmt: skip
    with unit_of_work():
        assert (
            migration.migrate_by_hand(olga, competitions.get_phase(beside.id, olga), now=NOW) == 1
        )
    assert [one.migrated_from_id for one in moved_to(finals[1])] == [source.id]
