"""Pages of queues and machines: plain browser, htmx, invalid, not allowed."""

from __future__ import annotations

import html
import re
from base64 import b64decode
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from app.platform.clock import now
from app.platform.db import db, unit_of_work
from app.queues.models import ComputeQueue, Machine, QueueMember, Role
from app.submissions.models import Run, State
from tests.actors import HTMX, Cast, browser, make_cast
from tests.factories import (
    NOW,
    change,
    make_competition,
    make_machine,
    make_phase,
    make_queue,
    make_submission,
    make_user,
    save,
)


@pytest.fixture
def cast(app: Flask) -> Cast:
    return make_cast()


@pytest.fixture
def queue(cast: Cast) -> ComputeQueue:
    """Olga's, shared with Pavel as an organizer and with Wanda as a collaborator."""
    made = make_queue(is_default=False, owner_id=cast.olga.id, name="GPUs")
    for user, role in ((cast.pavel, Role.ORGANIZER), (cast.wanda, Role.COLLABORATOR)):
        save(QueueMember(queue_id=made.id, user_id=user.id, role=role, created_at=NOW))
    return made


@pytest.fixture
def olga(app: Flask, cast: Cast) -> FlaskClient:
    return browser(app, cast.olga)


def post(
    client: FlaskClient, path: str, data: Mapping[str, str] | None = None, *, htmx: bool = False
) -> TestResponse:
    return client.post(path, data=data or {}, headers=HTMX if htmx else {})


def members(queue: ComputeQueue) -> dict[int, str]:
    rows = db.session.execute(
        select(QueueMember.user_id, QueueMember.role).where(QueueMember.queue_id == queue.id)
    )
    return dict(rows.tuples().all())


def machines_of(queue: ComputeQueue) -> dict[str, Machine]:
    found = db.session.scalars(select(Machine).where(Machine.queue_id == queue.id))
    return {machine.name: machine for machine in found}


# Lists and pages -----------------------------------------------------------------------------


def test_list_shows_mine_shared_and_public_ones_and_no_other(
    app: Flask, cast: Cast, queue: ComputeQueue, olga: FlaskClient
) -> None:
    make_queue(is_default=False, owner_id=cast.petra.id, name="Secret lab")
    make_queue(is_default=False, owner_id=cast.petra.id, name="Open lab", is_public=True)
    make_queue(name="House")
    for client in (olga, browser(app, cast.pavel)):
        text = client.get("/queues/").text
        assert all(name in text for name in ("GPUs", "Open lab", "House"))
        assert "Secret lab" not in text
    assert "Secret lab" in browser(app, cast.rita).get("/queues/").text


def test_page_says_how_many_runs_wait_and_that_nothing_serves_them(
    queue: ComputeQueue, olga: FlaskClient
) -> None:
    url = f"/queues/{queue.id}"
    assert "No run waits on it" in olga.get(url).text
    phase = make_phase(make_competition(), tasks=2)
    one = make_submission(phase, make_user(), state=State.QUEUED)
    with unit_of_work():
        db.session.execute(update(Run).where(Run.submission_id == one.id).values(queue_id=queue.id))
    page = olga.get(url).text
    assert "2 runs wait on it" in page
    assert "No machine serves this queue." in page
    make_machine(queue)
    assert "No machine serves this queue." not in olga.get(url).text


def test_page_shows_what_machines_say_escaped_and_who_is_online(
    queue: ComputeQueue, olga: FlaskClient
) -> None:
    details = {
        "worker_version": "0.1.0", "gpus": ["NVIDIA <b>A100</b>"], "has_data": True,
        "disk_free_bytes": 5 * 2**30,
    }  # fmt: skip
    make_machine(queue, "gpu-1", last_seen_at=now(), engine="docker", details=details)
    make_machine(queue, "gpu-2", last_seen_at=now() - timedelta(minutes=5))
    make_machine(queue, "gone", revoked_at=NOW)
    text = olga.get(f"/queues/{queue.id}").text
    assert "NVIDIA &lt;b&gt;A100&lt;/b&gt;" in text
    assert "has /app/data" in text
    assert "5.0 GiB" in text
    assert "Online" in text
    assert "Offline" in text
    assert "gone" not in text
    assert queue.qid in text


