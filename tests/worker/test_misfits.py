"""Failures that explain themselves, each made on the real Docker Engine: the sentence, and whose it is."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Callable, Iterator
from hashlib import sha256

import pytest

from tests.worker.programs import SCORE, program
from tests.worker.registry import registry
from tests.worker.site import Site
from worker.contract import Blame
from worker.engines import Owner
from worker.engines.choice import choose
from worker.engines.docker import DockerEngine
from worker.settings import Settings

pytestmark = pytest.mark.services
Attempt = Callable[..., None]
OWNER = Owner(f"misfit-{os.getpid()}", f"q1w2e3r4-misfit-{os.getpid()}")
_NO_FORMAT = b"\x7fELF" + bytes([2, 1, 1]) + bytes(200)
"""Begins like a program of 64 bits, for no processor there is."""


@pytest.fixture
def docker(settings: Settings, site: Site) -> Iterator[Callable[..., DockerEngine]]:
    """Make engines on the Docker Engine of the tests, with settings of one's own."""
    host = os.environ.get("PLUMBLINE_TEST_DOCKER_HOST")
    image = os.environ.get("PLUMBLINE_TEST_IMAGE")
    if not (host and image):
        pytest.skip("no Docker Engine: ./run test prepares one where it can")
    site.inputs["scoring_program"] = program(SCORE)
    made: list[DockerEngine] = []

    def make(**more: str) -> DockerEngine:
        wanted = {"image_map": f"example/*={image}", "docker_host": host, "engine": "docker"}
        found = choose(Settings(**{**vars(settings), **wanted, **more}), OWNER)
        assert isinstance(found, DockerEngine)
        made.append(found)
        return found

    yield make
    for engine in made:
        engine.close()


def foreign_image(engine: DockerEngine, architecture: str) -> str:
    """Give the engine an image for another processor, whose python3 is nothing that runs."""
    layer = _tar({"usr/bin/python3": _NO_FORMAT, "bin/sh": _NO_FORMAT})
    config = json.dumps(
        {
            "architecture": architecture, "os": "linux",
            "config": {"Env": ["PATH=/usr/bin"]},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{sha256(layer).hexdigest()}"]},
        }
    ).encode()  # fmt: skip
    name = f"plumbline-test/foreign:{architecture}"
    manifest = [{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]
    files = {
        "manifest.json": json.dumps(manifest).encode(), "config.json": config, "layer.tar": layer,
    }  # fmt: skip
    list(engine.client.load_image(_tar(files)))  # type: ignore[no-untyped-call]
    return name


def _tar(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o755
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def test_image_for_another_processor_is_tried_on_another_machine(
    site: Site, attempt: Attempt, docker: Callable[..., DockerEngine]
) -> None:
    engine = docker()
    name = foreign_image(engine, "s390x")
    try:
        site.inputs["submission"] = program("print(1)")
        attempt(engine, image=name)
    finally:
        engine.client.remove_image(name, force=True)
    said = site.last()
    assert said.blame == Blame.PLATFORM, (said.text, [one.to_json() for one in site.events])
    assert f"the image {name} is made for s390x processors, and this machine has" in said.text


def test_program_for_another_processor_is_whose_it_is(
    site: Site, attempt: Attempt, docker: Callable[..., DockerEngine]
) -> None:
    site.inputs["submission"] = program(
        "import os, stat\n"
        "path = os.path.dirname(os.path.abspath(__file__)) + '/tool'\n"
        "os.chmod(path, 0o755)\n"
        "os.execv(path, [path])\n",
        more={"tool": _NO_FORMAT},
    )
    attempt(docker())
    said = site.last()
    assert said.blame == Blame.PARTICIPANT
    assert "is made for another kind of processor" in said.text


def test_gpus_that_the_engine_does_not_have_are_the_machines(
    site: Site, attempt: Attempt, docker: Callable[..., DockerEngine]
) -> None:
    site.inputs["submission"] = program("print(1)")
    attempt(docker(gpus="all"))
    said = site.last()
    assert said.blame == Blame.PLATFORM
    assert "set to give out GPUs, but its container engine has none" in said.text


def test_image_that_is_not_there_is_tried_on_another_machine(
    site: Site, attempt: Attempt, docker: Callable[..., DockerEngine]
) -> None:
    attempt(docker(pull_policy="never"), image="registry.test/nobody/nothing:9")
    said = site.last()
    assert said.blame == Blame.PLATFORM
    assert "registry.test/nobody/nothing:9 is not on this machine" in said.text


@pytest.mark.parametrize(
    ("image", "reason", "blame"),
    [
        ("foreign/image:1", "not made for the kind of processor that this machine", "platform"),
        ("absent/image:1", "not found", "organizer"),
    ],
)
def test_image_that_cannot_be_pulled_says_why(
    site: Site, attempt: Attempt, docker: Callable[..., DockerEngine], image: str, reason: str,
    blame: str,
) -> None:  # fmt: skip
    with registry() as host:
        attempt(docker(image_map=""), image=f"{host}/{image}")
    said = site.last()
    assert f"{image} could not be pulled: " in said.text
    assert reason in said.text
    assert said.blame == Blame(blame), said.text


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("$program/main.py", "'$program/main.py', could not be started"),
        ("absent --fast", "'absent' was not found, or is not a program"),
        ("sh -c 'absent_tool'", "code 127 (a program that it starts was not found). Its last "
         "words: “sh: 1: absent_tool: not found”"),
    ],
)  # fmt: skip
def test_command_that_cannot_be_started_is_named(
    site: Site, attempt: Attempt, docker: Callable[..., DockerEngine], command: str, reason: str
) -> None:
    site.inputs["submission"] = program("print(1)", command)
    attempt(docker())
    said = site.last()
    assert said.blame == Blame.PARTICIPANT
    assert reason in said.text


