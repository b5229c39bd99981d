"""Benchmarks made of drafts, dumped, imported again and read back."""

from __future__ import annotations

import dataclasses
import io
import itertools
import zipfile
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app.accounts.models import User
from app.bundles import services as bundles
from app.bundles.checksums import NAME
from app.bundles.dumps import queries
from app.bundles.dumps import services as dumps
from app.competitions import building, rereading
from app.competitions import services as competitions
from app.competitions.drafts import (
    ColumnDraft,
    CompetitionDraft,
    CompetitionType,
    Computation,
    FactSheetQuestionDraft,
    FileRef,
    LeaderboardDraft,
    PageDraft,
    PhaseDraft,
    QuestionType,
    SolutionDraft,
    Sorting,
    SubmissionRule,
    TaskDraft,
)
from app.platform.db import db, unit_of_work
from app.policy import Viewer
from app.resources.models import StoredFile
from tests.bundles.bundle_factories import zip_of
from tests.bundles.random_drafts import LOGO
from tests.competitions.draft_factories import day
from tests.conftest import make_settings
from tests.factories import NOW, make_file
from tests.fakes.storage import FakeStore

IMAGE = make_settings().default_image
_count = itertools.count()


def file_content(ref: FileRef) -> bytes:
    return zip_of({"which.txt": ref.member.encode()}).getvalue()


def create(
    actor: Viewer, draft: CompetitionDraft, store: FakeStore,
    contents: Mapping[FileRef, bytes] | None = None,
) -> int:  # fmt: skip
    """Make a benchmark of a draft.

    Args:
        contents: of its files; by default each is a zip that holds its own name.
    """
    logo = competitions.new_logo(draft)
    competitions.store_logo(draft, logo)
    owner = db.session.get_one(User, actor.user_id)
    files = {}
    for ref, kind in competitions.files_to_store(draft).items():
        name = ref.member.rpartition("/")[2]
        files[ref] = make_file(owner, kind=kind, file_name=name, object_key=f"o/{next(_count)}")
        content = contents[ref] if contents else file_content(ref)
        store.objects[files[ref].ref] = content
        with unit_of_work():
            db.session.add(files[ref])
            files[ref].size_bytes = len(content)
    with unit_of_work():
        made = competitions.create(actor, draft, files, now=NOW, logo=logo)
        return made.id


def pack(actor: Viewer, competition_id: int, *, with_files: bool = True) -> bytes:
    out = io.BytesIO()
    dumps.pack_into(actor, competition_id, out, with_files=with_files, now=NOW)
    return out.getvalue()


def members(raw: bytes) -> dict[str, bytes]:
    """What a dump holds, its listing apart: that tells when it was made."""
    with zipfile.ZipFile(io.BytesIO(raw)) as found:
        return {name: found.read(name) for name in found.namelist() if name != NAME}


def import_(actor: Viewer, raw: bytes, tmp_path: Any) -> int:
    path = tmp_path / "dump.zip"
    path.write_bytes(raw)
    return bundles.import_file(actor, path, lambda: NOW).competition_id


def files_of(competition_id: int, store: FakeStore) -> list[tuple[str, str, bytes]]:
    """Return kind, name and content of every file that a benchmark names, in its order."""
    db.session.rollback()
    wanted = building.wanted(rereading.draft(queries.rows(competition_id)))
    files = {UUID(file.key): file for file in db.session.scalars(select(StoredFile))}
    found = [files[one.ref.key] for one in wanted if one.ref.key]
    return [(file.kind, file.file_name, store.objects[file.ref]) for file in found]


def as_draft(competition_id: int, store: FakeStore) -> CompetitionDraft:
    """Read a benchmark back; files are named by what is in them."""
    db.session.rollback()
    rows = queries.rows(competition_id)
    large, icon = queries.pictures(rows.competition)
    found = rereading.draft(dataclasses.replace(rows, image_png=large, icon_png=icon))
    files = {UUID(file.key): file for file in db.session.scalars(select(StoredFile))}

    def named(ref: FileRef | None) -> FileRef | None:
        if ref is None or ref.key is None:
            return ref
        with zipfile.ZipFile(io.BytesIO(store.objects[files[ref.key].ref])) as content:
            return FileRef(member=content.read("which.txt").decode())

    return _with_files(found, named)


def _with_files(
    draft: CompetitionDraft, named: Callable[[FileRef | None], FileRef | None]
) -> CompetitionDraft:
    def changed(item: Any) -> Any:
        refs = {
            field.name: named(getattr(item, field.name))
            for field in dataclasses.fields(item)
            if "FileRef" in str(field.type)
        }
        return dataclasses.replace(item, **refs)

    return dataclasses.replace(
        draft,
        tasks=tuple(map(changed, draft.tasks)),
        solutions=tuple(map(changed, draft.solutions)),
        phases=tuple(map(changed, draft.phases)),
    )


