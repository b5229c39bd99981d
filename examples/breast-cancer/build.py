"""Build the benchmark's bundle and its sample submissions: ``python build.py OUTDIR``.

Standard library only. The same files give the same bytes.
"""

from __future__ import annotations

import csv
import io
import json
import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
LITTER = ("__pycache__", ".DS_Store")
DATE = (2026, 1, 1, 0, 0, 0)
LABELS = ("case", "malignant")
TASKS = {"all": ("All 30 features", 30), "mean": ("The 10 mean features", 10)}
"""Task to title and number of leading feature columns."""
PHASES = ("development", "final")


def main(out: Path) -> None:
    """Write ``bundle.zip``, ``sample_result.zip`` and ``sample_code.zip``."""
    out.mkdir(parents=True, exist_ok=True)
    write_zip(out / "bundle.zip", bundle_files())
    for name in ("result", "code"):
        write_zip(out / f"sample_{name}.zip", folder_files(HERE / "submissions" / name))
    print(f"Wrote bundle.zip, sample_result.zip and sample_code.zip to {out}.")


def bundle_files() -> dict[str, bytes]:
    """Return every file of the bundle: what is written by hand, and the data cut for each task."""
    files = folder_files(HERE / "bundle")
    sample = folder_files(HERE / "submissions" / "code")
    files |= {f"solution/{name}": content for name, content in sample.items()}
    with (HERE / "data" / "wdbc.csv").open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        features = [name for name in reader.fieldnames or [] if name not in (*LABELS, "split")]
        rows = list(reader)
    train = [row for row in rows if row["split"] == "train"]
    for phase in PHASES:
        test = [row for row in rows if row["split"] == phase]
        files[f"public_data_{phase}/train.csv"] = table([*LABELS, *features], train)
        files[f"public_data_{phase}/test.csv"] = table(["case", *features], test)
        files[f"public_data_{phase}/README.md"] = files["pages/data.md"]
        for task, (title, size) in TASKS.items():
            used = features[:size]
            files[f"input_{phase}_{task}/train.csv"] = table([*LABELS, *used], train)
            files[f"input_{phase}_{task}/test.csv"] = table(["case", *used], test)
            files[f"reference_{phase}_{task}/truth.csv"] = table(list(LABELS), test)
            about = json.dumps({"column": task, "title": f"{title}, {phase} cases"})
            files[f"reference_{phase}_{task}/task.json"] = about.encode()
    return files


def folder_files(folder: Path) -> dict[str, bytes]:
    """Return the files below a folder by their relative path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not set(path.relative_to(folder).parts) & set(LITTER)
    }


def table(columns: list[str], rows: list[dict[str, str]]) -> bytes:
    """Return some columns of some rows as CSV."""
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def write_zip(path: Path, files: dict[str, bytes]) -> None:
    """Write a zip whose bytes depend on the files alone."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, files[name])


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("Usage: python build.py OUTDIR")
    main(Path(sys.argv[1]))
