"""Build the benchmark's bundle and its sample submissions: ``python build.py OUTDIR``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent))

from packing import Files, folder_files, main, rows, table  # noqa: E402

LABELS = ("case", "malignant")
TASKS = {"all": ("All 30 features", 30), "mean": ("The 10 mean features", 10)}
"""Task to title and number of leading feature columns."""
PHASES = ("development", "final")


def zips() -> dict[str, Files]:
    """Return ``bundle.zip``, ``sample_result.zip`` and ``sample_code.zip``."""
    return {"bundle.zip": bundle_files()} | {
        f"sample_{name}.zip": folder_files(HERE / "submissions" / name)
        for name in ("result", "code")
    }


def bundle_files() -> Files:
    """Return every file of the bundle: what is written by hand, and the data cut for each task."""
    files = folder_files(HERE / "bundle")
    sample = folder_files(HERE / "submissions" / "code")
    files |= {f"solution/{name}": content for name, content in sample.items()}
    features, cases = rows(HERE / "data" / "wdbc.csv", *LABELS, "split")
    train = [row for row in cases if row["split"] == "train"]
    for phase in PHASES:
        test = [row for row in cases if row["split"] == phase]
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


if __name__ == "__main__":
    main(zips)