def test_child_that_ran_out_of_memory_is_named_too(
    site: Site, attempt: Attempt, docker: Callable[..., DockerEngine]
) -> None:
    greedy = "'hold = [bytearray(2**24) for _ in range(1000)]'"
    site.inputs["submission"] = program(
        f"import subprocess, sys\nsys.exit(subprocess.call([sys.executable, '-c', {greedy}]) != 0)\n"
    )
    attempt(docker(), memory_mib=64)
    said = site.last()
    assert said.blame == Blame.PARTICIPANT
    assert "The submission's program ran out of memory: the limit is 64 MiB." in said.text


def test_memory_that_ran_out_is_named_with_its_limit(
    site: Site, attempt: Attempt, docker: Callable[..., DockerEngine]
) -> None:
    site.inputs["submission"] = program("hold = [bytearray(2**24) for _ in range(1000)]\n")
    attempt(docker(), memory_mib=64)
    said = site.last()
    assert said.blame == Blame.PARTICIPANT
    assert "The submission's program ran out of memory: the limit is 64 MiB." in said.text


def test_time_limit_names_who_took_too_long(
    site: Site, attempt: Attempt, docker: Callable[..., DockerEngine]
) -> None:
    site.inputs["scoring_program"] = program("import time\ntime.sleep(900)\n")
    attempt(docker(), timeout_s=2)
    said = site.last()
    assert said.blame == Blame.ORGANIZER
    assert "The scoring program took longer than the limit of 2 seconds" in said.text


@pytest.mark.parametrize(
    ("content", "words"),
    [('{"accuracy": 1,\n "f1": }', "scores.json, line 2, column 8"), ("[1, 2]", "must map each key"),
     (None, "neither scores.json nor scores.txt")],
)  # fmt: skip
def test_bad_scores_file_is_named_with_its_line(
    site: Site, attempt: Attempt, docker: Callable[..., DockerEngine], content: str | None,
    words: str,
) -> None:  # fmt: skip
    write = f"open(sys.argv[2] + '/scores.json', 'w').write({content!r})" if content else ""
    site.inputs["scoring_program"] = program(f"import sys\n{write}\n")
    attempt(docker())
    said = site.last()
    assert said.blame == Blame.ORGANIZER
    assert words in said.text


def test_scoring_program_that_crashes_leaves_its_last_words_in_the_log(
    site: Site, attempt: Attempt, docker: Callable[..., DockerEngine]
) -> None:
    site.inputs["scoring_program"] = program("raise KeyError('patient 17')\n")
    attempt(docker())
    said = site.last()
    assert said.blame == Blame.ORGANIZER
    assert "patient 17" not in said.text  # a participant reads it
    assert "KeyError: 'patient 17'" in site.log("scoring_stderr")
