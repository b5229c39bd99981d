"""Redis, the object store and the site's own processes go away and come back."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
import urllib3
from redis import Redis

from tests.chaos.said import says
from tests.gate import Passing
from tests.insider import Benchmark, Insider
from tests.loose import LooseStack, eventually
from tests.person import Person
from tests.services.bundles import ANSWER, code, result

pytestmark = [pytest.mark.chaos, pytest.mark.services]

_AWAY_S = 10


def _is(method: str, part: str) -> Callable[[Passing], bool]:
    return lambda passing: passing.method == method and part in passing.path


# Redis ------------------------------------------------------------------------------------------


def test_redis_killed_in_mid_run_costs_neither_the_run_nor_the_one_that_waits(
    stack: LooseStack, insider: Insider, benchmark: Benchmark
) -> None:
    in_scoring = stack.api.hold(says("score"))
    running = insider.submit("pavel", benchmark.phases[0], result())
    in_scoring.wait()
    waiting = insider.submit("pavel", benchmark.phases[0], result())
    pid = stack.worker.pid
    for server in (stack.runs, stack.redis):
        server.kill()
    stack.api.open()
    assert insider.wait(running).run.attempts == ("finished",)
    stack.mend()
    insider.give_up(waiting)  # Redis may have lost its message, or not
    assert insider.wait(waiting).run.scores == {"score": 1.0}
    assert stack.worker.is_running
    assert stack.worker.pid == pid


def test_message_that_redis_forgot_is_sent_again(
    stack: LooseStack, insider: Insider, benchmark: Benchmark
) -> None:
    stack.worker.kill()
    submission = insider.submit("pavel", benchmark.phases[0], result())
    with Redis.from_url(stack.admin_url) as redis:
        for _ in eventually("the run lies on its queue"):
            if redis.llen(f"rq:queue:{stack.queue_id}"):
                break
        redis.flushall()
    stack.mend()
    insider.give_up(submission)
    seen = insider.wait(submission)
    assert seen.run.scores == {"score": 1.0}
    assert seen.run.attempts == ("No machine claimed it in time.", "finished")


def test_submission_made_while_redis_is_away_is_accepted_and_run_later(
    stack: LooseStack, insider: Insider, benchmark: Benchmark
) -> None:
    stack.runs.kill()
    stack.redis.kill()
    submission = _submit_by_form(stack, insider, "pavel", benchmark)
    assert insider.state(submission) == "queued"
    stack.mend()
    assert insider.wait(submission).run.scores == {"score": 1.0}


# The object store -------------------------------------------------------------------------------


def test_store_away_for_ten_seconds_while_one_fetches_and_one_uploads(
    stack: LooseStack, insider: Insider, benchmark: Benchmark
) -> None:
    stack.another_worker()
    uploads = stack.store.hold(_is("PUT", "/runs/"))
    first = insider.submit("pavel", benchmark.phases[0], result())
    uploads.wait()
    fetches = stack.store.hold(_is("GET", "/files/"))
    second = insider.submit("petra", benchmark.phases[0], result())
    fetches.wait()
    os.kill(stack.s3.pid, signal.SIGSTOP)
    try:
        stack.store.open()
        time.sleep(_AWAY_S)
    finally:
        os.kill(stack.s3.pid, signal.SIGCONT)
    for submission in (first, second):
        seen = insider.wait(submission)
        assert seen.run.scores == {"score": 1.0}
        assert seen.run.attempts == ("finished",)


def test_store_that_is_killed_is_waited_for(
    stack: LooseStack, insider: Insider, benchmark: Benchmark
) -> None:
    uploads = stack.store.hold(_is("PUT", "/runs/"))
    submission = insider.submit("pavel", benchmark.phases[0], result())
    uploads.wait()
    stack.s3.kill()
    stack.store.open()
    with Person(stack.base_url, insider.cookie("pavel")) as pavel:
        page = pavel.get(f"/submissions/{submission}")
        download = pavel.get(f"/submissions/{submission}/live")
    assert (page.status, download.status) == (200, 303)
    stack.mend()
    assert insider.wait(submission).run.attempts == ("finished",)


def test_upload_through_the_site_while_the_store_is_away_keeps_nothing_and_says_so(
    stack: LooseStack, insider: Insider, benchmark: Benchmark
) -> None:
    cookie = insider.cookie("pavel")
    stack.s3.kill()
    with Person(stack.base_url, cookie) as pavel:
        answer = _upload_by_form(pavel, benchmark)
    assert answer.status == 422
    assert "store does not answer" in answer.data.decode()


# The site ---------------------------------------------------------------------------------------


def test_web_killed_in_mid_run_hears_the_rest_afterwards(
    stack: LooseStack, insider: Insider, benchmark: Benchmark
) -> None:
    in_program = stack.api.hold(says("ingest"))
    submission = insider.submit("pavel", benchmark.phases[0], code(ANSWER))
    in_program.wait()
    stack.web.kill()
    stack.mend()
    seen = insider.wait(submission)
    assert seen.run.scores == {"score": 1.0}
    assert seen.run.attempts[-1] == "finished"


def test_web_killed_in_mid_upload_keeps_nothing_and_the_upload_can_be_repeated(
    stack: LooseStack, insider: Insider, benchmark: Benchmark
) -> None:
    with Person(stack.base_url, insider.cookie("pavel")) as pavel:
        parts: list[tuple[str, str | tuple[str, bytes]]] = [
            ("csrf_token", pavel.token("/account")), ("file", ("answer.zip", result()))
        ]  # fmt: skip
        body, kind = urllib3.encode_multipart_formdata(parts)
        place = urlsplit(stack.base_url)
        with socket.create_connection((place.hostname, place.port)) as browser:
            head = (
                f"POST /phases/{benchmark.phases[0]}/uploads HTTP/1.1\r\nHost: {place.netloc}\r\n"
                f"Cookie: {pavel.cookie}\r\nContent-Type: {kind}\r\n"
                f"Content-Length: {len(body)}\r\n\r\n"
            )
            browser.sendall(head.encode() + body[:-20])
            stack.web.kill()
            with contextlib.suppress(ConnectionError):
                assert browser.recv(100) == b""
        stack.mend()
        assert _upload_by_form(pavel, benchmark).status == 303


def test_presigned_upload_outlives_the_death_of_the_site(
    stack: LooseStack, insider: Insider, benchmark: Benchmark
) -> None:
    content = result()
    with Person(stack.base_url, insider.cookie("pavel")) as pavel:
        begun = pavel.post(
            "/uploads",
            {"kind": "submission", "file_name": "a.zip", "file_size": str(len(content))},
        )
        upload = json.loads(begun.data)
        stack.web.kill()
        sent = urllib3.request("PUT", upload["url"], body=content, headers=upload["headers"])
        assert sent.status == 200
        stack.mend()
        fields = {"upload_key": upload["key"]}
        taken = pavel.post(f"/phases/{benchmark.phases[0]}/uploads", fields)
        assert taken.status == 303
        submission = _accept(pavel, benchmark, taken.headers["Location"])
    assert insider.wait(submission).run.scores == {"score": 1.0}


def test_submission_whose_answer_got_lost_is_made_once(
    stack: LooseStack, insider: Insider, benchmark: Benchmark
) -> None:
    with Person(stack.base_url, insider.cookie("pavel")) as pavel:
        fields = {
            "file": insider.upload("pavel", result()), "idempotency_key": "lost-answer",
        }  # fmt: skip
        url = f"/phases/{benchmark.phases[0]}/submissions"
        first = pavel.post(url, fields)
        stack.web.kill()
        with pytest.raises(urllib3.exceptions.HTTPError):
            pavel.post(url, fields)
        stack.mend()
        again = pavel.post(url, fields)
    assert first.status == again.status == 303
    assert first.headers["Location"] == again.headers["Location"]
    insider.wait(int(first.headers["Location"].rpartition("/")[2]))


def test_without_cron_submissions_run_and_what_waits_is_sent_once_it_is_back(
    stack: LooseStack, insider: Insider, benchmark: Benchmark
) -> None:
    stack.cron.kill()
    submission = insider.submit("pavel", benchmark.phases[0], result())
    assert insider.wait(submission).run.attempts == ("finished",)
    stack.runs.kill()
    waiting = insider.submit("pavel", benchmark.phases[0], result())
    stack.runs.start()
    stack.runs.wait_ready()
    assert insider.state(waiting) == "queued"
    stack.mend()
    assert insider.wait(waiting).run.scores == {"score": 1.0}


def _upload_by_form(person: Person, benchmark: Benchmark) -> urllib3.BaseHTTPResponse:
    fields = {"file": ("answer.zip", result(), "application/zip")}
    return person.post(f"/phases/{benchmark.phases[0]}/uploads", fields)


def _accept(person: Person, benchmark: Benchmark, review: str) -> int:
    """Confirm what the review page shows; return the submission's id."""
    fields = {"file": review.partition("file=")[2], "idempotency_key": ""}
    made = person.post(f"/phases/{benchmark.phases[0]}/submissions", fields)
    assert made.status == 303, made.data
    return int(made.headers["Location"].rpartition("/")[2])


def _submit_by_form(
    stack: LooseStack, insider: Insider, name: str, benchmark: Benchmark
) -> int:  # fmt: skip
    with Person(stack.base_url, insider.cookie(name)) as person:
        review = _upload_by_form(person, benchmark)
        assert review.status == 303, review.data
        return _accept(person, benchmark, review.headers["Location"])
