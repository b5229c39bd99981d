"""Quota, what uses how much, and clearing up."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, func, insert, select

from app.competitions.models import CompetitionSolution
from app.platform.db import db, unit_of_work
from app.platform.storage import RUNS, ObjectRef
from app.resources.models import (
    FileKind,
    FileVersion,
    PartUpload,
    Solution,
    StorageQuota,
    StoredFile,
    TaskRevision,
)
from app.submissions.models import Run, RunOutput, State, Submission
from tests.actors import Cast, browser, make_cast
from tests.conftest import make_settings
from tests.factories import NOW, change, make_file, make_phase, make_submission, make_task, save
from tests.fakes.storage import FakeStore

JSON = {"Accept": "application/json"}
GIB = 1024**3
DATA = FileKind.INPUT_DATA


@pytest.fixture
def cast(app: Flask) -> Cast:
    return make_cast()


def a_zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(zipfile.ZipInfo("a.csv"), b"1")
    return out.getvalue()


def an_output(cast: Cast, state: State, size: int = 7) -> tuple[Submission, ObjectRef]:
    """A submission of Pavel's with an output."""
    phase = make_phase(cast.competition)
    submission = make_submission(phase, cast.pavel, state=state)
    run_id = db.session.scalars(select(Run.id).where(Run.submission_id == submission.id)).one()
    ref = ObjectRef(RUNS, f"runs/{run_id}/out.zip")
    save(
        RunOutput(
            run_id=run_id, kind="scoring_output", attempt=1, bucket=ref.bucket,
            object_key=ref.key, size_bytes=size,
        )
    )  # fmt: skip
    return submission, ref


# Quota ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["island", "parts", "form"])
def test_upload_over_the_quota_is_refused_with_the_numbers(
    app: Flask, cast: Cast, store: FakeStore, way: str
) -> None:
    make_file(cast.olga, kind=DATA, size_bytes=15 * GIB - 50)
    client = browser(app, cast.olga)
    form = {"name": "More", "kind": "input_data", "license": "", "file_name": "a.zip"}
    if way == "form":
        form |= {"file": (io.BytesIO(a_zip()), "a.zip")}  # type: ignore[dict-item]
        answer = client.post("/resources/new", data=form, headers=JSON)
        text = answer.text
    else:
        size = "100" if way == "island" else str(2 * GIB)
        answer = client.post("/resources/start", data=form | {"file_size": size}, headers=JSON)
        text = answer.get_json()["error"]
    assert answer.status_code in (413, 422)
    assert "you use 15.00 of 15.00 GiB" in text
    assert "2.00 GiB" in text or way != "parts"
    assert (store.objects, store.uploads) == ({}, {})


def test_uploads_under_way_outputs_and_logs_count(app: Flask, cast: Cast) -> None:
    make_file(cast.pavel, kind=DATA, size_bytes=GIB, is_complete=False)
    an_output(cast, State.FINISHED, GIB)
    page = browser(app, cast.pavel).get("/resources/space/").text
    assert "Outputs of submissions" in page
    assert "2.0 GiB of 15 GiB used" in page


def test_what_was_sent_beyond_the_announced_size_counts(
    app: Flask, cast: Cast, store: FakeStore
) -> None:
    make_file(cast.olga, kind=DATA, size_bytes=15 * GIB - 50)
    client = browser(app, cast.olga)
    form = {"name": "More", "kind": "input_data", "license": ""}
    ticket = client.post(
        "/resources/start", data=form | {"file_name": "a.zip", "file_size": "1"}, headers=JSON
    ).get_json()
    file = db.session.scalars(select(StoredFile).where(StoredFile.key == ticket["key"])).one()
    store.objects[ObjectRef(file.bucket, file.upload_key)] = a_zip()
    answer = client.post("/resources/new", data=form | {"upload_key": ticket["key"]})
    assert (answer.status_code, "GiB" in answer.text, store.objects) == (422, True, {})


