"""A skip passes on a developer's machine and fails in CI."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest_plugins = ("pytester",)

_TESTS = """
import pytest

def test_runs():
    pass

def test_skips():
    pytest.skip("no engine here")

@pytest.mark.skipif(True, reason="not on this system")
def test_is_marked():
    pass

@pytest.mark.xfail(strict=True, reason="known")
def test_is_expected_to_fail():
    assert False
"""


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    pytester.makeconftest('pytest_plugins = ("tests.plugins.verdict",)')
    pytester.makepyfile(_TESTS)
    monkeypatch.setenv("PLUMBLINE_TEST_TALLY", str(pytester.path / "tally.json"))
    return pytester


def _tally(suite: pytest.Pytester) -> dict[str, int]:
    found: dict[str, int] = json.loads(Path(suite.path / "tally.json").read_text())
    return found


def test_skip_passes_here(suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    suite.runpytest_inprocess("-p", "no:randomly").assert_outcomes(passed=1, skipped=2, xfailed=1)
    assert _tally(suite) == {"passed": 1, "failed": 0, "skipped": 3}


def test_skip_fails_in_ci(suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    result = suite.runpytest_inprocess("-p", "no:randomly")
    result.assert_outcomes(passed=1, failed=1, errors=1, xfailed=1)
    result.stdout.fnmatch_lines(["*Skipped, and CI skips nothing: *no engine here*"])
    assert _tally(suite) == {"passed": 1, "failed": 2, "skipped": 1}


def test_skipped_module_fails_in_ci(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    suite.makepyfile(test_whole="import pytest; pytest.skip('all of it', allow_module_level=True)")
    result = suite.runpytest_inprocess("-p", "no:randomly", "test_whole.py")
    assert result.ret != 0
    assert _tally(suite)["failed"] == 1
