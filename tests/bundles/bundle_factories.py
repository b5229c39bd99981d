"""Bundles for tests: a valid one as text and bytes, changed one key at a time."""

from __future__ import annotations

import io
import textwrap
import zipfile
from typing import BinaryIO

from PIL import Image

from app.bundles.read import BundleReading, read
from app.platform.archive import Archive

MANIFEST = """\
version: 2
title: A benchmark
image: logo.png
terms: terms.md
pages:
- title: Overview
  file: overview.md
tasks:
- index: 0
  name: Task
  scoring_program: scoring/
phases:
- index: 0
  name: Development
  start: 2030-01-01
  tasks: [0]
leaderboards:
- title: Results
  key: main
  columns:
  - {title: Accuracy, key: accuracy, index: 0}
"""


def png(size: tuple[int, int] = (8, 8)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, "navy").save(out, "PNG")
    return out.getvalue()


def make_files(manifest: str | bytes = MANIFEST) -> dict[str, bytes]:
    """The files of a bundle whose manifest is ``manifest``."""
    raw = manifest if isinstance(manifest, bytes) else textwrap.dedent(manifest).encode()
    return {
        "competition.yaml": raw,
        "logo.png": png(),
        "terms.md": b"Be kind.",
        "overview.md": b"# Hello",
        "page.html": b"<h1>Hello</h1>",
        "scoring/metadata.yaml": b"command: python3 $program/score.py $input $output",
        "scoring/score.py": b"print()",
        "data.zip": zip_of({"a.csv": b"1"}).getvalue(),
        "truth.csv": b"1\n",
    }


def zip_of(files: dict[str, bytes]) -> io.BytesIO:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as target:
        for name, content in files.items():
            # ZipInfo holds no clock time: the same files are always the same bytes.
            target.writestr(zipfile.ZipInfo(name), content)
    return out


def read_files(files: dict[str, bytes]) -> BundleReading:
    return read(Archive(zip_of(files)))


def read_manifest(manifest: str | bytes) -> BundleReading:
    return read_files(make_files(manifest))


def changed(*changes: tuple[str, str]) -> str:
    """The valid manifest with pieces of it replaced."""
    text = MANIFEST
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def written(reading: BundleReading) -> list[str]:
    """Where each problem is and what it says; the corpus has its hint as well."""
    return [f"{problem.where}: {problem.sentence}" for problem in reading.problems]


def content(file: BinaryIO) -> dict[str, bytes]:
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}
