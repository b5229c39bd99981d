"""Pages and texts that strangers write: nothing of ours reaches them, and nothing leaves."""

from __future__ import annotations

import contextlib
import re
import socketserver
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Frame, expect

from client.launcher.services import HOST
from tests.browser import benchmarks, payloads
from tests.browser.conftest import People
from tests.browser.person import Person
from tests.browser.world import World
from tests.loose import eventually

pytestmark = pytest.mark.security

_DELAYED_MS = 2500
"""Time for everything a hostile page does by and by."""
_STRIDE = 7
"""Over so many pages the texts are spread: one that stays open may swallow the next."""
_ANSWER = b"HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class _Anything(socketserver.BaseRequestHandler):
    server: Listener

    def handle(self) -> None:
        self.request.settimeout(_DELAYED_MS / 1000)
        self.server.open.add(self)
        with contextlib.suppress(OSError):
            self.server.heard.append(self.request.recv(200))
            self.request.sendall(_ANSWER)
        self.server.open.discard(self)


class Listener(socketserver.ThreadingTCPServer):
    """Where stolen things would arrive: notes every connection, even one that says nothing."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__((HOST, 0), _Anything)
        self.heard: list[bytes] = []
        self.open: set[socketserver.BaseRequestHandler] = set()
        self.address = f"http://{HOST}:{self.server_address[1]}"


@pytest.fixture(scope="module")
def thief() -> Iterator[Listener]:
    with Listener() as listener:
        thread = threading.Thread(target=listener.serve_forever)
        thread.start()
        yield listener
        listener.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def _nothing_stolen_yet(thief: Listener) -> None:
    for _ in eventually("what the test before has opened is closed"):
        if not thief.open:
            break
    thief.heard.clear()


def _page(template: str, world: World, thief: Listener) -> str:
    return template.replace("THERE", thief.address).replace("HERE", world.stack.base_url)


def _results(world: World, html: str, name: str) -> str:
    """Let a scoring program write a page of detailed results; return the address around it."""
    scoring = f"""\
