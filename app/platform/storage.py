"""The object store (S3) through the minio client; users never choose a key."""

from __future__ import annotations

import io
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, BinaryIO, Protocol
from urllib.parse import urlsplit

import urllib3
from flask import current_app
from minio import Minio
from minio.error import MinioException, S3Error

from app.errors import NotFound, Unavailable

PUBLIC, PRIVATE, RUNS = "public", "private", "runs"
"""Buckets by audience: anyone, by permission, workers while a run lasts."""

_PART = 16 * 1024 * 1024


@dataclass(frozen=True)
class ObjectRef:
    """Where an object lies."""

    bucket: str
    key: str


class Store(Protocol):
    """What the product needs of an object store."""

    def put(self, ref: ObjectRef, stream: BinaryIO, size: int, content_type: str) -> None:
        """Store ``size`` bytes of a stream; size -1 when it is not known."""

    def open(self, ref: ObjectRef) -> Any:
        """Return a readable, closable stream."""

    def size(self, ref: ObjectRef) -> int | None:
        """Return the size in bytes, None when there is no such object."""

    def delete(self, ref: ObjectRef) -> None:
        """Remove; a missing object is fine."""

    def presign_get(self, ref: ObjectRef, life: timedelta, *, file_name: str = "") -> str:
        """Return a URL that reads this one object for a while."""

    def presign_put(self, ref: ObjectRef, life: timedelta) -> str:
        """Return a URL that writes this one object for a while."""


class S3Store:
    """The store behind ``PLUMBLINE_S3_URL``, as the app and as browsers and workers reach it."""

    def __init__(self, url: str, public_url: str, access: str, secret: str, region: str) -> None:
        def client(address: str) -> Minio:
            parts = urlsplit(address)
            pool = urllib3.PoolManager(
                timeout=urllib3.Timeout(connect=3, read=30),
                retries=urllib3.Retry(2, backoff_factor=0.2, status_forcelist=(500, 502, 503)),
                maxsize=8,
            )
            return Minio(
                parts.netloc, access, secret, secure=parts.scheme == "https", region=region,
                http_client=pool,
            )  # fmt: skip

        self._inside = client(url)
        self._outside = client(public_url or url)

    def prepare(self) -> None:
        """Make the buckets that are missing."""
        with _reachable():
            for bucket in (PUBLIC, PRIVATE, RUNS):
                if not self._inside.bucket_exists(bucket):
                    self._inside.make_bucket(bucket)

    def put(self, ref: ObjectRef, stream: BinaryIO, size: int, content_type: str) -> None:
        """See :class:`Store`."""
        with _reachable():
            part = _PART if size < 0 or size > _PART else 0
            self._inside.put_object(ref.bucket, ref.key, stream, size, content_type, part_size=part)

    def open(self, ref: ObjectRef) -> Any:
        """See :class:`Store`."""
        with _reachable():
            return self._inside.get_object(ref.bucket, ref.key)

    def size(self, ref: ObjectRef) -> int | None:
        """See :class:`Store`."""
        with _reachable():
            try:
                return self._inside.stat_object(ref.bucket, ref.key).size
            except S3Error as error:
                if error.code in ("NoSuchKey", "NoSuchObject", "NotFound"):
                    return None
                raise

    def delete(self, ref: ObjectRef) -> None:
        """See :class:`Store`."""
        with _reachable():
            self._inside.remove_object(ref.bucket, ref.key)

    def presign_get(self, ref: ObjectRef, life: timedelta, *, file_name: str = "") -> str:
        """See :class:`Store`; a download is always an attachment."""
        name = file_name.replace('"', "").replace("\\", "")
        disposition = f'attachment; filename="{name}"' if name.isascii() and name else "attachment"
        return self._outside.presigned_get_object(
            ref.bucket,
            ref.key,
            life,
            response_headers={"response-content-disposition": disposition},
        )

    def presign_put(self, ref: ObjectRef, life: timedelta) -> str:
        """See :class:`Store`."""
        return self._outside.presigned_put_object(ref.bucket, ref.key, life)


@contextmanager
def _reachable() -> Iterator[None]:
    try:
        yield
    except S3Error as error:
        if error.code in ("NoSuchKey", "NoSuchObject"):
            raise NotFound("The file is no longer stored.") from error
        raise Unavailable("The file store refused the request. Try again in a minute.") from error
    except (MinioException, urllib3.exceptions.HTTPError, OSError) as error:
        raise Unavailable("The file store does not answer. Try again in a minute.") from error


def new_ref(bucket: str, folder: str, name: str) -> ObjectRef:
    """Return a key of our own: ``<folder>/<32 random hex>/<name>``; ``name`` is ours, too."""
    return ObjectRef(bucket, f"{folder}/{secrets.token_hex(16)}/{name}")


def store() -> Store:
    """Return this app's object store."""
    found: Store = current_app.extensions["plumbline.store"]
    return found


def put_bytes(ref: ObjectRef, content: bytes, content_type: str) -> None:
    """Store a small content."""
    store().put(ref, io.BytesIO(content), len(content), content_type)


def read_bytes(ref: ObjectRef, limit: int) -> bytes:
    """Read a small object, at most ``limit`` bytes of it."""
    stream = store().open(ref)
    try:
        content: bytes = stream.read(limit)
        return content
    finally:
        stream.close()
