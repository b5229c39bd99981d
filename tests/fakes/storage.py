"""An object store in memory, for the fast tier."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any, BinaryIO

from app.errors import NotFound
from app.platform.storage import LONGEST_LINK, ObjectRef


class FakeStore:
    """Keeps bytes by bucket and key; presigned URLs are made up but carry both."""

    def __init__(self) -> None:
        self.objects: dict[ObjectRef, bytes] = {}
        self.uploads: dict[str, tuple[ObjectRef, dict[int, bytes]]] = {}
        """Uploads in parts that are not over, by id."""

    def prepare(self) -> None: ...

    def put(self, ref: ObjectRef, stream: BinaryIO, size: int, content_type: str) -> None:
        content = stream.read() if size < 0 else stream.read(size)
        self.objects[ref] = content

    def open(self, ref: ObjectRef) -> Any:
        if ref not in self.objects:
            raise NotFound("The file is no longer stored.")
        return io.BytesIO(self.objects[ref])

    def size(self, ref: ObjectRef) -> int | None:
        found = self.objects.get(ref)
        return None if found is None else len(found)

    def delete(self, ref: ObjectRef) -> None:
        self.objects.pop(ref, None)

    def presign_get(self, ref: ObjectRef, life: timedelta, *, file_name: str = "") -> str:
        _check(life)
        return f"http://store.test/{ref.bucket}/{ref.key}?get"

    def presign_put(self, ref: ObjectRef, life: timedelta) -> str:
        _check(life)
        return f"http://store.test/{ref.bucket}/{ref.key}?put"

    def read_range(self, ref: ObjectRef, offset: int, size: int) -> bytes:
        return self.objects[ref][offset : offset + size]

    def open_parts(self, ref: ObjectRef, content_type: str) -> str:
        upload_id = f"upload-{len(self.uploads)}-{ref.key}"
        self.uploads[upload_id] = (ref, {})
        return upload_id

    def presign_part(self, ref: ObjectRef, upload_id: str, number: int, life: timedelta) -> str:
        return f"http://store.test/{ref.bucket}/{ref.key}?part={number}"

    def parts(self, ref: ObjectRef, upload_id: str) -> dict[int, int] | None:
        if upload_id not in self.uploads:
            return None
        return {number: len(content) for number, content in self.uploads[upload_id][1].items()}

    def join_parts(self, ref: ObjectRef, upload_id: str) -> bool:
        if upload_id not in self.uploads:
            return False
        _, parts = self.uploads.pop(upload_id)
        self.objects[ref] = b"".join(content for _, content in sorted(parts.items()))
        return True

    def abort_parts(self, ref: ObjectRef, upload_id: str) -> None:
        self.uploads.pop(upload_id, None)


def _check(life: timedelta) -> None:
    if life > LONGEST_LINK:  # as the client of a real store does
        raise ValueError("a link lives for at most 7 days")
