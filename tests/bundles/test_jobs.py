"""The job that the queue names."""

from __future__ import annotations

from flask import Flask

from app.bundles import jobs, services
from app.platform.db import unit_of_work
from app.platform.queueing import AppJob
from app.policy import Viewer
from app.resources.models import FileKind
from tests.bundles.bundle_factories import make_files, zip_of
from tests.factories import NOW, make_file, make_user
from tests.fakes.carrier import FakeCarrier
from tests.fakes.storage import FakeStore


def test_job_that_is_sent_is_one_that_may_run_and_carries_out_the_import(
    app: Flask, store: FakeStore, carrier: FakeCarrier
) -> None:
    olga = make_user("olga")
    file = make_file(olga, kind=FileKind.COMPETITION_BUNDLE)
    store.objects[file.ref] = zip_of(make_files()).getvalue()
    with unit_of_work():
        started = services.start(Viewer(olga.id, "olga"), file, now=NOW)
    ((name, ids),) = carrier.jobs
    assert AppJob.allowed[name] is jobs.unpack
    AppJob.allowed[name](*ids)
    assert started.state == "finished"
