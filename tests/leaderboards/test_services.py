"""The six rules, rebuilding, and who may change entries."""

from __future__ import annotations

import itertools

import pytest
from flask import Flask
from sqlalchemy import delete, select, update

from app.competitions.drafts import SubmissionRule
from app.competitions.models import BoardColumn, Leaderboard, Phase, PhaseTask
from app.errors import Forbidden, Refused
from app.leaderboards import queries, services
from app.leaderboards.models import Entry
from app.platform.db import db, unit_of_work
from app.policy import Viewer
from app.submissions.models import RunScore, State, Submission
from tests.actors import Cast, make_cast
from tests.factories import NOW, make_phase, make_user
from tests.leaderboards.boards import (
    AUC,
    BRIER,
    entries,
    marked,
    overall,
    phase_with,
    submitted,
    tell,
    viewer_of,
)


@pytest.fixture
def cast(app: Flask) -> Cast:
    return make_cast()


def act(verb: str, actor: Viewer, submission: Submission) -> None:
    with unit_of_work():
        getattr(services, verb)(actor, queries.submission(submission.id, actor), now=NOW)


def change_rule(phase: Phase, rule: str) -> None:
    with unit_of_work():
        board = update(Leaderboard).where(Leaderboard.id == phase.leaderboard_id)
        db.session.execute(board.values(submission_rule=rule))


def rebuild(phase: Phase) -> int:
    with unit_of_work():
        return services.rebuild(phase.id)


def test_force_last_keeps_the_last_submitted_in_whatever_order_they_finish(cast: Cast) -> None:
    for order in itertools.permutations(range(3)):
        phase = phase_with(cast.competition, AUC, tasks=2, rule="Force_Last")
        made = [
            submitted(phase, cast.pavel, {"auc": auc}, {"auc": auc}, minute=minute, state="running")
            for minute, auc in enumerate([0.9, 0.8, 0.7])
        ]
        latest = -1
        for number in order:
            with unit_of_work():
                ended = db.session.get_one(Submission, made[number].id)
                ended.state = State.FINISHED
                services.refresh(ended, now=NOW)
            latest = max(latest, number)
            assert entries(phase) == [made[latest].id]
            assert marked(phase) == {made[latest].id}


def test_force_last_falls_back_on_nothing_newer_that_failed(cast: Cast) -> None:
    phase = phase_with(cast.competition, AUC, rule="Force_Last")
    good = submitted(phase, cast.pavel, {"auc": 0.5})
    failed = submitted(phase, cast.pavel, {"auc": 0.9}, minute=1, state=State.FAILED)
    cancelled = submitted(phase, cast.pavel, {"auc": 0.9}, minute=2, state=State.CANCELLED)
    tell(good, failed, cancelled)
    assert entries(phase) == [good.id]


def test_force_latest_multiple_keeps_every_finished_one(cast: Cast) -> None:
    phase = phase_with(cast.competition, AUC, tasks=2, rule="Force_Latest_Multiple")
    worse = submitted(phase, cast.pavel, {"auc": 0.5}, {"auc": 0.7})
    better = submitted(phase, cast.pavel, {"auc": 0.8}, {"auc": 0.6}, minute=1)
    failed = submitted(phase, cast.pavel, minute=2, state=State.FAILED)
    tell(better, failed, worse, worse)
    assert entries(phase) == [better.id, worse.id]
    assert marked(phase) == {better.id, worse.id}


def test_force_best_keeps_the_best_in_whatever_order_they_finish(cast: Cast) -> None:
    phase = phase_with(cast.competition, BRIER, AUC, tasks=2, rule="Force_Best")
    made = [
        submitted(phase, cast.pavel, {"brier": 0.2, "auc": 0.9}, {"brier": 0.3}, minute=0),
        submitted(phase, cast.pavel, {"brier": 0.1}, {"brier": 0.4, "auc": 1.0}, minute=1),
        submitted(phase, cast.pavel, {"auc": 1.0}, {"auc": 1.0, "brier": 0.0}, minute=2),
        submitted(phase, cast.pavel, minute=3),
    ]
    # The first two share a Brier mean of 0.25 and miss a mean AUROC: the earlier one stands.
    for order in itertools.permutations(made):
        with unit_of_work():
            db.session.execute(delete(Entry))
        tell(*order)
        assert entries(phase) == [made[0].id]


