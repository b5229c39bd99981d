"""``./run soak --seed N``: shake a whole stack under load, and print what became of it."""

from __future__ import annotations

import argparse
import os
import random
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from tests.setup.docker import Engine
from tests.soak.soaking import soak
from tests.soak.world import open_folder


def main(arguments: list[str]) -> int:
    """Soak with each seed that is asked for; return the exit code."""
    parser = argparse.ArgumentParser(prog="./run soak")
    parser.add_argument("--seed", type=int, action="append", metavar="N", help="may be repeated")
    parser.add_argument("--submissions", type=int, default=200, metavar="N")
    parser.add_argument("--faults", type=int, default=50, metavar="N")
    chosen = parser.parse_args(arguments)
    is_good = True
    with ExitStack() as running:
        engine = _engine(running)
        settings = _docker(engine) if engine else {"PLUMBLINE_WORKER_ENGINE": "process"}
        for seed in chosen.seed or [random.SystemRandom().randrange(1, 10**6)]:
            with open_folder() as folder:
                found = soak(folder, settings, engine, seed, chosen.submissions, chosen.faults)
            is_good = is_good and found.is_good
    return 0 if is_good else 1


def _engine(running: ExitStack) -> Engine | None:
    """Start the Docker Engine as our own child, so that we can kill it."""
    environ = os.environ
    if "PLUMBLINE_TEST_DOCKER_DATA" not in environ:
        return None
    socket = Path(environ["PLUMBLINE_TEST_DOCKER_HOST"].removeprefix("unix://"))
    data = Path(environ["PLUMBLINE_TEST_DOCKER_DATA"])
    engine = Engine(data, socket.parent, data.with_name("log") / "dockerd-soak.log")
    running.callback(engine.stop)
    engine.start()
    return engine


def _docker(engine: Engine) -> Mapping[str, str]:
    return {
        "PLUMBLINE_WORKER_ENGINE": "docker",
        "PLUMBLINE_WORKER_DOCKER_HOST": engine.host,
        "PLUMBLINE_WORKER_IMAGE_MAP": f"*={os.environ['PLUMBLINE_TEST_IMAGE']}",
        "PLUMBLINE_WORKER_PULL_POLICY": "never",
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
