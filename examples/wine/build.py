"""Build the bundle and its sample submissions: ``python build.py OUTDIR``."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent))

from packing import Files, folder_files, main, rows, table  # noqa: E402

PHASES = ("development", "final")
CULTIVARS = ("first", "second", "third")
SAMPLES = ("forest", "logistic", "neighbour")


def zips() -> dict[str, Files]:
    """Return ``bundle.zip`` and ``sample_<name>.zip`` for each sample."""
    samples = {name: (HERE / "submissions" / f"{name}.csv").read_bytes() for name in SAMPLES}
    return {"bundle.zip": bundle_files()} | {
        f"sample_{name}.zip": {"predictions.csv": content} for name, content in samples.items()
    }


def bundle_files() -> Files:
    """Return every file of the bundle: what is written by hand, and the data of each phase."""
    files = folder_files(HERE / "bundle")
    measured, wines = rows(HERE / "data" / "wine.csv", "split", "cultivar")
    train = [row for row in wines if row["split"] == "train"]
    for phase in PHASES:
        test = [row for row in wines if row["split"] == phase]
        files[f"public_data_{phase}/train.csv"] = table(["cultivar", *measured], train)
        files[f"public_data_{phase}/test.csv"] = table(measured, test)
        files[f"reference_{phase}/truth.csv"] = table(["wine", "cultivar"], test)
        if phase == "development":
            same = [{"wine": row["wine"]} | dict.fromkeys(CULTIVARS, "0.3333") for row in test]
            files["starting_kit/predictions.csv"] = table(["wine", *CULTIVARS], same)
    return files


if __name__ == "__main__":
    main(zips)
