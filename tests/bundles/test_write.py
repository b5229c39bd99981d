"""Drafts written as bundles, and read back as what they were."""

from __future__ import annotations

import dataclasses
import io
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
import yaml
from hypothesis import HealthCheck, given, settings

from app.bundles import checksums, read, write
from app.bundles.checksums import Listed
from app.bundles.read import BundleReading
from app.competitions.drafts import CompetitionDraft, FileRef, PageDraft, SolutionDraft
from app.competitions.validity import problems
from app.platform.archive import Archive
from tests.bundles.bundle_factories import zip_of
from tests.bundles.random_drafts import FILES, drafts
from tests.competitions.draft_factories import (
    day,
    make_competition_draft,
    make_phase_draft,
    make_task_draft,
)
from tests.factories import NOW

A_ZIP = zip_of({"a": b"1"}).getvalue()


def sealed(members: dict[str, bytes]) -> dict[str, bytes]:
    listed = {name: Listed(checksums.sha256([raw]), len(raw)) for name, raw in members.items()}
    return members | {checksums.NAME: checksums.text("https://here.test", 1, listed, NOW)}


def reread(draft: CompetitionDraft) -> BundleReading:
    members = {ref.member: A_ZIP for ref in FILES} | write.texts(draft)
    return read.read(Archive(io.BytesIO(zip_of(sealed(members)).getvalue())))


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(drafts())
def test_draft_reads_back_as_it_was_written(draft: CompetitionDraft) -> None:
    assert problems(draft) == []
    reading = reread(draft)
    assert reading.problems == ()
    assert reading.draft == draft


def test_everything_but_defaults_of_our_own_is_written_out() -> None:
    document = yaml.safe_load(write.texts(make_competition_draft())["competition.yaml"])
    assert document["phases"][0]["start"] == "2030-01-01T00:00:00Z"
    assert document["leaderboards"][0]["primary_index"] == 0
    assert document["tasks"][0]["ingestion_only_during_scoring"] is False
    assert "end" not in document["phases"][0]
    assert "queue" not in document


def test_times_keep_their_seconds_and_less() -> None:
    start = day(1) + timedelta(hours=9, seconds=7, microseconds=120_000)
    draft = make_competition_draft(phases=(make_phase_draft(start=start, end=day(3)),))
    phase = yaml.safe_load(write.texts(draft)["competition.yaml"])["phases"][0]
    assert (phase["start"], phase["end"]) == ("2030-01-01T09:00:07.120000Z", "2030-01-03T00:00:00Z")


def test_files_get_readable_places_and_each_is_written_once() -> None:
    scoring, kit, other = uuid4(), uuid4(), uuid4()
    tasks = (
        make_task_draft(0, name="Wärme & Kälte", scoring_program=FileRef(key=scoring)),
        make_task_draft(1, name="東京", scoring_program=FileRef(key=scoring)),
    )
    solution = SolutionDraft(index=0, tasks=(0,), file=FileRef(key=other), name="Try 1")
    phase = make_phase_draft(tasks=(0, 1), starting_kit=FileRef(key=kit))
    draft = make_competition_draft(tasks=tasks, solutions=(solution,), phases=(phase,))
    names = {scoring: "program.zip", kit: "Kit.TAR", other: "odd.n@me"}
    moved, members = write.with_members(draft, names)
    assert members == {
        "tasks/1-warme-kalte/scoring_program.zip": scoring,
        "solutions/1-try-1.bin": other,
        "phases/1-development/starting_kit.tar": kit,
    }
    assert [task.scoring_program for task in moved.tasks] == [
        FileRef(member="tasks/1-warme-kalte/scoring_program.zip")
    ] * 2
    nameless = dataclasses.replace(draft, tasks=(tasks[1],))
    assert next(iter(write.with_members(nameless, names)[1])) == "tasks/1/scoring_program.zip"


def test_files_without_a_name_stay_keys() -> None:
    key = UUID(int=7)
    draft = make_competition_draft(tasks=(make_task_draft(scoring_program=FileRef(key=key)),))
    moved, members = write.with_members(draft, {})
    assert (moved, members) == (draft, {})
    task = yaml.safe_load(write.texts(draft)["competition.yaml"])["tasks"][0]
    assert task["scoring_program"] == str(key)


def test_long_descriptions_stand_in_texts_of_their_own() -> None:
    long = "word " * 12_000
    tasks = tuple(make_task_draft(i, description=long, scoring_program=FILES[0]) for i in range(8))
    draft = make_competition_draft(tasks=tasks, description="short")
    texts = write.texts(draft)
    assert texts["texts/tasks/8-task-7.md"].decode() == long
    assert b"description: short" in texts["competition.yaml"]
    assert reread(draft).draft == draft


def test_text_that_no_bundle_can_hold_is_refused() -> None:
    pages = tuple(PageDraft(title="“" * 256, content="a") for _ in range(400))
    with pytest.raises(write.TooLong):
        write.texts(make_competition_draft(pages=pages))


def test_white_space_is_kept_in_dumps_alone() -> None:
    draft = make_competition_draft(
        title=" A title ", tasks=(make_task_draft(scoring_program=FILES[0]),)
    )
    members = {FILES[0].member: A_ZIP} | write.texts(draft)
    ordinary = read.read(Archive(io.BytesIO(zip_of(members).getvalue()))).draft
    again = reread(draft).draft
    assert again
    assert ordinary
    assert (again.title, ordinary.title) == (" A title ", "A title")
