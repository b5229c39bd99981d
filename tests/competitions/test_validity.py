from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.competitions.drafts import (
    Computation,
    FactSheetQuestionDraft,
    FileRef,
    PageDraft,
    QuestionType,
    SolutionDraft,
    TaskDraft,
)
from app.competitions.findings import MAX_TEXT_BYTES
from app.competitions.validity import problems
from tests.competitions.draft_factories import (
    day,
    make_column_draft,
    make_competition_draft,
    make_leaderboard_draft,
    make_phase_draft,
    make_task_draft,
)


def sentences(**overrides: Any) -> list[str]:
    found = problems(make_competition_draft(**overrides))
    assert all(problem.hint for problem in found)
    return [f"{problem.where}: {problem.sentence}" for problem in found]


def phases(*spans: tuple[int, int | None]) -> tuple[Any, ...]:
    return tuple(
        make_phase_draft(f"P{i}", start=day(start), end=day(end) if end else None)
        for i, (start, end) in enumerate(spans)
    )


def question(**overrides: Any) -> FactSheetQuestionDraft:
    values: dict[str, Any] = {"key": "q", "type": QuestionType.TEXT, "title": "Q"}
    return FactSheetQuestionDraft(**{**values, **overrides})


@pytest.mark.parametrize("index", [-1, 1])
def test_phase_has_a_leaderboard_that_is_there(index: int) -> None:
    (sentence,) = sentences(phases=(make_phase_draft("P", leaderboard_index=index),))
    assert sentence.startswith(
        f"phases[0].leaderboard_index: The leaderboard of phase 1 is number {index}"
    )


def test_plain_draft_has_no_problems() -> None:
    assert sentences() == []


def test_all_problems_come_at_once() -> None:
    found = sentences(title=" ", phases=(), leaderboards=(), contact_email="nobody")
    assert [sentence.partition(":")[0] for sentence in found] == [
        "title",
        "contact_email",
        "phases",
        "leaderboards",
    ]


def test_a_problem_says_where_what_was_found_what_was_expected_and_what_to_do() -> None:
    (problem,) = problems(make_competition_draft(phases=phases((1, 3), (2, 5))))
    assert problem.where == "phases[1].start"
    assert problem.found == "2030-01-02 00:00 UTC"
    assert problem.expected == "2030-01-03 00:00 UTC, when phase 1 ends, or later"
    assert str(problem) == (
        "phases[1].start: The start of phase 2 is 2030-01-02 00:00 UTC; "
        "expected 2030-01-03 00:00 UTC, when phase 1 ends, or later. "
        "Begin it later, end the other one earlier, or set is_parallel."
    )


def test_place_in_the_source_is_named_rather_than_the_position() -> None:
    late = make_phase_draft(end=day(1), where="phases[7]")
    assert sentences(phases=(late,))[0].startswith("phases[7].end: ")


def test_phases_may_meet() -> None:
    assert sentences(phases=phases((1, 3), (3, 5), (5, None))) == []


@pytest.mark.parametrize(
    ("spans", "where"),
    [
        (((1, None), (5, None)), "phases[0].end"),
        (((3, 2),), "phases[0].end"),
        (((3, 3),), "phases[0].end"),
        (((1, 5), (4, None)), "phases[1].start"),
    ],
)
def test_phase_times_out_of_order_are_refused(
    spans: tuple[tuple[int, int | None], ...], where: str
) -> None:
    assert [p.where for p in problems(make_competition_draft(phases=phases(*spans)))] == [where]


def test_times_without_a_zone_are_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="time zone"):
        sentences(phases=(make_phase_draft(start=datetime(2030, 1, 1)),))


def test_first_phase_cannot_be_migrated_into() -> None:
    first, second = phases((1, 3), (3, None))
    migrated = make_phase_draft(auto_migrate_to_this_phase=True)
    assert sentences(phases=(migrated,))[0].startswith("phases[0].auto_migrate_to_this_phase: ")
    second = make_phase_draft("Final", start=day(3), auto_migrate_to_this_phase=True)
    assert sentences(phases=(first, second)) == []


