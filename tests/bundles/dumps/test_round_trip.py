"""Benchmarks dumped and imported again: nothing is lost on the way."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings

from app.competitions.drafts import (
    CompetitionDraft,
    FileRef,
    SolutionDraft,
    TaskDraft,
)
from app.policy import Viewer
from tests.bundles.dumps.round_trips import (
    FULL,
    as_draft,
    create,
    files_of,
    import_,
    in_words_of_rows,
    members,
    pack,
)
from tests.bundles.random_drafts import drafts
from tests.competitions.draft_factories import (
    make_competition_draft,
    make_phase_draft,
    make_task_draft,
)
from tests.factories import make_queue, make_user
from tests.fakes.storage import FakeStore


@pytest.fixture
def olga(app: Flask) -> Viewer:
    user = make_user("olga")
    return Viewer(user.id, user.username)


def _every(draft: Any) -> Iterator[Any]:
    yield draft
    for field in dataclasses.fields(draft):
        for item in getattr(draft, field.name) if field.type.startswith("tuple[") else ():
            if dataclasses.is_dataclass(item):
                yield from _every(item)


OF_OTHERS = {(TaskDraft, "key"), (SolutionDraft, "key")}
"""What names something that is stored already; rows hold the thing itself."""


@pytest.mark.parametrize("kind", sorted({type(one) for one in _every(FULL)}, key=str))
def test_full_draft_says_something_in_every_field(kind: type) -> None:
    """A field that is added later must be set there, so that the tests below carry it."""
    found = [one for one in _every(FULL) if type(one) is kind]
    for field in dataclasses.fields(kind):
        if field.name != "where" and (kind, field.name) not in OF_OTHERS:
            said = {getattr(one, field.name) for one in found}
            assert said - {field.default}, f"{kind.__name__}.{field.name}"


def test_full_draft_reads_back_from_its_rows(olga: Viewer, store: FakeStore) -> None:
    make_queue(qid="queue0001")
    assert as_draft(create(olga, FULL, store), store) == FULL


@pytest.mark.parametrize("with_files", [True, False])
def test_imported_dump_is_the_benchmark_again(
    olga: Viewer, store: FakeStore, tmp_path: Any, with_files: bool
) -> None:
    make_queue(qid="queue0001")
    first = create(olga, FULL, store)
    dump = pack(olga, first, with_files=with_files)
    again = import_(olga, dump, tmp_path)
    assert as_draft(again, store) == FULL
    assert members(pack(olga, again, with_files=with_files)) == members(dump)
    assert not any("/" in name and name.endswith(".zip") for name in members(dump)) or with_files


@settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(draft=drafts())
def test_any_benchmark_survives_a_dump(
    olga: Viewer, store: FakeStore, tmp_path: Any, draft: CompetitionDraft
) -> None:
    first = create(olga, draft, store)
    read_back = as_draft(first, store)
    assert read_back == in_words_of_rows(draft)
    dump = pack(olga, first)
    again = import_(olga, dump, tmp_path)
    assert as_draft(again, store) == read_back
    assert members(pack(olga, again)) == members(dump)


def test_stored_file_that_is_no_zip_survives_a_dump(
    olga: Viewer, store: FakeStore, tmp_path: Any
) -> None:
    """Whatever is stored is what its organizer has: a dump is no time to find fault with it."""
    kinds = ("scoring_program", "ingestion_program", "input_data", "reference_data")
    files = {kind: FileRef(member=f"{kind}.zip") for kind in kinds}
    kit = FileRef(member="kit.csv")
    task, phase = make_task_draft(0, **files), make_phase_draft(starting_kit=kit)
    contents = {ref: f"no zip: {ref.member}".encode() for ref in (*files.values(), kit)}
    first = create(olga, make_competition_draft(tasks=(task,), phases=(phase,)), store, contents)
    stored = files_of(first, store)
    assert sorted(content for _, _, content in stored) == sorted(contents.values())
    dump = pack(olga, first)
    again = import_(olga, dump, tmp_path)
    assert files_of(again, store) == stored
    assert members(pack(olga, again)) == members(dump)
