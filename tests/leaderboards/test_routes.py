"""The board's page, its JSON, and putting submissions on it."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, select, update

from app.accounts.models import User
from app.competitions import queries as competitions
from app.competitions.models import Competition, Leaderboard, Phase, PhaseTask
from app.leaderboards import queries, services
from app.leaderboards.models import Entry
from app.platform.db import db, unit_of_work
from app.resources.models import Task
from app.submissions.models import Run, RunOutput, State, Submission
from tests.actors import HTMX, Cast, browser, make_cast
from tests.factories import NOW, make_competition, make_phase, make_user, save
from tests.leaderboards.boards import (
    AUC,
    BRIER,
    counted,
    entries,
    fill,
    phase_with,
    submitted,
    tell,
)

MANY: list[dict[str, Any]] = [AUC, BRIER, *({"key": f"column{number}"} for number in range(8))]
SMALL_AND_LARGE: list[tuple[int, int, list[dict[str, Any]]]] = [(3, 1, [AUC]), (300, 5, MANY)]
"""How many entries, tasks, and the columns."""


@pytest.fixture
def cast(app: Flask) -> Cast:
    return make_cast()


def read(client: FlaskClient, phase: Phase, query: str = "") -> str:
    answer = client.get(f"/phases/{phase.id}/leaderboard{query}")
    assert answer.status_code == 200
    return answer.text


def read_json(client: FlaskClient, phase: Phase, query: str = "") -> Any:
    answer = client.get(f"/phases/{phase.id}/leaderboard.json{query}")
    assert answer.status_code == 200
    return json.loads(answer.data)


def rows_of(text: str) -> list[list[str]]:
    """The cells of the board's rows as text."""
    body = text.split("<tbody", 1)[1].split("</table>", 1)[0]
    found = []
    for row in re.findall(r"<tr.*?</tr>", body, re.S):
        cells = re.findall(r"<t[hd].*?</t[hd]>", row, re.S)
        found.append([" ".join(re.sub(r"<[^>]+>", " ", cell).split()) for cell in cells])
    return found


def tasks_of(phase: Phase) -> list[Task]:
    statement = select(Task).join(PhaseTask, PhaseTask.task_id == Task.id)
    return list(
        db.session.scalars(
            statement.where(PhaseTask.phase_id == phase.id).order_by(PhaseTask.order)
        )
    )


def column(key: str, title: str, **values: Any) -> dict[str, Any]:
    stock = {"key": key, "title": title, "sorting": "desc", "computation": None, "precision": 2}
    return {**stock, "group": None, **values}


def test_json_has_the_documented_shape(cast: Cast, client: FlaskClient) -> None:
    secret = {"key": "secret", "is_hidden": True}
    total = {"key": "sum", "computation": "sum", "computation_indexes": [0], "precision": 1}
    phase = phase_with(cast.competition, BRIER, secret, AUC, total, tasks=2, primary_index=2)
    mine = submitted(phase, cast.pavel, {"auc": 0.5, "secret": 42.0}, {"auc": 1.0, "brier": 0.1})
    tell(mine)
    first, second = tasks_of(phase)
    assert read_json(client, phase) == {
        "competition": {"id": cast.competition.id, "title": "Breast cancer"},
        "phase": {"id": phase.id, "name": phase.name},
        "title": "Results",
        "rule": "Force_Best",
        "primary": "auc",
        "columns": [
            column("auc", "AUROC", precision=3),
            column("brier", "Brier score", sorting="asc"),
            column("sum", "sum", computation="sum", precision=1),
        ],
        "tasks": [{"id": first.id, "name": first.name}, {"id": second.id, "name": second.name}],
        "revisions": {str(first.id): 1, str(second.id): 1},
        "on_earlier_revisions": 0,
        "fact_sheet": [],
        "total": 1,
        "page": 1,
        "pages": 1,
        "page_size": 50,
        "rows": [
            {
                "rank": 1,
                "submission": mine.id,
                "username": "pavel",
                "name": "pavel",
                "submitted_at": "2027-01-14T09:30:00Z",
                "scores": {"auc": 0.75, "brier": None, "sum": 0.1},
                "tasks": {
                    str(first.id): {"auc": 0.5, "brier": None, "sum": None},
                    str(second.id): {"auc": 1.0, "brier": 0.1, "sum": 0.1},
                },
                "earlier_revisions": {},
                "restored_from": None,
                "fact_sheet": {},
                "provenance": f"/submissions/{mine.id}/provenance.json",
                "detailed_results": {},
            }
        ],
    }