@pytest.mark.parametrize("required", [1, 2, -1])
def test_phase_requires_only_an_earlier_one(required: int) -> None:
    first, second = phases((1, 3), (3, None))
    second = make_phase_draft("Final", start=day(3), required_phase=required)
    assert sentences(phases=(first, second))[0].startswith("phases[1].required_phase: ")
    second = make_phase_draft("Final", start=day(3), required_phase=0)
    assert sentences(phases=(first, second)) == []


@pytest.mark.parametrize(
    ("overrides", "key", "found"),
    [
        ({"tasks": ()}, "tasks", "empty"),
        ({"tasks": (0, 4, 5)}, "tasks", "4, 5; expected only indexes under tasks: 0"),
        ({"tasks": (0, 0)}, "tasks", "expected each task once"),
        ({"name": ""}, "name", "empty"),
        ({"name": "n" * 257}, "name", "257 characters long"),
        ({"max_submissions_per_day": -1}, "max_submissions_per_day", "-1"),
        ({"max_submissions_per_person": 10**9}, "max_submissions", "1000000000"),
        ({"execution_time_limit_s": 0}, "execution_time_limit", "0"),
        ({"execution_time_limit_s": 10**7}, "execution_time_limit", "10000000"),
        ({"description": "ü" * MAX_TEXT_BYTES}, "description", "131072 bytes long"),
    ],
)
def test_phase_defects_are_named(overrides: dict[str, Any], key: str, found: str) -> None:
    (sentence,) = sentences(phases=(make_phase_draft(**overrides),))
    assert sentence.startswith(f"phases[0].{key}: ")
    assert found in sentence


def test_task_indexes_are_unique_and_may_have_gaps() -> None:
    gap = (make_task_draft(3), make_task_draft(11))
    assert sentences(tasks=gap, phases=(make_phase_draft(tasks=(11, 3)),)) == []
    (sentence,) = sentences(tasks=(make_task_draft(0), make_task_draft(0)))
    assert sentence == (
        "tasks[1].index: The index of a task is “0”; expected a value that tasks[0] does not use."
    )


def test_existing_task_needs_nothing_but_its_key() -> None:
    assert sentences(tasks=(TaskDraft(index=0, key=uuid4()),)) == []


def test_new_task_needs_a_scoring_program() -> None:
    (sentence,) = sentences(tasks=(make_task_draft(scoring_program=None),))
    assert sentence.startswith("tasks[0].scoring_program: The scoring program of task 0 is nothing")


def test_ingestion_during_scoring_needs_an_ingestion_program() -> None:
    (sentence,) = sentences(tasks=(make_task_draft(ingestion_only_during_scoring=True),))
    assert sentence.startswith("tasks[0].ingestion_only_during_scoring: ")


def test_solution_needs_a_file_and_known_tasks() -> None:
    file = FileRef(member="solution.zip")
    assert sentences(solutions=(SolutionDraft(index=0, tasks=(0,), file=file),)) == []
    found = sentences(solutions=(SolutionDraft(index=0, tasks=(9,)),))
    assert [sentence.partition(":")[0] for sentence in found] == [
        "solutions[0].tasks",
        "solutions[0].path",
    ]


def test_page_without_text_is_refused() -> None:
    (sentence,) = sentences(pages=(PageDraft(title="Rules", content=" \n"),))
    assert sentence == "pages[0].file: Page 1 is no text; expected a page with text."


def test_column_titles_may_be_long() -> None:
    column = make_column_draft(title="Area under the receiver operating characteristic curve")
    assert sentences(leaderboards=(make_leaderboard_draft(column),)) == []


