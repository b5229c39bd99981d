"""A challenge of EvalAI, imported and scored in containers by its own evaluation script."""

from __future__ import annotations

import pytest

from tests.bundles.bundle_factories import zip_of
from tests.bundles.evalai import challenges
from tests.insider import as_json
from tests.services.conftest import Halls

pytestmark = pytest.mark.services

_WAIT_S = 600
_GOOD = zip_of({"answer.json": b'{"a": 1, "b": 0, "c": 1, "d": 0}'}).getvalue()
_BAD = zip_of({"answer.json": b'{"a": 1}'}).getvalue()
_WRONG = zip_of({"answer.csv": b"1", "more.csv": b"2"}).getvalue()
_ANSWERS = {"Approach": "by eye"}


@pytest.mark.parametrize("engine", ["docker", "bubblewrap"])
def test_evaluation_script_runs_unmodified(halls: Halls, engine: str) -> None:
    insider = halls(engine).insider
    made = insider.benchmark(challenges.challenge(), "pavel")
    good = insider.submit("pavel", made.phases[0], _GOOD, answers=_ANSWERS)
    both = insider.submit("pavel", made.phases[1], _GOOD, answers=_ANSWERS)
    bad = insider.submit("pavel", made.phases[0], _BAD, answers=_ANSWERS)
    wrong = insider.submit("pavel", made.phases[1], _WRONG, answers=_ANSWERS)
    seen = insider.wait(good, _WAIT_S)
    assert seen.state == "finished", as_json(seen)
    assert seen.run.scores == {"Accuracy": 0.75, "Loss": 0.25}
    assert insider.wait(both, _WAIT_S).run.scores == {
        "Accuracy": 0.75, "Loss": 0.25, "private: Accuracy": 0.75, "private: Loss": 0.25,
    }  # fmt: skip
    seen = insider.wait(bad, _WAIT_S)
    assert (seen.state, seen.blame) == ("failed", "organizer")
    assert "KeyError: 'b'" in as_json(seen)
    seen = insider.wait(wrong, _WAIT_S)
    assert (seen.state, seen.blame) == ("failed", "participant")
    assert "one of .json" in seen.reason
