"""A machine elsewhere is added as the how-to says, works, and is shown out."""

from __future__ import annotations

import html
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from client.launcher.home import ROOT
from tests.insider import Insider
from tests.loose import eventually
from tests.person import Person
from tests.services import lab
from tests.services.bundles import ANSWER, NUMBERS, bundle, code
from tests.stack import RunningStack

pytestmark = pytest.mark.services


@dataclass
class Lab:
    """A site, its owner at a browser, and a machine that sees nothing of it but public addresses."""

    stack: RunningStack
    insider: Insider
    olga: Person
    network: str
    folder: Path
    """Where the machine's ``.env`` lies."""

    def worker(self, *words: str) -> list[str]:
        """Return the command that runs the worker's module in the lab."""
        return ["ip", "netns", "exec", self.network, sys.executable, "-m", "worker", *words]

    @property
    def environ(self) -> dict[str, str]:
        """An environment that says nothing of the site."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return kept | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}

    def save_env(self, page: str) -> None:
        """Copy the ``.env`` of a page, as a person would, and say where things are here."""
        found = re.search(r'<pre[^>]*id="env"><code>([^<]+)</code>', page)
        assert found, page
        more = {"ENGINE": "process", "HOME": str(self.folder / "home")}
        lines = [f"PLUMBLINE_WORKER_{name}={value}\n" for name, value in more.items()]
        (self.folder / ".env").write_text(html.unescape(found[1]) + "".join(lines))

    def doctor(self) -> dict[str, str]:
        """Return what the doctor takes for a problem, by name."""
        done = subprocess.run(
            self.worker("doctor", "--json"), cwd=self.folder, env=self.environ, text=True,
            capture_output=True, check=False,
        )  # fmt: skip
        shown = json.loads(done.stdout)
        assert (done.returncode == 0) == shown["is_ok"], done.stderr
        return {one["name"]: one["text"] for one in shown["findings"] if one["level"] == "problem"}


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Lab]:
    with ExitStack() as things:
        network = things.enter_context(lab.network())
        web, runs, store = (lab.Door() for _ in range(3))
        for door in (web, runs, store):
            things.callback(door.close)
        stack = RunningStack(
            tmp_path / "stack",
            {
                "PLUMBLINE_WORKER_API_URL": f"http://{lab.SITE}:{web.port}",
                "PLUMBLINE_MACHINES_REDIS_URL": f"redis://{lab.SITE}:{runs.port}/0",
                "PLUMBLINE_S3_PUBLIC_URL": f"http://{lab.SITE}:{store.port}",
                "PLUMBLINE_TRUSTED_HOSTS": f"127.0.0.1,{lab.SITE}",
                "PLUMBLINE_SWEEP_S": "0.5",
            },
        )
        things.enter_context(stack)
        environ = stack.environ
        web.open(urlsplit(stack.base_url).port or 0)
        runs.open(urlsplit(environ["PLUMBLINE_RUNS_REDIS_URL"]).port or 0)
        store.open(urlsplit(environ["PLUMBLINE_S3_URL"]).port or 0)
        insider = things.enter_context(Insider(environ))
        insider.person("olga")
        olga = things.enter_context(Person(stack.base_url, insider.cookie("olga")))
        folder = tmp_path / "machine"
        folder.mkdir()
        yield Lab(stack, insider, olga, network, folder)


def test_lab_adds_its_machine_in_five_minutes_and_ends_it(here: Lab) -> None:
    olga = here.olga
    queue = olga.post("/queues/new", {"name": "Lab"}).headers["Location"]
    shown = olga.post(f"{queue}/machines/new", {"name": "gpu-1"})
    here.save_env(shown.data.decode())
    for _ in eventually("cron lets the machine in"):
        if "Being set up" not in olga.get(queue).data.decode():
            break
    assert set(here.doctor()) <= {"disk"}

    made = here.insider.benchmark(bundle("Lab", input_data=NUMBERS), "pavel")
    queue_id = queue.rpartition("/")[2]
    chosen = olga.post(f"/benchmarks/{made.id}/queue", {"queue_id": queue_id})
    assert chosen.status == 303
    assert "No machine of its queue is online" in olga.get(f"/benchmarks/{made.id}/manage").data.decode()  # fmt: skip

    log = (here.folder / "worker.log").open("wb")
    worker = subprocess.Popen(
        here.worker(), cwd=here.folder, env=here.environ, stdout=log, stderr=log
    )
    try:
        for _ in eventually("the machine is online"):
            if "Online" in olga.get(queue).data.decode():
                break
        submission = here.insider.submit("pavel", made.phases[0], code(ANSWER))
        seen = here.insider.wait(submission)
        assert seen.state == "finished", seen
        machine = re.search(r"/machines/(\d+)/revoke", olga.get(queue).data.decode())
        assert machine
        assert olga.post(f"{queue}/machines/{machine[1]}/revoke", {}).status == 303
        for _ in eventually("the machine is shown out"):
            if "queue" in here.doctor():
                break
        problems = here.doctor()
        assert "does not know this token" in problems["site"]
        assert "does not let this user in" in problems["queue"]
        waits = here.insider.submit("pavel", made.phases[0], code(ANSWER))
        assert here.insider.state(waits) in ("queued", "sent")
    finally:
        worker.kill()
        worker.wait()
        log.close()
    text = (here.folder / "worker.log").read_text()
    assert "plb_" not in text
