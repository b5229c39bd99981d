"""Score: run the scoring program on the predictions and the reference, and read its numbers."""

from __future__ import annotations

from worker import scores
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


def score(run: Run) -> None:
    """Leave ``run.scores`` and the scoring output.

    Reference data is in no container but the scoring program's, and that one runs no code of the
    participant. A task that ingests only during scoring gets both containers at once, which share
    ``/app/shared`` and nothing else that can be written.

    Raises:
        RunFailed: the scoring program did not end with code 0, or left no usable scores file, or
            time, memory or space ran out.

    Source: docs/reference/contract.md, "Scores".
    """
    try:
        parts = _parts(run)
        preview = begin_preview(run)
        try:
            run_parts(run, parts, until=Role.SCORING_PROGRAM)
        finally:
            if preview:
                preview.stop()
        reason = trouble(run, parts[0])
        if reason:
            raise _scoring_failed(run, reason)
        write_metadata(run, run.scoring_output, parts)
        _read_scores(run)
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


def _read_scores(run: Run) -> None:
    try:
        run.scores = scores.read(run.scoring_output)
    except scores.BadScores as error:
        raise RunFailed(f"The scores cannot be read: {error}.", Blame.ORGANIZER) from error
    rejected = [f"{key!r} {why}" for key, why in run.scores.rejected.items()]
    if rejected:
        shown = "; ".join(rejected[:_MAX_SHOWN])
        more = len(rejected) - _MAX_SHOWN
        run.note(f"Scores left out: {shown}{f'; and {more} more' if more > 0 else ''}.")


def _scoring_failed(run: Run, reason: str) -> RunFailed:
    """Return the failure, quoting what went wrong before: that is what usually broke scoring."""
    submission = run.programs.get(Input.SUBMISSION)
    if not run.remarks:
        if submission is None or not submission.has_metadata:
            reason += (
                " The submission has no metadata file, so its files were taken as results and "
                "nothing of it was run."
            )
        return RunFailed(reason, Blame.ORGANIZER)
    return RunFailed(f"{' '.join(run.remarks)} Then scoring failed: {reason}", Blame.PARTICIPANT)
