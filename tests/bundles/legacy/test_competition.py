"""Everything a CodaLab bundle says is in the draft or in the report."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from app.bundles.fields import NoteKind
from app.bundles.read import BundleReading
from app.competitions.drafts import CompetitionDraft, SubmissionRule
from app.platform import strictyaml
from tests.bundles.bundle_factories import make_files, read_files, read_manifest, written
from tests.bundles.legacy.manifests import EVERY_KEY, PLAIN

TAKEN = {
    "title", "description", "image", "end_date", "competition_docker_image", "queue", "reward",
    "enable_detailed_results", "show_detailed_results_in_submission_panel",
    "show_detailed_results_in_leaderboard", "auto_run_submissions", "make_programs_available",
    "make_input_data_available", "label", "start_date", "phasenumber", "max_submissions",
    "max_submissions_per_day", "execution_time_limit", "hide_output", "hide_prediction_output",
    "hide_score_output", "ingestion_program", "input_data", "scoring_program", "reference_data",
    "starting_kit", "public_data", "leaderboard", "rank", "sort", "hidden", "numeric_format",
    "column_group", "overview", "data",
}  # fmt: skip
"""Keys that the draft takes as they are; the tests of each value are beside this one."""


def changed(*changes: tuple[str, str]) -> str:
    text = PLAIN
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def draft_of(text: str) -> CompetitionDraft:
    reading = read_manifest(text)
    assert written(reading) == []
    assert reading.draft is not None
    return reading.draft


def notes(reading: BundleReading, kind: NoteKind) -> list[str]:
    return [str(note) for note in reading.notes if note.kind is kind]


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    elif path:
        yield path


def test_nothing_of_a_bundle_is_lost_silently() -> None:
    reading = read_manifest(EVERY_KEY)
    assert written(reading) == []
    told = {note.where.rpartition(", ")[2] for note in reading.notes}
    silent = []
    for path in leaves(strictyaml.load(EVERY_KEY.encode()).value):
        above = {strictyaml.path_text(path[:size]) for size in range(1, len(path) + 1)}
        if not above & (told - {"phases", "leaderboard"}) and path[-1] not in TAKEN:
            silent.append(strictyaml.path_text(path))
    assert silent == []


@pytest.mark.parametrize(
    ("where", "kind", "sentence"),
    [
        ("admin_names", NoteKind.NO_EQUIVALENT, "Not made organizers: olga, petra."),
        ("anonymous_leaderboard", NoteKind.NO_EQUIVALENT, "name the participants"),
        ("allow_teams", NoteKind.NO_EQUIVALENT, "no teams"),
        ("enable_medical_image_viewer", NoteKind.NO_EQUIVALENT, "no viewer"),
        ("phases.2.color", NoteKind.NO_EQUIVALENT, "no colours"),
        ("phases.2.max_submission_size", NoteKind.NO_EQUIVALENT, "limited by the site"),
        ("phases.2.default_docker_image", NoteKind.NO_EQUIVALENT, "one container image"),
        ("start_date", NoteKind.IGNORED, "begins with its first phase"),
        ("show_datasets_from_yaml", NoteKind.IGNORED, "unknown"),
        ("enable_forum", NoteKind.CONVERTED, "forum_enabled: false"),
        ("allow_public_submissions", NoteKind.CONVERTED, "may make their submissions public"),
        ("has_registration", NoteKind.CONVERTED, "Organizers approve participants"),
        ("html.terms", NoteKind.CONVERTED, "the terms that participants accept"),
        ("enable_per_submission_metadata", NoteKind.CONVERTED, "fact sheet"),
        ("force_submission_to_leaderboard", NoteKind.CONVERTED, "latest finished submission"),
        ("phases.1", NoteKind.CHANGED, "the 2 that name it as their parent"),
        ("phases.2.is_scoring_only", NoteKind.CONVERTED, "accepts_only_result_submissions"),
        ("phases.2.leaderboard_management_mode", NoteKind.CONVERTED, "kept from participants"),
        ("phases.2.force_best_submission_to_leaderboard", NoteKind.CONVERTED, "best submission"),
        ("phases.2.phase_never_ends", NoteKind.CHANGED, "Only the last phase may stay open"),
        ("phases.2.datasets", NoteKind.CONVERTED, "the page “Datasets”"),
        ("phases.4.auto_migration", NoteKind.CHANGED, "from one of the phases side by side"),
        ("leaderboard.leaderboards.SECOND", NoteKind.CHANGED, "are the group “Speed”"),
        (
            "leaderboard.columns.ranks.computed",
            NoteKind.CONVERTED,
            "ranks in core, time, weighted 3, 1.",
        ),
        ("leaderboard.columns.mrr.computed", NoteKind.CONVERTED, "reciprocal ranks in core, whole"),
    ],
)
def test_report_says_what_became_of_each_key(where: str, kind: NoteKind, sentence: str) -> None:
    found = read_manifest(EVERY_KEY).notes
    of_place = [note for note in found if note.where.endswith(f", {where}") and note.kind is kind]
    assert any(sentence in note.sentence for note in of_place), [str(note) for note in found]
    assert all(note.where.startswith("competition.yaml, line ") for note in of_place)


def test_settings_are_taken() -> None:
    draft = draft_of(EVERY_KEY)
    assert (draft.title, draft.description, draft.reward) == ("Everything", "All of it", "1000")
    assert draft.docker_image == "python:3.11-slim"
    assert draft.queue == "3f1f1d3e-5b5f-4a43-9a47-3f5f3d8f0a11"
    assert draft.image_png
    assert draft.icon_png
    assert draft.terms == "Be kind."
    assert [(page.title, page.is_html) for page in draft.pages] == [
        ("overview", False), ("data", True), ("Datasets", False),
    ]  # fmt: skip
    switches = (
        draft.registration_auto_approve, draft.enable_detailed_results, draft.forum_enabled,
        draft.show_detailed_results_in_submission_panel,
        draft.show_detailed_results_in_leaderboard, draft.auto_run_submissions,
        draft.make_programs_available, draft.make_input_data_available,
        draft.can_participants_make_submissions_public,
    )  # fmt: skip
    assert switches == (False, True, False, False, False, False, True, True, True)
    assert [question.key for question in draft.fact_sheet][:2] == [
        "team_name", "organization_or_affiliation",
    ]  # fmt: skip


def test_links_to_data_become_a_page_of_plain_text() -> None:
    bad = 'datasets: {1: {name: "*A* [b](x)", url: "javascript:alert(1)"}}\n    label: Final'
    page = draft_of(changed(("label: Final", bad))).pages[-1]
    assert page.content == "## Final\n\n- \\*A\\* \\[b\\]\\(x\\) javascript:alert\\(1\\)\n"
    assert draft_of(EVERY_KEY).pages[-1].content == (
        "## Text\n\n- [Training data](https://example.org/train.zip): Half of it\n"
    )


def test_what_is_not_given_is_as_on_codalab() -> None:
    reading = read_manifest(PLAIN)
    assert reading.draft is not None
    assert reading.draft.registration_auto_approve
    assert not reading.draft.can_participants_make_submissions_public
    assert reading.draft.docker_image == ""
    converted = notes(reading, NoteKind.CONVERTED)
    assert any("whoever registers takes part at once" in one for one in converted)
    assert any("max_submissions_per_day: 999" in one for one in converted)


@pytest.mark.parametrize(
    ("lines", "rule"),
    [
        ("", SubmissionRule.ADD_AND_DELETE),
        ("disallow_leaderboard_modifying: true\n", SubmissionRule.ADD),
        ("force_submission_to_leaderboard: true\n", SubmissionRule.FORCE_LAST),
        (
            "force_submission_to_leaderboard: true\ndisallow_leaderboard_modifying: true\n",
            SubmissionRule.FORCE_LAST,
        ),
    ],
)
def test_board_fills_as_on_codalab(lines: str, rule: SubmissionRule) -> None:
    draft = draft_of(lines + PLAIN)
    assert draft.leaderboards[0].submission_rule is rule
    assert [phase.submission_rule for phase in draft.phases] == [None, None]


def test_page_without_text_is_left_out_and_terms_may_be_missing() -> None:
    files = make_files(changed(("  terms: terms.md\n", "  rules: rules.md\n")))
    reading = read_files({**files, "rules.md": b" \n"})
    assert written(reading) == []
    assert reading.draft is not None
    assert [page.title for page in reading.draft.pages] == ["overview"]
    told = notes(reading, NoteKind.CHANGED)
    assert any("The page has no text" in one for one in told)
    assert any("no terms" in one for one in told)


def test_folder_of_assets_is_reported() -> None:
    reading = read_files({**make_files(PLAIN), "assets/figure.png": b"x"})
    assert any("“assets” has 1 file;" in one for one in notes(reading, NoteKind.NO_EQUIVALENT))


@pytest.mark.parametrize("version", ["", "version: 1\n", "version: 1.0\n", "version: v1.8\n"])
def test_versions_of_codalab_are_read(version: str) -> None:
    assert len(draft_of(version + PLAIN).phases) == 2


@pytest.mark.parametrize("name", ["challenge.yaml", "Bundle.YML", "inside/challenge.yaml"])
def test_first_yaml_file_will_do_for_codalab(name: str) -> None:
    folder = name.rpartition("/")[0]
    files = {
        f"{folder}/{file}" if folder else file: content
        for file, content in make_files(PLAIN).items()
    }
    manifest = files.pop(f"{folder}/competition.yaml" if folder else "competition.yaml")
    reading = read_files({**files, "notes.txt": b"", name: manifest})
    assert written(reading) == []
    assert f"the first YAML file, “{name}”, was read" in str(reading.notes)


def test_first_yaml_file_will_not_do_for_version_two() -> None:
    files = make_files()
    files["challenge.yaml"] = files.pop("competition.yaml")
    (problem,) = read_files(files).problems
    assert "competition.yaml is not at the top of the zip" in problem.sentence


def test_missing_parts_are_problems_with_their_places() -> None:
    assert written(read_manifest("version: 1.5\ntitle: T\nhtml: [a]\n")) == [
        "competition.yaml, line 3, html: Found a list of 1; expected a mapping of names to files.",
        "competition.yaml, leaderboard: Found nothing; expected leaderboards and columns.",
        "competition.yaml, phases: The list is empty; expected 1 to 50 entries.",
    ]


def test_logs_of_scoring_are_shown_where_the_bundle_says_so() -> None:
    reading = read_manifest(f"show_scoring_logs: true\n{PLAIN}")
    assert reading.draft is not None
    assert reading.draft.show_scoring_logs
    assert not any("submission_error.txt" in str(note) for note in reading.notes)


def test_report_says_that_logs_of_scoring_are_not_shown() -> None:
    reading = read_manifest(PLAIN)
    assert not draft_of(PLAIN).show_scoring_logs
    [note] = [one for one in notes(reading, NoteKind.CHANGED) if "submission_error.txt" in one]
    assert note.startswith("competition.yaml, show_scoring_logs: Participants do not see")
