"""Score: run the scoring program on the predictions and the reference, and read its numbers."""

from __future__ import annotations

import os
from pathlib import Path

from worker import complaint, scores
from worker.command import Role
from worker.contract import Blame, Input
from worker.engines import Mount
from worker.errors import RunFailed
from worker.run import Run
from worker.stage import Part, run_parts, trouble
from worker.steps.ingest import lack
from worker.steps.outcome import write_metadata
from worker.steps.upload import begin_preview
from worker.transfer import disk_failure

_MAX_SHOWN = 20
_CODE = frozenset({".py", ".ipynb", ".r", ".jl", ".sh", ".m", ".c", ".cpp", ".java", ".js", ".rs"})
_MAX_NOTED = 900
"""Of a complaint in a note, which has less room than a reason."""


def score(run: Run) -> None:
    """Leave ``run.scores`` and the scoring output.

    Reference data is in no container but the scoring program's, and that one runs no code of the
    participant. A task that ingests only during scoring gets both containers at once, which share
    ``/app/shared`` and nothing else that can be written.

    Raises:
        RunFailed: the scoring program did not end with code 0, or left no usable scores file, or
            time, memory or space ran out; the participant's to mend where the program says so.

    Source: docs/reference/contract.md, "Scores" and "When the submission is at fault".
    """
    try:
        parts = _parts(run)
        preview = begin_preview(run)
        try:
            run_parts(run, parts, until=Role.SCORING_PROGRAM)
        finally:
            if preview:
                preview.stop()
        # Ingestion beside scoring has an output of its own: only the scoring program's word counts.
        said = complaint.read(run.scoring_output)
        reason = trouble(run, parts[0])
        if reason:
            raise _submission_failed(run, said) if said else _scoring_failed(run, reason)
        write_metadata(run, run.scoring_output, parts)
        _read_scores(run, said)
    except OSError as error:
        raise disk_failure(error) from error


def _parts(run: Run) -> list[Part]:
    program = run.programs[Input.SCORING_PROGRAM]
    if not program.words:
        raise RunFailed(f"The scoring program cannot be run: {lack(program)}.", Blame.ORGANIZER)
    run.scoring_output.mkdir(mode=0o755)
    seen = [Mount(run.prediction_output, "/app/input/res")]
    mounts = [
        Mount(program.root, "/app/program", writable=True),
        Mount(run.scoring_output, "/app/output", writable=True),
        *seen,
    ]
    if Input.REFERENCE_DATA in run.trees:
        mounts.append(Mount(run.trees[Input.REFERENCE_DATA], "/app/input/ref"))
    if not run.spec.ingestion_only_during_scoring:
        return [Part(Role.SCORING_PROGRAM, program, tuple(mounts), Blame.ORGANIZER)]
    both = _shared(run)
    # With the participant's code at work beside it, a limit is rarely the organizer's doing.
    main = Part(Role.SCORING_PROGRAM, program, (*mounts, *both), Blame.PARTICIPANT)
    ingestion = _ingestion(run, (*seen, *both))
    return [main, ingestion] if ingestion else [main]


def _shared(run: Run) -> list[Mount]:
    folder = run.folder / "shared"
    folder.mkdir(mode=0o755)
    mounts = [Mount(folder, "/app/shared", writable=True)]
    if Input.INPUT_DATA in run.trees:
        mounts.append(Mount(run.trees[Input.INPUT_DATA], "/app/input_data"))
    return mounts


def _ingestion(run: Run, both: tuple[Mount, ...]) -> Part | None:
    program = run.programs.get(Input.INGESTION_PROGRAM)
    if program is None or not program.words:
        run.note(
            f"The ingestion program was not run: {lack(program) if program else 'there is none'}."
        )
        return None
    output = run.folder / "ingestion_output"  # its own: whoever writes scores.json makes the score
    output.mkdir(mode=0o755)
    mounts = (
        Mount(program.root, "/app/program", writable=True),
        Mount(output, "/app/output", writable=True),
        Mount(run.prediction_output, "/app/ingested_program"),
        *both,
    )
    return Part(Role.SCORING_INGESTION, program, mounts, Blame.PARTICIPANT)


def _read_scores(run: Run, said: str) -> None:
    try:
        run.scores = scores.read(run.scoring_output)
    except scores.BadScores as error:
        if said:
            raise _submission_failed(run, said) from error
        raise RunFailed(f"The scores cannot be read: {error}.", Blame.ORGANIZER) from error
    if said and not run.scores.values:
        raise _submission_failed(run, said)
    if said:
        run.note(f"The scoring program says of the submission: “{said[:_MAX_NOTED]}”")
    rejected = [f"{key!r} {why}" for key, why in run.scores.rejected.items()]
    if rejected:
        shown = "; ".join(rejected[:_MAX_SHOWN])
        more = len(rejected) - _MAX_SHOWN
        run.note(f"Scores left out: {shown}{f'; and {more} more' if more > 0 else ''}.")


def _holds_code(folder: Path) -> bool:
    """Return whether there is a program among the files that were taken as results."""
    return any(Path(name).suffix.lower() in _CODE for name in os.listdir(folder))


def _submission_failed(run: Run, said: str) -> RunFailed:
    """Return the failure that the scoring program lays to the submission, in its own words."""
    verdict = f"The scoring program says that the submission is at fault: “{said}”"
    return RunFailed(" ".join([*run.remarks, verdict]), Blame.PARTICIPANT)


def _scoring_failed(run: Run, reason: str) -> RunFailed:
    """Return the failure, quoting what went wrong before: that is what usually broke scoring."""
    if run.remarks:
        return RunFailed(
            f"{' '.join(run.remarks)} Then scoring failed: {reason}", Blame.PARTICIPANT
        )
    submission = run.programs.get(Input.SUBMISSION)
    is_program = submission is not None and submission.has_metadata
    if not is_program and not run.spec.result_only and _holds_code(run.prediction_output):
        reason += (
            " The submission has no metadata file, so its files were taken as results and "
            "nothing of it was run."
        )
    return RunFailed(reason, Blame.ORGANIZER)
