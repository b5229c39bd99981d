"""Ten people's worth of clicks at the last try: one wins, nine read why they did not."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest
import urllib3

from tests.insider import Benchmark, Insider
from tests.loose import LooseStack
from tests.patience import PATIENCE_S
from tests.person import Person
from tests.services.bundles import bundle, result

pytestmark = [pytest.mark.chaos, pytest.mark.services]

T = TypeVar("T")
TEN = 10


def at_once(deeds: Sequence[Callable[[], T]]) -> list[T]:
    """Do all of them at the same moment; return their results."""
    start = threading.Barrier(len(deeds))

    def go(deed: Callable[[], T]) -> T:
        start.wait(PATIENCE_S)
        return deed()

    with ThreadPoolExecutor(len(deeds)) as pool:
        return list(pool.map(go, deeds))


@pytest.fixture
def scarce(insider: Insider) -> Benchmark:
    """A benchmark with one try a day."""
    return insider.benchmark(bundle("Scarce", phase={"max_submissions_per_day": 1}), "pavel")


def _posting(
    stack: LooseStack, cookie: str, token: str, path: str, fields: dict[str, str]
) -> Callable[[], urllib3.BaseHTTPResponse]:
    def post() -> urllib3.BaseHTTPResponse:
        body = {"csrf_token": token, **fields}
        return urllib3.request(
            "POST", stack.base_url + path, fields=body, headers={"Cookie": cookie}, redirect=False,
            retries=False,
        )  # fmt: skip

    return post


def _text(answer: urllib3.BaseHTTPResponse) -> str:
    """Return what a page says, without its markup."""
    return " ".join(re.sub("<[^>]+>", " ", answer.data.decode()).split())


def test_ten_submissions_at_the_last_try_make_one(
    stack: LooseStack, insider: Insider, scarce: Benchmark
) -> None:
    files = [insider.upload("pavel", result()) for _ in range(TEN)]
    with Person(stack.base_url, insider.cookie("pavel")) as pavel:
        token = pavel.token("/account")
        path = f"/phases/{scarce.phases[0]}/submissions"
        answers = at_once(
            [_posting(stack, pavel.cookie, token, path, {"file": key}) for key in files]
        )
    statuses = sorted(answer.status for answer in answers)
    assert statuses == [303] + [422] * (TEN - 1)
    refusals = [answer.data.decode() for answer in answers if answer.status == 422]
    assert all("You have used all 1 submissions of today" in text for text in refusals)
    (made,) = (answer.headers["Location"] for answer in answers if answer.status == 303)
    assert insider.wait(int(made.rpartition("/")[2])).counts


def test_ten_clicks_with_one_idempotency_key_make_one_submission(
    stack: LooseStack, insider: Insider, benchmark: Benchmark
) -> None:
    fields = {"file": insider.upload("pavel", result()), "idempotency_key": "ten clicks"}
    with Person(stack.base_url, insider.cookie("pavel")) as pavel:
        token = pavel.token("/account")
        path = f"/phases/{benchmark.phases[0]}/submissions"
        answers = at_once([_posting(stack, pavel.cookie, token, path, fields)] * TEN)
    assert {answer.status for answer in answers} == {303}
    (made,) = {answer.headers["Location"] for answer in answers}
    insider.wait(int(made.rpartition("/")[2]))


def test_upload_that_is_completed_ten_times_is_kept_once(
    stack: LooseStack, insider: Insider, benchmark: Benchmark
) -> None:
    content = result()
    with Person(stack.base_url, insider.cookie("pavel")) as pavel:
        fields = {"kind": "submission", "file_name": "a.zip", "file_size": str(len(content))}
        begun = json.loads(pavel.post("/uploads", fields).data)
        urllib3.request("PUT", begun["url"], body=content, headers=begun["headers"])
        token = pavel.token("/account")
        path = f"/phases/{benchmark.phases[0]}/uploads"
        done = {"upload_key": begun["key"]}
        answers = at_once([_posting(stack, pavel.cookie, token, path, done)] * TEN)
        assert [_text(one) for one in answers if one.status != 303] == []
        (review,) = {answer.headers["Location"] for answer in answers}
        assert pavel.get(review).status == 200
