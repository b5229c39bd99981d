"""Fetch: every input from the store, and the container image, all at the same time."""

from __future__ import annotations

from concurrent.futures import Future, wait
from typing import TypeVar

from worker.contract import Blame, Download, Input
from worker.errors import RunFailed
from worker.run import Run

T = TypeVar("T")

_LOOK_S = 0.5


def fetch(run: Run) -> None:
    """Leave a zip or a cached tree per input, and the image's digest.

    Raises:
        RunFailed: an input or the image is not to be had.
    """
    run.image = run.pool.submit(run.engine.prepare, run.spec.image)
    waiting: dict[Input, Future[None]] = {}
    for name, download in run.claim.downloads.items():
        source = Input(name)
        cached = run.cache.get(download.sha256) if is_cacheable(source, download) else None
        if cached:
            run.trees[source] = cached
        else:
            run.zips[source] = run.folder / f"{source}.zip"
            waiting[source] = run.pool.submit(run.store.fetch, download, run.zips[source])
    if Input.SCORING_PROGRAM not in run.claim.downloads:
        raise RunFailed(
            "The task has no scoring program, so nothing can be scored.", Blame.ORGANIZER
        )
    for future in waiting.values():
        wait_for(run, future)
    run.image_digest = wait_for(run, run.image)


def is_cacheable(source: Input, download: Download) -> bool:
    """Return whether an input is worth keeping: what belongs to the task, and has a checksum."""
    return source is not Input.SUBMISSION and bool(download.sha256)


def wait_for(run: Run, future: Future[T]) -> T:
    """Wait for something in the background, unless the attempt must stop first."""
    while not future.done():
        run.check()
        wait([future], timeout=_LOOK_S)
    return future.result()