import json, pathlib, sys
pathlib.Path(sys.argv[2], "scores.json").write_text(json.dumps({{"score": 1}}))
pathlib.Path(sys.argv[2], "detailed_results.html").write_text({html!r})
"""
    world.import_bundle(name, benchmarks.bundle(f"A hostile {name}", scoring=scoring))
    world.join("pavel", name)
    submission = world.submit("pavel", f"{name} phase", benchmarks.result())
    world.wait(submission)
    return world.path("submissions.detailed_results", run_id=world.first_run(submission))


@pytest.fixture(scope="module")
def hostile(world: World, thief: Listener) -> str:
    return _results(world, _page(payloads.IN_FRAME, world, thief), "results")


@pytest.fixture(scope="module")
def leaving(world: World, thief: Listener) -> str:
    return _results(world, _page(payloads.LEAVES, world, thief), "leaver")


def _content(person: Person) -> Frame:
    handle = person.page.locator("iframe").element_handle()
    frame = handle.content_frame()
    assert frame is not None
    return frame


def _is_logged_in(person: Person) -> bool:
    return person.go("/account") == 200 and "/log-in" not in person.page.url


@pytest.mark.parametrize("java_script", [True, False])
def test_hostile_results_reach_nothing(
    hostile: str, java_script: bool, world: World, thief: Listener, people: People
) -> None:
    person = people(world.stack, world.cookie("pavel"), java_script_enabled=java_script)
    person.go(hostile)
    verdict = _content(person).locator("#verdict")
    if java_script:
        expect(verdict).to_have_text("The script ran and got: nothing")
    else:
        expect(verdict).to_have_text("The script did not run")
    person.page.wait_for_timeout(_DELAYED_MS)
    assert thief.heard == []
    assert len(person.context.pages) == 1
    assert person.page.url == world.stack.base_url + hostile
    _tolerate_refusals(person)
    assert _is_logged_in(person)


def test_hostile_results_that_go_away_take_nothing_along(
    leaving: str, world: World, thief: Listener, people: People
) -> None:
    person = people(world.stack, world.cookie("pavel"))
    person.go(leaving)
    person.page.wait_for_timeout(_DELAYED_MS)
    assert thief.heard == []
    assert person.page.url == world.stack.base_url + leaving
    _tolerate_refusals(person)


@pytest.mark.parametrize("which", ["hostile", "leaving"])
def test_results_opened_as_a_tab_answer_the_page_around_them(
    which: str, world: World, thief: Listener, people: People, request: pytest.FixtureRequest
) -> None:
    around: str = request.getfixturevalue(which)
    person = people(world.stack, world.cookie("pavel"))
    person.go(around)
    address = person.page.locator("iframe").get_attribute("src")
    assert address is not None
    person.page.goto(address)
    expect(person.page).to_have_url(re.compile(re.escape(around)))
    person.page.wait_for_timeout(_DELAYED_MS)
    assert thief.heard == []
    _tolerate_refusals(person)


@pytest.mark.parametrize("template", [payloads.IN_FRAME, payloads.LEAVES], ids=["all", "leaves"])
def test_the_same_page_without_our_frame_and_policy_does_call_out(
    template: str, world: World, thief: Listener, people: People
) -> None:
    person = people(world.stack)
    html = _page(template, world, thief)
    person.page.route(
        "**/unprotected", lambda route: route.fulfill(body=html, content_type="text/html")
    )
    person.go("/unprotected")
    for _ in eventually("the thief hears of it"):
        person.page.wait_for_timeout(100)  # which lets the browser's news arrive here
        if any(thief.heard):
            break
    person.problems.clear()


def test_hostile_texts_of_organizers_do_nothing(
    world: World, thief: Listener, people: People
) -> None:
    texts = [_page(payload, world, thief) for payload in payloads.IN_PAGES]
    everything = "\n\n".join(texts)
    content = benchmarks.bundle(
        "Texts <img src=x onerror=alert(1)>",
        pages=[("All <script>alert(1)</script>", everything), ("Html", f"<div>{everything}</div>")]
        + [(f"Some {place}", "\n\n".join(texts[place::_STRIDE])) for place in range(_STRIDE)],
        terms=everything,
        description=everything[:4000],
    )
    world.import_bundle("texts", content)
    person = people(world.stack, world.cookie("petra"))
    person.go(world.path("competitions.detail", competition_id="texts"))
    rail = person.page.get_by_role("navigation", name="Texts of the organizer").get_by_role("link")
    paths = [link.get_attribute("href") or "" for link in rail.all()]
    assert len(paths) == _STRIDE + 3
    register = world.path("competitions.register", competition_id="texts")
    for path in [*paths, register, world.path("competitions.listing")]:
        assert person.go(path) == 200
        assert person.page.evaluate(_LEFT_OVER) == []
    person.page.wait_for_timeout(_DELAYED_MS)
    assert thief.heard == []
    assert person.problems == []
    assert _is_logged_in(person)


_LEFT_OVER = """() => [...document.querySelectorAll('.prose *')].flatMap((element) =>
  [...element.attributes]
    .filter(({name, value}) => /^(on|hx-|data-hx-|srcdoc|form)/.test(name) || /^\\s*(javascript|data):/i.test(value))
    .map(({name, value}) => `${element.tagName} ${name}=${value}`)
  .concat(/^(SCRIPT|STYLE|IFRAME|OBJECT|EMBED|FORM|INPUT|BUTTON|LINK|META|BASE|SVG)$/.test(element.tagName) ? [element.tagName] : []))"""


def _tolerate_refusals(person: Person) -> None:
    """Forget what Chromium wrote about the requests that it refused; anything else is a problem."""
    person.problems[:] = [
        problem
        for problem in person.problems
        if not problem.startswith(("console: ", "foreign request: ", "script: "))
    ]