def test_force_best_never_prefers_a_submission_without_scores(cast: Cast) -> None:
    phase = phase_with(cast.competition, AUC)
    empty = submitted(phase, cast.pavel)
    tell(empty)
    assert entries(phase) == [empty.id]
    scored = submitted(phase, cast.pavel, {"auc": -9.0}, minute=1)
    tell(scored, empty)
    assert entries(phase) == [scored.id]
    assert marked(phase) == {scored.id}


def test_force_best_leaves_other_owners_and_phases_alone(cast: Cast) -> None:
    phase = phase_with(cast.competition, AUC)
    other = phase_with(cast.competition, AUC)
    theirs = submitted(phase, cast.petra, {"auc": 0.1})
    elsewhere = submitted(other, cast.pavel, {"auc": 0.1})
    tell(theirs, elsewhere, submitted(phase, cast.pavel, {"auc": 0.9}))
    assert theirs.id in entries(phase)
    assert entries(other) == [elsewhere.id]


def test_finishing_puts_nothing_on_a_board_of_choice(cast: Cast) -> None:
    for rule in ("Add", "Add_And_Delete", "Add_And_Delete_Multiple"):
        phase = phase_with(cast.competition, AUC, rule=rule)
        tell(submitted(phase, cast.pavel, {"auc": 0.9}))
        assert entries(phase) == []


@pytest.mark.parametrize("rule", ["Add", "Add_And_Delete"])
def test_adding_replaces_the_owners_entry_and_nobody_elses(cast: Cast, rule: str) -> None:
    phase = phase_with(cast.competition, AUC, tasks=2, rule=rule)
    first = submitted(phase, cast.pavel, {"auc": 0.9}, {"auc": 0.9})
    second = submitted(phase, cast.pavel, {"auc": 0.1}, {"auc": 0.2}, minute=1)
    theirs = submitted(phase, cast.petra, {"auc": 0.5}, {"auc": 0.5})
    act("add", viewer_of(cast.petra), theirs)
    act("add", viewer_of(cast.pavel), first)
    act("add", viewer_of(cast.pavel), second)
    act("add", viewer_of(cast.pavel), second)
    assert entries(phase) == [theirs.id, second.id]
    assert marked(phase) == {theirs.id, second.id}


def test_adding_keeps_the_owners_others_where_several_may_stand(cast: Cast) -> None:
    phase = phase_with(cast.competition, AUC, rule="Add_And_Delete_Multiple")
    first = submitted(phase, cast.pavel, {"auc": 0.1})
    second = submitted(phase, cast.pavel, {"auc": 0.9}, minute=1)
    act("add", viewer_of(cast.pavel), first)
    act("add", viewer_of(cast.pavel), second)
    assert entries(phase) == [second.id, first.id]


@pytest.mark.parametrize("rule", ["Add_And_Delete", "Add_And_Delete_Multiple"])
def test_removing_takes_one_entry_off(cast: Cast, rule: str) -> None:
    phase = phase_with(cast.competition, AUC, rule=rule)
    theirs = submitted(phase, cast.petra, {"auc": 0.5})
    mine = submitted(phase, cast.pavel, {"auc": 0.9})
    act("add", viewer_of(cast.petra), theirs)
    act("add", viewer_of(cast.pavel), mine)
    act("remove", viewer_of(cast.pavel), mine)
    act("remove", viewer_of(cast.pavel), mine)
    assert entries(phase) == [theirs.id]
    assert marked(phase) == {theirs.id}


def test_add_refuses_to_take_an_entry_off(cast: Cast) -> None:
    phase = phase_with(cast.competition, AUC, rule="Add")
    mine = submitted(phase, cast.pavel, {"auc": 0.9})
    act("add", viewer_of(cast.pavel), mine)
    with pytest.raises(Refused, match="only replaced"):
        act("remove", viewer_of(cast.pavel), mine)
    assert entries(phase) == [mine.id]


