"""The whole story: three people, one benchmark, real parts; in Docker and in the process sandbox."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Request, expect

from tests.browser import benchmarks
from tests.browser.conftest import People
from tests.browser.person import Person
from tests.release import WAIT, release
from tests.stack import RunningStack

_HEAR = """() => new MutationObserver(() => heard(
    document.querySelector('[data-upload-text]').textContent
  )).observe(document.querySelector('[data-upload-status]'),
    {subtree: true, childList: true, characterData: true})"""
_WATCH = """() => {
  window.seen = [];
  const note = () => {
    const one = {
      state: document.querySelector('[id^=submission-] .state')?.textContent.trim(),
      step: document.querySelector('[aria-current=step] .step__name')?.textContent.trim(),
      log: document.querySelector('[data-log-text]')?.textContent.length,
    };
    if (JSON.stringify(one) !== JSON.stringify(seen.at(-1))) seen.push(one);
  };
  new MutationObserver(note).observe(document.body, {subtree: true, childList: true});
  note();
}"""

_PACED = f"""
{WAIT}
_fit = Model.fit


def _fit_later(self, rows, labels):
    wait_for_word("/app/output")
    _fit(self, rows, labels)


Model.fit = _fit_later
"""
"""The end of a model that waits until its page has been looked at."""


@pytest.fixture(params=["docker", "bubblewrap"])
def engine(request: pytest.FixtureRequest) -> str:
    """What runs the programs."""
    return str(request.param)


@pytest.fixture
def engine_stack(engine: str, request: pytest.FixtureRequest) -> RunningStack:
    found: RunningStack = request.getfixturevalue("docker_stack" if engine == "docker" else "stack")
    return found


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo benchmark's bundle and sample submissions."""
    return benchmarks.breast_cancer(tmp_path_factory.mktemp("demo"))


def _paced(code: Path) -> Path:
    """Write a sample of code again, so that it goes on when the test says so."""
    with zipfile.ZipFile(code) as archive:
        model = archive.read("model.py").decode()
    paced = code.with_name("paced_code.zip")
    paced.write_bytes(benchmarks.zipped({"model.py": model + _PACED}))
    return paced


def _bundle_uploaded(organizer: Person, content: bytes) -> None:
    heard: list[str] = []
    organizer.page.locator("header .menu summary").click()
    organizer.page.get_by_role("link", name="Upload a bundle").first.click()
    organizer.page.wait_for_url("**/bundles/new")
    organizer.page.expose_function("heard", lambda text: heard.append(text))
    organizer.page.evaluate(_HEAR)
    organizer.choose("breast-cancer.zip", content)
    organizer.press("Import")
    organizer.page.wait_for_url(re.compile(r"/bundles/\d+$"))
    assert any(re.search(r"[\d.]+ KiB of [\d.]+ KiB sent", text) for text in heard), heard
    organizer.mark()
    expect(organizer.page.get_by_text("The benchmark is made.")).to_be_visible()
    assert organizer.was_not_reloaded()


def _published(organizer: Person) -> str:
    organizer.follow("Open the benchmark")
    path = organizer.page.url.removeprefix(organizer.base_url)
    organizer.follow("Manage")
    organizer.press("Publish")
    expect(organizer.page.get_by_role("status")).to_contain_text("The benchmark is published.")
    return path


def _bytes_sent(requests: list[Request], method: str, address: str) -> list[int]:
    return [
        len(one.post_data_buffer or b"")
        for one in requests
        if one.method == method and address in one.url
    ]


def _uploaded(participant: Person, stack: RunningStack, file: Path) -> None:
    """Send a file, and see that it went to the object store, not through the app."""
    participant.follow("Submit")
    participant.requests.clear()
    participant.choose(file.name, file.read_bytes())
    participant.press("Upload and review")
    expect(participant.page.get_by_role("heading", name="Review your submission")).to_be_visible()
    store = stack.environ["PLUMBLINE_S3_URL"]
    puts = [one for one in participant.requests if one.method == "PUT"]
    assert [one.url.startswith(f"{store}/private/") for one in puts] == [True]
    answer = puts[0].response()
    assert answer is not None
    assert answer.status == 200
    through_app = _bytes_sent(participant.requests, "POST", stack.base_url)
    assert len(through_app) == 2
    assert sum(through_app) < min(2000, file.stat().st_size)


