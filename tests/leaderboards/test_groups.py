"""Titles over the columns of a board."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from flask import Flask

from app.competitions import queries as competitions
from app.leaderboards.standings import Definition
from app.policy import Viewer
from tests.actors import browser
from tests.factories import make_board, make_competition, make_phase, make_user
from tests.leaderboards.boards import AUC, entries, phase_with, submitted, tell

DICE, HAUSDORFF = "Dice", "Hausdorff distance"
COLUMNS: list[dict[str, Any]] = [
    {"key": "rank", "computation": "avg_dense_rank", "computation_indexes": [1, 3], "sorting": "asc"},
    {"key": "dice_core", "group": DICE},
    {"key": "dice_whole", "group": DICE},
    {"key": "hd_core", "group": HAUSDORFF, "sorting": "asc"},
]  # fmt: skip


def test_group_titles_span_their_columns(app: Flask) -> None:
    phase = phase_with(make_competition(), *COLUMNS)
    tell(submitted(phase, make_user("pavel"), {"dice_core": 0.5, "dice_whole": 0.7, "hd_core": 3}))
    client = browser(app, None)
    head = (
        client.get(f"/phases/{phase.id}/leaderboard").text.split("<thead>")[1].split("</thead>")[0]
    )
    titles = re.findall(r'scope="colgroup"[^>]*colspan="(\d+)">([^<]+)<', head)
    assert titles == [("2", DICE), ("1", HAUSDORFF)]
    top, columns = head.split("</tr>")[:2]
    width = sum(int(span) for span in re.findall(r'colspan="(\d+)"', top))
    assert 1 + width == columns.count("<th")
    about = json.loads(client.get(f"/phases/{phase.id}/leaderboard.json").data)
    assert [one["group"] for one in about["columns"]] == [None, DICE, DICE, HAUSDORFF]
    assert about["rows"][0]["scores"]["rank"] == 1.0


def definition(*columns: Mapping[str, Any], **board: Any) -> Definition:
    phase = phase_with(make_competition(), *columns, **board)
    loaded = competitions.get_phase(phase.id, Viewer())
    assert loaded.leaderboard is not None
    return Definition.of(loaded, loaded.leaderboard)


def test_board_without_groups_has_one_row_of_titles(app: Flask) -> None:
    assert definition().groups == []


def test_primary_column_that_leaves_its_group_repeats_the_title(app: Flask) -> None:
    about = definition(*COLUMNS[1:3], {"key": "time"}, *COLUMNS[3:], primary_index=1)
    assert about.groups == [(DICE, 2), ("", 1), (HAUSDORFF, 1)]
    about = definition(*COLUMNS[1:3], {"key": "time"}, *COLUMNS[3:], primary_index=2)
    assert about.groups == [("", 1), (DICE, 2), (HAUSDORFF, 1)]
    about = definition(COLUMNS[1], {"key": "time"}, COLUMNS[2], primary_index=0)
    assert about.groups == [(DICE, 1), ("", 1), (DICE, 1)]


def test_phase_may_have_a_rule_of_its_own(app: Flask) -> None:
    competition, pavel = make_competition(), make_user("pavel")
    board = make_board(competition, [AUC], submission_rule="Force_Best")
    phase = make_phase(competition, board=board)
    own = make_phase(competition, board=board, submission_rule="Force_Last")
    for one in (phase, own):
        better = submitted(one, pavel, {"auc": 0.9})
        later = submitted(one, pavel, {"auc": 0.5}, minute=1)
        tell(better, later)
        assert entries(one) == [better.id if one is phase else later.id]
    about = json.loads(browser(app, None).get(f"/phases/{own.id}/leaderboard.json").data)
    assert about["rule"] == "Force_Last"
