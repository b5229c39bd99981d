"""The leaderboards of a CodaLab bundle: order, groups, and columns made of ranks."""

from __future__ import annotations

import pytest

from app.competitions.drafts import ColumnDraft, Computation, LeaderboardDraft, Sorting
from tests.bundles.bundle_factories import read_manifest, written
from tests.bundles.legacy.manifests import EVERY_KEY, PLAIN

BOARD = PLAIN[PLAIN.index("leaderboard:") :]


def boards_of(text: str) -> tuple[LeaderboardDraft, ...]:
    reading = read_manifest(text)
    assert written(reading) == []
    assert reading.draft is not None
    return reading.draft.leaderboards


def with_columns(*columns: str, boards: str = "B: &b {label: Board}", more: str = "") -> str:
    lines = "".join(f"    {column}\n" for column in columns)
    board = f"leaderboard:\n  leaderboards:\n    {boards}\n{more}  columns:\n{lines}"
    return PLAIN.replace(BOARD, board)


def test_boards_and_columns_are_taken() -> None:
    (first,) = boards_of(EVERY_KEY)
    assert (first.title, first.key, first.primary_index) == ("Segmentation", "FIRST", 0)
    assert first.columns == (
        ColumnDraft(
            title="Mean rank", key="ranks", index=0, sorting=Sorting.ASC,
            computation=Computation.AVG_DENSE_RANK, computation_indexes=(2, 4),
            computation_weights=(3.0, 1.0),
        ),
        ColumnDraft(title="Whole", key="whole", index=1, group="Dice"),
        ColumnDraft(title="Core", key="core", index=2, group="Dice", precision=4),
        ColumnDraft(
            title="mrr", key="mrr", index=3, computation=Computation.MRR,
            computation_indexes=(2, 1),
        ),
        ColumnDraft(title="Time", key="time", index=4, sorting=Sorting.ASC, group="Speed", hidden=True),
    )  # fmt: skip


def test_further_board_is_a_group_of_the_first_and_ranks_nothing() -> None:
    boards = "ONE: {label: First, rank: 1}\n    TWO: {label: Second, rank: 2}"
    (board,) = boards_of(
        with_columns(
            "a: {leaderboard: {label: Second}, selection_default: 9, rank: 1}",
            "b: {leaderboard: {label: First}, rank: 2}",
            "c: {leaderboard: {label: Second}, rank: 2, column_group: {label: Fast}}",
            boards=boards,
        )
    )
    assert (board.title, board.key, board.primary_index) == ("First", "ONE", 0)
    assert [(one.key, one.group, one.index) for one in board.columns] == [
        ("b", "", 0), ("a", "Second", 1), ("c", "Second: Fast", 2),
    ]  # fmt: skip


def test_columns_are_sorted_by_rank_and_number_from_zero() -> None:
    (board,) = boards_of(
        with_columns(
            "c: {leaderboard: *b, rank: 3}", "a: {leaderboard: *b}", "b: {leaderboard: *b, rank: 2}"
        )
    )
    assert [(column.key, column.index) for column in board.columns] == [
        ("a", 0),
        ("b", 1),
        ("c", 2),
    ]


def test_columns_of_a_group_stand_together_in_its_place() -> None:
    groups = "  column_groups:\n    G: &g {label: Group, rank: 2}\n"
    (board,) = boards_of(
        with_columns(
            "last: {leaderboard: *b, rank: 3}",
            "two: {leaderboard: *b, rank: 2, column_group: *g}",
            "first: {leaderboard: *b, rank: 1}",
            "one: {leaderboard: *b, rank: 1, column_group: G}",
            more=groups,
        )
    )
    found = [(column.key, column.group) for column in board.columns]
    assert found == [("first", ""), ("one", "Group"), ("two", "Group"), ("last", "")]