def test_page_shows_parents_with_their_tasks_beneath(cast: Cast, client: FlaskClient) -> None:
    phase = phase_with(cast.competition, BRIER, AUC, tasks=2, primary_index=1)
    tell(submitted(phase, cast.pavel, {"auc": 0.5, "brier": 0.125}, {"auc": 1.0}))
    first, second = tasks_of(phase)
    text = read(client, phase)
    assert [row[:3] for row in rows_of(text)] == [
        ["1 pavel", "0.750", "n/a"],
        [first.name, "0.500", "0.12"],
        [second.name, "1.000", "n/a"],
    ]
    assert "means over 2 tasks" in text
    assert "pool the scores" not in text
    assert "Bars span" not in text  # all bars are the same
    assert "Ranked by AUROC, higher is better. The best submission of each participant" in text
    assert [row[0] for row in rows_of(read(client, phase, "?tasks=hidden"))] == ["1 pavel"]


def test_page_of_one_task_says_nothing_of_means(cast: Cast, client: FlaskClient) -> None:
    phase = phase_with(cast.competition, BRIER)
    tell(submitted(phase, cast.pavel, {"brier": 0.5}))
    text = read(client, phase)
    assert "means over" not in text
    assert "Ranked by Brier score, lower is better." in text
    assert len(rows_of(text)) == 1


def test_equal_scores_share_a_rank_in_order_of_submission_and_missing_ones_are_last(
    cast: Cast, client: FlaskClient
) -> None:
    phase = phase_with(cast.competition, AUC)
    people = [make_user(name) for name in ("late", "early", "none", "third")]
    for person, auc, minute in zip(people, [0.9, 0.9, None, 0.1], [2, 1, 0, 3], strict=True):
        scores = {} if auc is None else {"auc": auc}
        tell(submitted(phase, person, scores, minute=minute))
    rows = rows_of(read(client, phase))
    assert [row[:2] for row in rows] == [
        ["1 early", "0.900"],
        ["1 late", "0.900"],
        ["3 third", "0.100"],
        ["4 none", "n/a"],
    ]


def test_ranks_and_ties_go_on_across_pages(cast: Cast, client: FlaskClient) -> None:
    phase = phase_with(cast.competition, AUC, rule="Force_Latest_Multiple")
    for minute, auc in enumerate([0.9, 0.5, 0.5, 0.5, 0.1]):
        tell(submitted(phase, cast.pavel, {"auc": auc}, minute=minute))
    pages = [read_json(client, phase, f"?page={page}&page_size=2") for page in (1, 2, 3, 9)]
    assert [[row["rank"] for row in page["rows"]] for page in pages] == [[1, 2], [2, 2], [5], [5]]
    assert [page["page"] for page in pages] == [1, 2, 3, 3]
    assert pages[0]["total"] == 5
    whole = read_json(client, phase, "?all=true")
    assert whole["rows"] == [row for page in pages[:3] for row in page["rows"]]
    assert (whole["page"], whole["pages"], whole["total"]) == (1, 1, 5)


def test_odd_page_numbers_mean_the_first_page(cast: Cast, client: FlaskClient) -> None:
    phase = phase_with(cast.competition, AUC)
    tell(submitted(phase, cast.pavel, {"auc": 0.5}))
    for query in ("?page=x", "?page=-3", "?page_size=x", "?page_size=0", "?page=0"):
        assert read_json(client, phase, query)["page"] == 1


