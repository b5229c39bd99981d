"""Valid manifests with something changed at random: a draft, or problems with all their parts."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from flask import Flask
from hypothesis import HealthCheck, given
from hypothesis import settings as with_settings
from hypothesis import strategies as st

from app.bundles import places
from app.bundles.read import read
from app.bundles.tasks import zips
from app.platform.archive import Archive, BadArchive
from tests.bundles.bundle_factories import MANIFEST, make_files
from tests.bundles.corpus.cases import TASK, bundle, challenge, legacy, task_zip, zipped
from tests.bundles.corpus.trying import assert_whole
from tests.bundles.evalai import challenges
from tests.bundles.legacy import manifests
from tests.bundles.test_manifest import EVERY_KEY

pytestmark = pytest.mark.usefixtures("app")
ANY = with_settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
Step = str | int

TEXTS = st.sampled_from(
    ["", " ", "0", "-1", "1e9", "012", "yes", "null", "2030-01-01", "2030-02-30", "soon", "data.zip",
     "scoring/", "../up", "/etc", ".", "a: b", "x" * 300, "8f2b9a3e-0f5c-4c39-9b0e-7d4a1c2b3d4e"]
) | st.text(max_size=12)  # fmt: skip
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.dates() | st.datetimes() | TEXTS
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
MANIFESTS = {
    "version 2": MANIFEST, "every key of version 2": EVERY_KEY, "CodaLab": manifests.PLAIN,
    "every key of CodaLab": manifests.EVERY_KEY, "EvalAI": challenges.CONFIG, "task": TASK,
}  # fmt: skip


def paths(value: Any, above: tuple[Step, ...] = ()) -> Iterator[tuple[Step, ...]]:
    """Yield the path of everything inside a value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for step, one in inner:
        yield (*above, step)
        if isinstance(one, dict | list):
            yield from paths(one, (*above, step))


@st.composite
def mutated(draw: st.DrawFn, text: str) -> Any:
    """Draw a manifest with up to three of its values replaced, left out or doubled."""
    manifest: Any = yaml.safe_load(text)
    for _ in range(draw(st.integers(1, 3))):
        if not manifest:
            break
        steps: list[Any] = list(draw(st.sampled_from(sorted(paths(manifest), key=repr))))
        inside: Any = manifest
        for step in steps[:-1]:
            inside = inside[step]
        last = steps[-1]
        change = draw(st.sampled_from(["replace", "leave out", "double", "rename"]))
        if change == "leave out":
            del inside[last]
        elif change == "double" and isinstance(inside, list):
            inside.append(inside[last])
        elif change == "rename" and isinstance(inside, dict):
            inside[draw(TEXTS)] = inside.pop(last)
        else:
            inside[last] = draw(VALUES)
    return manifest


@ANY
@given(st.data())
@pytest.mark.parametrize("name", MANIFESTS)
def test_any_change_gives_a_draft_or_whole_problems(
    app: Flask, name: str, data: st.DataObject
) -> None:
    manifest = data.draw(mutated(MANIFESTS[name]))
    text = yaml.safe_dump(manifest, allow_unicode=True).encode()
    if name == "EvalAI":
        raw = zipped(challenges.files() | {"challenge_config.yaml": text})
    else:
        raw = task_zip(text) if name == "task" else zipped(make_files(text))
    tell(app, raw, is_task=name == "task")


def tell(app: Flask, raw: bytes, *, is_task: bool) -> None:
    with app.app_context():
        try:
            opened = Archive(io.BytesIO(raw))
            reading = zips.read(opened) if is_task else read(opened)
        except BadArchive as error:
            assert_whole(places.of_zip(error, "some.zip"))
            return
    assert (reading.draft is None) == bool(reading.problems)
    assert_whole(reading.problems)


ZIPS = {"version 2": bundle(), "CodaLab": legacy(), "EvalAI": challenge(), "task": task_zip()}


@ANY
@given(st.binary(max_size=200), st.integers(0, 100_000), st.booleans())
@pytest.mark.parametrize("name", ZIPS)
def test_any_damage_gives_a_draft_or_whole_problems(
    app: Flask, name: str, noise: bytes, at: int, is_cut: bool
) -> None:
    raw = ZIPS[name]
    at %= len(raw)
    broken = raw[:at] + noise + (b"" if is_cut else raw[at + len(noise) :])
    tell(app, broken, is_task=name == "task")