@pytest.mark.parametrize(
    ("columns", "board", "where"),
    [
        ([{}, {}], {}, ["columns[1].index", "columns[1].key"]),
        ([{"index": 0}, {"index": 1, "key": "column_0"}], {}, ["columns[1].key"]),
        ([{"precision": 11}], {}, ["columns[0].precision"]),
        ([{"key": ""}], {}, ["columns[0].key"]),
        ([{"key": " auc"}], {}, ["columns[0].key"]),
        ([{}], {"primary_index": 1}, ["primary_index"]),
        ([{}], {"title": ""}, ["title"]),
        ([{"computation": Computation.AVG}], {}, ["columns[0].computation_indexes"]),
        ([{"computation_indexes": (0,)}], {}, ["columns[0].computation", "columns[0].computation_indexes"]),
        ([{}, {"index": 1, "computation": Computation.SUM, "computation_indexes": (0, 7)}], {}, ["columns[1].computation_indexes"]),
    ],
)  # fmt: skip
def test_leaderboard_defects_are_named(
    columns: list[dict[str, Any]], board: dict[str, Any], where: list[str]
) -> None:
    draft = make_leaderboard_draft(*(make_column_draft(**c) for c in columns), **board)
    found = problems(make_competition_draft(leaderboards=(draft,)))
    assert [problem.where for problem in found] == [f"leaderboards[0].{key}" for key in where]


def test_leaderboard_needs_columns() -> None:
    empty = make_leaderboard_draft(columns=())
    assert sentences(leaderboards=(empty,)) == [
        "leaderboards[0].columns: The list is empty; expected 1 to 200 entries."
    ]


def test_computed_columns_may_build_on_each_other_but_not_in_circles() -> None:
    def board(first: tuple[int, ...], second: tuple[int, ...]) -> Any:
        return make_leaderboard_draft(
            make_column_draft(0),
            make_column_draft(1, computation=Computation.AVG, computation_indexes=first),
            make_column_draft(2, computation=Computation.MAX, computation_indexes=second),
        )

    assert sentences(leaderboards=(board((0,), (0, 1)),)) == []
    circle = problems(make_competition_draft(leaderboards=(board((2,), (0, 1)),)))
    assert [problem.where for problem in circle] == [
        "leaderboards[0].columns[1].computation_indexes",
        "leaderboards[0].columns[2].computation_indexes",
    ]
    assert {problem.found for problem in circle} == {"computed from itself"}


@pytest.mark.parametrize(
    ("overrides", "where"),
    [
        ({"type": QuestionType.SELECT}, "selection"),
        ({"type": QuestionType.SELECT, "selection": ("",)}, "selection"),
        ({"type": QuestionType.SELECT, "selection": ("a", "a")}, "selection"),
        ({"selection": ("a",)}, "selection"),
        ({"title": ""}, "title"),
    ],
)
def test_fact_sheet_defects_are_named(overrides: dict[str, Any], where: str) -> None:
    found = problems(make_competition_draft(fact_sheet=(question(**overrides),)))
    assert [problem.where for problem in found] == [f"fact_sheet.q.{where}"]


def test_fact_sheet_with_an_optional_select_is_fine() -> None:
    select = question(type=QuestionType.SELECT, selection=("", "CNN", "GBM"))
    checkbox = question(key="c", type=QuestionType.CHECKBOX)
    assert sentences(fact_sheet=(select, checkbox)) == []


@pytest.mark.parametrize(
    "email", ["a@b", "a b@c.de", "a@b.c\nBcc: x@y.z", "@b.c", "a" * 251 + "@b.c"]
)
def test_contact_address_must_be_one_address(email: str) -> None:
    assert sentences(contact_email=email)[0].startswith("contact_email: ")


@pytest.mark.parametrize(
    ("image", "is_fine"),
    [
        ("codalab/codalab-legacy:py37", True),
        ("ghcr.io/lab/img@sha256:" + "a" * 64, True),
        ("--privileged", False),
        ("a b", False),
        ("a;b", False),
    ],
)
def test_container_image_is_a_name(image: str, is_fine: bool) -> None:
    assert (sentences(docker_image=image) == []) is is_fine