def test_hidden_columns_are_nowhere_but_a_hidden_primary_still_ranks(
    cast: Cast, client: FlaskClient
) -> None:
    secret = {"key": "secret", "title": "Private score", "is_hidden": True}
    phase = phase_with(cast.competition, AUC, secret, primary_index=1)
    tell(submitted(phase, cast.pavel, {"auc": 0.9, "secret": 0.12345}))
    tell(submitted(phase, cast.petra, {"auc": 0.1, "secret": 0.54321}))
    viewer = competitions.viewer(cast.olga)
    page = read(browser(client.application, cast.olga), phase)
    for standing in queries.board(competitions.get_phase(phase.id, viewer), viewer).page.rows:
        assert set(standing.overall) == {"auc"} == set(*standing.tasks.values())
    raw = client.get(f"/phases/{phase.id}/leaderboard.json?all=true").text
    for text in (page, raw):
        assert not re.search("ecret|Private score|0.12345|0.54321", text)
    assert [row[:2] for row in rows_of(page)] == [["1 petra", "0.100"], ["2 pavel", "0.900"]]
    assert "Ranked by a score that the organizers keep hidden." in page
    assert json.loads(raw)["primary"] is None


def hide_board(phase: Phase) -> None:
    with unit_of_work():
        board = update(Leaderboard).where(Leaderboard.id == phase.leaderboard_id)
        db.session.execute(board.values(is_hidden=True))


def test_hidden_board_opens_to_organizers_and_staff_alone(app: Flask, cast: Cast) -> None:
    phase = phase_with(cast.competition, AUC)
    tell(submitted(phase, cast.pavel, {"auc": 0.471}))
    hide_board(phase)
    path = f"/phases/{phase.id}/leaderboard"
    for part, person in cast.people().items():
        client = browser(app, person)
        opens = part in ("organizer", "staff")
        answers = [client.get(path), *(client.get(f"{path}.json{q}") for q in ("", "?all=true"))]
        assert [answer.status_code for answer in answers] == [200 if opens else 403] * 3, part
        assert ["0.471" in answer.text for answer in answers] == [opens] * 3, part
        assert ("This leaderboard is hidden" in answers[0].text) != opens, part
        poll = client.get(path, headers=HTMX)
        assert ("0.471" in poll.text) == opens, part
        assert poll.headers.get("HX-Redirect") == (None if opens else path), part


def test_board_of_an_unpublished_benchmark_does_not_exist_for_strangers(
    app: Flask, cast: Cast
) -> None:
    draft = make_competition(cast.olga, is_published=False)
    phase = phase_with(draft, AUC)
    for person, expected in [(cast.olga, 200), (cast.petra, 404), (None, 404)]:
        client = browser(app, person)
        paths = [f"/phases/{phase.id}/leaderboard", f"/phases/{phase.id}/leaderboard.json"]
        assert [client.get(path).status_code for path in paths] == [expected] * 2


def test_board_shows_its_own_phase_and_no_other(cast: Cast, client: FlaskClient) -> None:
    phase, other = phase_with(cast.competition, AUC), phase_with(cast.other, AUC)
    tell(submitted(phase, cast.pavel, {"auc": 0.9}), submitted(other, cast.wanda, {"auc": 0.8}))
    assert [row["username"] for row in read_json(client, phase)["rows"]] == ["pavel"]
    assert [row["username"] for row in read_json(client, other)["rows"]] == ["wanda"]


def test_own_row_is_marked_and_pinned_when_it_stands_on_another_page(
    app: Flask, cast: Cast
) -> None:
    phase = phase_with(cast.competition, AUC, rule="Force_Latest_Multiple")
    fill(phase, [make_user("crowd")], 60)
    mine = submitted(phase, cast.pavel, {"auc": 4.5})
    tell(mine, submitted(phase, cast.pavel, {"auc": 0.5}, minute=1))
    client = browser(app, cast.pavel)
    text = read(client, phase)
    pinned = rows_of(text)[0]
    assert pinned[:2] == ["56 pavel ( you, page 2 )", "4.500"]
    assert text.count('aria-current="true"') == 2  # the row, and the site's link to benchmarks
    assert f'href="/phases/{phase.id}/leaderboard?page=2"' in text
    second = read(client, phase, "?page=2")
    assert "board__pinned" not in second
    assert [row[0] for row in rows_of(second) if "you" in row[0]] == [
        "56 pavel (you)",
        "61 pavel (you)",
    ]
    assert "you" not in " ".join(row[0] for row in rows_of(read(app.test_client(), phase)))


