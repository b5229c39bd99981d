"""Making a starting kit from a task; reference data never stand in it."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, cast

from app.bundles import programs
from app.bundles.kits import contents, standin
from app.bundles.kits.contents import Rules
from app.competitions.models import Phase
from app.competitions.tasks import queries as tasks
from app.errors import Refused
from app.platform import archive
from app.platform.archive import Archive
from app.platform.configured import settings
from app.platform.db import db, release
from app.policy import Act, Viewer, require
from app.resources import services as resources
from app.resources.measuring import MIB
from app.resources.models import FileKind, StoredFile, Task

_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class KitDraft:
    """What the organizer wants in the kit beside a sample submission."""

    ingestion_program: bool = True
    input_data: bool = True
    scoring_program: bool = False
    stand_in: bool = False
    """A made-up file in the place of each file of the reference data."""


def rules_of(task: Task, phase: Phase | None) -> Rules:
    """Return how programs run on a task: as in a phase (with its competition), else by default."""
    here, revision = settings(), task.revisions[-1]
    competition = phase.competition if phase else None
    return Rules(
        image=competition.docker_image if competition else here.default_image,
        seconds=phase.execution_time_limit_s if phase else 600,
        memory_mib=(competition.granted_memory_mib if competition else 0) or here.run_memory_mib,
        cpus=here.run_cpus, pids=here.run_pids, output_mib=here.run_output_mib,
        network=bool(competition and competition.grants_network),
        writable_root=bool(competition and competition.grants_writable_root),
        during_scoring=revision.ingestion_only_during_scoring,
        result_only=bool(phase and phase.accepts_only_result_submissions),
    )  # fmt: skip


def write(
    actor: Viewer, task: Task, draft: KitDraft, out: BinaryIO, phase: Phase | None = None
) -> None:
    """Write a starting kit; ends the transaction so far, because reading files is slow.

    Args:
        task: from :func:`app.competitions.tasks.queries.get`.
        phase: whose image and limits count, with its competition.

    Raises:
        Forbidden: the task is somebody else's.
        Refused: the files are larger than an upload may be.
    """
    require(actor, Act.TASK_EDIT, task)
    rules, name = rules_of(task, phase), task.name
    folders, reference = _chosen(task, draft)
    solutions = tasks.solutions_of([task.id])
    sample = solutions[0].file if solutions else None
    _check_size(
        [*folders.values(), *([sample] if sample else []), *([reference] if reference else [])]
    )
    for file in (*folders.values(), sample, reference):
        if file is not None:
            db.session.expunge(file)
    release()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        if sample is not None:
            _unpack(sample, "sample_submission", target)
        else:
            skeleton = contents.RESULT_SKELETON if rules.result_only else contents.SKELETON
            for path, content in skeleton.items():
                _add(target, f"sample_submission/{path}", content)
        for folder, file in folders.items():
            _unpack(file, folder, target)
        left_out = [contents.STAND_INS, *_stand_ins(reference, target)] if reference else []
        names = ["sample_submission", *folders, *(["reference_data"] if reference else [])]
        if "scoring_program" not in folders:
            left_out.append(
                "The scoring program stays on the site: `score.py` stops before scoring."
            )
        if not reference:
            left_out.append("The reference data stay on the site.")
        _add(target, "score.py", contents.script(rules))
        _add(target, "README.md", contents.readme(name, rules, names, left_out))


def hand_out(
    actor: Viewer, task: Task, draft: KitDraft, phase: Phase, *, now: datetime
) -> StoredFile:
    """Make a kit the starting kit of a phase that uses the task.

    Raises:
        Refused: the phase does not use it.
    """
    require(actor, Act.COMPETITION_EDIT, phase.competition)
    if task.id not in {link.task_id for link in phase.phase_tasks}:
        raise Refused("This phase does not use the task.")
    phase_id, name = phase.id, f"starting_kit_{task.key[:8]}.zip"
    with tempfile.TemporaryFile() as kit:
        write(actor, task, draft, cast(BinaryIO, kit), phase)
        file = resources.receive(actor, FileKind.STARTING_KIT, name, cast(BinaryIO, kit), now=now)
    db.session.get_one(Phase, phase_id).starting_kit_id = file.id
    db.session.flush()
    return file


def _chosen(task: Task, draft: KitDraft) -> tuple[dict[str, StoredFile], StoredFile | None]:
    revision = task.revisions[-1]
    wanted: Mapping[str, tuple[bool, StoredFile | None]] = {
        "ingestion_program": (draft.ingestion_program, revision.ingestion_program),
        "input_data": (draft.input_data, revision.input_data),
        "scoring_program": (draft.scoring_program, revision.scoring_program),
    }
    kept_back = revision.reference_data_id
    folders = {
        folder: file
        for folder, (is_wanted, file) in wanted.items()
        if is_wanted and file is not None and file.id != kept_back
    }
    return folders, revision.reference_data if draft.stand_in else None


def _check_size(files: list[StoredFile]) -> None:
    total, limit = sum(file.size_bytes for file in files), settings().upload_mib
    if total > limit * MIB:
        raise Refused(
            f"The files of the kit have {total // MIB} MiB; a kit may have {limit} MiB. Leave out "
            "the input data and hand them out as public data."
        )


def _unpack(file: StoredFile, folder: str, target: zipfile.ZipFile) -> None:
    """Copy what is in a zip to a folder of the kit; a folder around a program is left out."""
    with resources.fetched(file) as here:
        source = Archive(here, archive.BUNDLE)
        root = programs.root(source)
        for member in source.files(root):
            path = member.name.removeprefix(f"{root}/") if root else member.name
            with target.open(_entry(f"{folder}/{path}"), "w", force_zip64=True) as out:
                for chunk in source.chunks(member.name):
                    out.write(chunk)


def _stand_ins(reference: StoredFile, target: zipfile.ZipFile) -> list[str]:
    """Write something made up for each file; returns a sentence on each that has none."""
    left_out = []
    with resources.fetched(reference) as here:
        source = Archive(here, archive.BUNDLE)
        for member in source.files():
            is_small = member.size <= standin.MAX_BYTES
            made = standin.stand_in(source.read(member.name, member.size)) if is_small else None
            if made is None:
                left_out.append(
                    f"`reference_data/{member.name}` has no stand-in: it is no small text."
                )
            else:
                _add(target, f"reference_data/{member.name}", made)
    return left_out


def _add(target: zipfile.ZipFile, path: str, content: bytes) -> None:
    target.writestr(_entry(path), content)


def _entry(path: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(path, _EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o100644 << 16
    return entry
