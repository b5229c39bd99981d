"""A cancel ends a run wherever it is in its life, before it would have ended by itself."""

from __future__ import annotations

import pytest
from docker import DockerClient

from app.accounts import queries as accounts
from app.competitions import queries as competitions
from app.platform.clock import now
from app.platform.db import unit_of_work
from app.submissions import queries, services
from tests.chaos.conftest import containers, run_folders
from tests.chaos.said import says
from tests.gate import Passing
from tests.insider import Benchmark, Insider
from tests.loose import LooseStack, eventually
from tests.services.bundles import ANSWER, program, result, zipped

pytestmark = [pytest.mark.chaos, pytest.mark.services]

_NEVER = "import time\nwhile True:\n    time.sleep(1)\n"
"""The end of a program that only a kill ends before its time limit."""


def cancel(insider: Insider, submission_id: int, name: str = "pavel") -> None:
    with insider.inside(), unit_of_work():
        viewer = competitions.viewer(accounts.by_username(name))
        services.cancel(viewer, queries.get(submission_id, viewer), now=now())


def endless(step: str) -> bytes:
    """Return a submission that stays in a step: its own program, or the scoring that naps."""
    files: dict[str, str | bytes] = dict(program(ANSWER))
    if step == "ingest":
        files["main.py"] = ANSWER + _NEVER
    else:
        files["main.py"] = ANSWER + 'pathlib.Path(sys.argv[2], "nap.txt").write_text("500")\n'
    return zipped(files)


def assert_cancelled(insider: Insider, submission_id: int, who: str = "The participant") -> None:
    seen = insider.look(submission_id)
    assert (seen.state, seen.run.state) == ("cancelled", "cancelled")
    assert seen.reason == f"{who} cancelled it."
    assert not seen.run.scores


def test_waiting_runs_are_cancelled_and_never_begin(
    stack: LooseStack, insider: Insider, benchmark: Benchmark
) -> None:
    begun: list[Passing] = []
    stack.worker.freeze()
    waiting = [insider.submit("pavel", benchmark.phases[0], result()) for _ in range(3)]
    states = [insider.state(one) for one in waiting]
    assert set(states) == {"sent", "queued"}
    runs = [insider.look(one).run.id for one in waiting]
    stack.api.after(
        lambda passing: (
            any(f"/runs/{run}/" in passing.path for run in runs) and says("fetch")(passing)
        ),
        begun.append,
    )
    for one in waiting:
        cancel(insider, one)
    stack.worker.thaw()
    other = insider.submit("petra", benchmark.phases[0], result())
    assert insider.wait(other).run.scores == {"score": 1.0}
    for one in waiting:
        assert_cancelled(insider, one)
        assert not insider.look(one).counts
    assert begun == []


@pytest.mark.parametrize(("step", "method"), [("fetch", "GET"), ("upload", "PUT")])
def test_run_on_its_way_to_or_from_the_store_is_cancelled(
    stack: LooseStack, insider: Insider, benchmark: Benchmark, step: str, method: str
) -> None:
    hold = stack.store.hold(lambda passing: passing.method == method)
    stack.worker.freeze()
    submission = insider.submit("pavel", benchmark.phases[0], zipped(dict(program(ANSWER))))
    run_id = insider.look(submission).run.id
    begun: list[Passing] = []
    heard: list[Passing] = []
    stack.api.after(
        lambda passing: f"/runs/{run_id}/" in passing.path and says("ingest")(passing),
        begun.append,
    )
    stack.api.after(
        lambda passing: f"/runs/{run_id}/" in passing.path and b'"cancel":true' in passing.answer,
        heard.append,
    )
    stack.worker.thaw()
    hold.wait()
    before = len(begun)
    cancel(insider, submission)
    for _ in eventually("the worker hears of it, though the store keeps it waiting"):
        if heard:
            break
    stack.store.open()
    other = insider.submit("petra", benchmark.phases[0], result())
    assert insider.wait(other).run.scores == {"score": 1.0}
    assert_cancelled(insider, submission)
    assert len(begun) == before == (0 if step == "fetch" else 1)


@pytest.mark.parametrize("step", ["ingest", "score"])
@pytest.mark.parametrize("name", ["pavel", "olga"])
def test_cancel_kills_a_container_that_would_not_end_by_itself(
    stack: LooseStack, insider: Insider, benchmark: Benchmark, docker_client: DockerClient,
    step: str, name: str,
) -> None:  # fmt: skip
    submission = insider.submit("pavel", benchmark.phases[0], endless(step))
    for _ in eventually(f"the container of {step} runs"):
        if insider.look(submission).run.step == step and containers(stack, docker_client):
            break
    cancel(insider, submission, name)
    for _ in eventually("its container and its folder are gone"):
        if not containers(stack, docker_client) and not run_folders(stack):
            break
    assert_cancelled(insider, submission, "The participant" if name == "pavel" else "An organizer")
    other = insider.submit("petra", benchmark.phases[0], result())
    assert insider.wait(other).run.scores == {"score": 1.0}
