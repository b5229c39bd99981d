"""Upload: everything that a person can look at later is stored before the scores are said."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from worker.archive import TooLarge, pack
from worker.contract import Blame, Output
from worker.errors import RunFailed
from worker.limits import MAX_HTML_BYTES, html_file
from worker.preview import Preview
from worker.run import Run
from worker.steps.fetch import wait_for
from worker.transfer import disk_failure

_MAX_SHOWN = 10


def upload(run: Run) -> None:
    """Store the scoring output and the detailed results, and wait for the prediction output.

    Raises:
        RunFailed: an output is too large to keep, or the store stays away.
    """
    waiting = [
        run.pool.submit(
            store_folder, run, Output.SCORING_OUTPUT, run.scoring_output, Blame.ORGANIZER
        )
    ]
    if run.spec.detailed_results:
        waiting.append(run.pool.submit(_store_html, run))
    if run.early_upload:
        waiting.append(run.early_upload)
    for future in waiting:
        wait_for(run, future)


def store_folder(run: Run, output: Output, folder: Path, blame: Blame) -> None:
    """Zip an output folder and store it, leaving out what is refused, with a note."""
    url = run.claim.uploads.get(output)
    if url is None:
        return
    target = run.folder / f"{output}.upload.zip"
    words = output.replace("_", " ")
    try:
        packed = pack(folder, target, run.spec.output_mib * 2**20, run.check)
    except TooLarge as error:
        raise RunFailed(f"The {words} cannot be kept: {error}.", blame) from error
    except OSError as error:
        raise disk_failure(error) from error
    if packed.refused:
        shown = "; ".join(packed.refused[:_MAX_SHOWN])
        more = len(packed.refused) - _MAX_SHOWN
        run.note(f"Left out of the {words}: {shown}{f'; and {more} more' if more > 0 else ''}.")
    run.store.put(url, target)
    run.report.output(output, size_bytes=packed.size_bytes, sha256=packed.sha256)


def begin_preview(run: Run) -> Preview | None:
    """Store the detailed results whenever scoring rewrites them, until told to stop."""
    if not run.spec.detailed_results or Output.DETAILED_RESULTS not in run.claim.uploads:
        return None
    preview = Preview(run.scoring_output, lambda content: _put_html(run, content))
    run.preview = run.pool.submit(preview.watch)
    return preview


def _store_html(run: Run) -> None:
    if run.preview:  # what it stores must not come after the last version
        wait_for(run, run.preview)
    found = html_file(run.scoring_output)
    if Output.DETAILED_RESULTS not in run.claim.uploads or found is None:
        return
    name, fd = found
    with os.fdopen(fd, "rb") as file:
        content = file.read(MAX_HTML_BYTES + 1)
    if len(content) > MAX_HTML_BYTES:
        run.note(f"{name} is larger than {MAX_HTML_BYTES // 2**20} MiB, so it is not shown.")
        return
    _put_html(run, content)


def _put_html(run: Run, content: bytes) -> None:
    target = run.folder / "detailed_results.upload.html"
    target.write_bytes(content)
    run.store.put(run.claim.uploads[Output.DETAILED_RESULTS], target)
    digest = hashlib.sha256(content).hexdigest()
    run.report.output(Output.DETAILED_RESULTS, size_bytes=len(content), sha256=digest)
