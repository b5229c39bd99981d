from __future__ import annotations

import io
import os
import tarfile
import time
import uuid
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import pytest
from docker import APIClient
from docker.errors import APIError, ImageNotFound

from tests.fakes.engine import FakeEngine
from worker import tidying
from worker.engines.images import Images
from worker.engines.pulled import Pulled
from worker.home import Home

GIB = 2**30


class Client:
    """An engine with images of one GiB each."""

    def __init__(self, *names: str, busy: str = "") -> None:
        self.images = {f"sha256:{name}": GIB for name in names}
        self._busy = f"sha256:{busy}"

    def inspect_image(self, image: str) -> dict[str, Any]:
        found = image if image.startswith("sha256:") else f"sha256:{image}"
        if found not in self.images:
            raise ImageNotFound("no such image")
        return {"Id": found, "Size": self.images[found]}

    def pull(self, name: str, **_how: object) -> list[dict[str, str]]:
        self.images[f"sha256:{name}"] = GIB
        return []

    def remove_image(self, image: str, *, force: bool) -> None:
        if image == self._busy:
            raise APIError("conflict: a container uses it")
        self.images.pop(image)


def as_client(client: Client) -> APIClient:
    return cast(APIClient, client)


@pytest.fixture
def pulled(tmp_path: Path) -> Pulled:
    return Pulled(tmp_path / "images")


def note(pulled: Pulled, folder: Path, name: str, *, hours_ago: float) -> None:
    pulled.note(name, {"Id": f"sha256:{name}"})
    when = time.time() - 3600 * hours_ago
    os.utime(folder / "images" / f"sha256-{name}.json", (when, when))


def test_least_recently_used_images_go_first(pulled: Pulled, tmp_path: Path) -> None:
    client = Client("old", "older", "new", "of the machine")
    for name, hours in (("older", 9), ("old", 5), ("new", 2)):
        note(pulled, tmp_path, name, hours_ago=hours)
    assert pulled.prune(as_client(client), GIB) == 2
    assert set(client.images) == {"sha256:new", "sha256:of the machine"}
    assert pulled.prune(as_client(client), GIB) == 0


def test_image_that_a_run_may_be_about_to_use_stays(pulled: Pulled, tmp_path: Path) -> None:
    client = Client("recent")
    note(pulled, tmp_path, "recent", hours_ago=0.5)
    assert pulled.prune(as_client(client), 0) == 0
    assert client.images


def test_image_of_a_container_stays_and_is_tried_again(pulled: Pulled, tmp_path: Path) -> None:
    client = Client("busy", "idle", busy="busy")
    note(pulled, tmp_path, "busy", hours_ago=9)
    note(pulled, tmp_path, "idle", hours_ago=2)
    assert pulled.prune(as_client(client), GIB) == 1
    assert set(client.images) == {"sha256:busy"}
    client._busy = ""
    assert pulled.prune(as_client(client), 0) == 1


def test_note_of_an_image_that_is_gone_goes_too(pulled: Pulled, tmp_path: Path) -> None:
    note(pulled, tmp_path, "gone", hours_ago=9)
    assert pulled.prune(as_client(Client()), 0) == 0
    assert not list((tmp_path / "images").iterdir())


def test_only_what_was_pulled_is_noted_and_each_use_counts(pulled: Pulled, tmp_path: Path) -> None:
    client = as_client(Client("here"))
    images = Images([], "missing", pulled)
    images.find(client, "here")
    assert not (tmp_path / "images").exists()
    images.find(client, "there")
    (path,) = (tmp_path / "images").iterdir()
    os.utime(path, (0, 0))
    images.find(client, "there")
    assert path.stat().st_mtime > 0


@pytest.mark.parametrize(("gib", "asked"), [(2.5, [int(2.5 * GIB)]), (0, [])])
def test_tidying_sweeps_and_prunes_within_the_limit(
    tmp_path: Path, gib: float, asked: list[int]
) -> None:
    class Engine(FakeEngine):
        pruned: list[int] = []

        def prune(self, max_bytes: int) -> int:
            self.pruned.append(max_bytes)
            return 1

    home = Home(tmp_path)
    left = home.new_run("gone", 1, 1)
    engine = Engine()
    tidying.tidy(engine, home, gib)
    assert engine.pruned == asked
    assert not left.exists()
    Engine.pruned.clear()


def test_engine_that_is_away_ends_no_worker(tmp_path: Path) -> None:
    class Away(FakeEngine):
        def prune(self, max_bytes: int) -> int:
            raise APIError("away")

    tidying.tidy(Away(), Home(tmp_path), 1)


@pytest.mark.services
def test_image_is_removed_from_a_real_engine_with_all_its_names(
    pulled: Pulled, tmp_path: Path
) -> None:
    host = os.environ.get("PLUMBLINE_TEST_DOCKER_HOST")
    if not host:
        pytest.skip("no container engine is here: ./run test prepares it where it can")
    with closing(APIClient(base_url=host)) as client:
        name = f"pruned-{uuid.uuid4().hex}"
        client.import_image_from_data(_tar(name.encode()), repository=name, tag="one")
        image = dict(client.inspect_image(f"{name}:one"))  # type: ignore[no-untyped-call]
        client.tag(image["Id"], name, "two")
        pulled.note(name, image)
        (path,) = (tmp_path / "images").iterdir()
        os.utime(path, (0, 0))
        assert pulled.prune(client, image["Size"]) == 0
        assert pulled.prune(client, image["Size"] - 1) == 1
        assert not client.images(name=name)


def _tar(content: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        entry = tarfile.TarInfo("file")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()
