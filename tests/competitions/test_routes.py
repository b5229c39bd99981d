"""Pages of competitions, as browsers meet them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from app.competitions import routes
from app.competitions.models import Competition, Membership, Participant
from app.platform.db import db, unit_of_work
from app.queues.models import Machine
from app.resources.models import TaskRevision
from tests.actors import HTMX, Cast, browser, make_cast
from tests.factories import (
    NOW,
    make_competition,
    make_file,
    make_page,
    make_phase,
    make_queue,
    make_task,
    save,
)

PARTS = ["organizer", "participant", "pending", "denied", "stranger", "staff", "visitor"]
ORGANIZERS = {"organizer", "staff"}


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    def fixed() -> datetime:
        return NOW

    monkeypatch.setattr(routes, "now", fixed)


def allowed(answer: TestResponse) -> bool:
    """Whether a page was shown or a write was done, rather than refused or sent to log in."""
    return answer.status_code < 400 and not (answer.location or "").startswith("/log-in")


def status_of(cast: Cast, username: str) -> str | None:
    statement = select(Participant.status).where(
        Participant.competition_id == cast.competition.id,
        Participant.user_id == getattr(cast, username).id,
    )
    return db.session.scalar(statement)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("path", ["", "/terms", "/phases", "/data"])
def test_everybody_reads_a_published_benchmark(app: Flask, part: str, path: str) -> None:
    cast = make_cast(terms="Share *nothing*.", description="Find $x^2$.")
    answer = browser(app, cast.people()[part]).get(f"/benchmarks/{cast.competition.id}{path}")
    assert answer.status_code == 200
    assert "Breast cancer" in answer.text
    assert "Development is open, closes" in answer.text
    assert ("Manage</a>" in answer.text) == (part in ORGANIZERS)


@pytest.mark.security
@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("path", ["", "/terms", "/phases", "/data"])
def test_hidden_benchmark_is_not_found_by_others(app: Flask, part: str, path: str) -> None:
    cast = make_cast(is_published=False)
    answer = browser(app, cast.people()[part]).get(f"/benchmarks/{cast.competition.id}{path}")
    expected = 200 if part in ORGANIZERS | {"participant"} else 404
    assert answer.status_code == expected
    assert ("Breast cancer" in answer.text) == (expected == 200)


@pytest.mark.security
@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("path", ["manage", "participants", "unpublish"])
def test_management_is_for_organizers(app: Flask, part: str, path: str) -> None:
    cast = make_cast()
    answer = browser(app, cast.people()[part]).get(f"/benchmarks/{cast.competition.id}/{path}")
    assert allowed(answer) == (part in ORGANIZERS)
    assert cast.competition.secret_key not in answer.text


@pytest.mark.security
@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("headers", [{}, HTMX])
def test_writes_of_organizers_are_refused_to_others(
    app: Flask, part: str, headers: dict[str, str]
) -> None:
    cast = make_cast()
    client = browser(app, cast.people()[part])
    participant = db.session.scalars(
        select(Participant.id).where(Participant.user_id == cast.wanda.id)
    ).one()
    base = f"/benchmarks/{cast.competition.id}"
    key = cast.competition.secret_key
    for path, data in (
        (f"/participants/{participant}", {"status": "approved"}),
        ("/participants/approve-waiting", {}),
        ("/unpublish", {}),
        ("/new-link", {}),
    ):
        client.post(base + path, data=data, headers=headers)
    changed = part in ORGANIZERS
    assert (status_of(cast, "wanda") == Membership.APPROVED) == changed
    assert (not cast.competition.is_published) == changed
    assert (cast.competition.secret_key != key) == changed


@pytest.mark.security
@pytest.mark.parametrize("part", PARTS)
def test_grants_are_for_staff(app: Flask, part: str) -> None:
    cast = make_cast()
    data = {"network": "1", "memory_mib": "8192"}
    path = f"/benchmarks/{cast.competition.id}/grants"
    browser(app, cast.people()[part]).post(path, data=data)
    expected = (True, 8192) if part == "staff" else (False, None)
    assert (cast.competition.grants_network, cast.competition.granted_memory_mib) == expected
    assert not cast.competition.grants_writable_root


@pytest.mark.parametrize("memory", ["63", "2000000", "much"])
def test_odd_memory_is_refused_beside_the_field(app: Flask, memory: str) -> None:
    cast = make_cast()
    path = f"/benchmarks/{cast.competition.id}/grants"
    answer = browser(app, cast.rita).post(path, data={"memory_mib": memory, "network": "1"})
    assert answer.status_code == 422
    assert 'id="memory_mib-error"' in answer.text
    assert not cast.competition.grants_network


def test_everybody_reads_what_was_granted(app: Flask, client: FlaskClient) -> None:
    cast = make_cast(grants_network=True, granted_memory_mib=8192)
    text = client.get(f"/benchmarks/{cast.competition.id}").text
    assert "They reach the network." in text
    assert "They have 8192 MiB of memory" in text
    assert "image&#39;s own user" not in text


def test_organizers_text_is_cleaned(app: Flask, client: FlaskClient) -> None:
    cast = make_cast()
    content = "# Hello\n<script>alert(1)</script><p onclick='x'>$x$</p>"
    make_page(cast.competition, content=content)
    text = client.get(f"/benchmarks/{cast.competition.id}").text
    assert "<h1>Hello</h1>" in text
    assert "alert(1)" not in text
    assert "onclick" not in text


def test_each_page_has_its_address(app: Flask, client: FlaskClient) -> None:
    cast = make_cast()
    first = make_page(cast.competition, title="Welcome", content="first text")
    second = make_page(cast.competition, title="Evaluation", content="second text")
    elsewhere = make_page(cast.other, title="Other", content="other text")
    base = f"/benchmarks/{cast.competition.id}"
    assert "first text" in client.get(base).text
    assert "first text" in client.get(f"{base}/pages/{first.id}").text
    answer = client.get(f"{base}/pages/{second.id}")
    assert "second text" in answer.text
    assert re.search(r'aria-current="page">Evaluation', answer.text)
    assert client.get(f"{base}/pages/{elsewhere.id}").status_code == 404


def test_list_shows_and_finds(app: Flask, client: FlaskClient) -> None:
    cast = make_cast()
    make_competition(cast.olga, title="Hidden one", is_published=False)
    text = client.get("/benchmarks/").text
    assert "Breast cancer" in text
    assert "1 participant" in text
    assert "Hidden one" not in text
    found = client.get("/benchmarks/?q=chest").text
    assert "Chest films" in found
    assert "Breast cancer" not in found
    assert "Nothing found" in client.get("/benchmarks/?q=zebra").text
    assert "This page is empty" in client.get("/benchmarks/?page=9").text
    assert client.get("/benchmarks/?q=" + "x" * 5000 + "&page=-1").status_code == 200


def test_empty_list_says_what_fills_it(app: Flask, client: FlaskClient) -> None:
    assert "once its organizer publishes it" in client.get("/benchmarks/").text


def test_mine_is_for_people(app: Flask, client: FlaskClient) -> None:
    cast = make_cast()
    assert client.get("/benchmarks/mine").location == "/log-in?next=/benchmarks/mine"
    text = browser(app, cast.pavel).get("/benchmarks/mine").text
    assert "Breast cancer" in text
    assert "You organize nothing yet" in text


def test_organizer_takes_part_in_nothing_until_joining(app: Flask) -> None:
    cast = make_cast(registration_auto_approve=False)
    client = browser(app, cast.olga)
    base = f"/benchmarks/{cast.competition.id}"
    mine = client.get("/benchmarks/mine").text
    assert "You take part in nothing yet" in mine
    assert "You take part<" not in mine
    assert "1 participant" in mine
    assert "You organize this benchmark; to submit" in client.get(f"{base}/submit").text
    assert "You organize this benchmark. Take part" in client.get(f"{base}/register").text
    client.post(f"{base}/register")
    mine = client.get("/benchmarks/mine").text
    assert "You take part in nothing yet" not in mine
    assert mine.count("Breast cancer") == 2
    listed = client.get(f"{base}/participants").text
    row = listed.partition("<tbody>")[2].partition(">olga")[2].partition("</tr>")[0]
    assert "Organizes this benchmark" in row
    assert "Decline" not in row
    assert "Decline" in listed


@pytest.mark.parametrize("at_once", [True, False])
def test_nobody_waits_for_the_organizer_where_all_are_approved_at_once(
    app: Flask, client: FlaskClient, at_once: bool
) -> None:
    cast = make_cast(registration_auto_approve=at_once)
    submit = f"/benchmarks/{cast.competition.id}/submit"
    assert ("the organizer&#39;s approval" in client.get(submit).text) != at_once
    stranger = browser(app, cast.petra).get(submit).text
    assert ("The organizer decides" in stranger) != at_once
    assert ("You are approved at once." in stranger) == at_once


@pytest.mark.security
def test_secret_link_shows_pages_and_gives_nothing_else(app: Flask, client: FlaskClient) -> None:
    cast = make_cast(is_published=False)
    kit = make_file(cast.olga, kind="starting_kit", name="The kit")
    make_phase(cast.competition, starting_kit_id=kit.id)
    base = f"/benchmarks/{cast.competition.id}"
    answer = client.get(f"/benchmarks/open/{cast.competition.secret_key}")
    assert (answer.status_code, answer.location) == (303, base)
    assert answer.headers["X-Robots-Tag"] == "noindex"
    assert cast.competition.secret_key not in client.get(base).text
    assert "The kit" not in client.get(f"{base}/data").text
    assert not allowed(client.get(f"{base}/manage"))
    assert client.get(f"/benchmarks/open/{'x' * 43}").status_code == 404


@pytest.mark.security
def test_replaced_link_shuts_out_those_who_followed_it(app: Flask, client: FlaskClient) -> None:
    cast = make_cast(is_published=False)
    old = f"/benchmarks/open/{cast.competition.secret_key}"
    base = f"/benchmarks/{cast.competition.id}"
    client.get(old)
    assert client.get(base).status_code == 200
    browser(app, cast.olga).post(f"{base}/new-link")
    assert client.get(base).status_code == 404
    assert client.get(old).status_code == 404


def test_followed_links_fit_a_cookie(app: Flask, client: FlaskClient) -> None:
    hidden = [make_competition(is_published=False) for _ in range(25)]
    for competition in hidden:
        client.get(f"/benchmarks/open/{competition.secret_key}")
    assert client.get(f"/benchmarks/{hidden[-1].id}").status_code == 200
    assert client.get(f"/benchmarks/{hidden[0].id}").status_code == 404


@pytest.mark.parametrize(
    ("flags", "status", "sentence"),
    [
        ({}, "pending", "Your registration is with the organizer"),
        ({"registration_auto_approve": True}, "approved", "You take part now."),
    ],
)
def test_registering_in_a_plain_browser(
    app: Flask, flags: dict[str, bool], status: str, sentence: str
) -> None:
    cast = make_cast(terms="Share nothing.", **flags)
    client = browser(app, cast.petra)
    base = f"/benchmarks/{cast.competition.id}"
    assert "Share nothing." in client.get(f"{base}/register").text
    answer = client.post(f"{base}/register", data={"accepted_terms": "y"})
    assert (answer.status_code, answer.location) == (303, base)
    assert sentence in client.get(base).text
    assert status_of(cast, "petra") == status


def test_registering_by_htmx_leads_to_the_benchmark(app: Flask) -> None:
    cast = make_cast()
    path = f"/benchmarks/{cast.competition.id}/register"
    answer = browser(app, cast.petra).post(path, headers=HTMX)
    assert answer.headers["HX-Redirect"] == f"/benchmarks/{cast.competition.id}"
    assert status_of(cast, "petra") == "pending"


def test_registering_without_the_terms_says_so_beside_the_box(app: Flask) -> None:
    cast = make_cast(terms="Share nothing.")
    path = f"/benchmarks/{cast.competition.id}/register"
    answer = browser(app, cast.petra).post(path)
    assert answer.status_code == 422
    assert 'id="accepted_terms-error"' in answer.text
    assert "Accept the terms to take part." in answer.text
    assert status_of(cast, "petra") is None


@pytest.mark.parametrize(
    ("part", "expected"),
    [("visitor", 303), ("denied", 409), ("participant", 303), ("stranger", 404)],
)
def test_registering_where_one_may_not(app: Flask, part: str, expected: int) -> None:
    cast = make_cast(is_published=part != "stranger")
    path = f"/benchmarks/{cast.competition.id}/register"
    before = len(db.session.scalars(select(Participant)).all())
    assert browser(app, cast.people()[part]).post(path).status_code == expected
    assert len(db.session.scalars(select(Participant)).all()) == before


@pytest.mark.parametrize(
    ("part", "sentence"),
    [
        ("participant", "You take part in this benchmark."),
        ("pending", "Your registration waits for the organizer."),
        ("denied", "Their reason: Not eligible."),
    ],
)
def test_registration_page_says_where_one_stands(app: Flask, part: str, sentence: str) -> None:
    cast = make_cast()
    with unit_of_work():
        statement = select(Participant).where(Participant.user_id == cast.dora.id)
        db.session.scalars(statement).one().reason = "Not eligible."
    path = f"/benchmarks/{cast.competition.id}/register"
    assert sentence in browser(app, cast.people()[part]).get(path).text


def _decide(app: Flask, cast: Cast, headers: dict[str, str], **data: str) -> TestResponse:
    statement = select(Participant.id).where(Participant.user_id == cast.wanda.id)
    participant = db.session.scalars(statement).one()
    path = f"/benchmarks/{cast.competition.id}/participants/{participant}"
    return browser(app, cast.olga).post(path, data=data, headers=headers)


def test_deciding_in_a_plain_browser_returns_to_the_list(app: Flask) -> None:
    cast = make_cast()
    answer = _decide(app, cast, {}, status="denied", reason="No ethics vote.")
    assert answer.location == f"/benchmarks/{cast.competition.id}/participants"
    assert status_of(cast, "wanda") == "denied"
    assert "No ethics vote." in browser(app, cast.olga).get(answer.location).text


def test_deciding_by_htmx_answers_the_row(app: Flask) -> None:
    cast = make_cast()
    answer = _decide(app, cast, HTMX, status="approved")
    assert answer.status_code == 200
    assert re.fullmatch(r'<tr id="participant-\d+">.*</tr>', answer.text.strip(), re.DOTALL)
    assert "Approved" in answer.text
    assert "autofocus" in answer.text  # or the keyboard would begin again at the page's top
    assert status_of(cast, "wanda") == "approved"


def test_nobody_is_offered_a_decision_that_is_made(app: Flask) -> None:
    cast = make_cast()
    text = browser(app, cast.olga).get(f"/benchmarks/{cast.competition.id}/participants").text
    offered = {
        name: set(re.findall(r'value="(approved|denied)"', row))
        for row in text.split("<tr id=")[1:]
        for name in ("pavel", "wanda", "dora")
        if f">{name}<" in row
    }
    assert offered == {
        "pavel": {"denied"}, "wanda": {"approved", "denied"}, "dora": {"approved", "denied"},
    }  # fmt: skip
    assert text.count("Save the reason") == 1


@pytest.mark.parametrize(
    ("starts", "ends", "words"),
    [(-30, 30, ["Opened", "Closes"]), (-30, -1, ["Opened", "Closed"]), (1, 30, ["Opens", "Closes"])],
)  # fmt: skip
def test_phases_speak_of_the_past_as_past(
    app: Flask, starts: int, ends: int, words: list[str]
) -> None:
    cast = make_cast()
    now, day = datetime.now(UTC), timedelta(days=1)
    starts_at, ends_at = now + starts * day, now + ends * day
    make_phase(cast.competition, starts_at=starts_at, ends_at=ends_at)
    text = browser(app, cast.pavel).get(f"/benchmarks/{cast.competition.id}/phases").text
    assert re.findall(r"<dt>((?:Open|Close)\w+)</dt>", text)[-2:] == words


def test_several_tasks_of_a_phase_read_as_a_list(app: Flask) -> None:
    cast = make_cast()
    make_phase(cast.competition, tasks=[make_task(cast.olga, name=f"Task {n}") for n in (1, 2)])
    text = browser(app, cast.pavel).get(f"/benchmarks/{cast.competition.id}/phases").text
    assert "<li>Task 1</li><li>Task 2</li>" in text


@pytest.mark.parametrize(
    "data", [{}, {"status": "king"}, {"status": "denied", "reason": "x" * 501}]
)
def test_odd_decision_changes_nothing(app: Flask, data: dict[str, str]) -> None:
    cast = make_cast()
    assert _decide(app, cast, {}, **data).status_code == 422
    assert status_of(cast, "wanda") == "pending"


@pytest.mark.security
def test_decision_under_another_benchmark_changes_nothing(app: Flask) -> None:
    cast = make_cast()
    statement = select(Participant.id).where(Participant.user_id == cast.wanda.id)
    participant = db.session.scalars(statement).one()
    path = f"/benchmarks/{cast.other.id}/participants/{participant}"
    for person, expected in ((cast.petra, 403), (cast.olga, 404)):
        answer = browser(app, person).post(path, data={"status": "approved"})
        assert answer.status_code == expected
        assert status_of(cast, "wanda") == "pending"


def test_participants_are_listed_by_status(app: Flask) -> None:
    cast = make_cast()
    client = browser(app, cast.olga)
    path = f"/benchmarks/{cast.competition.id}/participants"
    everybody = client.get(path).text
    assert all(name in everybody for name in ("pavel", "wanda", "dora"))
    assert "@example.org" not in everybody
    waiting = client.get(f"{path}?status=pending").text
    assert "wanda" in waiting
    assert "pavel" not in waiting
    assert client.get(f"{path}?status=nonsense").status_code == 200


def test_publishing_and_unpublishing(app: Flask) -> None:
    cast = make_cast(is_published=False)
    program = make_file(cast.olga, kind="scoring_program")
    with unit_of_work():
        for revision in db.session.scalars(select(TaskRevision)):
            revision.scoring_program_id = program.id
    client = browser(app, cast.olga)
    base = f"/benchmarks/{cast.competition.id}"
    assert cast.competition.secret_key in client.get(f"{base}/manage").text
    assert client.post(f"{base}/publish").location == f"{base}/manage"
    assert cast.competition.is_published
    assert cast.competition.published_at == NOW
    assert "Unpublish this benchmark?" in client.get(f"{base}/unpublish").text
    assert cast.competition.is_published
    assert client.post(f"{base}/unpublish", headers=HTMX).headers["HX-Redirect"] == f"{base}/manage"
    assert not cast.competition.is_published


def test_incomplete_benchmark_is_not_published_and_says_why(app: Flask) -> None:
    cast = make_cast(is_published=False)
    client = browser(app, cast.olga)
    answer = client.post(f"/benchmarks/{cast.competition.id}/publish")
    assert answer.status_code == 409
    assert "has no scoring program" in answer.text
    assert "Secret link" in answer.text
    assert not cast.competition.is_published


def test_manage_page_says_what_keeps_people_from_submitting(app: Flask) -> None:
    cast = make_cast(is_published=False, auto_run_submissions=False)
    text = browser(app, cast.olga).get(f"/benchmarks/{cast.competition.id}/manage").text
    assert "The benchmark is not published." in text
    assert "No machine of its queue is online" in text
    assert "Submissions are held until you run them." in text
    assert "Nobody is approved" not in text


def test_pages_of_unknown_benchmarks_are_not_found(client: FlaskClient) -> None:
    for path in ("", "/phases", "/data", "/terms"):
        assert client.get(f"/benchmarks/999{path}").status_code == 404


def test_every_page_says_what_was_granted_and_that_the_machine_has_no_containers(
    app: Flask,
) -> None:
    cast = make_cast()
    queue = make_queue()
    machine = Machine(
        queue_id=queue.id, name="gpu1", token_hash="x", trusted_only=True, created_at=NOW,
        last_seen_at=NOW,
    )  # fmt: skip
    save(machine)
    pages = ["", "/phases", "/data"]
    urls = [f"/benchmarks/{cast.competition.id}{page}" for page in pages]
    for url in urls:
        text = browser(app, cast.pavel).get(url).text
        assert "For trusted code only" in text
        assert "Containers reach the network" not in text
    with unit_of_work():
        found = db.session.get_one(Competition, cast.competition.id)
        found.grants_network, found.granted_memory_mib = True, 9000
        db.session.get_one(Machine, machine.id).trusted_only = False
    for url in urls:
        text = browser(app, cast.pavel).get(url).text
        assert "For trusted code only" not in text
        assert "Containers reach the network" in text
        assert "9000 MiB" in text


@pytest.mark.parametrize("part", ["organizer", "staff"])
def test_manage_page_words_what_programs_may_do_for_the_machines_there_are(
    app: Flask, part: str
) -> None:
    cast = make_cast()
    machine = Machine(
        queue_id=make_queue().id, name="gpu1", token_hash="x", trusted_only=True, created_at=NOW,
        last_seen_at=NOW,
    )  # fmt: skip
    save(machine)
    client = browser(app, cast.people()[part])
    path = f"/benchmarks/{cast.competition.id}/manage"
    assert "runs programs without containers" in client.get(path).text
    with unit_of_work():
        db.session.get_one(Machine, machine.id).trusted_only = False
    text = client.get(path).text
    assert "runs programs without containers" not in text
    assert "<p>Containers have no network" in text