def test_page_warns_when_no_machine_is_online(queue: ComputeQueue, olga: FlaskClient) -> None:
    machine = make_machine(queue, last_seen_at=now() - timedelta(minutes=5))
    assert "None of its machines is online" in olga.get(f"/queues/{queue.id}").text
    change(machine, last_seen_at=now())
    assert "None of its machines is online" not in olga.get(f"/queues/{queue.id}").text


def test_page_lists_the_benchmarks_that_one_may_see(
    app: Flask, cast: Cast, queue: ComputeQueue, olga: FlaskClient
) -> None:
    change(cast.competition, queue_id=queue.id)
    change(cast.other, queue_id=queue.id, is_published=False)
    text = olga.get(f"/queues/{queue.id}").text
    assert cast.competition.title in text
    assert cast.other.title not in text
    assert cast.other.title in browser(app, cast.rita).get(f"/queues/{queue.id}").text


def test_organizer_of_a_queue_sees_no_secret_and_no_button(
    app: Flask, cast: Cast, queue: ComputeQueue
) -> None:
    machine = make_machine(queue, "gpu-1", details={"warning": "old engine"})
    text = browser(app, cast.pavel).get(f"/queues/{queue.id}").text
    for hidden in (machine.broker_user, machine.broker_hash, "/rotate", "/retire", "old engine"):
        assert str(hidden) not in text


# Queues --------------------------------------------------------------------------------------


def test_queue_is_made(cast: Cast, olga: FlaskClient) -> None:
    answer = post(olga, "/queues/new", {"name": "Lab", "max_running_per_person": "3"})
    made = db.session.scalars(select(ComputeQueue).where(ComputeQueue.name == "Lab")).one()
    assert (answer.status_code, answer.location) == (303, f"/queues/{made.id}")
    assert (made.owner_id, made.max_running_per_person) == (cast.olga.id, 3)
    assert post(olga, "/queues/new", {"name": "Lab 2"}, htmx=True).headers["HX-Redirect"]


@pytest.mark.parametrize(
    "data", [{"name": ""}, {"name": "x" * 65}, {"name": "x", "max_running_per_person": "0"}]
)
@pytest.mark.parametrize("htmx", [False, True])
def test_queue_with_a_problem_is_not_made(
    olga: FlaskClient, data: dict[str, str], htmx: bool
) -> None:
    assert post(olga, "/queues/new", data, htmx=htmx).status_code == 422
    assert db.session.scalars(select(ComputeQueue)).all() == []


def test_one_queue_too_many_says_so(olga: FlaskClient) -> None:
    for number in range(5):
        assert post(olga, "/queues/new", {"name": f"Lab {number}"}).status_code == 303
    answer = post(olga, "/queues/new", {"name": "Lab 6"})
    assert answer.status_code == 422
    assert "You keep 5 queues" in answer.text


def test_queue_is_changed(queue: ComputeQueue, olga: FlaskClient) -> None:
    assert "GPUs" in olga.get(f"/queues/{queue.id}/edit").text
    answer = post(olga, f"/queues/{queue.id}/edit", {"name": "Lab", "is_public": "y"})
    assert answer.status_code == 303
    assert (queue.name, queue.is_public, queue.max_running_per_person) == ("Lab", True, None)


def test_collaborator_changes_the_name_and_cannot_open_the_queue(
    app: Flask, cast: Cast, queue: ComputeQueue
) -> None:
    wanda = browser(app, cast.wanda)
    assert "is_public" not in wanda.get(f"/queues/{queue.id}/edit").text
    data = {"name": "Ours", "is_public": "y"}
    assert post(wanda, f"/queues/{queue.id}/edit", data).status_code == 303
    assert (queue.name, queue.is_public) == ("Ours", False)


def test_closing_a_queue_says_what_it_moved(
    cast: Cast, queue: ComputeQueue, olga: FlaskClient
) -> None:
    change(queue, is_public=True)
    change(cast.other, queue_id=queue.id)
    post(olga, f"/queues/{queue.id}/edit", {"name": "GPUs"})
    assert cast.other.queue_id is None
    assert "1 benchmark of somebody who may not use this queue" in olga.get("/queues/").text


