"""When the phases of a CodaLab bundle are open, and what stands side by side."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.competitions.drafts import CompetitionDraft, FileRef, PhaseDraft, SubmissionRule
from tests.bundles.bundle_factories import read_manifest, written
from tests.bundles.legacy.manifests import EVERY_KEY, PLAIN

ONE, TWO = "start_date: 2030-01-01 09:30:00", "start_date: 2030-02-01T10:00:00+02:00"


def moment(month: int, day: int = 1, hour: int = 0, minute: int = 0, year: int = 2030) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


def draft_of(*changes: tuple[str, str], text: str = PLAIN) -> CompetitionDraft:
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    reading = read_manifest(text)
    assert written(reading) == []
    assert reading.draft is not None
    return reading.draft


def spans(draft: CompetitionDraft) -> list[tuple[datetime, datetime | None]]:
    return [(phase.start, phase.end) for phase in draft.phases]


def test_phase_ends_when_the_next_begins_and_times_are_kept() -> None:
    assert spans(draft_of()) == [(moment(1, 1, 9, 30), moment(2, 1, 8)), (moment(2, 1, 8), None)]


@pytest.mark.parametrize("end", ["null", "''", '"null"', "~"])
def test_end_may_be_left_open_in_all_the_ways_there_were(end: str) -> None:
    assert draft_of(text=f"end_date: {end}\n{PLAIN}").phases[-1].end is None


def test_last_phase_ends_at_the_end_date_unless_it_never_ends() -> None:
    text = "end_date: 2030-03-01 12:00\n" + PLAIN
    assert draft_of(text=text).phases[-1].end == moment(3, 1, 12)
    never = ("label: Final", "label: Final\n    phase_never_ends: true")
    assert draft_of(never, text=text).phases[-1].end is None


def test_phases_that_begin_a_minute_apart_end_after_they_start() -> None:
    draft = draft_of((TWO, "start_date: 2030-01-01 09:31:00"))
    assert draft.phases[0].end == moment(1, 1, 9, 31)


def test_phases_are_sorted_by_number() -> None:
    draft = draft_of(("phasenumber: 1\n", "phasenumber: 9\n"), (ONE, "start_date: 2030-05-01"))
    assert [phase.name for phase in draft.phases] == ["Final", "Development"]


def test_each_phase_has_a_task_with_its_programs() -> None:
    draft = draft_of(text=EVERY_KEY)
    assert [(task.index, task.name) for task in draft.tasks] == [
        (0, "Text Task"), (1, "Speech Task"), (2, "Final Task"),
    ]  # fmt: skip
    text = draft.tasks[0]
    data, scoring = FileRef(member="data.zip"), FileRef(member="scoring", is_folder=True)
    assert (text.ingestion_program, text.input_data, text.reference_data) == (data, data, data)
    assert (text.scoring_program, text.description) == (scoring, "Words")
    assert text.ingestion_only_during_scoring
    assert [phase.tasks for phase in draft.phases] == [(0,), (1,), (2,)]


def test_settings_of_a_phase_are_taken() -> None:
    assert draft_of(text=EVERY_KEY).phases[0] == PhaseDraft(
        name="Text",
        description="Words",
        start=moment(1, 1, 9, 30),
        end=moment(6),
        tasks=(0,),
        max_submissions_per_day=2,
        max_submissions_per_person=10,
        execution_time_limit_s=60,
        submission_rule=SubmissionRule.FORCE_BEST,
        accepts_only_result_submissions=True,
        hide_results=True,
        hide_output=True,
        hide_prediction_output=True,
        hide_score_output=True,
        starting_kit=FileRef(member="scoring", is_folder=True),
        public_data=FileRef(member="truth.csv"),
    )


def test_children_of_a_parallel_parent_are_open_side_by_side() -> None:
    draft = draft_of(text=EVERY_KEY)
    assert [(phase.name, phase.is_parallel) for phase in draft.phases] == [
        ("Text", False), ("Speech", True), ("Final", False),
    ]  # fmt: skip
    first, second, final = spans(draft)
    assert first == second == (moment(1, 1, 9, 30), moment(6))
    assert final == (moment(6), moment(1, 1, 18, year=2031))


def test_two_parents_make_tracks_that_go_on() -> None:
    children = "\n".join(
        f"  {number}: {{phasenumber: {number}, label: P{number}, parent_phasenumber: {parent}, "
        f"auto_migration: {str(parent == 4).lower()}, scoring_program: scoring/}}"
        for number, parent in ((2, 1), (3, 1), (5, 4), (6, 4))
    )
    parents = "\n".join(
        f"  {number}: {{phasenumber: {number}, label: Step, is_parallel_parent: true, "
        f"start_date: 2030-0{number}-01}}"
        for number in (1, 4)
    )
    head, tail = PLAIN.partition("phases:\n")[0], PLAIN[PLAIN.index("leaderboard:") :]
    draft = draft_of(text=f"{head}phases:\n{parents}\n{children}\n{tail}")
    assert [phase.is_parallel for phase in draft.phases] == [False, True, False, True]
    assert [phase.auto_migrate_to_this_phase for phase in draft.phases] == [
        False,
        False,
        True,
        True,
    ]
    assert spans(draft) == [(moment(1), moment(4))] * 2 + [(moment(4), None)] * 2


def test_children_without_their_parent_are_still_side_by_side() -> None:
    child = ("phasenumber: 2\n", "phasenumber: 2\n    parent_phasenumber: 7\n")
    other = ("phasenumber: 1\n", "phasenumber: 1\n    parent_phasenumber: 7\n")
    draft = draft_of(child, other)
    assert [phase.is_parallel for phase in draft.phases] == [False, True]
    assert [phase.end for phase in draft.phases] == [None, None]


def test_migration_into_the_first_phase_is_switched_off() -> None:
    draft = draft_of(("label: Development", "label: Development\n    auto_migration: true"))
    assert not draft.phases[0].auto_migrate_to_this_phase


def test_hidden_results_put_the_latest_on_the_board() -> None:
    hidden = "label: Final\n    leaderboard_management_mode: hide_results"
    final = draft_of(("label: Final", hidden)).phases[-1]
    assert (final.hide_results, final.submission_rule) == (True, SubmissionRule.FORCE_LAST)


def test_limits_are_codalabs_unless_given() -> None:
    development, final = draft_of(
        (
            "label: Final",
            "label: Final\n    max_submissions_per_day: 0\n    execution_time_limit: 0",
        )
    ).phases
    limits = (development.max_submissions_per_day, development.max_submissions_per_person)
    assert (*limits, development.execution_time_limit_s) == (999, 100, 300)
    assert (final.max_submissions_per_day, final.execution_time_limit_s) == (0, 300)


def test_ingestion_during_scoring_without_a_program_is_switched_off() -> None:
    line = "label: Final\n    ingestion_program_only_during_scoring: true"
    assert not draft_of(("label: Final", line)).tasks[-1].ingestion_only_during_scoring


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (TWO, "start_date: soon", "line 16, phases.2.start_date: Found “soon”; expected a date and time such as 2026-03-01 09:00."),
        (TWO + "\n", "color: red\n", "line 14, phases.2.start_date: Found nothing; expected a date and time such as 2026-03-01 09:00."),
        ("label: Final", "color: red", "line 14, phases.2.label: The name of phase 2 is empty; expected 1 to 256 characters."),
        (TWO, ONE, "line 16, phases.2.start_date: Phase 2 begins, and phase 1 ends, at 2030-01-01 09:30 UTC; expected a time after phase 1 begins, 2030-01-01 09:30 UTC."),
        ("label: Final", "label: Final\n    reference_data: truth.csv", "line 16, phases.2.reference_data: Found “truth.csv”, which is not a zip file; expected a zip file or a folder."),
        ("label: Final", "label: Final\n    leaderboard_management_mode: secret", "line 16, phases.2.leaderboard_management_mode: Found “secret”; expected default or hide_results."),
    ],
)  # fmt: skip
def test_problem_names_line_key_found_and_expected(old: str, new: str, problem: str) -> None:
    reading = read_manifest(PLAIN.replace(old, new))
    assert reading.draft is None
    assert written(reading) == [f"competition.yaml, {problem}"]


@pytest.mark.parametrize(
    ("end", "last"),
    [("null", "the last one stays open."), ("2030-03-01", "the last one at end_date.")],
)
def test_report_says_how_the_last_phase_ends_and_what_tasks_are_called(end: str, last: str) -> None:
    told = [str(note) for note in read_manifest(f"end_date: {end}\n{PLAIN}").notes]
    assert any(note.endswith(f"ends when the next one begins, {last}") for note in told)
    assert any(note.endswith("data: “Development Task”, “Final Task”.") for note in told)


def test_phases_may_be_a_list() -> None:
    head, tail = PLAIN.partition("phases:\n")[0], PLAIN[PLAIN.index("leaderboard:") :]
    phases = "phases:\n- {phasenumber: 1, label: Only, start_date: 2030-01-01, scoring_program: scoring/}\n"
    assert [phase.name for phase in draft_of(text=head + phases + tail).phases] == ["Only"]
