"""Challenges of EvalAI become drafts; every key is in them, or the report names it."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest

from app.bundles.evalai import challenge, phases
from app.bundles.fields import NoteKind
from app.bundles.read import BundleReading, read
from app.competitions.drafts import CompetitionDraft, QuestionType, Sorting, SubmissionRule
from app.platform.archive import Archive, BadArchive
from tests.bundles.bundle_factories import read_files
from tests.bundles.evalai import challenges
from tests.bundles.evalai.challenges import CONFIG


def draft_of(reading: BundleReading) -> CompetitionDraft:
    assert reading.draft is not None, reading.problems
    return reading.draft


def changed(old: str, new: str) -> BundleReading:
    assert old in CONFIG
    return read_files(challenges.files(CONFIG.replace(old, new)))


def notes(reading: BundleReading, key: str) -> dict[NoteKind, str]:
    return {one.kind: one.sentence for one in reading.notes if one.where.endswith(key)}


def test_challenge_is_read_as_a_benchmark() -> None:
    draft = draft_of(read(Archive(io.BytesIO(challenges.challenge()))))
    assert (draft.title, draft.description) == ("Retinal scans", "Who needs a doctor")
    assert (draft.terms, draft.terms_is_html) == ("<p>terms</p>", True)
    assert [(page.title, page.is_html) for page in draft.pages] == [
        ("Overview", True), ("Evaluation", True), ("Submission guidelines", True),
        ("Phase: Dev", True), ("Phase: Test", True),
    ]  # fmt: skip
    assert draft.reward == "1: 100.00USD Fame"
    dev, test = draft.phases
    assert dev.start == datetime(2026, 1, 1, tzinfo=UTC)
    assert (dev.max_submissions_per_day, dev.max_submissions_per_person) == (5, 50)
    assert (dev.execution_time_limit_s, dev.accepts_only_result_submissions) == (300, True)
    assert (test.max_submissions_per_day, test.is_parallel) == (phases.UNLIMITED, True)
    assert (dev.hide_results, test.hide_results) == (False, True)
    assert dev.submission_rule is SubmissionRule.FORCE_BEST
    assert [(q.key, q.type, q.is_required) for q in draft.fact_sheet] == [
        ("Approach", QuestionType.TEXT, True), ("Kind", QuestionType.SELECT, False),
    ]  # fmt: skip


def test_splits_of_a_phase_are_groups_of_columns() -> None:
    (board,) = draft_of(read_files(challenges.files())).leaderboards
    assert [(c.key, c.group, c.hidden, c.precision) for c in board.columns] == [
        ("Accuracy", "Train split", False, 3),
        ("Loss", "Train split", False, 3),
        ("private: Accuracy", "Test split", True, 3),
        ("private: Loss", "Test split", True, 3),
    ]
    assert [c.sorting for c in board.columns] == [Sorting.DESC, Sorting.ASC] * 2
    assert board.primary_index == 0


def split_seen_by(dev: int, test: int, other: int) -> BundleReading:
    """The challenge with these visibilities of its three splits, the last two of one phase."""
    config = CONFIG.replace("leaderboard_public: false", "leaderboard_public: true")
    first, second, third = config.replace("visibility: 1", "visibility: 3").split("visibility: 3")[
        :3
    ]
    rest = config.replace("visibility: 1", "visibility: 3").split("visibility: 3")[3]
    text = f"{first}visibility: {dev}{second}visibility: {test}{third}visibility: {other}{rest}"
    return read_files(challenges.files(text))


@pytest.mark.parametrize(
    ("seen", "boards", "hidden_columns", "hides", "indexes"),
    [
        ((3, 3, 3), [False], [[]], [False, False], [0, 0]),
        ((3, 3, 1), [False], [["private: Accuracy", "private: Loss"]], [False, False], [0, 0]),
        ((3, 3, 2), [False], [["private: Accuracy", "private: Loss"]], [False, False], [0, 0]),
        ((3, 1, 1), [False], [[]], [False, True], [0, 0]),
        ((3, 2, 2), [False, True], [[], []], [False, False], [0, 1]),
        ((2, 3, 3), [False, True], [[], []], [False, False], [1, 0]),
        ((3, 1, 2), [False, True], [[], ["private: Accuracy", "private: Loss"]], [False, False], [0, 1]),
        ((2, 2, 2), [True], [[]], [False, False], [0, 0]),
        ((1, 1, 1), [False], [[]], [True, True], [0, 0]),
    ],
)  # fmt: skip
def test_visibility_decides_who_sees_what(
    seen: tuple[int, int, int], boards: list[bool], hidden_columns: list[list[str]],
    hides: list[bool], indexes: list[int],
) -> None:  # fmt: skip
    draft = draft_of(split_seen_by(*seen))
    assert [board.hidden for board in draft.leaderboards] == boards
    assert [
        [column.key for column in board.columns if column.hidden] for board in draft.leaderboards
    ] == hidden_columns
    assert [phase.hide_results for phase in draft.phases] == hides
    assert [phase.leaderboard_index for phase in draft.phases] == indexes


@pytest.mark.parametrize(
    ("seen", "kind", "sentence"),
    [
        ((1, 3, 3), NoteKind.CONVERTED, "Only organizers"),
        ((2, 3, 3), NoteKind.CONVERTED, "of their own submissions"),
    ],
)
def test_report_says_who_sees_a_split(
    seen: tuple[int, int, int], kind: NoteKind, sentence: str
) -> None:
    assert sentence in notes(split_seen_by(*seen), "challenge_phase_splits[0].visibility")[kind]


def test_report_says_that_owners_do_not_see_what_stands_beside_public_scores() -> None:
    found = notes(split_seen_by(3, 3, 2), "challenge_phase_splits[2].visibility")
    assert "make a phase of its own" in found[NoteKind.CHANGED]


def test_order_by_what_is_no_label_is_a_note() -> None:
    reading = changed("default_order_by: Accuracy", "default_order_by: AUC")
    assert draft_of(reading).leaderboards[0].primary_index == 0
    assert "no label" in notes(reading, "schema.default_order_by")[NoteKind.CHANGED]


def test_latest_submission_stands_where_the_challenge_says_so() -> None:
    reading = changed(
        "visibility: 1", "visibility: 1\n  show_leaderboard_by_latest_submission: true"
    )
    assert draft_of(reading).phases[1].submission_rule is SubmissionRule.FORCE_LAST


@pytest.mark.parametrize("key", sorted(challenge._NO_EQUIVALENT))
def test_key_without_equivalent_is_named(key: str) -> None:
    reading = read_files(
        challenges.files(
            f"{CONFIG}{key}: 1\n".replace("tags: [eyes]\n", "")
            .replace("worker_instance_type: t2.medium\n", "")
            .replace("remote_evaluation: false\n", "")
        )
    )
    assert NoteKind.NO_EQUIVALENT in notes(reading, key)


@pytest.mark.parametrize("key", challenge._IGNORED)
def test_key_that_means_nothing_here_is_named(key: str) -> None:
    assert NoteKind.IGNORED in notes(read_files(challenges.files(f"{CONFIG}{key}: x\n")), key)


def test_no_known_key_is_called_unknown() -> None:
    reading = read_files(challenges.files())
    assert [one for one in reading.notes if "unknown" in one.sentence] == []
    unknown = read_files(challenges.files(f"{CONFIG}colour: red\n"))
    assert "unknown" in notes(unknown, "colour")[NoteKind.IGNORED]


@pytest.mark.parametrize(
    "line",
    [
        "import os\nos.system('pip install numpy')",
        "import subprocess, sys\nsubprocess.run([sys.executable, '-m', 'pip', 'install', 'x'])",
        "from subprocess import check_call\ndef go(p):\n    check_call(['pip3', 'install', p])\ngo('x')",
        "import pip\npip.main(['install', 'x'])",
        "from pip._internal import main",
        "import os\nos.popen('cd /tmp && /usr/bin/apt-get install x')",
    ],
)
def test_script_that_installs_packages_is_named_and_never_run(line: str) -> None:
    script = challenges.SCRIPT | {"__init__.py": f"{line}\nfrom .main import evaluate\n"}
    reading = read_files(challenges.files(script=script))
    told = [one.sentence for one in reading.notes if "installs packages" in one.sentence]
    assert len(told) == 1
    assert "__init__.py, line" in told[0]
    program = draft_of(reading).tasks[0].scoring_program
    assert program is not None
    assert program.packing is not None
    assert "__init__.py, line" in dict(program.packing.texts)["evalai.json"]


def test_script_that_only_speaks_of_pip_is_run() -> None:
    harmless = "import subprocess\nHELP = 'pip install me'\ndef run(x): pass\nrun('sort')\n"
    script = challenges.SCRIPT | {"__init__.py": f"{harmless}from .main import evaluate\n"}
    reading = read_files(challenges.files(script=script))
    assert not any("installs packages" in one.sentence for one in reading.notes)


def test_script_for_an_old_python_is_named() -> None:
    script = challenges.SCRIPT | {"old.py": "print 'hello'\n"}
    reading = read_files(challenges.files(script=script))
    assert any("old.py" in one.sentence for one in reading.notes)


def test_damaged_script_is_named() -> None:
    files = challenges.files() | {"evaluation_script.zip": b"PK\x03\x04 and then nothing"}
    with pytest.raises(BadArchive, match=r"evaluation_script\.zip: "):
        read_files(files)


def test_split_of_no_leaderboard_is_a_problem() -> None:
    reading = changed("leaderboard_id: 1", "leaderboard_id: 7")
    assert any("“7”" in problem.sentence for problem in reading.problems)


def test_phases_that_follow_each_other_are_no_tracks() -> None:
    reading = changed("2026-05-01 00:00:00", "2030-06-01 00:00:00")
    assert [phase.is_parallel for phase in draft_of(reading).phases] == [False, False]