def test_names_are_shown_as_text(cast: Cast, client: FlaskClient) -> None:
    phase = phase_with(cast.competition, {"key": "x", "title": "<i>AUC</i>"})
    tell(submitted(phase, make_user(display_name="<b>Bold</b>"), {"x": 0.5}))
    text = read(client, phase)
    assert "&lt;b&gt;Bold&lt;/b&gt;" in text
    assert "<b>Bold" not in text
    assert "<i>AUC" not in text


def test_empty_board_says_what_would_fill_it(cast: Cast, client: FlaskClient) -> None:
    phase = phase_with(cast.competition, AUC)
    assert "Nothing stands on this board yet" in read(client, phase)
    assert read_json(client, phase)["rows"] == []


def test_phase_without_a_board_says_so(cast: Cast, client: FlaskClient) -> None:
    phase = make_phase(cast.competition)
    with unit_of_work():
        db.session.get_one(Phase, phase.id).leaderboard_id = None
    assert "ranks nothing" in read(client, phase)
    assert client.get(f"/phases/{phase.id}/leaderboard.json").status_code == 404


def test_leaderboard_of_a_benchmark_is_that_of_the_phase_that_started_last(
    cast: Cast, client: FlaskClient
) -> None:
    competition = make_competition(cast.olga)
    path = f"/benchmarks/{competition.id}/leaderboard"
    assert "No phases yet" in client.get(path).text
    later = make_phase(competition, index=2, starts_at=NOW + timedelta(days=36500), ends_at=None)
    assert client.get(path).location == f"/phases/{later.id}/leaderboard"
    past = make_phase(competition, index=0, starts_at=NOW - timedelta(days=900))
    recent = make_phase(competition, index=1, starts_at=NOW - timedelta(days=800))
    assert past.id != recent.id
    answer = client.get(path)
    assert (answer.status_code, answer.location) == (303, f"/phases/{recent.id}/leaderboard")


def test_poll_is_answered_only_when_something_changed(cast: Cast, client: FlaskClient) -> None:
    phase = phase_with(cast.competition, AUC)
    tell(submitted(phase, cast.pavel, {"auc": 0.5}))
    text = read(client, phase)
    poll = re.search(r'hx-get="([^"]+seen=[^"]+)" hx-trigger="every 5s"', text)
    assert poll is not None
    url = poll[1].replace("&amp;", "&")
    assert client.get(url, headers=HTMX).status_code == 204
    tell(submitted(phase, cast.petra, {"auc": 0.9}))
    answer = client.get(url, headers=HTMX)
    assert answer.status_code == 200
    assert "<html" not in answer.text
    assert [row[0] for row in rows_of(answer.text)] == ["1 petra", "2 pavel"]
    assert f'<div id="board-{phase.id}-pages" hx-swap-oob="true">' in answer.text
    assert client.get(url).status_code == 200


def test_poll_notices_a_changed_name_and_a_rescored_run(cast: Cast, client: FlaskClient) -> None:
    phase = phase_with(cast.competition, AUC)
    tell(submitted(phase, cast.pavel, {"auc": 0.5}))
    found = re.search(r"seen=(\w+)", read(client, phase))
    assert found is not None
    url = f"/phases/{phase.id}/leaderboard?seen={found[1]}"
    assert client.get(url, headers=HTMX).status_code == 204
    with unit_of_work():
        db.session.execute(
            update(User).where(User.id == cast.pavel.id).values(display_name="Pasha")
        )
    assert "1 Pasha" in rows_of(client.get(url, headers=HTMX).text)[0]


