"""The whole corpus of broken zips on a real S3 server: nothing of it stays there."""

from __future__ import annotations

from datetime import timedelta
from typing import BinaryIO

import pytest
from flask import Flask

from app.platform.storage import ObjectRef, S3Store
from tests.bundles.corpus import tables
from tests.bundles.corpus.trying import (
    assert_told,
    make_actor,
    problems_of_import,
    problems_of_task,
)

pytestmark = pytest.mark.services


class Witness(S3Store):
    """A real store that remembers every place where something was to be written."""

    def __init__(self, settings: dict[str, str]) -> None:
        super().__init__(
            settings["s3_url"], "", settings["s3_access_key"], settings["s3_secret_key"],
            "us-east-1",
        )  # fmt: skip
        self.written: set[ObjectRef] = set()

    def put(self, ref: ObjectRef, stream: BinaryIO, size: int, content_type: str) -> None:
        self.written.add(ref)
        super().put(ref, stream, size, content_type)

    def presign_put(self, ref: ObjectRef, life: timedelta) -> str:
        self.written.add(ref)
        return super().presign_put(ref, life)

    def open_parts(self, ref: ObjectRef, content_type: str) -> str:
        self.written.add(ref)
        return super().open_parts(ref, content_type)

    def left(self) -> set[ObjectRef]:
        return {ref for ref in self.written if self.size(ref) is not None}


def test_whole_corpus_leaves_no_object(app: Flask, s3_settings: dict[str, str]) -> None:
    store = Witness(s3_settings)
    store.prepare()
    app.extensions["plumbline.store"] = store
    actor = make_actor()
    for family, name in tables.names(tables.BUNDLES):
        case = tables.BUNDLES[family][name]
        assert_told(problems_of_import(actor, case.raw), case)
        assert store.left() == set(), f"{family}: {name}"
    for name, case in tables.TASK_ZIPS.items():
        assert_told(problems_of_task(actor, case.raw), case)
        assert store.left() == set(), name
    assert len(store.written) > 1  # of the bundles themselves there is one place; some got further
