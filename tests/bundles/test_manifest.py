from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from app.competitions.drafts import (
    ColumnDraft,
    CompetitionDraft,
    CompetitionType,
    Computation,
    FactSheetQuestionDraft,
    FileRef,
    LeaderboardDraft,
    PageDraft,
    PhaseDraft,
    QuestionType,
    SolutionDraft,
    Sorting,
    SubmissionRule,
    TaskDraft,
)
from app.platform.strictyaml import load
from tests.bundles.bundle_factories import changed, read_manifest, written

KEY = "8f2b9a3e-0f5c-4c39-9b0e-7d4a1c2b3d4e"

EVERY_KEY = f"""
version: 2
title: Everything
description: All of it
image: logo.png
terms: terms.md
docker_image: python:3.11-slim
queue: {KEY}
registration_auto_approve: true
enable_detailed_results: true
show_detailed_results_in_submission_panel: false
show_detailed_results_in_leaderboard: false
show_scoring_logs: true
auto_run_submissions: false
can_participants_make_submissions_public: false
make_programs_available: true
make_input_data_available: true
competition_type: benchmark
reward: A handshake
contact_email: olga@example.org
forum_enabled: false
fact_sheet:
  method:
    {{key: method, type: select, title: Method, selection: ["", CNN, 3.10], is_required: "false", is_on_leaderboard: "true"}}
  open:
    {{key: open, type: checkbox, title: Open source, selection: [true, false], is_required: true, is_on_leaderboard: false}}
  note: {{key: note, type: text, title: Note, selection: "", is_required: "false", is_on_leaderboard: "false"}}
pages:
- {{title: Overview, file: overview.md}}
- {{title: Data, file: ./page.html}}
tasks:
- {{index: 4, key: {KEY}}}
- index: 9
  name: New
  description: A new task
  scoring_program: scoring
  ingestion_program: data.zip
  input_data: {KEY}
  reference_data: data.zip
  ingestion_only_during_scoring: true
solutions:
- {{index: 0, tasks: [9], path: data.zip, name: Ours, description: Try it}}
- {{index: 1, tasks: [4], key: {KEY}}}
phases:
- index: 7
  name: Final
  description: Last
  start: 2030-02-01
  tasks: [4, 9]
  max_submissions_per_day: 1
  max_submissions: 3
  count_failed_submissions: true
  execution_time_limit: 60
  auto_migrate_to_this_phase: true
  accepts_only_result_submissions: true
  hide_output: true
  hide_prediction_output: true
  hide_score_output: true
  starting_kit: scoring/
  public_data: truth.csv
  plumbline: {{requires: {{phase: 3, submission: entry}}}}
- index: 8
  name: Beside
  start: 2030-02-01
  tasks: [9]
  is_parallel: true
  submission_rule: force_last
  hide_results: true
- {{index: 3, name: First, start: 2030-01-01 09:30:00, end: 2030-02-01, tasks: [9]}}
leaderboards:
- title: Results
  key: main
  index: 0
  primary_index: 2
  hidden: true
  submission_rule: Force_Best
  columns:
  - {{title: A, key: a, index: 1, sorting: asc, precision: 4, hidden: true, computation: null, computation_indexes: null}}
  - {{title: Mean, key: mean, index: 2, computation: avg_rank, computation_indexes: [1], computation_weights: [2], group: Ranks}}
"""


