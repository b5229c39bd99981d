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
        "[FATAL tini (7)] exec predict failed: Permission denied",
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


@pytest.mark.parametrize(
    ("code", "words", "sentence"),
    [
        (127, "sh: 1: tool: not found", "code 127 (a program that it starts was not found). Its"),
        (139, "", "ended with code 139 (SIGSEGV). It wrote no output."),
        (1, "urlopen error [Errno -3] Temporary failure in name resolution",
         "ended with code 1. Programs of this benchmark have no network. Its last words"),
        (250, "", "ended with code 250. It wrote no output."),
    ],
)  # fmt: skip
def test_code_of_a_program_is_explained(
    site: Site, attempt: Callable[..., None], code: int, words: str, sentence: str
) -> None:
    def fail(desk: Desk) -> int:
        desk.say(words, error=True)
        return code

    site.inputs["submission"] = zip_of({"metadata.yaml": "command: sh -c tool\n"})
    attempt(FakeEngine({Role.PREDICTION_PROGRAM: fail}))
    assert site.last().blame == Blame.PARTICIPANT
    assert sentence in site.last().text


@pytest.mark.parametrize(
    ("command", "problem", "blame"),
    [
        ("predict", 'exec: "predict": executable file not found in $PATH', Blame.PARTICIPANT),
        ("predict", "executable file `predict` not found in $PATH", Blame.PARTICIPANT),
        ("sh run.sh", "failed to create shim task: no space left on device", Blame.PLATFORM),
        ("predict", 'exec: "docker-init": executable file not found in $PATH', Blame.PLATFORM),
    ],
)
def test_container_that_never_ran_is_its_commands_fault_only_if_that_is_named(
    site: Site, attempt: Callable[..., None], command: str, problem: str, blame: Blame
) -> None:
    def never(desk: Desk) -> int:
        desk.problem = problem
        return -1

    site.inputs["submission"] = zip_of({"metadata.yaml": f"command: {command}\n"})
    attempt(FakeEngine({Role.PREDICTION_PROGRAM: never}))
    assert site.last().blame == blame