def test_administrator_sets_the_quota_of_a_person(app: Flask, cast: Cast) -> None:
    staff = browser(app, cast.rita)
    assert "Space of olga" in staff.get("/resources/space/?person=olga").text
    for gib, quota in (("0.5", "0.5"), ("", None)):
        form = {"person": "olga", "gib": gib}
        assert staff.post("/resources/space/quota", data=form).status_code == 303
        found = db.session.scalar(select(StorageQuota.gib))
        assert (found is None) if quota is None else (found == float(quota))
    bad = staff.post("/resources/space/quota", data={"person": "olga", "gib": "-1"})
    assert bad.status_code == 422
    assert staff.get("/resources/space/?person=nobody").status_code == 404


def test_nobody_else_sees_or_sets_the_quota_of_others(app: Flask, cast: Cast) -> None:
    for part, user in cast.people().items():
        if part in ("staff", "visitor"):
            continue
        client = browser(app, user)
        name = "petra" if part != "stranger" else "olga"
        assert client.get(f"/resources/space/?person={name}").status_code == 403
        form = {"person": cast.olga.username, "gib": "99"}
        assert client.post("/resources/space/quota", data=form).status_code == 403


def test_site_decides_what_everybody_has(app: Flask, cast: Cast) -> None:
    app.extensions["plumbline.settings"] = make_settings(quota_gib=0.0)
    form = {"kind": "submission", "file_name": "a.zip", "file_size": "10"}
    answer = browser(app, cast.pavel).post("/uploads", data=form, headers=JSON)
    assert answer.status_code == 413
    assert "of 0.00 GiB" in answer.get_json()["error"]


# Clearing up ----------------------------------------------------------------------------------


def listed(app: Flask, cast: Cast, group: str) -> str:
    answer = browser(app, cast.olga).get(f"/resources/space/clear/{group}")
    return answer.text if answer.status_code == 200 else ""


def clear(app: Flask, user: Any, group: str, *ids: int) -> None:
    data = {"id": [str(one) for one in ids]}
    answer = browser(app, user).post(f"/resources/space/clear/{group}", data=data)
    assert answer.status_code == 303


def exists(file: StoredFile) -> bool:
    statement = select(func.count()).where(StoredFile.id == file.id)
    return bool(db.session.scalar(statement))


def test_everything_in_use_is_never_listed_and_never_goes(
    app: Flask, cast: Cast, store: FakeStore
) -> None:
    task = make_task(cast.olga)
    revision = db.session.scalars(select(TaskRevision).where(TaskRevision.task_id == task.id)).one()
    roles = ("scoring_program", "ingestion_program", "input_data", "reference_data")
    used = {
        role: make_file(cast.olga, kind=FileKind(role), name=f"precious {role}") for role in roles
    }
    change(revision, **{f"{role}_id": file.id for role, file in used.items()})
    save(TaskRevision(task_id=task.id, number=2, created_at=NOW))  # an old revision counts as well
    kit = make_file(cast.olga, kind=FileKind.STARTING_KIT, name="precious kit")
    handed_out = make_file(cast.olga, kind=FileKind.PUBLIC_DATA, name="precious data")
    phase = make_phase(cast.competition, starting_kit_id=kit.id, public_data_id=handed_out.id)
    answer = make_file(cast.olga, kind=FileKind.SOLUTION, name="precious solution")
    solution = Solution(owner_id=cast.olga.id, name="S", file_id=answer.id, created_at=NOW)
    save(solution)
    save(CompetitionSolution(competition_id=cast.competition.id, solution_id=solution.id))
    submitted = make_file(cast.olga, name="precious submission")
    change(make_submission(phase, cast.olga, state=State.FAILED), file_id=submitted.id)
    shared = make_file(cast.olga, kind=DATA, name="precious by everybody", is_public=True)
    theirs = make_file(cast.petra, kind=DATA, name="precious by Petra")
    kept = [*used.values(), kit, handed_out, answer, submitted, shared, theirs]
    for file in kept:
        store.objects[file.ref] = b"zip"

    for group in ("files", "versions", "bundles", "submissions", "uploads"):
        assert "precious " not in listed(app, cast, group)
        clear(app, cast.olga, group, *(file.id for file in kept))
    assert all(exists(file) for file in kept)
    assert set(store.objects) == {file.ref for file in kept}