def test_updates_can_be_stopped(cast: Cast, client: FlaskClient) -> None:
    phase = phase_with(cast.competition, AUC)
    assert 'hx-trigger="every' in read(client, phase)
    stopped = read(client, phase, "?live=off")
    assert 'hx-trigger="every' not in stopped
    assert "Follow live" in stopped


def test_json_is_confirmed_by_its_tag_until_it_changes(cast: Cast, client: FlaskClient) -> None:
    phase = phase_with(cast.competition, AUC)
    tell(submitted(phase, cast.pavel, {"auc": 0.5}))
    for path in (f"/phases/{phase.id}/leaderboard.json{query}" for query in ("", "?all=true")):
        first = client.get(path)
        assert first.headers["Cache-Control"] == "private, no-cache"
        known = {"If-None-Match": first.headers["ETag"]}
        again = client.get(path, headers=known)
        assert (again.status_code, again.data) == (304, b"")
        tell(submitted(phase, make_user(), {"auc": 0.9}))
        assert client.get(path, headers=known).status_code == 200


@pytest.mark.parametrize("tasks", [1, 2])
def test_detailed_results_are_linked_where_the_benchmark_shows_them(
    cast: Cast, client: FlaskClient, tasks: int
) -> None:
    competition = make_competition(cast.olga, enable_detailed_results=True)
    phase = phase_with(competition, AUC, tasks=tasks)
    mine = submitted(phase, cast.pavel, *[{"auc": 0.5}] * tasks)
    tell(mine)
    run = db.session.scalars(select(Run).where(Run.submission_id == mine.id)).first()
    assert run is not None
    url = f"/runs/{run.id}/detailed-results"
    save(_output(run, "scoring_output"))
    assert url not in read(client, phase)
    save(_output(run, "detailed_results"))
    assert read(client, phase).count(f'href="{url}"') == 1
    assert read(client, phase, "?tasks=hidden").count(f'href="{url}"') == 1
    assert read_json(client, phase)["rows"][0]["detailed_results"] == {str(run.task_id): url}
    with unit_of_work():
        db.session.execute(update(Competition).values(show_detailed_results_in_leaderboard=False))
    assert url not in read(client, phase)
    assert read_json(client, phase)["rows"][0]["detailed_results"] == {}


def _output(run: Run, kind: str) -> RunOutput:
    return RunOutput(
        run_id=run.id, kind=kind, attempt=1, bucket="runs", object_key=kind, size_bytes=1
    )


def test_fact_sheet_answers_stand_beside_scores_where_the_organizer_wants_them(
    cast: Cast, client: FlaskClient
) -> None:
    def question(key: str, kind: str, *, shown: bool) -> dict[str, Any]:
        return {
            "key": key, "type": kind, "title": f"Title of {key}", "selection": [],
            "is_required": False, "is_on_leaderboard": shown,
        }  # fmt: skip

    sheet = [
        question("method", "text", shown=True),
        question("open", "checkbox", shown=True),
        question("private", "text", shown=False),
    ]
    phase = phase_with(make_competition(cast.olga, fact_sheet=sheet), AUC)
    mine = submitted(phase, cast.pavel, {"auc": 0.5})
    with unit_of_work():
        answers = {"method": "<forest>", "open": True, "private": "4711"}
        db.session.get_one(Submission, mine.id).fact_sheet_answers = answers
    tell(mine, submitted(phase, cast.petra, {"auc": 0.1}))
    text = read(client, phase)
    assert "Title of method" in text
    assert "Title of private" not in text
    assert "4711" not in text
    assert [row[2:4] for row in rows_of(text)] == [["&lt;forest&gt;", "Yes"], ["", ""]]
    rows = read_json(client, phase)["rows"]
    assert [row["fact_sheet"] for row in rows] == [
        {"method": "<forest>", "open": True},
        {"method": "", "open": ""},
    ]


