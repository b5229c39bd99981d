"""Programs that may reach nobody join a network that is kept ready, and meet nobody in it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.worker.programs import SCORE, program
from tests.worker.site import Site
from worker.engines import Owner, Plan
from worker.engines.choice import choose
from worker.engines.docker import LABEL, DockerEngine
from worker.engines.loopback import NOWHERE, Loopbacks
from worker.settings import Settings

pytestmark = pytest.mark.services
Attempt = Callable[..., None]
OWNER = Owner(f"loopback-{os.getpid()}", f"q1w2e3r4-loopback-{os.getpid()}")
NAMESPACE = "import os, sys; print(os.readlink('/proc/self/ns/net'))\n"
ANSWER = "open(sys.argv[2] + '/answer.txt', 'w').write('42')\n"


@pytest.fixture
def engine(settings: Settings, docker_host: str, runtime_image: str) -> Iterator[DockerEngine]:
    changes = {"image_map": f"*={runtime_image}", "docker_host": docker_host, "engine": "docker"}
    engine = choose(Settings(**{**vars(settings), **changes}), OWNER)
    assert isinstance(engine, DockerEngine)
    yield engine
    engine.close()


@pytest.fixture(autouse=True)
def _scoring(site: Site) -> None:
    site.inputs["scoring_program"] = program(SCORE)


def kept(engine: DockerEngine) -> list[dict[str, Any]]:
    """Return the containers that hold networks of this worker."""
    wanted = [f"{LABEL}=loopback", f"{LABEL}.worker={OWNER.worker}"]
    return list(engine.client.containers(all=True, filters={"label": wanted}))


def namespace(site: Site, attempt: Attempt, engine: DockerEngine, **options: Any) -> str:
    """Return the network namespace that a submission's program ran in."""
    site.events.clear()
    site.inputs["submission"] = program(NAMESPACE + ANSWER)
    attempt(engine, **options)
    assert site.last().scores == {"accuracy": 1.0}, site.last().text
    return site.log("prediction_stdout").strip()


def test_programs_one_after_the_other_join_one_network(
    site: Site, attempt: Attempt, engine: DockerEngine
) -> None:
    first = namespace(site, attempt, engine)
    assert namespace(site, attempt, engine) == first
    assert len(kept(engine)) == 1


def test_programs_at_the_same_time_are_in_networks_of_their_own(
    site: Site, attempt: Attempt, engine: DockerEngine
) -> None:
    site.inputs["ingestion_program"] = program(NAMESPACE, "python3 main.py")
    main = namespace(site, attempt, engine)
    beside = site.log("prediction_ingestion_stdout").strip()
    assert beside.startswith("net:[")
    assert beside != main


def test_program_that_has_ended_keeps_no_port(
    site: Site, attempt: Attempt, engine: DockerEngine
) -> None:
    # Who closes first would hold the port for a minute; a plain bind() would then be refused.
    site.inputs["submission"] = program(
        "import socket, sys\n"
        "door = socket.socket(); door.bind(('127.0.0.1', 5555)); door.listen()\n"
        "caller = socket.create_connection(('127.0.0.1', 5555)); inside, _ = door.accept()\n"
        "inside.close(); caller.recv(1); caller.close()\n" + ANSWER
    )
    for _ in range(2):
        site.events.clear()
        attempt(engine)
        assert site.last().scores == {"accuracy": 1.0}, site.log("prediction_stderr")


def test_network_that_was_lost_is_made_again(
    site: Site, attempt: Attempt, engine: DockerEngine
) -> None:
    first = namespace(site, attempt, engine)
    (holder,) = kept(engine)
    engine.client.kill(holder["Id"])
    second = namespace(site, attempt, engine)
    engine.client.remove_container(holder["Id"], force=True)
    third = namespace(site, attempt, engine)
    assert all(one.startswith("net:[") for one in (first, second, third))
    assert len(kept(engine)) == 1


def test_program_that_may_write_anywhere_has_a_network_to_itself(
    site: Site, attempt: Attempt, engine: DockerEngine
) -> None:
    shared = namespace(site, attempt, engine)
    site.inputs["submission"] = program(
        NAMESPACE + "open('/etc/hosts', 'a').write('127.0.0.1 elsewhere\\n')\n" + ANSWER
    )
    site.events.clear()
    attempt(engine, writable_root=True, image_user=True)
    assert site.last().scores == {"accuracy": 1.0}, site.last().text
    assert site.log("prediction_stdout").strip() != shared
    site.inputs["submission"] = program(
        NAMESPACE + "assert 'elsewhere' not in open('/etc/hosts').read()\n" + ANSWER
    )
    site.events.clear()
    attempt(engine)
    assert site.last().scores == {"accuracy": 1.0}, site.last().text


def test_program_does_not_meet_one_that_would_not_end(
    site: Site, attempt: Attempt, engine: DockerEngine, tmp_path: Path
) -> None:
    shared = namespace(site, attempt, engine)
    (image,) = engine._images
    stuck = engine.start(
        Plan(
            role="prediction_program", run_id=77, attempt=1, image=image,
            argv=("sleep", "987"), mounts=(), scratch=tmp_path, memory_mib=64, cpus=1.0, pids=8,
            output_mib=1,
        ),
        lambda _is_error, _data: None,
        lambda: None,
    )  # fmt: skip
    try:
        alone = namespace(site, attempt, engine)
    finally:
        stuck.kill()
        stuck.remove()
    assert alone != shared
    assert namespace(site, attempt, engine) == shared


def test_nothing_is_kept_once_the_worker_ends(
    site: Site, attempt: Attempt, engine: DockerEngine
) -> None:
    namespace(site, attempt, engine)
    engine.close()
    assert kept(engine) == []


def test_networks_of_dead_workers_are_swept(
    site: Site, attempt: Attempt, engine: DockerEngine
) -> None:
    namespace(site, attempt, engine)
    assert engine.sweep(lambda worker: worker == OWNER.worker) == 0
    assert len(kept(engine)) == 1
    assert engine.sweep(lambda worker: False) == 0  # only what ran counts
    assert kept(engine) == []


def test_processor_without_a_sleeping_program_gets_a_network_per_program(
    engine: DockerEngine,
) -> None:
    assert Loopbacks("plumbline-other", {}, "riscv64").network(engine.client, "main") == NOWHERE