def test_what_is_ticked_goes_with_its_bytes_and_the_rest_stays(
    app: Flask, cast: Cast, store: FakeStore
) -> None:
    go, stay = make_file(cast.olga, kind=DATA), make_file(cast.olga, kind=DATA)
    for file in (go, stay):
        store.objects[file.ref] = b"zip"
        assert file.name in listed(app, cast, "files")
    clear(app, cast.olga, "files", go.id)
    assert (exists(go), exists(stay)) == (False, True)
    assert set(store.objects) == {stay.ref}


def test_what_is_used_after_the_list_was_shown_stays(app: Flask, cast: Cast) -> None:
    file = make_file(cast.olga, kind=DATA)
    assert file.name in listed(app, cast, "files")
    make_phase(cast.competition, public_data_id=file.id)
    clear(app, cast.olga, "files", file.id)
    assert exists(file)


def test_groups_tell_versions_bundles_submissions_and_uploads_apart(
    app: Flask, cast: Cast, store: FakeStore
) -> None:
    new = make_file(cast.olga, kind=DATA, name="the new one")
    old = make_file(cast.olga, kind=DATA, name="the old one")
    save(FileVersion(newer_id=new.id, older_id=old.id))
    bundle = make_file(cast.olga, kind=FileKind.COMPETITION_BUNDLE, name="the bundle")
    sent = make_file(cast.olga, name="the answer")
    half = make_file(cast.olga, kind=DATA, name="the half", is_complete=False)
    store.uploads["half"] = (half.ref, {})
    save(PartUpload(file_id=half.id, upload_id="half", part_bytes=9, heard_at=NOW))
    for group, file in {
        "versions": old, "files": new, "bundles": bundle, "submissions": sent, "uploads": half,
    }.items():  # fmt: skip
        assert file.name in listed(app, cast, group)
        clear(app, cast.olga, group, *(one.id for one in (new, old, bundle, sent, half)))
        assert not exists(file), group
        assert listed(app, cast, group) == ""
    assert not store.uploads


def test_outputs_of_failed_submissions_go_and_those_of_others_stay(
    app: Flask, cast: Cast, store: FakeStore
) -> None:
    failed, gone = an_output(cast, State.FAILED)
    finished, kept = an_output(cast, State.FINISHED)
    rerun, theirs = an_output(cast, State.FAILED)
    change(rerun, rerun_of_id=finished.id)
    for ref in (gone, kept, theirs):
        store.objects[ref] = b"zip"
    page = browser(app, cast.pavel).get("/resources/space/clear/outputs").text
    assert page.count('name="id"') == 1
    clear(app, cast.petra, "outputs", failed.id)
    assert gone in store.objects
    clear(app, cast.pavel, "outputs", failed.id, finished.id, rerun.id)
    assert set(store.objects) == {kept, theirs}
    assert db.session.get(Submission, failed.id) is not None


def test_unknown_group_clears_nothing(app: Flask, cast: Cast) -> None:
    file = make_file(cast.olga, kind=DATA)
    clear(app, cast.olga, "everything", file.id)
    clear(app, cast.olga, "files")
    assert exists(file)
    assert browser(app, cast.olga).get("/resources/space/clear/everything").status_code == 404


def test_ten_thousand_files_take_as_many_statements_as_two(app: Flask, cast: Cast) -> None:
    def add(first: int, count: int) -> None:
        with unit_of_work():
            db.session.execute(
                insert(StoredFile),
                [
                    {
                        "key": f"{number:036}", "owner_id": cast.olga.id, "kind": DATA,
                        "name": f"File {number}", "file_name": "a.zip", "bucket": "private",
                        "object_key": f"files/{number}", "is_complete": True, "created_at": NOW,
                    }
                    for number in range(first, first + count)
                ],
            )  # fmt: skip

    def count_statements() -> int:
        seen: list[str] = []
        client = browser(app, cast.olga)

        def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
            seen.append(statement)

        event.listen(db.engine, "before_cursor_execute", note)
        try:
            assert client.get("/resources/space/").status_code == 200
        finally:
            event.remove(db.engine, "before_cursor_execute", note)
        return len(seen)

    add(0, 2)
    few = count_statements()
    add(2, 10_000)
    assert count_statements() == few
