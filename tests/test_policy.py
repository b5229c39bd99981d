"""Who may do what: the complete matrix. The reference page about permissions is made from it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.bundles.models import BundleImport
from app.competitions.models import Competition, Leaderboard, Membership, Phase
from app.errors import Forbidden
from app.policy import RULES, Act, Thing, Viewer, can, require
from app.queues.models import ComputeQueue, QueueMember, Role
from app.resources.models import Solution, StoredFile, Task, TaskRole, TaskShare
from app.submissions.models import Submission

PUBLISHED, HIDDEN, OTHER = 1, 2, 3
OLGA, PAVEL = 10, 11


def _person(user_id: int, status: str = "", **more: object) -> Viewer:
    memberships = {PUBLISHED: status, HIDDEN: status} if status else {}
    return Viewer(user_id=user_id, memberships=memberships, **more)  # type: ignore[arg-type]


ACTORS = {
    "V": Viewer(),  # visitor
    "L": Viewer(opened=frozenset({HIDDEN})),  # visitor who followed the secret link
    "M": Viewer(user_id=20, opened=frozenset({HIDDEN})),  # the same, logged in
    "S": Viewer(user_id=21, memberships={OTHER: Membership.APPROVED}),  # stranger; organizes OTHER
    "W": _person(22, Membership.PENDING),
    "D": _person(23, Membership.DENIED),
    "P": _person(PAVEL, Membership.APPROVED),  # participant, and owner of the submissions
    "Q": _person(24, Membership.APPROVED),  # another participant
    "O": _person(OLGA),  # organizer, and owner of files, tasks and imports
    "R": _person(25, is_staff=True),
}
ALL = "VLMSWDPQOR"
PEOPLE = "MSWDPQOR"


def _competition(competition_id: int) -> Competition:
    return Competition(id=competition_id, owner_id=OLGA, is_published=competition_id == PUBLISHED)


def _phase(competition_id: int, board: str = "shown", /, **hidden: bool) -> Phase:
    shown = Leaderboard(is_hidden=board == "hidden") if board else None
    return Phase(competition=_competition(competition_id), leaderboard=shown, **hidden)


def _submission(competition_id: int, *, is_trial: bool = False, **hidden: bool) -> Submission:
    phase = _phase(competition_id, **hidden)
    return Submission(owner_id=PAVEL, phase=phase, is_trial=is_trial)


SHARED = {PAVEL: Role.COLLABORATOR, 24: Role.ORGANIZER}


def _queue(*, members: Mapping[int, str] | None = None, **more: object) -> ComputeQueue:
    rows = [QueueMember(user_id=one, role=role) for one, role in (members or {}).items()]
    return ComputeQueue(owner_id=OLGA, members=rows, **more)


THINGS: dict[str, Thing] = {
    "nothing": None,
    "published benchmark": _competition(PUBLISHED),
    "hidden benchmark": _competition(HIDDEN),
    "phase": _phase(PUBLISHED),
    "phase of a hidden benchmark": _phase(HIDDEN),
    "phase with a hidden board": _phase(PUBLISHED, "hidden"),
    "phase without a board": _phase(PUBLISHED, ""),
    "phase whose results are hidden": _phase(PUBLISHED, hide_results=True),
    "submission": _submission(PUBLISHED),
    "submission to a hidden benchmark": _submission(HIDDEN),
    "submission whose outputs are hidden": _submission(PUBLISHED, hide_output=True),
    "submission whose results are hidden": _submission(PUBLISHED, hide_results=True),
    "trial of a submission": _submission(PUBLISHED, is_trial=True),
    "file": StoredFile(owner_id=OLGA, is_public=False),
    "public file": StoredFile(owner_id=OLGA, is_public=True),
    "task": Task(owner_id=OLGA, is_public=False),
    "public task": Task(owner_id=OLGA, is_public=True),
    "shared task": Task(
        owner_id=OLGA,
        shares=[
            TaskShare(user_id=PAVEL, role=TaskRole.VIEW),
            TaskShare(user_id=24, role=TaskRole.USE),
        ],
    ),
    "solution": Solution(owner_id=OLGA),
    "default queue": ComputeQueue(is_default=True),
    "private queue": _queue(),
    "shared queue": _queue(members=SHARED),
    "public queue": _queue(is_public=True),
    "retired queue": _queue(is_public=True, retired_at=datetime(2027, 1, 1, tzinfo=UTC)),
    "import": BundleImport(owner_id=OLGA),
}

MATRIX: dict[Act, dict[str, str]] = {
    Act.ACCOUNT_MATCH: {"nothing": "R"},
    Act.BOARD_VIEW: {
        "phase": ALL,
        "phase of a hidden benchmark": "LMPQOR",
        "phase with a hidden board": "OR",
        "phase without a board": "OR",
        "phase whose results are hidden": "OR",
    },
    Act.BUNDLE_IMPORT: {"nothing": PEOPLE},
    Act.COMPETITION_ARCHIVE: {"published benchmark": "OR", "hidden benchmark": "OR"},
    Act.COMPETITION_CREATE: {"nothing": PEOPLE},
    Act.COMPETITION_EDIT: {"published benchmark": "OR", "hidden benchmark": "OR"},
    Act.COMPETITION_GRANT: {"published benchmark": "R", "hidden benchmark": "R"},
    Act.COMPETITION_PUBLISH: {"published benchmark": "OR", "hidden benchmark": "OR"},
    Act.COMPETITION_REGISTER: {"published benchmark": PEOPLE, "hidden benchmark": "MO"},
    Act.COMPETITION_VIEW: {"published benchmark": ALL, "hidden benchmark": "LMPQOR"},
    Act.ENTRY_CHANGE: {
        "submission": "POR",
        "submission to a hidden benchmark": "POR",
        "trial of a submission": "OR",
    },
    Act.FILE_CHANGE: {"file": "O", "public file": "O"},
    Act.FILE_EDIT: {"file": "OR", "public file": "OR"},
    Act.FILE_UPLOAD: {"nothing": PEOPLE},
    Act.FILE_USE: {"file": "O", "public file": ALL},
    Act.FILE_VIEW: {"file": "OR", "public file": ALL},
    Act.IMPORT_VIEW: {"import": "OR"},
    Act.PARTICIPANT_DECIDE: {"published benchmark": "OR", "hidden benchmark": "OR"},
    Act.QUEUE_CREATE: {"nothing": PEOPLE},
    Act.QUEUE_EDIT: {
        "default queue": "R",
        "private queue": "OR",
        "shared queue": "POR",
        "public queue": "OR",
    },
    Act.QUEUE_SHARE: {
        "default queue": "R",
        "private queue": "OR",
        "shared queue": "OR",
        "public queue": "OR",
    },
    Act.QUEUE_USE: {
        "default queue": PEOPLE,
        "private queue": "OR",
        "shared queue": "PQOR",
        "public queue": PEOPLE,
        "retired queue": "",
    },
    Act.QUEUE_VIEW: {
        "default queue": PEOPLE,
        "private queue": "OR",
        "shared queue": "PQOR",
        "public queue": PEOPLE,
        "retired queue": "OR",
    },
    Act.QUOTA_SET: {"nothing": "R"},
    Act.SOLUTION_USE: {"solution": "O"},
    Act.STYLEGUIDE_VIEW: {"nothing": "R"},
    Act.SUBMISSION_CANCEL: {
        "submission": "POR",
        "submission to a hidden benchmark": "POR",
        "trial of a submission": "OR",
    },
    Act.SUBMISSION_CREATE: {"phase": "PQ", "phase of a hidden benchmark": ""},
    Act.SUBMISSION_MOVE: {"published benchmark": "OR", "hidden benchmark": "OR"},
    Act.SUBMISSION_RUN: {
        "submission": "OR",
        "submission to a hidden benchmark": "OR",
        "trial of a submission": "OR",
    },
    Act.SUBMISSION_VIEW: {
        "submission": "POR",
        "submission to a hidden benchmark": "POR",
        "trial of a submission": "OR",
    },
    Act.SUBMISSION_VIEW_OUTPUTS: {
        "submission": "POR",
        "submission to a hidden benchmark": "POR",
        "submission whose outputs are hidden": "OR",
        "trial of a submission": "OR",
    },
    Act.SUBMISSION_VIEW_SCORES: {
        "submission": "POR",
        "submission to a hidden benchmark": "POR",
        "submission whose results are hidden": "OR",
        "trial of a submission": "OR",
    },
    Act.TASK_CREATE: {"nothing": PEOPLE},
    Act.TASK_EDIT: {"task": "O", "public task": "O", "shared task": "O"},
    Act.TASK_SHARE: {"task": "OR", "public task": "OR", "shared task": "OR"},
    Act.TASK_USE: {"task": "O", "public task": ALL, "shared task": "QO"},
    Act.TASK_VIEW: {"task": "OR", "public task": ALL, "shared task": "PQOR"},
}

CELLS = [(act, thing, who) for act, row in MATRIX.items() for thing, who in row.items()]


@pytest.mark.security
@pytest.mark.parametrize(("act", "thing", "who"), CELLS)
def test_exactly_these_may(act: Act, thing: str, who: str) -> None:
    found = "".join(letter for letter, viewer in ACTORS.items() if can(viewer, act, THINGS[thing]))
    assert found == who


def test_every_act_is_in_the_matrix_and_has_a_rule() -> None:
    assert set(MATRIX) == set(RULES) == set(Act)


@pytest.mark.security
@pytest.mark.parametrize("act", [act for act in Act if "nothing" not in MATRIX[act]])
def test_act_on_nothing_is_for_staff_at_most(act: Act) -> None:
    assert "".join(letter for letter, viewer in ACTORS.items() if can(viewer, act)) in ("", "R")


def test_acts_are_named_noun_and_verb_in_alphabetical_order() -> None:
    assert [act.value for act in Act] == sorted(act.value for act in Act)
    assert all(act.name == act.value.upper().replace(":", "_").replace("-", "_") for act in Act)


@pytest.mark.parametrize("act", list(Act))
def test_refusals_say_something_and_end_with_a_stop(act: Act) -> None:
    if can(ACTORS["V"], act):
        pytest.fail("a visitor may do this to nothing")
    with pytest.raises(Forbidden, match=r"^[A-Z].*\.$"):
        require(ACTORS["V"], act)


HEAD = """# Permissions

Who may do what. This page is made from the matrix in `tests/test_policy.py`, which tests the rules
in `app/policy.py`; after a change, `.venv/bin/python -m tests.test_policy` writes it anew.

V a visitor · L a visitor who followed the preview link · M the same, logged in · S a stranger ·
W waits for approval · D was declined · P a participant, whose submission it is · Q another
participant · O the organizer, who owns the files, tasks, imports and queues · R an administrator

A shared queue has P as a collaborator and Q as an organizer; a retired one was public. A shared task
lets P see it and Q use it.

"""


def as_page() -> str:
    """Return the matrix as the reference page."""
    lines = ["| act | on | " + " | ".join(ALL) + " |", "|---|---|" + "---|" * len(ALL)]
    for act, thing, who in CELLS:
        marks = ["yes" if letter in who else "" for letter in ALL]
        lines.append(f"| `{act}` | {thing} | " + " | ".join(marks) + " |")
    return HEAD + "\n".join(lines) + "\n"


PAGE = Path(__file__).resolve().parent.parent / "docs/reference/permissions.md"


def test_reference_page_shows_this_matrix() -> None:
    assert PAGE.read_text() == as_page()


if __name__ == "__main__":
    PAGE.write_text(as_page())
