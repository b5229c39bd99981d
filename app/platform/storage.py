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
from minio.datatypes import Part
from minio.error import InvalidResponseError, MinioException, S3Error

from app.errors import NotFound, Unavailable

PUBLIC, PRIVATE, RUNS = "public", "private", "runs"
"""Buckets by audience: anyone, by permission, workers while a run lasts."""

LONGEST_LINK = timedelta(days=7)
"""No store signs a URL for longer."""

_PART = 8 * 1024 * 1024
_AT_ONCE = 2
"""Parts on their way; beside them two wait and one is being read, each in memory."""


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

    def read_range(self, ref: ObjectRef, offset: int, size: int) -> bytes:
        """Return ``size`` bytes from ``offset`` on; both lie within the object."""

    def open_parts(self, ref: ObjectRef, content_type: str) -> str:
        """Begin an upload in parts and return its id; there is no object before they are joined."""

    def presign_part(self, ref: ObjectRef, upload_id: str, number: int, life: timedelta) -> str:
        """Return a URL that writes one part, counted from 1, until the parts are joined."""

    def parts(self, ref: ObjectRef, upload_id: str) -> dict[int, int] | None:
        """Return the sizes of what has arrived by number; None when the upload is over."""

    def join_parts(self, ref: ObjectRef, upload_id: str) -> bool:
        """Make the object of its parts and end the upload for good; False when it was over."""

    def abort_parts(self, ref: ObjectRef, upload_id: str) -> None:
        """Forget an upload and its parts; one that is over is fine."""


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
            self._inside.put_object(
                ref.bucket, ref.key, stream, size, content_type, part_size=_PART,
                num_parallel_uploads=_AT_ONCE,
            )  # fmt: skip

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

    def read_range(self, ref: ObjectRef, offset: int, size: int) -> bytes:
        """See :class:`Store`."""
        with _reachable():
            answer = self._inside.get_object(ref.bucket, ref.key, offset, size)
            try:
                return answer.read()
            finally:
                answer.close()
                answer.release_conn()

    # The client keeps the calls of uploads in parts to itself, but for these there are no others.

    def open_parts(self, ref: ObjectRef, content_type: str) -> str:
        """See :class:`Store`."""
        with _reachable():
            headers: dict[str, str | list[str] | tuple[str]] = {"Content-Type": content_type}
            return self._inside._create_multipart_upload(ref.bucket, ref.key, headers)

    def presign_part(self, ref: ObjectRef, upload_id: str, number: int, life: timedelta) -> str:
        """See :class:`Store`."""
        return self._outside.get_presigned_url(
            "PUT", ref.bucket, ref.key, life,
            extra_query_params={"uploadId": upload_id, "partNumber": str(number)},
        )  # fmt: skip

    def parts(self, ref: ObjectRef, upload_id: str) -> dict[int, int] | None:
        """See :class:`Store`."""
        with _reachable():
            try:
                return {part.part_number: part.size or 0 for part in self._parts(ref, upload_id)}
            except MinioException as error:
                if _is_over(error):
                    return None
                raise

    def join_parts(self, ref: ObjectRef, upload_id: str) -> bool:
        """See :class:`Store`."""
        with _reachable():
            try:
                parts = sorted(self._parts(ref, upload_id), key=lambda part: part.part_number)
                self._inside._complete_multipart_upload(ref.bucket, ref.key, upload_id, parts)
            except MinioException as error:
                if _is_over(error):
                    return False
                raise
            return True

    def abort_parts(self, ref: ObjectRef, upload_id: str) -> None:
        """See :class:`Store`."""
        with _reachable():
            try:
                self._inside._abort_multipart_upload(ref.bucket, ref.key, upload_id)
            except MinioException as error:
                if not _is_over(error):
                    raise

    def _parts(self, ref: ObjectRef, upload_id: str) -> list[Part]:
        found: dict[int, Part] = {}
        marker: str | None = None
        while True:
            answer = self._inside._list_parts(
                ref.bucket, ref.key, upload_id, part_number_marker=marker
            )
            found |= {part.part_number: part for part in answer.parts}
            # Some servers begin the next list with the marker's part, some after it.
            new = answer.next_part_number_marker
            if not answer.is_truncated or new is None or str(new) == marker:
                return list(found.values())
            marker = str(new)


def _is_over(error: MinioException) -> bool:
    """Return whether a server says that it does not know an upload, in either of two dialects."""
    if isinstance(error, S3Error):
        return error.code == "NoSuchUpload"
    return isinstance(error, InvalidResponseError) and "<Code>NoSuchUpload</Code>" in str(error)


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
