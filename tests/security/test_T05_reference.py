"""Reference data reaches no participant, whatever their code looks at and whatever scoring says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest
from sqlalchemy import select

from app.platform.db import db
from app.resources.models import StoredFile
from tests.insider import Benchmark, Insider
from tests.loose import SHORT, LooseStack
from tests.person import Person
from tests.security.crawling import everything
from tests.security.sandboxed import SEARCH
from tests.services.bundles import bundle, code, program, result

pytestmark = [pytest.mark.security, pytest.mark.services]

_CANARY = "canary-of-the-reference-data"
_REFERENCE = {"truth.txt": f"2 {_CANARY}", f"{_CANARY}.txt": "x"}

_TALKATIVE = """\
import pathlib, sys
home, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
truth = (home / "ref" / "truth.txt").read_text()
print("scoring with", truth, flush=True)
print("scoring with", truth, file=sys.stderr, flush=True)
answer = (home / "res" / "answer.txt").read_text()
if answer == "-1.0":
    raise ValueError(f"{answer} is not {truth}")
(out / "scores.json").write_text('{"score": 1}')
"""
"""A scoring program that says what it should keep to itself, and then some."""

_LEADER = """\
import subprocess, sys, time
subprocess.run(["python3", "/app/ingested_program/main.py", sys.argv[1], sys.argv[2]], check=True)
open(sys.argv[1] + "/over", "w").close()
"""
"""An ingestion program that runs the submission while scoring goes on."""

_WAITS = """\
import pathlib, sys, time
over = pathlib.Path("/app/shared/over")
while not over.exists():
    time.sleep(0.05)
"""


@dataclass(frozen=True)
class Hunt:
    """A site where a participant has done everything to learn what only scoring may know."""

    stack: LooseStack
    insider: Insider
    submissions: dict[str, int]
    keys: list[str]

    @contextmanager
    def person(self, name: str) -> Iterator[Person]:
        """Somebody at a browser."""
        with Person(self.stack.base_url, self.insider.cookie(name)) as person:
            yield person


@pytest.fixture(scope="module")
def hunt(
    docker_settings: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Hunt]:
    with ExitStack() as open_things:
        folder = tmp_path_factory.mktemp("reference")
        stack = open_things.enter_context(LooseStack(folder / "stack", SHORT | docker_settings))
        insider = open_things.enter_context(Insider(stack.environ))
        submissions = _submit_all(insider)
        for submission in submissions.values():
            insider.wait(submission)
        with insider.inside():
            keys = [str(key) for key in db.session.scalars(select(StoredFile.key))]
        yield Hunt(stack, insider, submissions, keys)


def _submit_all(insider: Insider) -> dict[str, int]:
    needle = _CANARY.encode().hex()
    plain = insider.benchmark(
        bundle("Plain", scoring=program(_TALKATIVE), references=[_REFERENCE]), "pavel"
    )
    leading = program(_LEADER, f"command: python3 $program/main.py $shared {needle}\n")
    both = insider.benchmark(
        bundle(
            "Both at once", scoring=program(_WAITS + _TALKATIVE),
            ingestion=leading, references=[_REFERENCE], during_scoring=True,
        ),
        "pavel",
    )  # fmt: skip
    search = f"command: python3 $program/main.py $output {needle}\n"
    return {
        "result": _send(insider, plain, result()),
        "failure": _send(insider, plain, result(-1.0)),
        "search": _send(insider, plain, code(SEARCH, search)),
        # Without metadata its files are results, and the organizer's ingestion runs them.
        "search while scoring": _send(insider, both, _files(SEARCH)),
    }


def _files(text: str) -> bytes:
    return result(0.5, **{"main.py": text})


def _send(insider: Insider, benchmark: Benchmark, content: bytes) -> int:
    return insider.submit("pavel", benchmark.phases[0], content)


def test_search_of_the_program_finds_nothing(hunt: Hunt) -> None:
    seen = hunt.insider.look(hunt.submissions["search"])
    assert seen.state == "finished", seen
    said = seen.run.logs["prediction_stdout"].splitlines()
    assert said == ["looked at many files", "foreign: 0 [] 0 0"]


def test_search_beside_the_scoring_program_finds_nothing(hunt: Hunt) -> None:
    seen = hunt.insider.look(hunt.submissions["search while scoring"])
    assert seen.state == "finished", seen.run.logs
    said = seen.run.logs["scoring_ingestion_stdout"].splitlines()
    assert said == ["looked at many files", "foreign: 0 [] 0 0"]


def test_scoring_of_this_test_says_the_secret(hunt: Hunt) -> None:
    for name in ("result", "failure"):
        seen = hunt.insider.look(hunt.submissions[name])
        assert _CANARY in seen.run.logs["scoring_stdout"]
        assert _CANARY in seen.run.logs["scoring_stderr"]
    assert seen.state == "failed"


@pytest.mark.parametrize("who", ["pavel", "petra", ""])
def test_no_byte_that_others_can_fetch_holds_it(hunt: Hunt, who: str) -> None:
    if who == "petra":
        hunt.insider.person(who)
    cookie = hunt.insider.cookie(who) if who else ""
    with Person(hunt.stack.base_url, cookie) as person:
        fetched = list(everything(hunt.insider.app, person, hunt.keys))
    assert [address for address, said in fetched if _CANARY.encode() in said] == []
    assert len(fetched) > 100


def test_search_of_this_test_finds_what_the_organizer_may_fetch(hunt: Hunt) -> None:
    with hunt.person("olga") as person:
        fetched = everything(hunt.insider.app, person, hunt.keys)
        found = {address for address, said in fetched if _CANARY.encode() in said}
    run = hunt.insider.look(hunt.submissions["result"]).run.id
    assert f"/runs/{run}/log.txt?stream=scoring_stdout" in found
    assert any("/private/" in address for address in found)  # the reference data itself
