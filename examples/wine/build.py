"""Build the bundle and its sample submissions: ``python build.py OUTDIR``.

Standard library only. The same files give the same bytes.
"""

from __future__ import annotations

import csv
import io
import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
DATE = (2026, 1, 1, 0, 0, 0)
PHASES = ("development", "final")
CULTIVARS = ("first", "second", "third")
SAMPLES = ("forest", "logistic", "neighbour")


def main(out: Path) -> None:
    """Write ``bundle.zip`` and ``sample_<name>.zip`` for each sample."""
    out.mkdir(parents=True, exist_ok=True)
    write_zip(out / "bundle.zip", bundle_files())
    for name in SAMPLES:
        content = (HERE / "submissions" / f"{name}.csv").read_bytes()
        write_zip(out / f"sample_{name}.zip", {"predictions.csv": content})
    print(f"Wrote bundle.zip and {len(SAMPLES)} samples to {out}.")


def bundle_files() -> dict[str, bytes]:
    """Return every file of the bundle: what is written by hand, and the data of each phase."""
    files = {
        path.relative_to(HERE / "bundle").as_posix(): path.read_bytes()
        for path in sorted((HERE / "bundle").rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }
    with (HERE / "data" / "wine.csv").open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        measured = [name for name in reader.fieldnames or [] if name not in ("split", "cultivar")]
        rows = list(reader)
    train = [row for row in rows if row["split"] == "train"]
    for phase in PHASES:
        test = [row for row in rows if row["split"] == phase]
        files[f"public_data_{phase}/train.csv"] = table(["cultivar", *measured], train)
        files[f"public_data_{phase}/test.csv"] = table(measured, test)
        files[f"reference_{phase}/truth.csv"] = table(["wine", "cultivar"], test)
        if phase == "development":
            same = [{"wine": row["wine"]} | dict.fromkeys(CULTIVARS, "0.3333") for row in test]
            files["starting_kit/predictions.csv"] = table(["wine", *CULTIVARS], same)
    return files


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
