"""An object store in memory, for the fast tier."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any, BinaryIO

from app.errors import NotFound
from app.platform.storage import ObjectRef


class FakeStore:
    """Keeps bytes by bucket and key; presigned URLs are made up but carry both."""

    def __init__(self) -> None:
        self.objects: dict[ObjectRef, bytes] = {}

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
        return f"http://store.test/{ref.bucket}/{ref.key}?get"

    def presign_put(self, ref: ObjectRef, life: timedelta) -> str:
        return f"http://store.test/{ref.bucket}/{ref.key}?put"
