"""Every kind of submission, and every kind of bad one, through a whole stack on each engine."""

from __future__ import annotations

import re
from urllib.request import Request, urlopen

import pytest
from docker import DockerClient

from tests.insider import as_json
from tests.loose import containers_of, eventually
from tests.services import bundles
from tests.services.cases import Case
from tests.services.conftest import Hall, Halls
from tests.services.hostile import EVERY

pytestmark = pytest.mark.services

_WAIT_S = 600


PAIRS = [(engine, case) for case in EVERY for engine in sorted(case.engines)]


@pytest.fixture(params=["docker", "bubblewrap"])
def hall(request: pytest.FixtureRequest, halls: Halls) -> Hall:
    return halls(request.param)


@pytest.mark.parametrize(
    ("engine", "case"), PAIRS, ids=[f"{one}-{case.name.replace(' ', '_')}" for one, case in PAIRS]
)
def test_submission_comes_to_its_end(halls: Halls, engine: str, case: Case) -> None:
    hall = halls(engine)
    seen = hall.insider.wait(hall.submitted[case.name], _WAIT_S)
    assert seen.state == case.state, as_json(seen)
    assert re.search(case.reason, seen.reason), seen.reason
    assert seen.blame == case.blame, as_json(seen)
    assert bool(seen.reason) == (case.state == "failed")
    assert all(run.attempt == 1 for run in seen.runs)
    if case.score is not None:
        assert seen.run.scores == {"score": pytest.approx(case.score)}
    if case.note:
        assert any(re.search(case.note, note) for note in seen.run.notes), seen.run.notes
    assert case.check(seen), as_json(seen)


def test_run_names_its_engine_and_image(hall: Hall) -> None:
    run = hall.insider.wait(hall.submitted["program"], _WAIT_S).run
    assert run.engine == hall.engine
    if hall.engine == "docker":
        assert re.search(r"sha256:[0-9a-f]{64}$", run.image_digest)
    else:
        assert run.image_digest == ""


def test_broken_zip_is_refused_at_the_door(hall: Hall) -> None:
    with pytest.raises(Exception, match="zip"):
        hall.insider.upload("pavel", bundles.result()[:-10])


def test_submission_waits_for_an_organizer_who_starts_runs(hall: Hall) -> None:
    held = bundles.bundle("Held", auto_run_submissions=False)
    made = hall.insider.benchmark(held, "pavel")
    submission = hall.insider.submit("pavel", made.phases[0], bundles.result(0.5))
    assert hall.insider.state(submission) == "held"
    hall.insider.start(submission)
    assert hall.insider.wait(submission, _WAIT_S).run.scores == {"score": 1.0}


def test_granted_memory_is_shown(hall: Hall) -> None:
    url = f"{hall.stack.base_url}/benchmarks/{hall.benchmarks['granted'].id}"
    with urlopen(Request(url), timeout=60) as page:
        assert "1024" in page.read().decode()


@pytest.mark.security
def test_no_log_of_any_process_holds_what_opens_an_object(hall: Hall) -> None:
    for submission in hall.submitted.values():
        hall.insider.wait(submission, _WAIT_S)
    folder = hall.stack.folder
    logs = {path: path.read_text(errors="replace") for path in folder.parent.rglob("*.log")}
    assert any("attempt.begins" in text for text in logs.values())
    for path, text in logs.items():
        for secret in ("X-Amz-Signature", "X-Amz-Credential", "AWSAccessKeyId", "Bearer "):
            assert secret not in text, path


def test_nothing_is_left_of_any_run(hall: Hall, request: pytest.FixtureRequest) -> None:
    for submission in hall.submitted.values():
        hall.insider.wait(submission, _WAIT_S)
    runs = hall.stack.folder / "worker" / "runs"
    # The last folder goes a moment after its run's last word.
    for _ in eventually("the folders of all runs are gone"):
        if not list(runs.glob("*/*")):
            break
    if hall.engine == "docker":
        client: DockerClient = request.getfixturevalue("docker_client")
        assert containers_of(hall.stack.folder, client) == []
