"""What every example needs to build its zips. Standard library only; the same files give the same bytes."""

from __future__ import annotations

import csv
import io
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

Files = dict[str, bytes]
"""Contents by path in the zip."""
_LITTER = ("__pycache__", ".DS_Store")
_DATE = (2026, 1, 1, 0, 0, 0)


def main(zips: Callable[[], Mapping[str, Files]]) -> None:
    """Write what ``zips`` returns, by file name, to the folder that the command line names."""
    if len(sys.argv) != 2:
        sys.exit("Usage: python build.py OUTDIR")
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    for name, files in zips().items():
        _write_zip(out / name, files)
        print(f"Wrote {out / name}.")


def folder_files(folder: Path) -> Files:
    """Return the files below a folder by their relative path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not set(path.relative_to(folder).parts) & set(_LITTER)
    }


def rows(path: Path, *but: str) -> tuple[list[str], list[dict[str, str]]]:
    """Read a CSV; returns its column names, those of ``but`` left out, and its rows."""
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        return [name for name in reader.fieldnames or [] if name not in but], list(reader)


def table(columns: list[str], rows: list[dict[str, str]]) -> bytes:
    """Return some columns of some rows as CSV."""
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def _write_zip(path: Path, files: Files) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, files[name])
