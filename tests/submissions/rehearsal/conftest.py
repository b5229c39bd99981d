from __future__ import annotations

import pytest

from app.competitions.models import Competition, CompetitionSolution
from app.resources.models import FileKind, Solution, Task
from tests.factories import NOW, make_file, save


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.submissions.dispatch.ring", lambda: None)


def make_solution(competition: Competition, tasks: list[Task], name: str) -> Solution:
    """A sample solution that came with a benchmark."""
    from_owner = competition.owner
    file = make_file(from_owner, kind=FileKind.SOLUTION, file_name=f"{name}.zip")
    solution = Solution(
        owner_id=from_owner.id, name=name, file_id=file.id, created_at=NOW, tasks=tasks
    )
    save(solution)
    save(CompetitionSolution(competition_id=competition.id, solution_id=solution.id))
    return solution
