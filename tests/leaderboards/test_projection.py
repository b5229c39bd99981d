"""Overall scores and computed columns."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.competitions.drafts import Computation
from app.leaderboards.projection import Measured, Projection, combine, project
from app.leaderboards.scheme import Column, Scheme

AUC, F1 = Column("auc", 0), Column("f1", 1)
numbers = st.floats(-1e300, 1e300, allow_nan=False)


def one(
    measured: dict[int, dict[str, float]], *columns: Column, tasks: tuple[int, ...] = (1, 2)
) -> Projection:
    (projection,) = project([measured], tasks, Scheme(columns))
    return projection


def test_overall_score_is_the_mean_over_tasks() -> None:
    found = one({1: {"auc": 0.5}, 2: {"auc": 1.0}}, AUC)
    assert found.overall == {"auc": 0.75}
    assert found.tasks == {1: {"auc": 0.5}, 2: {"auc": 1.0}}


def test_overall_score_needs_every_task() -> None:
    found = one({1: {"auc": 0.5, "f1": 0.2}, 2: {"f1": 0.4}}, AUC, F1)
    assert "auc" not in found.overall
    assert found.tasks[1]["auc"] == 0.5
    assert found.overall["f1"] == pytest.approx(0.3)


@given(numbers)
def test_single_task_score_is_the_overall_score_exactly(value: float) -> None:
    assert one({7: {"auc": value}}, AUC, tasks=(7,)).overall == {"auc": value}


def test_tasks_and_keys_that_the_board_lacks_are_dropped() -> None:
    found = one({1: {"auc": 0.5, "stray": 9.0}, 99: {"auc": 0.1}}, AUC, tasks=(1,))
    assert found.tasks == {1: {"auc": 0.5}}
    assert found.overall == {"auc": 0.5}


def computed(computation: Computation, sources: tuple[int, ...] = (0, 1)) -> Column:
    return Column("all", 9, computation=computation, sources=sources)


@pytest.mark.parametrize(
    ("computation", "by_task", "pooled"),
    [
        (Computation.AVG, (2.0, 6.0), 4.0),
        (Computation.SUM, (4.0, 12.0), 16.0),
        (Computation.MIN, (1.0, 5.0), 1.0),
        (Computation.MAX, (3.0, 7.0), 7.0),
    ],
)
def test_computed_column_counts_per_task_and_pools_all_tasks(
    computation: Computation, by_task: tuple[float, float], pooled: float
) -> None:
    measured = {1: {"auc": 1.0, "f1": 3.0}, 2: {"auc": 5.0, "f1": 7.0}}
    found = one(measured, AUC, F1, computed(computation))
    assert (found.tasks[1]["all"], found.tasks[2]["all"]) == by_task
    assert found.overall["all"] == pooled


def test_computed_column_leaves_missing_scores_out() -> None:
    found = one({1: {"auc": 1.0}, 2: {"auc": 4.0, "f1": 7.0}}, AUC, F1, computed(Computation.AVG))
    assert found.tasks[1]["all"] == 1.0
    assert found.overall["all"] == 4.0


def test_computed_column_of_nothing_is_missing() -> None:
    found = one({}, AUC, F1, computed(Computation.SUM))
    assert found.overall == {}
    assert found.tasks == {1: {}, 2: {}}


def test_computed_column_may_read_a_computed_column_that_stands_before_or_behind_it() -> None:
    double = Column("double", 0, computation=Computation.SUM, sources=(1, 2))
    total = Column("total", 1, computation=Computation.SUM, sources=(2, 3))
    found = one(
        {1: {"auc": 1.0, "f1": 10.0}}, double, total, Column("auc", 2), Column("f1", 3), tasks=(1,)
    )
    assert found.overall == {"auc": 1.0, "f1": 10.0, "total": 11.0, "double": 12.0}


def test_measured_score_cannot_stand_in_for_a_computed_one() -> None:
    found = one({1: {"auc": 1.0, "all": 99.0}}, AUC, computed(Computation.MAX, (0,)), tasks=(1,))
    assert found.overall["all"] == 1.0


@given(st.lists(numbers, max_size=50), st.sampled_from(list(Computation)[:4]))
def test_computations_give_finite_numbers_or_nothing(
    values: list[float], computation: Computation
) -> None:
    result = combine(computation, values)
    assert result is None or math.isfinite(result)


def test_sum_that_is_too_large_is_missing() -> None:
    assert combine(Computation.SUM, [1.7e308, 1.7e308]) is None


RANK = Column("rank", 9, is_descending=False, computation=Computation.AVG_RANK, sources=(0, 1))
LOSS = Column("loss", 1, is_descending=False)


def test_mean_rank_averages_the_ranks_of_its_columns() -> None:
    measured = [
        {1: {"auc": 0.9, "loss": 0.3}},
        {1: {"auc": 0.8, "loss": 0.1}},
        {1: {"auc": 0.8, "loss": 0.2}},
    ]
    found = project(measured, [1], Scheme((AUC, LOSS, RANK)))
    assert [entry.overall["rank"] for entry in found] == [2.0, 1.75, 2.25]
    assert [entry.tasks[1]["rank"] for entry in found] == [2.0, 1.75, 2.25]


def test_leaving_a_score_out_does_not_improve_a_mean_rank() -> None:
    measured: list[Measured] = [{1: {"auc": 0.9, "loss": 0.5}}, {1: {"auc": 0.8}}, {1: {}}]
    found = project(measured, [1], Scheme((AUC, LOSS, RANK)))
    assert found[0].overall["rank"] == 1.0
    assert found[1].overall["rank"] == 2.25  # second in one, last but shared in the other
    assert "rank" not in found[2].overall


def test_column_may_be_computed_from_mean_ranks() -> None:
    worst = Column("worst", 10, computation=Computation.MAX, sources=(9,))
    found = project([{1: {"auc": 0.1}}, {1: {"auc": 0.2}}], [1], Scheme((worst, RANK, AUC, LOSS)))
    assert [entry.overall["worst"] for entry in found] == [1.75, 1.25]


def test_only_mean_ranks_compare_entries() -> None:
    assert Scheme((AUC, LOSS, RANK)).compares_entries
    assert not Scheme((AUC, computed(Computation.AVG, (0,)))).compares_entries


def test_entry_keeps_task_ids_as_text() -> None:
    found = one({1: {"auc": 0.5}}, AUC, tasks=(1,))
    assert found.as_json() == {"overall": {"auc": 0.5}, "tasks": {"1": {"auc": 0.5}}}


def test_average_counts_each_column_by_its_weight() -> None:
    column = Column("all", 9, computation=Computation.AVG, sources=(1, 0), weights=(1.0, 3.0))
    found = one({1: {"auc": 1.0, "f1": 5.0}, 2: {"auc": 3.0}}, AUC, F1, column)
    assert found.tasks[1]["all"] == 2.0
    assert found.tasks[2]["all"] == 3.0  # what is missing takes its weight along
    assert found.overall["all"] == pytest.approx((3 * 1 + 1 * 5 + 3 * 3) / 7)


def test_weighted_average_of_too_large_numbers_is_missing() -> None:
    column = Column("all", 9, computation=Computation.AVG, sources=(0,), weights=(10.0,))
    assert "all" not in one({1: {"auc": 1e308}}, AUC, column, tasks=(1,)).overall


def test_mean_of_dense_ranks_is_among_the_entries_of_a_board() -> None:
    loss = Column("loss", 1, is_descending=False)
    ranks = Column("ranks", 2, computation=Computation.AVG_DENSE_RANK, sources=(0, 1))
    reciprocal = Column("mrr", 3, computation=Computation.MRR, sources=(0, 1), weights=(1.0, 3.0))
    scheme = Scheme((AUC, loss, ranks, reciprocal))
    rows = [{"auc": 0.9, "loss": 0.3}, {"auc": 0.9, "loss": 0.1}, {"auc": 0.7}, {}]
    found = project([{1: row} for row in rows], (1,), scheme)
    # AUROC ranks 1, 1, 2, 3; loss ranks 2, 1, 3, 3.
    assert [row.overall.get("ranks") for row in found] == [1.5, 1.0, 2.5, None]
    expected = [(1 + 3 / 2) / 4, 1.0, (1 / 2 + 3 / 3) / 4]
    assert [row.overall["mrr"] for row in found[:3]] == pytest.approx(expected)
    assert "mrr" not in found[3].overall
    assert scheme.compares_entries
