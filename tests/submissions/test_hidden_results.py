"""Where a phase hides its results, only its organizers and staff see any score of it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask

from app.competitions.models import Phase
from app.submissions.models import LogChunk, RunOutput, Submission
from tests.actors import HTMX, Cast, browser, make_cast
from tests.factories import NOW, change, make_phase, save
from tests.leaderboards.boards import AUC, entries, phase_with, submitted, tell
from worker.contract import Output, Stream

SCORE, LOGGED = "0.471", "loss of 31.415"


@pytest.fixture
def cast(app: Flask) -> Cast:
    return make_cast(enable_detailed_results=True, show_scoring_logs=True)


@pytest.fixture
def phase(cast: Cast) -> Phase:
    return phase_with(cast.competition, AUC, {"key": "f1"})


@pytest.fixture
def entry(cast: Cast, phase: Phase) -> Submission:
    """On the board, with detailed results, both outputs, and something to read in its log."""
    made = submitted(phase, cast.pavel, {"auc": 0.471, "f1": 0.2})
    submitted(phase, cast.pavel, {"auc": 0.1, "f1": 0.1}, minute=1)
    tell(made)
    return made


def run_id_of(entry: Submission) -> int:
    return entry.id + 1


def write_outputs(entry: Submission) -> None:
    run_id = run_id_of(entry)
    kinds = (Output.PREDICTION_OUTPUT, Output.SCORING_OUTPUT, Output.DETAILED_RESULTS)
    save(
        *(
            RunOutput(
                run_id=run_id, attempt=0, kind=kind, bucket="runs", object_key=f"{run_id}/{kind}",
                size_bytes=1,
            )
            for kind in kinds
        ),
        LogChunk(run_id=run_id, attempt=0, seq=1, stream=Stream.SCORING_STDOUT, text=LOGGED),
    )  # fmt: skip


def hide(phase: Phase) -> None:
    change(phase, hide_results=True)


@pytest.mark.security
def test_hidden_scores_are_on_no_page_and_in_no_json_of_participants(
    app: Flask, cast: Cast, phase: Phase, entry: Submission
) -> None:
    write_outputs(entry)
    run_id = run_id_of(entry)
    addresses = [
        f"/phases/{phase.id}/leaderboard",
        f"/phases/{phase.id}/leaderboard.json",
        f"/phases/{phase.id}/leaderboard.json?all=true",
        f"/submissions/{entry.id}",
        f"/submissions/{entry.id}/provenance.json",
        f"/submissions/{entry.id}/live",
        f"/benchmarks/{cast.competition.id}",
        f"/benchmarks/{cast.competition.id}/phases",
        f"/benchmarks/{cast.competition.id}/submissions",
        f"/benchmarks/{cast.competition.id}/submissions/all",
        f"/runs/{run_id}/log.txt",
    ]
    before = {part: shows(app, cast, part, addresses) for part in cast.people()}
    assert before["participant"] == {
        *addresses[:5], addresses[8], addresses[10],
    }, "the test must look where scores are"  # fmt: skip
    hide(phase)
    after = {part: shows(app, cast, part, addresses) for part in cast.people()}
    assert after.pop("organizer") == before["organizer"]
    assert after.pop("staff") == before["staff"]
    assert after == {part: set() for part in after}


def shows(app: Flask, cast: Cast, part: str, addresses: list[str]) -> set[str]:
    """The addresses whose answers to somebody hold a score, or what the scoring program printed."""
    client = browser(app, cast.people()[part])
    found = set()
    for address in addresses:
        texts = [client.get(address, headers=headers).text for headers in ({}, HTMX)]
        if any(SCORE in text or "0.47" in text or LOGGED in text for text in texts):
            found.add(address)
    return found


@pytest.mark.security
def test_outputs_that_tell_scores_are_closed_and_predictions_are_not(
    app: Flask, cast: Cast, phase: Phase, entry: Submission
) -> None:
    write_outputs(entry)
    run_id = run_id_of(entry)
    addresses = [
        f"/runs/{run_id}/outputs/{Output.PREDICTION_OUTPUT}",
        f"/runs/{run_id}/outputs/{Output.SCORING_OUTPUT}",
        f"/runs/{run_id}/outputs/{Output.DETAILED_RESULTS}",
        f"/runs/{run_id}/detailed-results",
    ]
    pavel, olga = browser(app, cast.pavel), browser(app, cast.olga)
    assert [pavel.get(one).status_code for one in addresses] == [303, 303, 303, 200]
    hide(phase)
    assert [pavel.get(one).status_code for one in addresses] == [303, 404, 404, 404]
    assert [olga.get(one).status_code for one in addresses] == [303, 303, 303, 200]
    assert [browser(app, cast.petra).get(addresses[3]).status_code] == [404]


@pytest.mark.security
def test_best_of_ones_own_does_not_show_by_standing_on_the_hidden_board(
    app: Flask, cast: Cast, phase: Phase, entry: Submission
) -> None:
    assert entries(phase) == [entry.id]
    listing = f"/benchmarks/{cast.competition.id}/submissions"
    pavel, olga = browser(app, cast.pavel), browser(app, cast.olga)
    assert "On the board" in pavel.get(listing).text
    assert "On the leaderboard" in pavel.get(f"/submissions/{entry.id}").text
    hide(phase)
    assert "On the board" not in pavel.get(listing).text
    page = pavel.get(f"/submissions/{entry.id}").text
    assert "On the leaderboard" not in page
    assert "The organizers keep the results of this phase." in page
    assert "On the leaderboard" in olga.get(f"/submissions/{entry.id}").text


def test_hidden_phase_leaves_the_results_of_others_alone(
    app: Flask, cast: Cast, phase: Phase
) -> None:
    later = make_phase(cast.competition, starts_at=NOW + timedelta(days=1))
    hide(later)
    made = submitted(phase, cast.pavel, {"auc": 0.471})
    tell(made)
    assert SCORE in browser(app, None).get(f"/phases/{phase.id}/leaderboard").text


def test_page_of_a_hidden_board_says_what_is_kept(app: Flask, cast: Cast, phase: Phase) -> None:
    hide(phase)
    answer = browser(app, cast.pavel).get(f"/phases/{phase.id}/leaderboard")
    assert answer.status_code == 403
    assert "The results are hidden" in answer.text
    assert "You see your own scores" not in answer.text
    phases = browser(app, None).get(f"/benchmarks/{cast.competition.id}/phases").text
    assert "participants see neither the leaderboard nor scores" in phases