def test_queue_is_retired_after_a_question(queue: ComputeQueue, olga: FlaskClient) -> None:
    assert "cannot be undone" in olga.get(f"/queues/{queue.id}/retire").text
    assert post(olga, f"/queues/{queue.id}/retire").status_code == 303
    assert queue.retired_at is not None
    assert "takes no runs any more" in olga.get(f"/queues/{queue.id}").text


@pytest.mark.parametrize("htmx", [False, True])
def test_queue_in_use_is_not_retired(
    cast: Cast, queue: ComputeQueue, olga: FlaskClient, htmx: bool
) -> None:
    change(cast.competition, queue_id=queue.id)
    answer = post(olga, f"/queues/{queue.id}/retire", htmx=htmx)
    assert answer.status_code == 409
    assert "1 benchmark runs on it" in answer.text


# Members -------------------------------------------------------------------------------------


def test_queue_is_shared(cast: Cast, queue: ComputeQueue, olga: FlaskClient) -> None:
    path, data = f"/queues/{queue.id}/members", {"name": "dora", "role": "organizer"}
    assert post(olga, path, data).location == f"/queues/{queue.id}"
    changed = post(olga, path, {**data, "role": "collaborator"}, htmx=True)
    assert changed.status_code == 200
    assert changed.text.count('id="members"') == 1
    assert "dora" in changed.text
    assert members(queue)[cast.dora.id] == Role.COLLABORATOR


@pytest.mark.parametrize("htmx", [False, True])
@pytest.mark.parametrize(
    "data",
    [
        {"name": "", "role": "organizer"},
        {"name": "nobody", "role": "organizer"},
        {"name": "dora", "role": "owner"},
        {"name": "olga", "role": "organizer"},
    ],
)
def test_sharing_that_makes_no_sense_is_explained(
    queue: ComputeQueue, olga: FlaskClient, data: dict[str, str], htmx: bool
) -> None:
    answer = post(olga, f"/queues/{queue.id}/members", data, htmx=htmx)
    assert answer.status_code == 422
    assert "There is a problem" in answer.text
    assert answer.text.count("<html") == (0 if htmx else 1)
    assert len(members(queue)) == 2


def test_members_are_taken_off_and_leave(
    app: Flask, cast: Cast, queue: ComputeQueue, olga: FlaskClient
) -> None:
    path = f"/queues/{queue.id}/members/{cast.wanda.id}/remove"
    assert "wanda" not in post(olga, path, htmx=True).text
    own = f"/queues/{queue.id}/members/{cast.pavel.id}/remove"
    assert post(browser(app, cast.pavel), own).location == "/queues/"
    assert members(queue) == {}
    assert post(olga, own).status_code == 404


# Machines ------------------------------------------------------------------------------------


@pytest.mark.parametrize("htmx", [False, True])
def test_new_machine_shows_its_secrets_once(
    queue: ComputeQueue, olga: FlaskClient, htmx: bool
) -> None:
    answer = post(olga, f"/queues/{queue.id}/machines/new", {"name": "gpu-1"}, htmx=htmx)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "private, no-store"
    found = html.unescape(answer.text)
    token = re.search(r"PLUMBLINE_WORKER_TOKEN=(plb_machine_\S+)", found)
    broker = re.search(r"PLUMBLINE_WORKER_BROKER_URL=rediss://(\S+):(plb_broker_\S+)@runs", found)
    assert token
    assert broker
    machine = machines_of(queue)["gpu-1"]
    assert machine.broker_user == broker[1]
    again = olga.get(f"/queues/{queue.id}").text
    assert "Being set up" in again
    for secret in (token[1], broker[2], machine.broker_hash, machine.token_hash):
        assert secret not in again


def test_secrets_can_be_downloaded_copied_and_used_with_the_commands_beside_them(
    queue: ComputeQueue, olga: FlaskClient
) -> None:
    page = olga.post(f"/queues/{queue.id}/machines/new", data={"name": "gpu-1"}).text
    link = re.search(r'download="gpu-1\.env" href="data:[^,]+;base64,([^"]+)"', page)
    shown = re.search(r'<pre class="code" id="env"><code>(.*?)</code>', page, re.DOTALL)
    assert link
    assert shown
    assert b64decode(html.unescape(link[1])).decode() == html.unescape(shown[1])
    text = html.unescape(page)
    assert "docker build -t plumbline-worker" in text
    assert Path("worker/compose.yaml").read_text() in text
    assert 'href="/queues/how-to-add-a-machine"' in page
    assert page.count("data-copy=") == 5