def test_every_key_is_read() -> None:
    reading = read_manifest(EVERY_KEY)
    assert written(reading) == []
    assert all(note.where.endswith("ingestion_program") for note in reading.notes)  # is only data
    assert reading.draft is not None
    assert reading.draft.image_png.startswith(b"\x89PNG")
    assert reading.draft.icon_png.startswith(b"\x89PNG")
    assert reading.draft == CompetitionDraft(
        title="Everything",
        description="All of it",
        image_png=reading.draft.image_png,
        icon_png=reading.draft.icon_png,
        terms="Be kind.",
        competition_type=CompetitionType.BENCHMARK,
        docker_image="python:3.11-slim",
        queue=KEY,
        registration_auto_approve=True,
        enable_detailed_results=True,
        show_detailed_results_in_submission_panel=False,
        show_detailed_results_in_leaderboard=False,
        show_scoring_logs=True,
        auto_run_submissions=False,
        can_participants_make_submissions_public=False,
        make_programs_available=True,
        make_input_data_available=True,
        forum_enabled=False,
        reward="A handshake",
        contact_email="olga@example.org",
        fact_sheet=(
            FactSheetQuestionDraft(
                key="method",
                type=QuestionType.SELECT,
                title="Method",
                selection=("", "CNN", "3.10"),
                is_on_leaderboard=True,
            ),
            FactSheetQuestionDraft(
                key="open", type=QuestionType.CHECKBOX, title="Open source", is_required=True
            ),
            FactSheetQuestionDraft(key="note", type=QuestionType.TEXT, title="Note"),
        ),
        pages=(
            PageDraft(title="Overview", content="# Hello"),
            PageDraft(title="Data", content="<h1>Hello</h1>", is_html=True),
        ),
        tasks=(
            TaskDraft(index=4, key=UUID(KEY)),
            TaskDraft(
                index=9,
                name="New",
                description="A new task",
                scoring_program=FileRef(member="scoring", is_folder=True),
                ingestion_program=FileRef(member="data.zip"),
                input_data=FileRef(key=UUID(KEY)),
                reference_data=FileRef(member="data.zip"),
                ingestion_only_during_scoring=True,
            ),
        ),
        solutions=(
            SolutionDraft(
                index=0,
                tasks=(9,),
                file=FileRef(member="data.zip"),
                name="Ours",
                description="Try it",
            ),
            SolutionDraft(index=1, tasks=(4,), key=UUID(KEY)),
        ),
        phases=(
            PhaseDraft(
                name="First",
                start=datetime(2030, 1, 1, 9, 30, tzinfo=UTC),
                end=datetime(2030, 2, 1, tzinfo=UTC),
                tasks=(9,),
            ),
            PhaseDraft(
                name="Final",
                description="Last",
                start=datetime(2030, 2, 1, tzinfo=UTC),
                tasks=(4, 9),
                max_submissions_per_day=1,
                max_submissions_per_person=3,
                count_failed_submissions=True,
                execution_time_limit_s=60,
                auto_migrate_to_this_phase=True,
                accepts_only_result_submissions=True,
                hide_output=True,
                hide_prediction_output=True,
                hide_score_output=True,
                starting_kit=FileRef(member="scoring", is_folder=True),
                public_data=FileRef(member="truth.csv"),
                required_phase=0,
                requires_entry=True,
            ),
            PhaseDraft(
                name="Beside",
                start=datetime(2030, 2, 1, tzinfo=UTC),
                tasks=(9,),
                is_parallel=True,
                submission_rule=SubmissionRule.FORCE_LAST,
                hide_results=True,
            ),
        ),
        leaderboards=(
            LeaderboardDraft(
                title="Results",
                key="main",
                primary_index=2,
                hidden=True,
                submission_rule=SubmissionRule.FORCE_BEST,
                columns=(
                    ColumnDraft(
                        title="A", key="a", index=1, sorting=Sorting.ASC, precision=4, hidden=True
                    ),
                    ColumnDraft(
                        title="Mean",
                        key="mean",
                        index=2,
                        computation=Computation.AVG_RANK,
                        computation_indexes=(1,),
                        computation_weights=(2.0,),
                        group="Ranks",
                    ),
                ),
            ),
        ),
    )


def draft_of(*changes: tuple[str, str]) -> CompetitionDraft:
    reading = read_manifest(changed(*changes))
    assert written(reading) == []
    assert reading.draft is not None
    return reading.draft


def notes_of(*changes: tuple[str, str]) -> list[str]:
    return [str(note) for note in read_manifest(changed(*changes)).notes]


START = "start: 2030-01-01\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2030-01-01 13:30:00", datetime(2030, 1, 1, 13, 30)),
        ("2030-01-01 13:30", datetime(2030, 1, 1, 13, 30)),
        ("'2030-01-01 13:30:00'", datetime(2030, 1, 1, 13, 30)),
        ("2030-01-01T10:00:00+02:00", datetime(2030, 1, 1, 8)),
        ("'2030-01-01T10:00:00+02:00'", datetime(2030, 1, 1, 8)),
        ("1-2-2030", datetime(2030, 1, 2)),
        ("31-12-2030", datetime(2030, 12, 31)),
    ],
)
def test_times_are_kept_and_offsets_converted(text: str, expected: datetime) -> None:
    draft = draft_of((START, f"start: {text}\n"))
    assert draft.phases[0].start == expected.replace(tzinfo=UTC)


