"""Ingest: turn the submission into predictions, or take them as they are."""

from __future__ import annotations

import shutil
from pathlib import Path

from worker.command import Program, Role, only_folder
from worker.contract import Blame, Input, Output, Step
from worker.engines import Mount
from worker.errors import RunFailed
from worker.limits import drop_special
from worker.run import Run
from worker.stage import Part, run_parts, trouble
from worker.steps import upload
from worker.steps.outcome import write_metadata
from worker.transfer import disk_failure

_MAX_SHOWN = 10


def ingest(run: Run) -> None:
    """Leave the prediction output: what the programs wrote, else the submission itself.

    The submission's program and the ingestion program run at the same time when both have a
    command. An ingestion program that fails never ends the run: a benchmark may take results from
    those who have no code, and its ingestion has nothing to do then. A submission's program that
    fails ends it only when it wrote nothing; else scoring decides what the output is worth.

    Raises:
        RunFailed: nothing can be scored, or time, memory or space ran out.
    """
    parts = [part for part in (_program_part(run), _ingestion_part(run)) if part]
    try:
        _lay_out(run, ingestion=any(part.role.is_ingestion for part in parts))
        if parts:
            run_parts(run, parts)
            _consider(run, parts)
            _drop_special(run)
        write_metadata(run, run.prediction_output, parts)
    except OSError as error:
        raise disk_failure(error) from error
    if not run.is_result:
        run.early_upload = run.pool.submit(
            upload.store_folder, run, Output.PREDICTION_OUTPUT, run.prediction_output,
            Blame.PARTICIPANT,
        )  # fmt: skip


def _drop_special(run: Run) -> None:
    """Leave nothing in the prediction output that leads scoring elsewhere, or keeps it waiting."""
    removed = drop_special(run.prediction_output)
    if removed:
        more = f"; and {len(removed) - _MAX_SHOWN} more" if len(removed) > _MAX_SHOWN else ""
        sentence = f"Removed from the prediction output: {'; '.join(removed[:_MAX_SHOWN])}{more}."
        run.note(sentence)
        run.remarks.append(sentence)


def _lay_out(run: Run, *, ingestion: bool) -> None:
    """Make the output folder; a submission without metadata is its own output."""
    program = run.programs.get(Input.SUBMISSION)
    if program and program.words and run.spec.result_only:
        raise RunFailed(
            "This phase takes results only, and the submission is a program: it has a metadata file "
            "with a command. Submit what the program writes instead.",
            Blame.PARTICIPANT,
        )
    if program is None or program.has_metadata:
        run.prediction_output.mkdir(mode=0o755)
        if program and not program.words and not ingestion:
            raise RunFailed(
                f"The submission has a metadata file but nothing can be run from it ({program.problem}"
                "). Add a command, or leave the file out if the submission holds results.",
                Blame.PARTICIPANT,
            )
        return
    run.is_result = not ingestion
    if ingestion:  # the ingestion program sees the submission too
        shutil.copytree(program.root, run.prediction_output, copy_function=shutil.copy)
    else:
        program.root.rename(run.prediction_output)
    if ingestion:
        _spread_wrapped(program.root)
    if name := _spread_wrapped(run.prediction_output):
        run.note(
            f"The submission holds a single folder, {name!r}. Its contents are offered to programs "
            "without that folder too; next time zip the files, not their folder."
        )


def _spread_wrapped(root: Path) -> str:
    """Offer the contents of a single folder in the root too, and keep the folder.

    Whether the folder belongs to the submission or only to the zip, the organizer's programs alone
    know.

    Returns:
        The folder's name, or "" when there is no such folder.
    """
    inner = only_folder(root)
    if inner is None:
        return ""
    name = inner.name
    for entry in inner.iterdir():
        target = root / entry.name
        if entry.name == name:
            continue
        if entry.is_dir():
            shutil.copytree(entry, target, copy_function=shutil.copy)
        else:
            shutil.copy(entry, target)
    return name


def _program_part(run: Run) -> Part | None:
    program = run.programs.get(Input.SUBMISSION)
    if program is None or not program.words:
        return None
    mounts = [
        _writable(program.root, "/app/program"),
        _writable(run.prediction_output, "/app/output"),
    ]
    # Commands of the oldest bundles look for the data where $input points.
    mounts += _data(run, "/app/input_data") + _data(run, "/app/input")
    return Part(Role.PREDICTION_PROGRAM, program, tuple(mounts), Blame.PARTICIPANT)


def _ingestion_part(run: Run) -> Part | None:
    program = run.programs.get(Input.INGESTION_PROGRAM)
    if program is None or run.spec.ingestion_only_during_scoring:
        return None
    if not program.words:
        run.note(f"The ingestion program was not run: {lack(program)}.")
        return None
    mounts = [
        _writable(program.root, "/app/program"),
        _writable(run.prediction_output, "/app/output"),
    ]
    submission = run.programs.get(Input.SUBMISSION)
    if submission:
        mounts.append(_writable(submission.root, "/app/ingested_program"))
    mounts += _data(run, "/app/input_data")
    return Part(Role.PREDICTION_INGESTION, program, tuple(mounts), Blame.PARTICIPANT)


def lack(program: Program) -> str:
    """Return why a program has no command."""
    return program.problem or "it has no metadata.yaml or metadata file in its root"


def _consider(run: Run, parts: list[Part]) -> None:
    wrote = any(run.prediction_output.iterdir())
    for part in parts:
        reason = trouble(run, part)
        if not reason:
            continue
        if part.role is Role.PREDICTION_PROGRAM and not wrote:
            raise RunFailed(f"{reason} It wrote no output.", Blame.PARTICIPANT)
        run.note(f"{reason} Scoring goes on with what there is.", failed=Step.INGEST)
        run.remarks.append(reason)


def _data(run: Run, target: str) -> list[Mount]:
    tree = run.trees.get(Input.INPUT_DATA)
    return [Mount(tree, target)] if tree else []


def _writable(folder: Path, target: str) -> Mount:
    return Mount(folder, target, writable=True)
