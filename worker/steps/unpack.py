"""Unpack: every zip checked and laid out, programs as private copies with their commands."""

from __future__ import annotations

import shutil
from pathlib import Path

from worker.archive import BadArchive, Bounds
from worker.archive import unpack as unpack_zip
from worker.command import read_program
from worker.contract import Blame, Input
from worker.errors import RunFailed
from worker.run import Run
from worker.steps.fetch import is_cacheable
from worker.transfer import disk_failure

_PROGRAMS = (Input.SUBMISSION, Input.INGESTION_PROGRAM, Input.SCORING_PROGRAM)
_NAMES = {
    Input.SUBMISSION: "submission",
    Input.INGESTION_PROGRAM: "ingestion program",
    Input.SCORING_PROGRAM: "scoring program",
    Input.INPUT_DATA: "input data",
    Input.REFERENCE_DATA: "reference data",
}


def unpack(run: Run) -> None:
    """Leave a tree per input, and the three programs.

    Raises:
        RunFailed: a zip is refused (whose it is decides the blame), or the disk is full.
    """
    try:
        for source, zip_path in run.zips.items():
            run.trees[source] = _tree(run, source, zip_path)
            zip_path.unlink()
        for source in _PROGRAMS:
            if source in run.trees:
                _prepare_program(run, source)
    except OSError as error:
        raise disk_failure(error) from error


def _tree(run: Run, source: Input, zip_path: Path) -> Path:
    download = run.claim.downloads[source]
    many = source in (Input.INPUT_DATA, Input.REFERENCE_DATA)
    settings = run.settings
    bounds = Bounds(
        settings.data_files if many else settings.submission_files,
        int(settings.unpack_gib * 2**30),
    )

    def build(target: Path) -> None:
        try:
            unpack_zip(zip_path, target, bounds, run.check)
        except BadArchive as error:
            blame = Blame.PARTICIPANT if source is Input.SUBMISSION else Blame.ORGANIZER
            raise RunFailed(
                f"The {_NAMES[source]} ({download.file_name}) was not unpacked: {error}.", blame
            ) from error

    if is_cacheable(source, download):
        return run.cache.add(download.sha256, build)
    tree = run.folder / source
    build(tree)
    return tree


def _prepare_program(run: Run, source: Input) -> None:
    program = read_program(run.trees[source])
    if program.wrapped_in:
        run.note(
            f"The {_NAMES[source]} was zipped together with its folder {program.wrapped_in!r}; the "
            "folder's contents are used."
        )
    if run.folder not in program.root.parents:  # a cached tree is shared and stays as it is
        private = run.folder / source
        shutil.copytree(program.root, private, copy_function=shutil.copy)
        program = read_program(private)
    run.programs[source] = program
