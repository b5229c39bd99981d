"""How the end of a container is put into words."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.fakes.engine import Desk, FakeEngine
from tests.worker.site import Site, zip_of
from worker.command import Role
from worker.contract import Blame


@pytest.mark.parametrize(
    "words",
    [
        "bwrap: execvp predict: No such file or directory",
        "ERROR (catatonit:6): failed to exec pid1: No such file or directory",
    ],
)
def test_program_that_is_not_there_is_named(
    site: Site, attempt: Callable[..., None], words: str
) -> None:
    def absent(desk: Desk) -> int:
        desk.say(words, error=True)
        return 1

    site.inputs["submission"] = zip_of({"metadata.yaml": "command: predict $input\n"})
    attempt(FakeEngine({Role.PREDICTION_PROGRAM: absent}))
    assert site.last().blame == Blame.PARTICIPANT
    assert "'predict' was not found" in site.last().text
