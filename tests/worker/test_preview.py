from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.engine import Desk, FakeEngine, score_of
from tests.patience import PATIENCE_S
from tests.worker.site import Site
from tests.worker.test_runner import Attempt
from worker import preview
from worker.command import Role
from worker.contract import Kind, Output
from worker.limits import html_file
from worker.preview import Preview

OUT = f"out-{Output.DETAILED_RESULTS}"


def stored(site: Site, content: bytes) -> None:
    """Wait until the site has heard that this content is stored."""
    with site.changed:
        assert site.changed.wait_for(lambda: site.objects.get(OUT) == content, PATIENCE_S)


def test_detailed_results_are_stored_each_time_they_are_rewritten(
    site: Site, attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preview, "EVERY_S", 0.01)

    def work(desk: Desk) -> int:
        for number in range(3):
            desk.write("detailed_results.html", f"<p>part {number}</p>")
            stored(site, f"<p>part {number}</p>".encode())
        desk.write("detailed_results.html", "<p>all</p>")
        return score_of(accuracy=1)(desk)

    attempt(FakeEngine({Role.SCORING_PROGRAM: work}), detailed_results=True)
    assert site.last().kind == Kind.FINISHED
    assert site.objects[OUT] == b"<p>all</p>"
    told = [event.output for event in site.events if event.kind == Kind.OUTPUT]
    assert told.count(Output.DETAILED_RESULTS) >= 4


def test_nothing_is_stored_early_where_details_are_not_wanted(
    site: Site, attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preview, "EVERY_S", 0.0)

    def work(desk: Desk) -> int:
        desk.write("detailed_results.html", "<p>no</p>")
        return score_of(accuracy=1)(desk)

    attempt(FakeEngine({Role.SCORING_PROGRAM: work}), detailed_results=False)
    assert OUT not in site.objects


def test_page_is_looked_at_but_not_followed_and_not_when_huge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preview, "MAX_BYTES", 10)
    found: list[bytes] = []
    looking = Preview(tmp_path, found.append)
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "detailed_results.html").symlink_to(tmp_path / "secret")
    looking._look()
    (tmp_path / "b.html").write_text("x" * 11)
    looking._look()
    assert found == []
    (tmp_path / "a.html").write_text("small")
    looking._look()
    looking._look()
    assert found == [b"small"]


def test_named_page_comes_before_any_other(tmp_path: Path) -> None:
    assert html_file(tmp_path) is None
    for name in ("a.html", "detailed_results.html"):
        (tmp_path / name).write_text(name)
    opened = html_file(tmp_path)
    assert opened is not None
    assert opened[0] == "detailed_results.html"
    with open(opened[1], "rb") as file:
        assert file.read() == b"detailed_results.html"
