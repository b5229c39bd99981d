"""Order, ranks, and the choice among one owner's submissions."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.competitions.drafts import Computation, SubmissionRule
from app.leaderboards.ranking import (
    Candidate,
    chosen,
    combined_ranks,
    compares,
    dense_ranks,
    fractional_ranks,
    number_bytes,
    ranked,
    sort_key,
    weighted_mean,
)
from app.leaderboards.scheme import Column, Scheme

MORNING = datetime(2027, 1, 14, 8, tzinfo=UTC)

numbers = st.floats(allow_nan=False, allow_infinity=False)
scores = st.dictionaries(st.sampled_from(["a", "b", "c"]), numbers)


@st.composite
def schemes(draw: st.DrawFn) -> Scheme:
    columns = tuple(
        Column(key, index, is_descending=draw(st.booleans()), is_hidden=draw(st.booleans()))
        for index, key in enumerate(["a", "b", "c"])
    )
    return Scheme(columns, primary_index=draw(st.integers(0, 2)))


def expected_order(overall: dict[str, float], scheme: Scheme) -> tuple[object, ...]:
    """What the board promises, said in tuples."""
    primary = [column for column in scheme.columns if column.index == scheme.primary_index]
    others = [c for c in scheme.columns if c not in primary and not c.is_hidden]
    places: list[object] = []
    for column in primary + others:
        value = overall.get(column.key)
        sign = -1 if column.is_descending else 1
        places.append((1, 0.0) if value is None else (0, sign * value))
    return tuple(places)


@given(schemes(), scores, scores)
def test_keys_compare_as_the_scores_do(
    scheme: Scheme, one: dict[str, float], other: dict[str, float]
) -> None:
    left, right = expected_order(one, scheme), expected_order(other, scheme)
    keys = sort_key(one, scheme), sort_key(other, scheme)
    assert (keys[0] < keys[1]) == (left < right)
    assert (keys[0] == keys[1]) == (left == right)


@given(numbers, numbers, st.booleans())
def test_bytes_of_numbers_compare_as_numbers_do(one: float, other: float, descending: bool) -> None:
    left = number_bytes(one, descending=descending)
    right = number_bytes(other, descending=descending)
    assert (left < right) == (one > other if descending else one < other)
    assert (left == right) == (one == other)
    assert len(left) == 8


@pytest.mark.parametrize("descending", [True, False])
def test_negative_zero_equals_zero(descending: bool) -> None:
    assert number_bytes(-0.0, descending=descending) == number_bytes(0.0, descending=descending)


@pytest.mark.parametrize("is_descending", [True, False])
def test_missing_score_stands_behind_the_worst_number(is_descending: bool) -> None:
    scheme = Scheme((Column("a", 0, is_descending=is_descending),))
    for worst in (-1.7e308, 1.7e308):
        assert sort_key({"a": worst}, scheme) < sort_key({}, scheme)


def test_hidden_primary_ranks_and_other_hidden_columns_do_not() -> None:
    columns = (
        Column("shown", 0),
        Column("secret", 1, is_hidden=True),
        Column("dark", 2, is_hidden=True),
    )
    scheme = Scheme(columns, primary_index=1)
    assert [column.key for column in scheme.comparing] == ["secret", "shown"]
    tied = {"secret": 1.0, "shown": 1.0}
    assert sort_key({**tied, "dark": 1.0}, scheme) == sort_key({**tied, "dark": 2.0}, scheme)
    assert sort_key({"secret": 2.0, "shown": 0.0}, scheme) < sort_key(tied, scheme)


def test_other_columns_break_ties_by_index_whatever_their_order() -> None:
    scheme = Scheme((Column("late", 5), Column("main", 9), Column("early", 1)), primary_index=9)
    assert [column.key for column in scheme.comparing] == ["main", "early", "late"]


def ranks(keys: list[bytes], *, offset: int = 0, first_rank: int = 1) -> list[int]:
    rows = ranked(keys, lambda key: key, offset=offset, first_rank=first_rank)
    assert [row for _, row in ranked(keys, lambda key: key)] == keys
    return [rank for rank, _ in rows]


def test_equal_scores_share_a_rank_and_the_next_counts_on() -> None:
    assert ranks([b"a", b"a", b"b"]) == [1, 1, 3]


def test_ranks_go_on_across_pages() -> None:
    assert ranks([b"a", b"b", b"b"], offset=50, first_rank=48) == [48, 52, 52]
    assert ranks([], offset=50, first_rank=51) == []


@given(st.lists(st.integers(0, 5), max_size=30), st.integers(1, 7))
def test_pages_rank_as_the_whole_board_does(values: list[int], size: int) -> None:
    keys = [bytes([value]) for value in sorted(values)]
    paged: list[int] = []
    for start in range(0, len(keys), size):
        part = keys[start : start + size]
        first = 1 + sum(key < part[0] for key in keys)
        paged += ranks(part, offset=start, first_rank=first)
    assert paged == ranks(keys) == [1 + sum(other < key for other in keys) for key in keys]


def test_fractional_ranks_share_the_mean_of_their_places() -> None:
    assert fractional_ranks([0.5, 0.9, 0.5, 0.1], descending=True) == [2.5, 1.0, 2.5, 4.0]
    assert fractional_ranks([0.5, 0.9, 0.5, 0.1], descending=False) == [2.5, 4.0, 2.5, 1.0]


@given(st.lists(st.none() | numbers, max_size=20), st.booleans())
def test_fractional_ranks_sum_to_the_sum_of_places(
    values: list[float | None], descending: bool
) -> None:
    found = fractional_ranks(values, descending=descending)
    assert sum(found) == sum(range(1, len(values) + 1))
    present = [rank for rank, value in zip(found, values, strict=True) if value is not None]
    missing = [rank for rank, value in zip(found, values, strict=True) if value is None]
    assert not (present and missing) or max(present) < min(missing)


def candidate(number: int, hour: int, key: bytes = b"", *, stands: bool = False) -> Candidate:
    return Candidate(number, 7, MORNING + timedelta(hours=hour), stands=stands, sort_key=key)


def test_last_means_last_submitted() -> None:
    of_owner = [candidate(1, 5), candidate(2, 9), candidate(3, 1)]
    assert chosen(SubmissionRule.FORCE_LAST, of_owner) == {2}


def test_last_of_the_same_moment_is_the_later_number() -> None:
    assert chosen(SubmissionRule.FORCE_LAST, [candidate(9, 1), candidate(4, 1)]) == {9}


def test_best_is_the_smallest_key_and_the_first_of_equals() -> None:
    of_owner = [candidate(1, 3, b"b"), candidate(2, 2, b"a"), candidate(3, 1, b"a")]
    assert chosen(SubmissionRule.FORCE_BEST, of_owner) == {3}


def test_latest_multiple_takes_all() -> None:
    assert chosen(SubmissionRule.FORCE_LATEST_MULTIPLE, [candidate(1, 1), candidate(2, 2)]) == {
        1,
        2,
    }


@pytest.mark.parametrize("rule", [SubmissionRule.ADD, SubmissionRule.ADD_AND_DELETE])
def test_single_choice_stays_and_of_several_the_best(rule: SubmissionRule) -> None:
    standing = [candidate(1, 1, b"b", stands=True), candidate(2, 2, b"a")]
    assert chosen(rule, standing) == {1}
    assert chosen(rule, [*standing, candidate(3, 3, b"a", stands=True)]) == {3}


def test_multiple_choice_keeps_what_stands() -> None:
    of_owner = [candidate(1, 1, stands=True), candidate(2, 2), candidate(3, 3, stands=True)]
    assert chosen(SubmissionRule.ADD_AND_DELETE_MULTIPLE, of_owner) == {1, 3}


@pytest.mark.parametrize("rule", list(SubmissionRule))
def test_no_candidate_means_no_entry(rule: SubmissionRule) -> None:
    assert chosen(rule, []) == frozenset()


def test_only_rules_that_look_at_scores_ask_for_keys() -> None:
    assert not compares(SubmissionRule.FORCE_LAST)
    assert not compares(SubmissionRule.FORCE_LATEST_MULTIPLE)
    assert compares(SubmissionRule.FORCE_BEST)


def test_dense_ranks_follow_each_other_without_gaps() -> None:
    assert dense_ranks([0.5, 0.9, 0.5, 0.1, None], descending=True) == [2, 1, 2, 3, 4]
    assert dense_ranks([0.5, 0.9, 0.5, 0.1, None], descending=False) == [2, 3, 2, 1, 4]
    assert dense_ranks([None, None], descending=True) == [1, 1]


@given(st.lists(st.none() | numbers, min_size=1, max_size=20), st.booleans())
def test_dense_ranks_agree_with_fractional_ones_and_leave_no_gap(
    values: list[float | None], descending: bool
) -> None:
    dense = dense_ranks(values, descending=descending)
    fractional = fractional_ranks(values, descending=descending)
    assert set(dense) == set(range(1, max(dense) + 1))
    for one, other in itertools.combinations(range(len(values)), 2):
        assert (dense[one] < dense[other]) == (fractional[one] < fractional[other])


ACCURACY, LOSS = [0.9, 0.9, 0.7, None], [0.3, 0.1, 0.2, 0.4]


@pytest.mark.parametrize(
    ("computation", "weights", "expected"),
    [
        # Dense ranks by hand: accuracy 1, 1, 2, 3 and loss 3, 1, 2, 4.
        (Computation.AVG_DENSE_RANK, [1, 1], [2, 1, 2, 3.5]),
        (Computation.AVG_DENSE_RANK, [3, 1], [1.5, 1, 2, 3.25]),
        (Computation.MRR, [1, 1], [2 / 3, 1, 1 / 2, 7 / 24]),
        (Computation.MRR, [1, 3], [1 / 2, 1, 1 / 2, (1 / 3 + 3 / 4) / 4]),
        # Fractional ones: accuracy 1.5, 1.5, 3, 4.
        (Computation.AVG_RANK, [1, 1], [2.25, 1.25, 2.5, 4]),
    ],
)
def test_ranks_combine_as_computed_by_hand(
    computation: Computation, weights: list[float], expected: list[float]
) -> None:
    found = combined_ranks(computation, [ACCURACY, LOSS], [True, False], weights)
    assert found == pytest.approx(expected)


RANKINGS = [one for one in Computation if one.is_ranking]
tables = st.integers(1, 4).flatmap(
    lambda width: st.lists(
        st.lists(st.none() | numbers, min_size=width, max_size=width), min_size=1, max_size=12
    )
)


@given(tables, st.sampled_from(RANKINGS), st.data())
def test_combined_ranks_follow_their_rows_and_stay_within_bounds(
    table: list[list[float | None]], computation: Computation, data: st.DataObject
) -> None:
    width = len(table[0])
    weights = data.draw(st.lists(st.floats(0.01, 100), min_size=width, max_size=width))
    down = data.draw(st.lists(st.booleans(), min_size=width, max_size=width))
    order = data.draw(st.permutations(range(len(table))))

    def combined(rows: list[list[float | None]]) -> list[float]:
        return combined_ranks(computation, list(zip(*rows, strict=True)), down, weights)

    found = combined(table)
    low, high = (1 / len(table), 1.0) if computation is Computation.MRR else (1.0, len(table))
    assert all(low - 1e-9 <= value <= high + 1e-9 for value in found)
    assert combined([table[place] for place in order]) == [found[place] for place in order]


@given(tables, st.sampled_from(RANKINGS))
def test_equal_weights_are_as_good_as_none(
    table: list[list[float | None]], computation: Computation
) -> None:
    columns = list(zip(*table, strict=True))
    down = [True] * len(columns)
    once = combined_ranks(computation, columns, down, [1.0] * len(columns))
    thrice = combined_ranks(computation, columns, down, [3.0] * len(columns))
    assert thrice == pytest.approx(once)


def test_mean_of_too_large_numbers_is_refused() -> None:
    with pytest.raises(OverflowError):
        weighted_mean([1e308, 1e308], [3.0, 3.0])