def test_automatic_boards_refuse_everybody(cast: Cast) -> None:
    for rule in ("Force_Last", "Force_Latest_Multiple", "Force_Best"):
        phase = phase_with(cast.competition, AUC, rule=rule)
        mine = submitted(phase, cast.pavel, {"auc": 0.9})
        tell(mine)
        for user, verb in itertools.product((cast.pavel, cast.olga, cast.rita), ("add", "remove")):
            with pytest.raises(Refused, match="by hand"):
                act(verb, viewer_of(user), mine)
        assert entries(phase) == [mine.id]


def test_only_finished_submissions_can_be_added(cast: Cast) -> None:
    phase = phase_with(cast.competition, AUC, rule="Add")
    for state in set(State) - {State.FINISHED}:
        other = submitted(phase, cast.pavel, {"auc": 1.0}, state=state)
        with pytest.raises(Refused, match=f"this one is {state}"):
            act("add", viewer_of(cast.pavel), other)
    assert entries(phase) == []


def test_organizers_and_staff_may_change_entries_and_others_may_not(cast: Cast) -> None:
    phase = phase_with(cast.competition, AUC, rule="Add_And_Delete")
    mine = submitted(phase, cast.pavel, {"auc": 0.9})
    act("add", viewer_of(cast.olga), mine)
    act("remove", viewer_of(cast.rita), mine)
    owned = queries.submission(mine.id, viewer_of(cast.pavel))
    for verb in (services.add, services.remove):
        with pytest.raises(Forbidden):
            verb(viewer_of(cast.petra), owned, now=NOW)


def test_phase_without_a_board_refuses_and_ignores(cast: Cast) -> None:
    phase = make_phase(cast.competition)
    with unit_of_work():
        db.session.get_one(Phase, phase.id).leaderboard_id = None
    mine = submitted(phase, cast.pavel)
    tell(mine)
    with pytest.raises(Refused, match="no leaderboard"):
        act("add", viewer_of(cast.pavel), mine)
    assert rebuild(phase) == 0


def test_parent_is_the_unit_with_its_scores_per_task(cast: Cast) -> None:
    average = {"key": "mean", "computation": "avg", "computation_indexes": [0, 1]}
    phase = phase_with(cast.competition, AUC, BRIER, average, tasks=2)
    mine = submitted(phase, cast.pavel, {"auc": 0.5, "brier": 0.1}, {"auc": 1.0})
    tell(mine)
    first, second = _task_ids(phase)
    assert db.session.get_one(Entry, mine.id).scores == {
        "overall": {"auc": 0.75, "mean": pytest.approx(1.6 / 3)},
        "tasks": {
            str(first): {"auc": 0.5, "brier": 0.1, "mean": pytest.approx(0.3)},
            str(second): {"auc": 1.0, "mean": 1.0},
        },
    }


def _task_ids(phase: Phase) -> list[int]:
    tasks = select(PhaseTask.task_id).where(PhaseTask.phase_id == phase.id)
    return list(db.session.scalars(tasks.order_by(PhaseTask.order)))


def test_refresh_follows_corrected_scores_of_an_entry_that_was_chosen(cast: Cast) -> None:
    phase = phase_with(cast.competition, AUC, rule="Add")
    mine = submitted(phase, cast.pavel, {"auc": 0.5})
    act("add", viewer_of(cast.pavel), mine)
    with unit_of_work():
        db.session.execute(update(RunScore).values(value=0.75))
    tell(mine)
    assert overall(mine) == {"auc": 0.75}


def test_mean_ranks_follow_whenever_the_field_changes(cast: Cast) -> None:
    mean_rank = {
        "key": "place",
        "sorting": "asc",
        "computation": "avg_rank",
        "computation_indexes": [0],
    }
    phase = phase_with(cast.competition, AUC, mean_rank, rule="Add_And_Delete", primary_index=1)
    people = [cast.pavel, cast.petra, make_user()]
    made = [
        submitted(phase, person, {"auc": auc})
        for person, auc in zip(people, [0.5, 0.7, 0.9], strict=True)
    ]
    act("add", viewer_of(people[0]), made[0])
    assert overall(made[0])["place"] == 1.0
    act("add", viewer_of(people[1]), made[1])
    act("add", viewer_of(people[2]), made[2])
    assert [overall(one)["place"] for one in made] == [3.0, 2.0, 1.0]
    assert entries(phase) == [made[2].id, made[1].id, made[0].id]
    act("remove", viewer_of(people[2]), made[2])
    assert [overall(one)["place"] for one in made[:2]] == [2.0, 1.0]