def test_participant_puts_a_submission_on_the_board_and_takes_it_off(
    app: Flask, cast: Cast
) -> None:
    phase = phase_with(cast.competition, AUC, rule="Add_And_Delete")
    mine = submitted(phase, cast.pavel, {"auc": 0.5})
    client = browser(app, cast.pavel)
    add, remove = f"/submissions/{mine.id}/entry", f"/submissions/{mine.id}/entry/remove"
    text = read(client, phase)
    assert f'action="{add}"' in text
    assert f'action="{remove}"' not in text
    answer = client.post(add)
    assert (answer.status_code, answer.location) == (303, f"/phases/{phase.id}/leaderboard")
    assert entries(phase) == [mine.id]
    assert f'action="{remove}"' in read(client, phase)
    answer = client.post(remove, headers=HTMX)
    assert answer.headers["HX-Redirect"] == f"/phases/{phase.id}/leaderboard"
    assert entries(phase) == []


def test_board_that_chooses_by_itself_offers_no_choice(app: Flask, cast: Cast) -> None:
    phase = phase_with(cast.competition, AUC)
    mine = submitted(phase, cast.pavel, {"auc": 0.5})
    client = browser(app, cast.pavel)
    assert "Your finished submissions" not in read(client, phase)
    answer = client.post(f"/submissions/{mine.id}/entry")
    assert answer.status_code == 409
    assert "by hand" in answer.text


def test_only_finished_submissions_of_ones_own_are_offered(app: Flask, cast: Cast) -> None:
    phase = phase_with(cast.competition, AUC, rule="Add")
    mine = submitted(phase, cast.pavel, {"auc": 0.5})
    submitted(phase, cast.pavel, state=State.FAILED)
    submitted(phase, cast.wanda, {"auc": 0.5})
    text = read(browser(app, cast.pavel), phase)
    assert re.findall(r'action="(/submissions/\d+/entry)"', text) == [
        f"/submissions/{mine.id}/entry"
    ]
    assert "Your finished submissions" not in read(app.test_client(), phase)


def test_entries_are_changed_by_owner_organizer_and_staff_alone(app: Flask, cast: Cast) -> None:
    phase = phase_with(cast.competition, AUC, rule="Add_And_Delete_Multiple")
    added = submitted(phase, cast.pavel, {"auc": 0.5})
    for part, person in cast.people().items():
        removed = submitted(phase, cast.pavel, {"auc": 0.5})
        with unit_of_work():
            db.session.execute(delete(Entry))
            owner = competitions.viewer(cast.pavel)
            services.add(owner, queries.submission(removed.id, owner), now=NOW)
        client = browser(app, person)
        paths = [f"/submissions/{added.id}/entry", f"/submissions/{removed.id}/entry/remove"]
        answers = [client.post(path).status_code for path in paths]
        if part in ("participant", "organizer", "staff"):
            assert answers == [303, 303], part
            assert entries(phase) == [added.id], part
        else:
            assert answers == [303 if part == "visitor" else 404] * 2, part
            assert entries(phase) == [removed.id], part


def selects(client: FlaskClient, path: str) -> int:
    """How many statements read the database to answer this."""
    db.session.rollback()
    with counted() as statements:
        assert client.get(path).status_code == 200
    return len([statement for statement in statements if statement.startswith("SELECT")])


def test_number_of_statements_does_not_grow_with_rows_tasks_and_columns(
    app: Flask, cast: Cast
) -> None:
    competition = make_competition(cast.olga, enable_detailed_results=True)
    client = browser(app, cast.olga)
    counts: list[list[int]] = []
    for size, tasks, columns in SMALL_AND_LARGE:
        phase = phase_with(competition, *columns, tasks=tasks, rule="Force_Latest_Multiple")
        fill(phase, [cast.petra, cast.wanda, cast.rita], size)
        path = f"/phases/{phase.id}/leaderboard"
        asked = ("", "?tasks=shown", ".json", ".json?all=true", ".json?page_size=500")
        counts.append([selects(client, path + query) for query in asked])
        if size > 50:  # one more, for the rank of the first row of a later page
            assert selects(client, f"{path}?page=2") == counts[-1][0] + 1
    assert counts[0] == counts[1]
    assert max(counts[0]) < 20