@pytest.mark.parametrize("spelling", ["leaderboard", "leaderboards"])
def test_both_spellings_of_the_leaderboard_are_read(spelling: str) -> None:
    assert draft_of(("leaderboards:", f"{spelling}:")).leaderboards[0].key == "main"


@pytest.mark.parametrize("version", ["2", "'2'", "2.0", "'2.0'", "v2"])
def test_versions_that_mean_two(version: str) -> None:
    assert draft_of(("version: 2", f"version: {version}")).title == "A benchmark"


def test_manifest_without_a_version_but_with_tasks_is_version_two() -> None:
    assert draft_of(("version: 2\n", "")).tasks[0].name == "Task"
    assert "competition.yaml, version: No version is given; the bundle was read as version 2." in (
        notes_of(("version: 2\n", ""))
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("'true'", True), ("'False'", False), ("no", False), ("1", True)],
)
def test_booleans_may_be_words(text: str, value: bool) -> None:
    draft = draft_of(("title: A b", f"enable_detailed_results: {text}\ntitle: A b"))
    assert draft.enable_detailed_results is value


@pytest.mark.parametrize(
    ("line", "limit"),
    [
        ("max_submissions: 7", 7),
        ("max_submissions_per_person: 7", 7),
        ("max_submissions: '7'", 7),
        ("max_submissions: 7.0", 7),
        ("max_submissions: 7\n  max_submissions_per_person: 7", 7),
        ("max_submissions: 0", 0),
        ("max_submissions: null", 0),
        ("hide_output: false", 100),
    ],
)
def test_both_names_of_the_limit_per_person_are_read(line: str, limit: int) -> None:
    assert draft_of((START, f"{START}  {line}\n")).phases[0].max_submissions_per_person == limit


def test_two_names_with_two_limits_are_a_problem() -> None:
    line = "max_submissions: 7\n  max_submissions_per_person: 8\n"
    (problem,) = written(read_manifest(changed((START, f"{START}  {line}"))))
    assert problem == (
        "competition.yaml, line 17, phases[0].max_submissions_per_person: "
        "Found 8, but another value under max_submissions; expected one of the two keys."
    )


def test_time_limit_of_nothing_is_the_default() -> None:
    for value in ("0", "null"):
        draft = draft_of((START, f"{START}  execution_time_limit: {value}\n"))
        assert draft.phases[0].execution_time_limit_s == 600


def test_migration_into_the_first_phase_is_switched_off_with_a_note() -> None:
    change = (START, f"{START}  auto_migrate_to_this_phase: true\n")
    assert draft_of(change).phases[0].auto_migrate_to_this_phase is False
    assert notes_of(change) == [
        "competition.yaml, line 16, phases[0].auto_migrate_to_this_phase: "
        "No phase comes before the first one; automatic migration was switched off."
    ]


def test_phases_are_sorted_by_index_and_renumbered() -> None:
    second = "- {name: Early, start: 2029-01-01, end: 2030-01-01, tasks: [0]}\nleaderboards:"
    draft = draft_of(
        ("- index: 0\n  name: Dev", "- index: 5\n  name: Dev"), ("leaderboards:", second)
    )
    assert [phase.name for phase in draft.phases] == ["Early", "Development"]


def test_text_and_number_of_a_task_index_are_the_same() -> None:
    assert draft_of(("tasks: [0]", "tasks: ['0']")).phases[0].tasks == (0,)
    named = draft_of(
        ("- index: 0\n  name: Task", "- index: main\n  name: Task"), ("tasks: [0]", "tasks: [main]")
    )
    assert named.phases[0].tasks == ("main",)


@pytest.mark.parametrize("title", ["2030", "1.10", "007", "no", "2030-01-01", "1_000", "'a: b'"])
def test_titles_stay_as_they_are_written(title: str) -> None:
    assert draft_of(("A benchmark", title)).title == title.strip("'")


