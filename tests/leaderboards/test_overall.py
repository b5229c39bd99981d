"""What the page of a submission says of its scores over all tasks."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.accounts.models import User
from app.competitions.models import Phase
from app.submissions.models import Submission
from tests.actors import Cast, log_in, make_cast
from tests.factories import change, make_participant
from tests.leaderboards.boards import AUC, BRIER, phase_with, submitted, tell

MEAN: dict[str, Any] = {
    "key": "mean", "title": "Mean of both", "computation": "avg", "computation_indexes": [0, 1],
}  # fmt: skip
RANK: dict[str, Any] = {
    "key": "rank", "title": "Mean rank", "computation": "avg_rank", "computation_indexes": [0, 1],
    "sorting": "asc", "precision": 1,
}  # fmt: skip


@pytest.fixture
def cast(client: FlaskClient) -> Cast:
    return make_cast()


def overall(client: FlaskClient, owner: User, submission: Submission) -> dict[str, str]:
    log_in(client, owner)
    text = client.get(f"/submissions/{submission.id}").text
    _, _, rest = text.partition('role="group" aria-label="Overall"')
    shown = rest[: rest.find("</dl>")] if rest else ""
    return {
        title: re.sub("<[^>]+>", "", value)
        for title, value in re.findall(r"<dt>(.*?)</dt><dd class=\"number\">(.*?)</dd>", shown)
    }


@pytest.mark.parametrize("is_told", [True, False])
def test_page_shows_the_mean_over_tasks_and_computed_columns(
    client: FlaskClient, cast: Cast, is_told: bool
) -> None:
    hidden = {"key": "secret", "title": "Secret", "is_hidden": True}
    phase = phase_with(cast.competition, AUC, BRIER, MEAN, RANK, hidden, tasks=2)
    one = {"auc": 0.5, "brier": 0.25, "secret": 1.0}
    made = submitted(phase, cast.pavel, one, {**one, "auc": 1.0})
    if is_told:
        tell(made)
    expected = {"AUROC": "0.750", "Brier score": "0.25", "Mean of both": "0.50"}
    if is_told:  # a rank is one among those on the board
        expected["Mean rank"] = "1.0"
    assert overall(client, cast.pavel, made) == expected


def test_mean_rank_of_a_hidden_board_stays_hidden(client: FlaskClient, cast: Cast) -> None:
    phase = phase_with(cast.competition, AUC, BRIER, RANK, is_hidden=True)
    made = submitted(phase, cast.pavel, {"auc": 0.5, "brier": 0.25})
    tell(made)
    assert set(overall(client, cast.pavel, made)) == {"AUROC", "Brier score"}


def test_overall_says_nothing_that_the_one_run_says(client: FlaskClient, cast: Cast) -> None:
    made = submitted(phase_with(cast.competition, AUC), cast.pavel, {"auc": 0.5})
    tell(made)
    assert overall(client, cast.pavel, made) == {}


def test_submission_that_lacks_a_task_has_no_overall_score(client: FlaskClient, cast: Cast) -> None:
    made = submitted(
        phase_with(cast.competition, AUC, tasks=2), cast.pavel, {"auc": 0.5}, state="failed"
    )
    assert overall(client, cast.pavel, made) == {}


def listed(client: FlaskClient, viewer: User, phase: Phase, ending: str = "") -> list[str]:
    """The scores of a list of submissions, from its first line to its last."""
    log_in(client, viewer)
    text = client.get(f"/benchmarks/{phase.competition_id}/submissions{ending}").text
    return re.findall(r'<td class="number">(.*?)</td>', text)


def test_lists_show_a_computed_primary_score(client: FlaskClient, cast: Cast) -> None:
    phase = phase_with(cast.competition, AUC, BRIER, MEAN, tasks=2, primary_index=2)
    one = {"auc": 0.5, "brier": 0.25}
    tell(submitted(phase, cast.pavel, one, {**one, "auc": 1.0}))
    submitted(
        phase, cast.pavel, one, {}, minute=1
    )  # as on the board, its mean is of the scores there are
    submitted(phase, cast.pavel, one, one, minute=2, state="failed")
    assert listed(client, cast.pavel, phase) == ["–", "0.38", "0.50"]
    assert listed(client, cast.olga, phase, "/all") == ["–", "0.38", "0.50"]


def test_lists_show_the_rank_of_what_stands_on_a_board_that_one_may_see(
    client: FlaskClient, cast: Cast
) -> None:
    shown = phase_with(cast.competition, AUC, BRIER, RANK, primary_index=2)
    tell(submitted(shown, cast.pavel, {"auc": 0.5, "brier": 0.25}))
    submitted(shown, cast.pavel, {"auc": 0.1, "brier": 0.9}, minute=1)
    assert listed(client, cast.pavel, shown) == ["–", "1.0"]
    hidden = phase_with(cast.other, AUC, BRIER, RANK, primary_index=2, is_hidden=True)
    tell(submitted(hidden, cast.pavel, {"auc": 0.5, "brier": 0.25}))
    make_participant(cast.other, cast.pavel)
    assert listed(client, cast.pavel, hidden) == ["–"]
    assert listed(client, cast.petra, hidden, "/all") == ["1.0"]


def test_lists_strike_the_score_of_what_a_rerun_replaced(client: FlaskClient, cast: Cast) -> None:
    phase = phase_with(cast.competition, AUC)
    original = submitted(phase, cast.pavel, {"auc": 0.5})
    again = submitted(phase, cast.pavel, {"auc": 0.25}, minute=1)
    change(again, rerun_of_id=original.id)
    alone = submitted(phase, cast.pavel, {"auc": 0.1}, minute=2)
    tell(original, again, alone)
    mark = f'<s>0.500</s><br><span class="small quiet">replaced by {again.id}</span>'
    assert listed(client, cast.pavel, phase) == ["0.100", "0.250", mark]
    assert listed(client, cast.olga, phase, "/all") == ["0.100", "0.250", mark]


def test_list_keeps_a_hidden_primary_score_to_itself(client: FlaskClient, cast: Cast) -> None:
    secret = {"key": "secret", "title": "Secret", "is_hidden": True}
    phase = phase_with(cast.competition, AUC, secret, primary_index=1)
    submitted(phase, cast.pavel, {"auc": 0.5, "secret": 1.0})
    assert listed(client, cast.pavel, phase) == ["–"]
