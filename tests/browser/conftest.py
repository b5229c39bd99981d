"""Chromium, whole stacks, their people, and what is kept of a test that failed."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ViewportSize, expect, sync_playwright

from client.launcher.home import ROOT
from tests.browser.pages import Page
from tests.browser.person import Person
from tests.browser.world import World
from tests.patience import PATIENCE_S
from tests.setup import packages
from tests.stack import RunningStack

_FLAGS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDE = ViewportSize(width=1600, height=1000)
_KEPT = ROOT / "var" / "browser"
_failed = pytest.StashKey[bool]()

People = Callable[..., Person]


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Generator[None]:
    """Mark everything in this folder, and let it run last: its stacks and browser stay up."""
    here = {item for item in items if item.path.is_relative_to(Path(__file__).parent)}
    for item in here:
        item.add_marker(pytest.mark.browser)
    yield
    items.sort(key=lambda item: item in here)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let fixtures know, when they end, whether their test failed."""
    report = yield
    if report.when == "call":
        item.stash[_failed] = report.failed
    return report


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a browser."""
    found = os.environ.get("PLUMBLINE_TEST_CHROMIUM") or packages.program("chromium")
    if not found:
        pytest.skip("Chromium is not here: ./run test installs it where it can")
    return found


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    """One Chromium for all tests; each person has a profile of their own in it."""
    expect.set_options(timeout=PATIENCE_S * 1000)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=_FLAGS)
        yield running
        running.close()


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """A whole stack whose worker runs programs in the process sandbox."""
    folder = tmp_path_factory.mktemp("browser") / "process"
    with RunningStack(folder, {"PLUMBLINE_WORKER_ENGINE": "process"}) as running:
        yield running


@pytest.fixture(scope="session")
def docker_stack(
    docker_host: str, runtime_image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningStack]:
    """A whole stack whose worker runs programs in Docker."""
    settings = {
        "PLUMBLINE_WORKER_ENGINE": "docker",
        "PLUMBLINE_WORKER_DOCKER_HOST": docker_host,
        "PLUMBLINE_WORKER_IMAGE_MAP": f"*={runtime_image}",
        "PLUMBLINE_WORKER_PULL_POLICY": "never",
    }
    with RunningStack(tmp_path_factory.mktemp("browser") / "docker", settings) as running:
        yield running


@pytest.fixture(scope="session")
def world(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Benchmarks, people and submissions in every state, on the stack with the process sandbox."""
    with World(stack, tmp_path_factory.mktemp("world")) as made:
        yield made


@pytest.fixture
def people(browser: Browser, request: pytest.FixtureRequest) -> Iterator[People]:
    """Bring somebody with a new browser profile to a stack; keep pictures and traces on failure.

    Their pages must stay quiet: no errors, no refusals, no foreign requests, unless the test has
    emptied ``person.problems``.
    """
    here: list[Person] = []
    with ExitStack() as open_contexts:

        def bring(
            stack: RunningStack, cookie: dict[str, Any] | None = None, **options: Any
        ) -> Person:
            context = browser.new_context(base_url=stack.base_url, **options)
            open_contexts.callback(context.close)
            context.set_default_timeout(PATIENCE_S * 1000)
            context.tracing.start(snapshots=True)
            if cookie:
                context.add_cookies([cookie])  # type: ignore[list-item]
            here.append(Person(context, stack))
            here[-1].is_traced = True
            return here[-1]

        yield bring
        if request.node.stash.get(_failed, True):
            _keep(request.node.nodeid, here)
            return
    assert [problem for person in here for problem in person.problems] == []


def _keep(name: str, here: list[Person]) -> None:
    folder = _KEPT / re.sub(r"[^\w-]+", "-", name).strip("-")
    for number, person in enumerate(here):
        person.keep(folder / f"person{number}")
    print(f"Pictures and traces are in {folder}")


@pytest.fixture(scope="session")
def crowd(browser: Browser, world: World) -> Iterator[Callable[[str], Person]]:
    """Everybody of the world, each with a profile that stays from test to test; "" visits."""
    here: dict[str, Person] = {}
    with ExitStack() as open_contexts:

        def find(name: str) -> Person:
            if name not in here:
                context = browser.new_context(
                    base_url=world.stack.base_url, reduced_motion="reduce"
                )
                open_contexts.callback(context.close)
                context.set_default_timeout(PATIENCE_S * 1000)
                if name:
                    context.add_cookies([world.cookie(name)])  # type: ignore[list-item]
                here[name] = Person(context, world.stack)
            return here[name]

        yield find


@pytest.fixture
def visit(
    crowd: Callable[[str], Person], world: World, request: pytest.FixtureRequest
) -> Iterator[Callable[[Page], Person]]:
    """Open one of ``PAGES`` as whoever it is meant for; it must stay quiet."""
    here: list[Person] = []

    def open_page(page: Page) -> Person:
        person = crowd(page.who)
        person.problems.clear()
        here.append(person)
        person.page.set_viewport_size(WIDE)
        person.page.emulate_media(color_scheme="light")
        assert person.go(page.path(world)) == page.status
        return person

    yield open_page
    if request.node.stash.get(_failed, True):
        _keep(request.node.nodeid, here)
        return
    assert [problem for person in here for problem in person.problems] == []