def test_long_column_titles_are_accepted() -> None:
    title = "Area under the receiver operating characteristic curve"
    assert draft_of(("Accuracy", title)).leaderboards[0].columns[0].title == title


def test_unknown_keys_become_notes_with_a_guess() -> None:
    assert notes_of(("title: A b", "enable_detailed_result: true\ntitle: A b")) == [
        "competition.yaml, line 2, enable_detailed_result: This key is unknown and was ignored. "
        "Is “enable_detailed_results” meant?"
    ]
    assert notes_of((START, f"{START}  colour: red\n")) == [
        "competition.yaml, line 16, phases[0].colour: This key is unknown and was ignored."
    ]


@pytest.mark.parametrize(
    "key",
    ["collaborators", "admins", "published", "allow_robot_submissions", "report", "whitelist_emails", "secret_key"],
)  # fmt: skip
def test_keys_that_a_bundle_cannot_set_become_notes(key: str) -> None:
    (note,) = notes_of(("title: A b", f"{key}: x\ntitle: A b"))
    assert note.startswith(f"competition.yaml, line 2, {key}: A bundle cannot set this;")


def test_everything_optional_may_be_missing_or_null() -> None:
    draft = draft_of(
        ("image: logo.png\nterms: terms.md\n", "image: null\n"),
        ("pages:\n- title: Overview\n  file: overview.md\n", ""),
    )
    assert (draft.image_png, draft.terms, draft.pages) == (b"", "", ())
    assert len(notes_of(("image: logo.png\nterms: terms.md\n", ""))) == 2


def test_second_leaderboard_is_kept_with_a_note() -> None:
    second = "leaderboards:\n- {title: Other, key: other, columns: [{title: B, key: b}]}"
    notes = notes_of(("leaderboards:\n- title: Results", f"{second}\n- title: Results"))
    assert any("this one will stand unused" in note for note in notes)
    assert any("The column has no index; it got its position, 0." in note for note in notes)


def test_phase_names_its_leaderboard() -> None:
    second = "leaderboards:\n- {title: Other, key: other, columns: [{title: B, key: b}]}"
    changes = (
        ("leaderboards:\n- title: Results", f"{second}\n- title: Results"),
        ("  name: Development\n", "  name: Development\n  leaderboard_index: 1\n"),
    )
    assert draft_of(*changes).phases[0].leaderboard_index == 1
    (unused,) = [note for note in notes_of(*changes) if "stand unused" in note]
    assert "leaderboards[0]" in unused


def test_task_without_an_index_cannot_be_used() -> None:
    found = written(read_manifest(changed(("- index: 0\n  name: Task\n", "- name: Task\n"))))
    assert found == [
        "competition.yaml, line 9, tasks[0].index: "
        "Found nothing; expected a number or name that phases use for this task.",
        "competition.yaml, line 15, phases[0].tasks: "
        "The task list of phase 1 is 0; expected a task under tasks.",
    ]


def test_all_problems_come_at_once_and_leave_no_draft() -> None:
    reading = read_manifest(
        changed(("2030-01-01", "soon"), ("terms.md", "gone.md"), ("key: accuracy", "key: ''"))
    )
    assert [problem.where for problem in reading.problems] == [
        "competition.yaml, line 4, terms",
        "competition.yaml, line 15, phases[0].start",
        "competition.yaml, line 21, leaderboards[0].columns[0].key",
    ]
    assert reading.draft is None


@pytest.mark.security
def test_lists_that_are_too_long_are_refused_unread() -> None:
    pages = "pages: [" + ", ".join(["{title: a, file: overview.md}"] * 201) + "]\n"
    reading = read_manifest(changed(("pages:\n- title: Overview\n  file: overview.md\n", pages)))
    assert written(reading) == [
        "competition.yaml, line 5, pages: Found a list of 201; expected at most 200 items."
    ]


def test_every_key_is_documented() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "reference" / "bundle.md").read_text()
    documented = set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))
    document = load(EVERY_KEY.encode())
    used = {path[-1] for path in document.places if path and isinstance(path[-1], str)}
    questions = {"method", "open", "note"}
    assert used - questions - documented == set()