def in_words_of_rows(draft: CompetitionDraft) -> CompetitionDraft:
    """Say what a draft becomes: rows call tasks by position, in the order of their first use."""
    used = [index for phase in draft.phases for index in phase.tasks]
    known = dict.fromkeys(used)
    for solution in draft.solutions:
        if known.keys().isdisjoint(solution.tasks) or not set(solution.tasks) & set(used):
            own = [task.index for task in draft.tasks if task.index in solution.tasks]
            known |= dict.fromkeys(own)
    new = {index: position for position, index in enumerate(known)}
    by_index = {task.index: task for task in draft.tasks}
    return dataclasses.replace(
        draft,
        docker_image=draft.docker_image or IMAGE,
        tasks=tuple(dataclasses.replace(by_index[i], index=new[i]) for i in known),
        solutions=tuple(
            dataclasses.replace(
                one, index=position, name=one.name or f"Solution {one.index}",
                tasks=tuple(sorted(new[i] for i in one.tasks if i in new)),
            )
            for position, one in enumerate(draft.solutions)
        ),
        phases=tuple(
            dataclasses.replace(phase, tasks=tuple(new[i] for i in phase.tasks))
            for phase in draft.phases
        ),
    )  # fmt: skip


FULL = CompetitionDraft(
    title=" A title ", description="More\n\nthan one line  ", image_png=LOGO.png,
    icon_png=LOGO.icon, terms="<p>Be kind.</p>", terms_is_html=True,
    competition_type=CompetitionType.BENCHMARK, docker_image="python:3.11-slim", queue="queue0001",
    registration_auto_approve=True, enable_detailed_results=True,
    show_detailed_results_in_submission_panel=False, show_detailed_results_in_leaderboard=False,
    show_scoring_logs=True, auto_run_submissions=False,
    can_participants_make_submissions_public=False, make_programs_available=True,
    make_input_data_available=True, forum_enabled=False, reward="A cup", contact_email="o@example.org",
    fact_sheet=(
        FactSheetQuestionDraft(
            key="yes", type=QuestionType.SELECT, title="Which", selection=("", "no", "1.10"),
            is_required=True, is_on_leaderboard=True,
        ),
    ),
    pages=(PageDraft(title="A", content="<b>a</b>", is_html=True), PageDraft(title="B", content="b")),
    tasks=(
        TaskDraft(
            index=0, name="One", description="First", scoring_program=FileRef(member="s.zip"),
            ingestion_program=FileRef(member="i.zip"), input_data=FileRef(member="d.zip"),
            reference_data=FileRef(member="r.zip"), ingestion_only_during_scoring=True,
        ),
        TaskDraft(index=1, name="Two", scoring_program=FileRef(member="s.zip")),
    ),
    solutions=(
        SolutionDraft(
            index=0, tasks=(0, 1), file=FileRef(member="sol.zip"), name="Sample", description="It works",
        ),
    ),
    phases=(
        PhaseDraft(name="First", start=day(1), end=day(2), tasks=(0,)),
        PhaseDraft(
            name="Second", start=day(2), end=day(3), description="Last", tasks=(1, 0),
            max_submissions_per_day=0, max_submissions_per_person=0, count_failed_submissions=True,
            execution_time_limit_s=7, auto_migrate_to_this_phase=True, required_phase=0,
            requires_entry=True, submission_rule=SubmissionRule.FORCE_BEST,
            accepts_only_result_submissions=True, hide_results=True, hide_output=True,
            hide_prediction_output=True, hide_score_output=True,
            starting_kit=FileRef(member="kit.zip"), public_data=FileRef(member="p.zip"),
        ),
        PhaseDraft(
            name="Beside", start=day(2), end=day(3), tasks=(0,), is_parallel=True, leaderboard_index=1
        ),
    ),
    leaderboards=(
        LeaderboardDraft(
            title="Results", key="main", primary_index=4, hidden=True,
            submission_rule=SubmissionRule.FORCE_LAST,
            columns=(
                ColumnDraft(title="A", key="a", index=1),
                ColumnDraft(
                    title="B", key="b", index=4, sorting=Sorting.ASC, computation=Computation.AVG,
                    computation_indexes=(1,), computation_weights=(2.5,), group="G", hidden=True,
                    precision=7,
                ),
            ),
        ),
        LeaderboardDraft(title="Other", key="other", columns=(ColumnDraft(title="C", key="c", index=0),)),
    ),
)  # fmt: skip
"""Every field of every draft class differs from its default in one place at least."""