def test_column_finds_its_board_by_label_or_key_in_any_case() -> None:
    boards = "ONE: {label: First, rank: 1}\n    TWO: {label: Second, rank: 0}"
    text = with_columns("a: {leaderboard: {label: FIRST}}", "b: {leaderboard: two}", boards=boards)
    (board,) = boards_of(text)
    assert (board.key, [(one.key, one.group) for one in board.columns]) == (
        "TWO", [("b", ""), ("a", "First")],
    )  # fmt: skip


def test_column_without_a_board_stands_on_the_first() -> None:
    (board,) = boards_of(with_columns("a: {label: A}"))
    assert [column.key for column in board.columns] == ["a"]


def test_column_with_the_largest_default_ranks() -> None:
    columns = ["a: {leaderboard: *b}", "b: {leaderboard: *b, selection_default: 2}"]
    assert boards_of(with_columns(*columns))[0].primary_index == 1
    columns.append("c: {leaderboard: *b, selection_default: 2}")
    assert boards_of(with_columns(*columns))[0].primary_index == 1


@pytest.mark.parametrize(
    ("sort", "sorting"),
    [("", Sorting.ASC), (", sort: desc", Sorting.DESC), (", sort: ASC", Sorting.ASC)],
)
def test_smallest_mean_rank_is_best_unless_the_bundle_says_otherwise(
    sort: str, sorting: Sorting
) -> None:
    computed = f"m: {{leaderboard: *b, computed: {{operation: Avg, fields: a}}{sort}}}"
    (board,) = boards_of(with_columns("a: {leaderboard: *b}", computed))
    assert board.columns[1].sorting is sorting


def test_too_many_decimals_are_cut() -> None:
    (board,) = boards_of(with_columns("a: {leaderboard: *b, numeric_format: 20}"))
    assert board.columns[0].precision == 10


@pytest.mark.parametrize(
    ("column", "problem"),
    [
        ("m: {leaderboard: *b, computed: {operation: Max, fields: a}}", "leaderboard.columns.m.computed.operation: Found “Max”; expected Avg or MRR."),
        ("m: {leaderboard: *b, computed: {operation: Avg, fields: nope}}", "leaderboard.columns.m.computed.fields: Found “nope”; expected keys of columns."),
        ("m: {leaderboard: *b, computed: {operation: Avg, fields: a, weights: heavy}}", "leaderboard.columns.m.computed.weights: Found “heavy”; expected numbers, one for each field."),
        ("m: {leaderboard: *b, computed: {operation: Avg, fields: a, weights: [1, 2]}}", "leaderboard.columns.m.computed.weights: The list of weights of column 1 is 2 long; expected 1, one for each of computation_indexes."),
        ("m: {leaderboard: *b, computed: {operation: Avg, fields: m}}", "leaderboard.columns.m.computed.fields: Column 1 is computed from itself; expected columns that do not depend on it."),
        ("m: {leaderboard: Other}", "leaderboard.columns.m.leaderboard: Found “Other”; expected the label of a leaderboard."),
        ("m: {leaderboard: *b, sort: up}", "leaderboard.columns.m.sort: Found “up”; expected desc or asc."),
        ("m: 3", "leaderboard.columns.m: Found 3; expected a mapping of keys to values."),
    ],
)  # fmt: skip
def test_problem_names_key_found_and_expected(column: str, problem: str) -> None:
    reading = read_manifest(with_columns("a: {leaderboard: *b}", column))
    assert reading.draft is None
    assert problem in [text.split(", ", 2)[2] for text in written(reading)]


def test_only_board_without_columns_is_refused() -> None:
    (problem,) = [
        one for one in written(read_manifest(with_columns("{}"))) if "columns: The list" in one
    ]
    assert "leaderboard.leaderboards.B.columns: The list is empty" in problem


def test_further_board_without_columns_is_left_out() -> None:
    boards = "B: &b {label: Board}\n    C: {label: Empty}"
    reading = read_manifest(with_columns("a: {leaderboard: *b}", boards=boards))
    assert reading.draft is not None
    assert any("left out" in one.sentence for one in reading.notes if one.where.endswith(".C"))
