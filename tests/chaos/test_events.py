"""What machines say twice, late, in the wrong order, or in somebody else's name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
import urllib3

from tests.chaos.said import says
from tests.gate import Passing
from tests.insider import Benchmark, Insider, Seen
from tests.loose import LooseStack, eventually
from tests.services.bundles import ANSWER, code, result

pytestmark = [pytest.mark.chaos, pytest.mark.services]


def _is_event(passing: Passing) -> bool:
    return passing.path.endswith("/events")


def _of_run(stack: LooseStack, run_id: int) -> list[Passing]:
    return [one for one in stack.api.seen if one.path.endswith(f"/runs/{run_id}/events")]


def _say(stack: LooseStack, passing: Passing, run_id: int = 0) -> int:
    """Say again what a worker said, perhaps of another run; return the answer's status."""
    path = passing.path if not run_id else f"/api/worker/runs/{run_id}/events"
    headers = {name: passing.asked[name] for name in ("Authorization", "Content-Type")}
    answer = urllib3.request("POST", stack.base_url + path, body=passing.body, headers=headers)
    return answer.status


def _body(passing: Passing) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(passing.body)
    return found


def _rows(insider: Insider, submission: int) -> Mapping[str, object]:
    return vars(insider.look(submission).run)


def test_everything_said_twice_is_counted_once(
    stack: LooseStack, insider: Insider, benchmark: Benchmark
) -> None:
    def twice(passing: Passing) -> None:
        passing.copies = 2

    stack.api.before(_is_event, twice)
    submission = insider.submit("pavel", benchmark.phases[0], code(ANSWER + "print('once')"))
    seen = insider.wait(submission)
    assert seen.run.scores == {"score": 1.0}
    assert seen.run.logs["prediction_stdout"] == "once\n"
    assert seen.run.attempts == ("finished",)


def test_everything_said_again_afterwards_in_any_order_changes_nothing(
    stack: LooseStack, insider: Insider, benchmark: Benchmark
) -> None:
    submission = insider.submit("pavel", benchmark.phases[0], code(ANSWER + "print('once')"))
    seen = _finished(insider, submission)
    said = _of_run(stack, seen.run.id)
    before = _rows(insider, submission)
    for passing in [*reversed(said), *said]:
        assert _say(stack, passing) in (200, 409)
    assert _rows(insider, submission) == before


def test_answers_that_get_lost_cost_nothing(
    stack: LooseStack, insider: Insider, benchmark: Benchmark
) -> None:
    lost: list[Passing] = []

    def lose(passing: Passing) -> None:
        passing.is_dropped = len(lost) % 2 == 0
        lost.append(passing)

    stack.api.after(_is_event, lose)
    submission = insider.submit("pavel", benchmark.phases[0], result())
    seen = _finished(insider, submission)
    assert seen.run.attempts == ("finished",)
    assert len(lost) > 2


def test_token_opens_its_own_run_and_only_while_that_runs(
    stack: LooseStack, insider: Insider, benchmark: Benchmark
) -> None:
    first = _finished(insider, insider.submit("pavel", benchmark.phases[0], result()))
    second = insider.submit(
        "petra", benchmark.phases[0], code(ANSWER + "import time; time.sleep(3)")
    )
    for _ in eventually("the second run is under way"):
        if _of_run(stack, other := insider.look(second).run.id):
            break
    stale = _of_run(stack, first.run.id)[-1]
    fresh = _of_run(stack, other)[0]
    assert _say(stack, stale, run_id=other) == 404
    assert _say(stack, fresh, run_id=first.run.id) == 404
    late = {**_body(stale), "events": [{"seq": 999, "kind": "note", "text": "late"}]}
    stale.body = json.dumps(late).encode()
    assert _say(stack, stale) == 409
    for wrong in (
        "Bearer plb_run_" + "x" * 43,
        "Bearer ",
        "Basic eDp5",
        stack.secrets["MACHINE_TOKEN"],
    ):
        fresh.asked["Authorization"] = wrong
        assert _say(stack, fresh) == 404
    assert insider.wait(second).run.scores == {"score": 1.0}


def test_worker_that_was_given_up_is_not_heard_any_more(
    stack: LooseStack, insider: Insider, benchmark: Benchmark
) -> None:
    # A worker that waits for its next run when it hangs takes that run's message along.
    stack.claim_nothing_early()
    in_program = stack.api.hold(says("ingest"))
    submission = insider.submit("pavel", benchmark.phases[0], code(ANSWER))
    in_program.wait()
    stack.worker.freeze()
    stack.api.open()
    stack.another_worker()
    insider.give_up(submission)
    seen = insider.wait(submission)
    assert seen.run.attempts == ("The machine stopped answering.", "finished")
    before = _rows(insider, submission)
    stack.worker.thaw()
    for _ in eventually("the first worker has heard that its attempt is over"):
        if "attempt.disowned" in stack.worker.log:
            break
    assert _rows(insider, submission) == before


def _finished(insider: Insider, submission: int) -> Seen:
    seen = insider.wait(submission)
    assert seen.state == "finished", seen
    return seen
