"""Presigned URLs open one object, one way, for a while, whoever holds them."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
import urllib3
from flask import Flask

from app.platform.storage import PRIVATE, ObjectRef, S3Store, new_ref
from tests.patience import PATIENCE_S

pytestmark = [pytest.mark.security, pytest.mark.services]

_HOUR = timedelta(hours=1)
_DEAD = (400, 403)
"""What servers answer to a URL without a living signature: rclone the first, MinIO the second."""


@pytest.fixture
def store(app: Flask, s3_settings: dict[str, str]) -> S3Store:
    url, access, secret = (
        s3_settings[name] for name in ("s3_url", "s3_access_key", "s3_secret_key")
    )
    made = S3Store(url, "", access, secret, "us-east-1")
    made.prepare()
    return made


@pytest.fixture
def place(store: S3Store) -> Iterator[ObjectRef]:
    """An object with four bytes."""
    ref = new_ref(PRIVATE, "files", "kept.zip")
    store.put(ref, io.BytesIO(b"kept"), 4, "application/zip")
    yield ref
    store.delete(ref)


def _ask(method: str, url: str, body: bytes | None = None) -> int:
    answer = urllib3.request(
        method, url, body=body, retries=False, redirect=False, timeout=PATIENCE_S
    )
    return answer.status


def test_url_for_one_key_writes_no_other(store: S3Store, place: ObjectRef) -> None:
    own = new_ref(PRIVATE, "uploads", "submission.zip")
    url = store.presign_put(own, _HOUR)
    assert _ask("PUT", url.replace(own.key, place.key), b"forged") == 403
    assert _ask("PUT", url.replace(own.key, f"{own.key}/../../{place.key}"), b"forged") == 403
    assert store.open(place).read() == b"kept"
    assert _ask("PUT", url, b"mine") == 200
    store.delete(own)


def test_url_works_one_way_only(store: S3Store, place: ObjectRef) -> None:
    reads, writes = store.presign_get(place, _HOUR), store.presign_put(place, _HOUR)
    assert _ask("PUT", reads, b"forged") == 403
    assert _ask("DELETE", reads) == 403
    assert _ask("DELETE", writes) == 403
    assert _ask("GET", writes) == 403
    assert store.open(place).read() == b"kept"


def test_url_dies_and_cannot_be_prolonged(store: S3Store, place: ObjectRef) -> None:
    url = store.presign_get(place, timedelta(seconds=1))
    end = time.monotonic() + PATIENCE_S
    while _ask("GET", url) == 200:
        assert time.monotonic() < end, "The URL outlives its time."
        time.sleep(0.2)
    assert _ask("GET", url) in _DEAD
    assert _ask("GET", url.replace("X-Amz-Expires=1", "X-Amz-Expires=3600")) in _DEAD
    assert _ask("GET", url.partition("?")[0]) in _DEAD
    assert _ask("GET", store.presign_get(place, _HOUR)) == 200