def _submitted(participant: Person, stack: RunningStack, file: Path, *, waits: bool) -> None:
    """Submit what was reviewed and watch it finish, all on one page that is never loaded again.

    Args:
        waits: for a word, which it gets once the page shows that it runs.
    """
    expect(participant.page.get_by_role("main")).to_contain_text(file.name)
    expect(participant.page.get_by_role("main")).to_contain_text("left today")
    participant.page.get_by_label("Kind of model").select_option("Linear model")
    participant.press("Submit to Development")
    participant.page.wait_for_url(re.compile(r"/submissions/\d+$"))
    participant.mark()
    participant.page.evaluate(_WATCH)
    state = participant.page.locator("[id^=submission-] > .row .state")
    if waits:
        _let_go(participant, stack.folder / "worker")
    expect(state).to_have_text("Finished")
    assert participant.was_not_reloaded()


def _let_go(participant: Person, worker_home: Path) -> None:
    """Release the programs of both tasks, each once the page shows that it runs."""
    submission_id = int(participant.page.url.rpartition("/")[2])
    for place in range(2):
        step = participant.page.locator("article.run").nth(place).locator("[aria-current=step]")
        expect(step.locator(".step__name")).to_contain_text("Ingestion")
        # Runs draw their numbers from the same sequence, right after their submission.
        release(worker_home, submission_id + 1 + place)


def test_three_people_bring_a_benchmark_from_a_bundle_to_its_board(
    engine: str, engine_stack: RunningStack, demo: Path, people: People
) -> None:
    # The organizer brings it.
    organizer = people(engine_stack)
    organizer.go("/")
    organizer.follow("Sign up")
    organizer.sign_up("ornella")
    _bundle_uploaded(organizer, (demo / "bundle.zip").read_bytes())
    path = _published(organizer)

    # A participant takes part, and submits a model.
    participant = people(engine_stack)
    participant.go(path)
    participant.follow("Take part")
    participant.follow("Sign up")
    participant.sign_up("paolo")
    expect(participant.page).to_have_url(re.compile(rf"{path}/register$"))
    participant.page.get_by_label("I accept the terms").check()
    participant.press("Take part")
    expect(participant.page.get_by_role("status").first).to_contain_text("You take part now.")
    code = _paced(demo / "sample_code.zip")
    _uploaded(participant, engine_stack, code)
    _submitted(participant, engine_stack, code, waits=True)
    seen = participant.page.evaluate("seen")
    assert len({one["state"] for one in seen}) >= 2, seen
    assert len({one["step"] for one in seen} - {None}) >= 2, seen
    assert seen[-1]["log"] > seen[0]["log"], seen
    expect(participant.page.locator("[data-log-text]")).to_contain_text("Trained on 284 cases")
    expect(participant.page.locator(".scores").first).to_contain_text("AUROC")
    warnings = participant.page.get_by_text("for trusted code only")
    assert (warnings.count() > 0) == (engine != "docker")
    participant.page.reload()
    participant.page.get_by_text("Provenance").click()
    expect(participant.page.locator(".fold__body")).to_contain_text(engine)
    participant.page.get_by_role("link", name="Detailed results").first.click()
    frame = participant.page.locator("iframe")
    expect(frame).to_have_attribute("sandbox", "allow-scripts")
    expect(frame.content_frame.locator("svg").first).to_be_visible()

    # The same participant submits results.
    _uploaded(participant, engine_stack, demo / "sample_result.zip")
    _submitted(participant, engine_stack, demo / "sample_result.zip", waits=False)
    participant.follow("My submissions")
    expect(participant.page.get_by_role("row")).to_have_count(3)

    # A visitor reads the board.
    visitor = people(engine_stack)
    visitor.go(path)
    visitor.follow("Leaderboard")
    board = visitor.page.get_by_role("table")
    expect(board.get_by_role("rowheader", name="paolo")).to_be_visible()
    expect(board).to_contain_text("AUROC")
    address = visitor.page.get_by_role("link", name="All rows as JSON").first.get_attribute("href")
    answer = visitor.page.request.get(address or "")
    assert answer.ok
    assert "paolo" in json.dumps(answer.json())
