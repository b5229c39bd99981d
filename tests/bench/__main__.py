"""``./run bench``: measure whole stacks, containers and long boards, and print the figures."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

from tests.bench import (
    boards,
    bundles,
    burst,
    footprint,
    inprocess,
    lists,
    live,
    machine,
    report,
    submissions,
)
from tests.bench.benchmark import IMAGE
from tests.bench.site import Site
from tests.stack import RunningStack

T = TypeVar("T")
_NOT_ON_DOCKER = (
    "overhead_s", "overhead_detailed_s", "start_s", "bare_loop_s", "throughput_per_min",
    "bare_throughput_per_min", "throughput_ratio",
)  # fmt: skip
_BOARDS = {"page": "board_ms", "json": "board_json_ms", "whole_json": "board_whole_json_ms"}


def main(arguments: list[str]) -> int:
    """Measure everything that can be measured here; return the exit code."""
    parser = argparse.ArgumentParser(prog="./run bench")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--only", choices=("stack", "boards"), help="measure only this; the rest is null"
    )
    parser.add_argument("--rounds", type=int, default=1, help="how often; for bundles")
    parser.add_argument(
        "what",
        nargs="?",
        choices=("bundles", "burst", "lists", "live"),
        help="measure this by itself: the largest bundle in and out (several GB, minutes), ten "
        "thousand submissions, lists of ten thousand rows, or 500 live pages",
    )
    options = parser.parse_args(arguments)
    figures: dict[str, Any] = {"machine": machine.describe()}
    if options.what:
        print(json.dumps(figures | _only(options.what, options.rounds), indent=1))
        return 0
    with tempfile.TemporaryDirectory(prefix="plumbline-bench-") as folder:
        figures |= _stack(Path(folder), skip=options.only == "boards")
        figures |= _boards(Path(folder), skip=options.only == "stack")
    print(json.dumps(figures, indent=1) if options.json else report.as_text(figures))
    return 0


def _only(what: str, rounds: int) -> dict[str, Any]:
    """Measure one thing that is asked for by its name."""
    if what == "bundles":
        with tempfile.TemporaryDirectory(prefix="plumbline-bench-") as folder:
            return {"bundles": bundles.measure(Path(folder), rounds)}
    if what == "lists":
        with tempfile.TemporaryDirectory(prefix="plumbline-bench-") as folder:
            return {"lists_ms": _on_each_database(Path(folder), "lists", lists.measure)}
    if what == "burst":
        return {"burst": _by_itself(burst.measure)}
    return {"live_lag_s": _by_itself(live.measure)}


def _stack(folder: Path, *, skip: bool) -> dict[str, Any]:
    """Measure one stack: idle, under submissions, and started again."""
    figures: dict[str, Any] = dict.fromkeys(
        [*_NOT_ON_DOCKER, "idle_pss_mib", "first_page_s", "live_lag_s"]
    )
    if skip:
        return figures
    host, image = _engine()
    settings = _docker(host, image) if host and image else {"PLUMBLINE_WORKER_ENGINE": "process"}
    state = folder / "stack"
    with RunningStack(state, settings) as stack:
        site = Site(stack.environ)
        try:
            site.wait_for_machine()
            _say("idle memory")
            figures["idle_pss_mib"] = footprint.idle_pss(stack)
            if host and image:
                _say("submissions")
                figures |= submissions.measure(site, host, image)
            else:
                _say("no submissions: the Docker Engine and its image are not here")
        finally:
            site.close()
    if host and image:
        _say("live pages")
        figures["live_lag_s"] = _by_itself(live.measure)
    _say("starts")
    figures["first_page_s"] = footprint.first_page(state, settings)
    return figures


def _by_itself(measure: Callable[[Site], dict[str, Any]]) -> dict[str, Any]:
    """Measure one thing on a stack of its own."""
    host, image = _engine()
    settings = _docker(host, image) if host and image else {"PLUMBLINE_WORKER_ENGINE": "process"}
    with (
        tempfile.TemporaryDirectory(prefix="plumbline-bench-") as folder,
        RunningStack(Path(folder) / "stack", settings) as stack,
        closing(Site(stack.environ)) as site,
    ):
        site.wait_for_machine()
        return measure(site)


def _engine() -> tuple[str, str]:
    """Return the socket and the image of the Docker Engine; empty where there is none."""
    host, image = (
        os.environ.get(f"PLUMBLINE_TEST_{name}", "") for name in ("DOCKER_HOST", "IMAGE")
    )
    return host, image


def _docker(host: str, image: str) -> dict[str, str]:
    return {
        "PLUMBLINE_WORKER_ENGINE": "docker",
        "PLUMBLINE_WORKER_DOCKER_HOST": host,
        "PLUMBLINE_WORKER_IMAGE_MAP": f"{IMAGE}={image}",
        "PLUMBLINE_WORKER_PULL_POLICY": "never",
    }


def _boards(folder: Path, *, skip: bool) -> dict[str, Any]:
    backends: dict[str, Any] = dict.fromkeys(("sqlite", "postgresql"))
    if not skip:
        backends = _on_each_database(folder, "boards", boards.measure)
    return {
        key: {backend: found and found[name] for backend, found in backends.items()}
        for name, key in _BOARDS.items()
    }


def _on_each_database(folder: Path, what: str, measure: Callable[[str], T]) -> dict[str, T | None]:
    """Measure on SQLite, and on PostgreSQL where there is one."""
    _say(f"{what} on sqlite")
    found: dict[str, T | None] = {"sqlite": inprocess.on_sqlite(folder, measure)}
    server = os.environ.get("PLUMBLINE_TEST_POSTGRES_URL", "")
    _say(f"{what} on postgresql" if server else f"no {what} on postgresql: it is not here")
    found["postgresql"] = inprocess.on_postgresql(server, measure) if server else None
    return found


def _say(what: str) -> None:
    print(f"bench: {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