@given(st.lists(st.lists(st.integers(0, 5), max_size=3), min_size=1, max_size=6))
def test_any_graph_of_computed_columns_is_judged(edges: list[list[int]]) -> None:
    columns = [
        make_column_draft(i, computation=Computation.AVG, computation_indexes=tuple(listed))
        for i, listed in enumerate(edges)
    ]
    board = make_leaderboard_draft(*columns)
    found = problems(make_competition_draft(leaderboards=(board,)))
    # Every column is computed and nothing is measured: some column must be wrong.
    assert found


def parallel(*spans: tuple[int, int | None, bool]) -> tuple[Any, ...]:
    return tuple(
        make_phase_draft(
            f"P{i}", start=day(start), end=day(end) if end else None, is_parallel=beside
        )
        for i, (start, end, beside) in enumerate(spans)
    )


@pytest.mark.parametrize(
    "spans",
    [
        [(1, 5, False), (1, 5, True), (5, None, False)],
        [(1, 5, False), (2, 4, True), (3, 9, True)],
        [(1, 5, False), (5, None, False), (6, None, True), (5, 8, True)],
    ],
)
def test_phases_side_by_side_may_overlap(spans: list[tuple[int, int | None, bool]]) -> None:
    assert sentences(phases=parallel(*spans)) == []


@pytest.mark.parametrize(
    ("spans", "where"),
    [
        ([(1, 5, True)], "phases[0].is_parallel"),
        ([(1, 5, False), (1, 9, True), (6, None, False)], "phases[2].start"),
        ([(1, None, False), (1, 9, True), (9, None, False)], "phases[0].end"),
        ([(1, 5, False), (5, None, True), (2, 3, True), (6, None, False)], "phases[1].end"),
        ([(1, 5, False), (4, 4, True)], "phases[1].end"),
    ],
)
def test_steps_of_parallel_phases_follow_each_other(
    spans: list[tuple[int, int | None, bool]], where: str
) -> None:
    (problem,) = problems(make_competition_draft(phases=parallel(*spans)))
    assert problem.where == where


@pytest.mark.parametrize(
    ("computation", "weights", "found"),
    [
        (Computation.SUM, (1.0,), "1.0"),
        (Computation.MRR, (1.0, 2.0), "2 long"),
        (Computation.AVG, (0.0,), "0.0"),
        (Computation.AVG_RANK, (float("nan"),), "nan"),
        (None, (1.0,), "1.0"),
    ],
)
def test_weights_belong_to_the_columns_of_a_mean(
    computation: Computation | None, weights: tuple[float, ...], found: str
) -> None:
    column = make_column_draft(
        1,
        computation=computation,
        computation_indexes=(0,) if computation else (),
        computation_weights=weights,
    )
    board = make_leaderboard_draft(make_column_draft(0), column)
    (problem,) = problems(make_competition_draft(leaderboards=(board,)))
    assert (problem.where, problem.found) == (
        "leaderboards[0].columns[1].computation_weights",
        found,
    )


def test_group_of_a_column_is_a_title() -> None:
    board = make_leaderboard_draft(make_column_draft(0, group="x" * 257))
    (sentence,) = sentences(leaderboards=(board,))
    assert "The group of column 0 is 257 characters long" in sentence


def test_no_track_of_the_first_step_is_migrated_into() -> None:
    first, beside, final = parallel((1, 5, False), (1, 5, True), (5, None, False))
    tracks = dataclasses.replace(beside, auto_migrate_to_this_phase=True)
    last = dataclasses.replace(final, auto_migrate_to_this_phase=True)
    (sentence,) = sentences(phases=(first, tracks, last))
    assert "Automatic migration into a track of the first phase is on" in sentence