def test_best_by_mean_rank_compares_an_owners_own_submissions(cast: Cast) -> None:
    mean_rank = {
        "key": "place",
        "sorting": "asc",
        "computation": "avg_rank",
        "computation_indexes": [0, 1],
    }
    phase = phase_with(cast.competition, AUC, BRIER, mean_rank, primary_index=2)
    worse = submitted(phase, cast.pavel, {"auc": 0.5, "brier": 0.4})
    better = submitted(phase, cast.pavel, {"auc": 0.9, "brier": 0.1}, minute=1)
    tell(better, worse)
    assert entries(phase) == [better.id]
    assert overall(better)["place"] == 1.0


def test_rebuild_applies_a_new_rule_to_what_stands(cast: Cast) -> None:
    phase = phase_with(cast.competition, AUC, rule="Force_Latest_Multiple")
    made = [
        submitted(phase, person, {"auc": auc}, minute=minute)
        for person, auc, minute in [
            (cast.pavel, 0.9, 0),
            (cast.pavel, 0.5, 1),
            (cast.petra, 0.7, 0),
            (cast.petra, 0.2, 1),
        ]
    ]
    tell(*made)
    assert len(entries(phase)) == 4
    for rule, kept in [
        ("Force_Last", [made[1].id, made[3].id]),
        ("Force_Latest_Multiple", [made[0].id, made[2].id, made[1].id, made[3].id]),
        ("Add_And_Delete_Multiple", [made[0].id, made[2].id, made[1].id, made[3].id]),
        ("Add_And_Delete", [made[0].id, made[2].id]),
        ("Force_Best", [made[0].id, made[2].id]),
    ]:
        change_rule(phase, rule)
        assert rebuild(phase) == len(kept)
        assert entries(phase) == kept
        assert marked(phase) == set(kept)


def test_rebuild_follows_a_changed_column_and_mends_what_is_wrong(cast: Cast) -> None:
    phase = phase_with(cast.competition, AUC)
    low, high = (
        submitted(phase, cast.pavel, {"auc": 0.1}),
        submitted(phase, cast.petra, {"auc": 0.9}),
    )
    failed = submitted(phase, make_user(), {"auc": 1.0}, state=State.FAILED)
    tell(low, high)
    with unit_of_work():
        db.session.execute(update(BoardColumn).values(sorting="asc"))
        db.session.add(
            Entry(
                submission_id=failed.id, phase_id=phase.id, owner_id=failed.owner_id,
                submitted_at=NOW, sort_key=b"", scores={"overall": {}, "tasks": {}},
            )
        )  # fmt: skip
        db.session.execute(update(Submission).values(on_board=False))
    assert rebuild(phase) == 2
    assert entries(phase) == [low.id, high.id]
    assert marked(phase) == {low.id, high.id}


def test_task_that_left_the_phase_no_longer_counts(cast: Cast) -> None:
    phase = phase_with(cast.competition, AUC, tasks=2)
    mine = submitted(phase, cast.pavel, {"auc": 0.2}, {"auc": 0.8})
    tell(mine)
    with unit_of_work():
        gone = select(PhaseTask).where(PhaseTask.task_id == _task_ids(phase)[0])
        db.session.delete(db.session.scalars(gone).one())
    rebuild(phase)
    assert overall(mine) == {"auc": 0.8}


def test_rebuild_names_no_more_ids_than_a_statement_takes(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "AT_ONCE", 2)
    phase = phase_with(cast.competition, AUC, rule="Force_Latest_Multiple")
    made = [
        submitted(phase, cast.pavel, {"auc": number / 10}, minute=number) for number in range(5)
    ]
    assert rebuild(phase) == 5
    assert entries(phase) == [one.id for one in reversed(made)]
    assert marked(phase) == {one.id for one in made}


def test_every_rule_is_automatic_or_a_choice() -> None:
    choices = set(SubmissionRule) - set(services.AUTOMATIC)
    assert choices == {SubmissionRule.ADD, *services.REMOVABLE}