def test_how_to_is_shown_without_links_that_lead_nowhere(olga: FlaskClient) -> None:
    page = olga.get("/queues/how-to-add-a-machine").text
    main = page[page.index("<main") : page.index("</main>")]
    assert main.count("<h1>") == 1
    assert "docker build -t plumbline-worker" in main
    assert "RestartPreventExitStatus=3" in main
    assert "Settings lists the rest" in main
    assert set(re.findall(r'href="([^"]+)"', main)) == {
        "/queues/", "https://github.com/containers/bubblewrap",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["", "two words", "gpu-1"])
def test_machine_that_cannot_be_added_is_explained(
    queue: ComputeQueue, olga: FlaskClient, name: str
) -> None:
    make_machine(queue, "gpu-1")
    answer = post(olga, f"/queues/{queue.id}/machines/new", {"name": name})
    assert answer.status_code == 422
    assert "plb_" not in answer.text
    assert list(machines_of(queue)) == ["gpu-1"]


def test_machine_list_asks_until_every_machine_is_set_up(
    queue: ComputeQueue, olga: FlaskClient
) -> None:
    machine = make_machine(queue, access_set_at=None)
    path = f"/queues/{queue.id}/machines"
    assert olga.get(path).location == f"/queues/{queue.id}"
    waiting = olga.get(path, headers=HTMX)
    assert (waiting.status_code, "hx-trigger" in waiting.text) == (200, True)
    change(machine, access_set_at=NOW)
    over = olga.get(path, headers=HTMX)
    assert over.status_code == 286
    assert 'hx-trigger="every' not in over.text


def test_new_secrets_are_shown_after_a_question(queue: ComputeQueue, olga: FlaskClient) -> None:
    machine = make_machine(queue, "gpu-1")
    before = machine.token_hash, machine.broker_hash
    path = f"/queues/{queue.id}/machines/{machine.id}/rotate"
    assert "30 minutes" in olga.get(path).text
    answer = post(olga, path)
    assert "PLUMBLINE_WORKER_TOKEN=plb_machine_" in answer.text
    db.session.refresh(machine)
    assert (machine.old_token_hash, machine.old_broker_hash) == before
    assert not {machine.token_hash, machine.broker_hash} & set(before)
    assert machine.old_until is not None


def test_access_is_ended_after_a_question(queue: ComputeQueue, olga: FlaskClient) -> None:
    machine = make_machine(queue, "gpu-1")
    path = f"/queues/{queue.id}/machines/{machine.id}/revoke"
    assert "End the access of gpu-1?" in olga.get(path).text
    assert post(olga, path).status_code == 303
    assert machine.revoked_at is not None
    assert post(olga, path).status_code == 409


def test_machine_of_another_queue_is_not_found(
    cast: Cast, queue: ComputeQueue, olga: FlaskClient
) -> None:
    strange = make_queue(is_default=False, owner_id=cast.petra.id)
    machine = make_machine(strange)
    for act in ("rotate", "revoke"):
        path = f"/queues/{queue.id}/machines/{machine.id}/{act}"
        assert olga.get(path).status_code == 404
        assert post(olga, path).status_code == 404
    assert machine.revoked_at is None


@pytest.mark.security
def test_only_keepers_write(app: Flask, cast: Cast, queue: ComputeQueue) -> None:
    machine = make_machine(queue)
    writes: tuple[tuple[str, dict[str, str]], ...] = (
        ("edit", {"name": "x"}), ("members", {"name": "dora", "role": "organizer"}), ("retire", {}),
        ("machines/new", {"name": "gpu-9"}), (f"machines/{machine.id}/rotate", {}),
        (f"machines/{machine.id}/revoke", {}),
    )  # fmt: skip
    before = members(queue), queue.name
    for who, status in ((cast.pavel, 403), (cast.petra, 404), (None, 303)):
        for path, data in writes:
            answer = post(browser(app, who), f"/queues/{queue.id}/{path}", data)
            assert answer.status_code == status, (who, path)
            assert who is not None or answer.location.startswith("/log-in")
    assert before == (members(queue), queue.name)
    assert list(machines_of(queue)) == [machine.name]
